//! The messages that a node keeps.

pub mod inbox;
mod message_index;
