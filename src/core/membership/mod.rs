//! Neighbours of a node: how they meet, which of them live, and the members known beside them.

mod links;
mod machine;
mod namesake;
mod output;
mod overlay;
mod seeds;

pub use machine::{Input, Membership};
pub use output::Output;
pub use overlay::passive_view::LOWEST_KEPT;
