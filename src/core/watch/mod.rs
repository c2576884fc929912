//! What happens at a node, for those who watch: a bounded journal, and the clients that wait for its next entry.

pub mod happening;
pub mod journal;
pub mod watchers;
