//! Who the neighbours of a node are: how they meet, which of them live, and whom else it knows.

pub mod links;
pub mod machine;
mod namesake;
pub mod output;
pub mod overlay;
pub mod seeds;
