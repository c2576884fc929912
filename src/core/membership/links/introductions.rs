//! The nodes that have introduced themselves, and the links over which those among them that are peers no more are still heard.

use crate::core::{
    event::LinkId,
    id::{Incarnation, NodeId},
    time::Mono,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Time that a closing link has for its last frame, and in which its far end is still heard: a neighbour that is one no more
/// may be about to send what it was asked for.
pub(super) const DISCONNECT_LINGER: Duration = Duration::from_secs(1);

/// The nodes that have said HELLO. Bounds: `nodes_max` nodes, and as many links that are closing.
#[derive(Debug)]
pub(super) struct Introductions {
    nodes_max: usize,
    lives: BTreeMap<NodeId, Incarnation>,
    /// Links that are not used any more, to whom they led, and when they are closed.
    closing: VecDeque<(Mono, LinkId, NodeId)>,
}

impl Introductions {
    /// Nobody yet.
    pub(super) fn new(nodes_max: usize) -> Self {
        Self { nodes_max, lives: BTreeMap::new(), closing: VecDeque::new() }
    }

    pub(super) fn contains(&self, node: &NodeId) -> bool {
        self.lives.contains_key(node)
    }

    /// Makes room for `node`: nodes without a link are forgotten if need be. Says whether there is room.
    pub(super) fn make_room(&mut self, node: &NodeId, is_linked: impl Fn(&NodeId) -> bool) -> bool {
        if !self.has_room(node) {
            self.lives.retain(|node, _| is_linked(node));
        }
        self.has_room(node)
    }

    fn has_room(&self, node: &NodeId) -> bool {
        self.lives.len() < self.nodes_max || self.contains(node)
    }

    /// A node introduces itself. Gives the life that it had when it did so before.
    pub(super) fn insert(&mut self, node: NodeId, life: Incarnation) -> Option<Incarnation> {
        self.lives.insert(node, life)
    }

    /// A node is a stranger from now on: if it does not know yet, it is told so at its next frame.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.lives.remove(node);
    }

    /// The link to a node is not used any more, and closed in a moment; the node is heard until then. Says whether there was
    /// room for that.
    pub(super) fn linger(&mut self, now: Mono, link: LinkId, node: &NodeId) -> bool {
        let has_room = self.closing.len() < self.nodes_max;
        if has_room {
            self.closing.push_back((now + DISCONNECT_LINGER, link, node.clone()));
        }
        has_room
    }

    /// The next link that has lingered for long enough, and to whom it led.
    pub(super) fn take_lingering(&mut self, now: Mono) -> Option<(LinkId, NodeId)> {
        self.closing.pop_front_if(|(at, ..)| *at <= now).map(|(_, link, node)| (link, node))
    }

    /// The time at which a link has lingered for long enough.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.closing.front().map(|&(at, ..)| at)
    }

    /// Number of nodes, and the links that linger.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, Vec<LinkId>) {
        (self.lives.len(), self.closing.iter().map(|&(_, id, _)| id).collect())
    }
}
