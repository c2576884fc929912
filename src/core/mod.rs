//! The protocol, pure: no clock, no socket, no file, no thread, no random source of its own.
//!
//! [`node::Node`] is the state machine; it routes between four machines, and every other file is vocabulary that they share.

pub mod batch;
pub mod capability;
pub mod config;
pub mod dissemination;
pub mod endpoint;
pub mod event;
pub mod frame;
pub mod id;
pub mod mailbox;
pub mod membership;
pub mod message;
pub mod neighbours;
pub mod node;
pub mod request;
pub mod rng;
pub mod service;
pub mod slots;
pub mod stats;
pub mod time;
