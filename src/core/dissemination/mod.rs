//! How messages reach every node: what was seen, whom a copy goes on to, and how what was missed is found and fetched.

pub mod chunks;
pub mod origin;
pub mod repair;
pub mod seen;
pub mod spread;
