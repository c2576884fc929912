//! What a node holds at this moment: for whoever checks that its bounds are kept.

use super::Node;
use crate::core::{config::Limits, id::NodeId};

/// The sizes of what grows in a node, each with its bound in [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauge {
    /// Messages kept.
    pub messages: usize,
    /// Bytes kept.
    pub bytes: usize,
    /// Lives of origins remembered.
    pub streams: usize,
    /// Links opened.
    pub links: usize,
}

impl Gauge {
    /// Whether all bounds are kept.
    pub fn is_within(&self, limits: &Limits) -> bool {
        self.messages <= limits.retained_messages_max
            && self.bytes <= limits.retained_bytes_max
            && self.streams <= limits.streams_max
            && self.links <= limits.peers_max
    }
}

impl Node {
    /// What it holds now. Costs next to nothing.
    pub fn gauge(&self) -> Gauge {
        Gauge {
            messages: self.inbox.len(),
            bytes: self.inbox.bytes(),
            streams: self.seen.streams(),
            links: self.peers.len(),
        }
    }

    /// Its neighbours whose links are up, in the order in which it met them. A node that leaves has none: they were told to
    /// forget it.
    pub fn neighbours(&self) -> impl Iterator<Item = &NodeId> {
        self.peers.neighbours().filter(|_| !self.is_leaving()).map(|(node, _)| node)
    }
}
