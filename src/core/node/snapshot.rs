//! All that a node knows of itself at one moment, for whoever measures it.

use crate::core::{request::NodeStatus, stats::Stats};

/// All that a node counts and holds.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its account of itself.
    pub status: NodeStatus,
    /// All that it counted.
    pub stats: Stats,
    /// Gaps listed.
    pub gaps: u64,
    /// Members known beside the neighbours.
    pub view: u64,
    /// Clients that wait for something to happen.
    pub watchers: u64,
}
