//! Neighbours of a node: how they meet, which of them live, and the members known beside them.

pub mod links;
pub mod machine;
mod namesake;
pub mod output;
pub mod overlay;
pub mod seeds;
