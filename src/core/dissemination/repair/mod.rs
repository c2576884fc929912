//! Repair: messages that were missed are found and fetched.

mod allowance;
pub(super) mod answers;
pub(super) mod anti_entropy;
pub(super) mod ask;
mod coming;
pub(super) mod digests;
pub(super) mod dropped;
pub(super) mod filled;
mod holes;
mod in_flight;
mod misses;
pub(super) mod missing;
mod parts;
mod stream_missing;
mod table;
