//! The rules of a flood in which nothing goes wrong: whoever delivers a message sends it to all neighbours but the one it
//! came from, and so the links that are crossed can be counted beforehand.

use super::{steps::Checker, wrong::Wrong};
use crate::{sim::observation::Relay, topology::Graph};

impl Checker {
    /// A node has delivered a message and sent it to all neighbours whose link is up, but the one that it came from.
    pub(super) fn relayed(&mut self, relay: &Relay) -> Result<(), Wrong> {
        let is_clipped = relay.path_len > self.limits.path_len_max;
        self.is_clipped |= is_clipped;
        let is_due = |to: &&usize| Some(**to) != relay.from && !relay.targets.contains(to);
        match relay.up.iter().find(is_due).filter(|_| !is_clipped) {
            Some(&to) => Err(Wrong::NotRelayed { id: relay.id.clone(), to: self.names[to].clone() }),
            None => Ok(()),
        }
    }

    /// Frames that a message takes when nothing goes wrong: 2E − (N−1) if it is not traced; 2E·R if it is, on a
    /// graph without leaves and as long as no path is too long to go on.
    pub(super) fn flood_frames(&self, graph: &Graph) -> Option<u64> {
        let (ends, nodes) = (2 * graph.edge_count() as u64, graph.node_count() as u64);
        if !self.load.trace {
            return Some(ends - (nodes - 1));
        }
        let has_leaf = (0..graph.node_count()).any(|node| graph.degree(node) < 2);
        (!has_leaf && !self.is_clipped).then_some(ends * self.load.relays)
    }

    /// Checks that a message crossed as many links as it must if nothing goes wrong.
    pub(in crate::sim) fn check_flood(&self, graph: &Graph, place: usize) -> Result<(), Wrong> {
        let told = &self.messages[place];
        match self.flood_frames(graph) {
            Some(expected) if expected != told.frames => {
                Err(Wrong::Frames { id: told.id.clone(), what: "message", found: told.frames, expected })
            }
            _ => Ok(()),
        }
    }
}
