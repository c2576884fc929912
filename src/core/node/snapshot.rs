//! All that a node knows of itself at one moment, for whoever measures it.

use super::Node;
use crate::core::{request::NodeStatus, stats::Stats, time::Now};

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

impl Node {
    /// A copy of what it counts and holds now. It is no request, and counts as none.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let gauge = self.gauge();
        Snapshot {
            status: self.status(now),
            stats: self.stats.clone(),
            gaps: gauge.gaps as u64,
            view: gauge.view as u64,
            watchers: gauge.watchers as u64,
        }
    }
}
