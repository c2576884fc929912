//! The rules of a flood in which nothing goes wrong: whoever delivers a message sends it to all neighbours but the one it
//! came from, and so the links that are crossed can be counted beforehand.

use super::{Checker, Delivery, Wrong, index_of};
use crate::{core::id::NodeId, topology::Graph};

impl Checker {
    /// A node has delivered a message and sent it to `targets`; `up` are the neighbours whose link is up.
    pub(in crate::sim) fn relayed<'a>(
        &mut self,
        delivery: &Delivery,
        targets: &[usize],
        mut up: impl Iterator<Item = &'a NodeId>,
    ) -> Result<(), Wrong> {
        let is_clipped = delivery.path_len > self.path_len_max;
        let is_due = |to: usize| Some(to) != delivery.from && !targets.contains(&to);
        self.is_clipped |= is_clipped;
        let missed = up.find(|name| !is_clipped && index_of(name).is_some_and(is_due));
        missed.map_or(Ok(()), |name| {
            let id = self.told[delivery.place].id.clone();
            Err(Wrong::NotRelayed { id, to: name.clone() })
        })
    }

    /// How many frames a message takes when nothing goes wrong: 2E − (N−1) if it is not traced; 2E·R if it is, on a
    /// graph without leaves and as long as no path is too long to go on.
    pub(super) fn flood_frames(&self, graph: &Graph) -> Option<u64> {
        let (ends, nodes) = (2 * graph.edge_count() as u64, graph.node_count() as u64);
        if !self.load.trace {
            return Some(ends - (nodes - 1));
        }
        let has_leaf = (0..graph.node_count()).any(|node| graph.degree(node) < 2);
        (!has_leaf && !self.is_clipped).then_some(ends * self.load.relays)
    }

    /// Whether a message crossed as many links as it must if nothing goes wrong.
    pub(in crate::sim) fn check_flood(&self, graph: &Graph, place: usize) -> Result<(), Wrong> {
        let told = &self.told[place];
        match self.flood_frames(graph) {
            Some(expected) if expected != told.frames => {
                Err(Wrong::Frames { id: told.id.clone(), what: "message", found: told.frames, expected })
            }
            _ => Ok(()),
        }
    }
}
