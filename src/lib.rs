//! A brokerless message bus over ZeroMQ.
//!
//! The house has floors, and imports go only downward; `docs/design/house.md` draws it.

pub mod clock;
pub mod core;
pub mod store;
pub mod topology;
pub mod viz;
pub mod wire;
