//! How messages that were missed are found and fetched.

pub mod allowance;
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
mod missing_of;
mod parts;
mod table;
