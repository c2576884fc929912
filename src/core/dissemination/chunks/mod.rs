//! Frames with large bodies, on their way over links in pieces: so that a link that is slow carries probes and small
//! messages between them, and each piece shows that both ends live. Spec: section 5.1.

pub mod body;
pub mod incoming;
pub mod outgoing;
mod pace;
mod whole;
