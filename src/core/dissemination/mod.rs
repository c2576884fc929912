//! Spread of messages to every node: what was seen, whom a copy goes on to, how what was missed is found and fetched.
//!
//! [`machine::Dissemination`] is the machine; its inputs and outputs stand in [`event`].

pub mod chunks;
pub mod event;
pub mod machine;
pub mod origin;
pub mod provenance;
pub mod repair;
pub mod seen;
pub mod sender;
pub mod spread;
