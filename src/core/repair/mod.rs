//! How messages that were missed are found and fetched.

pub mod allowance;
pub mod ask;
pub mod digests;
pub mod dropped;
pub mod filled;
mod misses;
mod question;
pub mod ranges;
mod want;
pub mod wants;
