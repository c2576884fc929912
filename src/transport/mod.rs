//! Sockets: the only room that names the `zmq` crates. It moves frames and knows nothing of what they say.
//!
//! One thread owns all sockets of a process. What it may not do is wait or grow: every send returns at
//! once, every queue is bounded in bytes and messages by a [`Budget`], every wait has an end.

pub mod address;
pub mod budget;
pub mod context;
pub mod dial;
pub mod error;
pub mod fan;
pub mod frame;
pub mod links;
pub mod poller;
mod raw;
mod ready;
pub mod request;
mod resolver;
pub mod router;
mod wait;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use context::Context;
pub use error::{BindError, RequestError, SendError, SocketError, Unsent};
pub use fan::Fan;
pub use frame::SharedFrame;
pub use links::{LinkLimits, Links};
pub use poller::Poller;
pub use raw::{PARTS_MAX, Part, Parts};
pub use ready::Ready;
pub use request::{Attempts, Patience, Requester};
pub use router::{Router, RouterLimits};
