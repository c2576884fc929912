//! How messages that were missed are found and fetched.

pub mod allowance;
pub mod ask;
mod coming;
pub mod digests;
pub mod dropped;
pub mod filled;
mod holes;
mod misses;
mod parts;
mod question;
pub mod ranges;
mod table;
mod want;
pub mod wants;
