//! Bytes to core types and back, as `docs/spec/gossip-bus.md` says; `tests/vectors` holds both to it.

mod array;
pub mod decode;
pub mod encode;
pub mod error;
mod fields;
pub mod frames;
mod happenings;
mod names;
mod state;
mod streams;
mod trailing;
#[cfg(test)]
mod tree_trace;
pub mod types;
mod values;

pub use decode::{Decoder, Incoming, Response};
pub use error::{DecodeError, Rejected};
pub use frames::Frames;
