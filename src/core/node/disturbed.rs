//! Whom a node was ordered to disturb, so that it can say so. The disturbing itself is done by whoever drives it. Spec:
//! `docs/spec/gossip-bus.md`, section 8.6.

use crate::core::{id::NodeId, request::Disturbance};
use std::collections::{BTreeMap, BTreeSet};

/// Most peers that are told apart.
const PEERS_MAX: usize = 1024;

/// The orders that stand.
#[derive(Debug, Default)]
pub(super) struct Disturbed {
    /// True if single peers are disturbed; they stand for themselves.
    peers: BTreeMap<NodeId, bool>,
    /// True if all others are.
    others: bool,
}

impl Disturbed {
    /// Takes an order: about these peers, or about all.
    pub(super) fn note(&mut self, nodes: Option<&[NodeId]>, disturbance: &Disturbance) {
        let is_disturbed = !disturbance.is_none();
        let Some(nodes) = nodes else {
            self.peers.clear();
            self.others = is_disturbed;
            return;
        };
        for node in nodes {
            if is_disturbed == self.others {
                self.peers.remove(node);
            } else if self.peers.contains_key(node) || self.peers.len() < PEERS_MAX {
                self.peers.insert(node.clone(), is_disturbed);
            }
        }
    }

    /// Those of `peers` that are disturbed, and those that were named.
    pub(super) fn among<'a>(&self, peers: impl Iterator<Item = &'a NodeId>) -> Vec<NodeId> {
        let is_disturbed = |node: &&NodeId| self.peers.get(*node).copied().unwrap_or(self.others);
        let named = self.peers.iter().filter(|(_, is_disturbed)| **is_disturbed).map(|(node, _)| node);
        let all: BTreeSet<NodeId> = peers.filter(is_disturbed).cloned().chain(named.cloned()).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_order_holds() {
        let cut = Disturbance { cut: true, ..Disturbance::default() };
        let (nodes, usual) = ([1, 2, 3].map(NodeId::numbered), Disturbance::default());
        let mut disturbed = Disturbed::default();
        let now = |disturbed: &Disturbed| {
            disturbed.among(nodes[..2].iter()).iter().map(NodeId::to_string).collect::<String>()
        };
        assert_eq!(now(&disturbed), "");
        disturbed.note(Some(&nodes[1..]), &cut);
        assert_eq!(now(&disturbed), "23", "also one that is no peer");
        disturbed.note(None, &cut);
        assert_eq!(now(&disturbed), "12");
        disturbed.note(Some(&nodes[..1]), &usual);
        assert_eq!(now(&disturbed), "2");
        disturbed.note(None, &usual);
        assert_eq!(now(&disturbed), "");
    }
}
