//! The protocol, pure: no clock, no socket, no file, no thread, no random source of its own.
//!
//! [`node::Node`] is the state machine; every other file is one noun that it is wired from.

pub mod endpoint;
pub mod id;
pub mod time;
