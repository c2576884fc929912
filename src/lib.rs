//! A brokerless message bus over ZeroMQ.
//!
//! The house has floors, and imports go only downward; `docs/design/house.md` draws it.

pub mod cli;
pub mod core;
pub mod wire;
