//! The protocol, pure: no clock, no socket, no file, no thread, no random source of its own.
//!
//! [`node::Node`] is the state machine; every other file is one noun that it is wired from.

pub mod chunks;
pub mod config;
pub mod endpoint;
pub mod event;
pub mod frame;
pub mod id;
pub mod inbox;
pub mod links;
pub mod message;
pub mod node;
pub mod origin;
pub mod overlay;
pub mod repair;
pub mod request;
pub mod seen;
pub mod slots;
pub mod spread;
pub mod stats;
pub mod time;
pub mod waiting;
pub mod watch;
