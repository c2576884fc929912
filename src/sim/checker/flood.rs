//! The rules of a flood: whoever delivers a message sends it to all neighbours but the one it came from, and where
//! nobody asks for what is missing, each neighbour that had it must have an excuse.

use super::{Cause, Checker, Delivery, Survivor, Wrong, index_of};
use crate::{core::id::NodeId, topology::Graph};

impl Checker {
    /// A node has delivered a message and sent it to `targets`; `up` are the neighbours whose link is up.
    pub(in crate::sim) fn relayed<'a>(
        &mut self,
        graph: &Graph,
        node: usize,
        delivery: &Delivery,
        targets: &[usize],
        up: impl Iterator<Item = &'a NodeId>,
    ) -> Result<(), Wrong> {
        let is_clipped = delivery.path_len > self.path_len_max;
        let is_due = |to: usize| Some(to) != delivery.from && !targets.contains(&to);
        let mut reached = 0;
        for name in up {
            let Some(to) = index_of(name) else { continue };
            reached += usize::from(graph.has_edge(node, to));
            if is_due(to) && !is_clipped {
                let id = self.told[delivery.place].id.clone();
                return Err(Wrong::NotRelayed { id, to: name.clone() });
            }
        }
        self.is_clipped |= is_clipped;
        if !self.keeps_excuses || (reached == graph.degree(node) && !is_clipped) {
            return Ok(());
        }
        for &to in graph.neighbours(node).iter().filter(|&&to| is_due(to)) {
            self.has_losses = true;
            self.excuses.insert((delivery.place, node, to), Cause::Unreachable);
        }
        Ok(())
    }

    /// Whether a message that is not at `node` has a reason for it, and which. A node that was there all the time
    /// must be excused by each neighbour that had the message.
    pub(in crate::sim) fn cause(
        &self,
        graph: &Graph,
        place: usize,
        node: usize,
        survivor: Survivor,
    ) -> Result<Cause, Wrong> {
        let told = &self.told[place];
        if survivor.began > told.published_at {
            return Ok(Cause::Crash);
        }
        let mut cause = Cause::Unreachable;
        for &neighbour in graph.neighbours(node).iter().filter(|&&neighbour| told.delivered[neighbour].0 > 0) {
            let excuse = self.excuses.get(&(place, neighbour, node));
            cause = *excuse.ok_or_else(|| Wrong::Missing { id: told.id.clone() })?;
        }
        Ok(cause)
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
