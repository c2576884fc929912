//! A brokerless message bus over ZeroMQ.
//!
//! The house has floors, and imports go only downward; `docs/design/house.md` draws it.

pub mod chaos;
pub mod cli;
pub mod client;
pub mod clock;
pub mod core;
pub mod daemon;
pub mod disk;
pub mod launcher;
pub mod quantity;
pub mod sim;
pub mod store;
pub mod survey;
pub mod topology;
pub mod transport;
pub mod viz;
pub mod wire;
pub mod workload;
