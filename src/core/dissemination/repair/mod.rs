//! Repair: messages that were missed are found and fetched.

mod allowance;
pub mod answers;
pub mod anti_entropy;
pub mod ask;
mod coming;
pub mod digests;
pub mod dropped;
pub mod filled;
mod holes;
mod in_flight;
mod misses;
pub mod missing;
mod parts;
mod stream_missing;
mod table;
