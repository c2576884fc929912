//! Frames with large bodies, on their way over links in pieces: so that a link that is slow carries probes and small
//! messages between them, and each piece shows that both ends live. Spec: section 5.1.

pub(super) mod body;
pub(super) mod incoming;
pub(super) mod outgoing;
mod pace;
mod whole;
