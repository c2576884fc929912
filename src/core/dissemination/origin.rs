//! Ids of the messages that are submitted to a node: one sequence in each of its lives.

use crate::core::{
    frame::LifeSeen,
    id::{Incarnation, MessageId, NodeId},
    message::{Message, Payload, Relays, Trace},
    time::Wall,
};

/// One life of a node as the origin of messages.
#[derive(Debug)]
pub(super) struct Origin {
    node: NodeId,
    incarnation: Incarnation,
    next_sequence: u64,
}

impl Origin {
    /// The beginning of a life.
    pub(super) fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self { node, incarnation, next_sequence: 1 }
    }

    /// The node's name.
    pub(super) fn node(&self) -> &NodeId {
        &self.node
    }

    /// Says whether `id` claims to be of this life, and is none that it gave.
    #[inline]
    pub(super) fn disowns(&self, id: &MessageId) -> bool {
        id.origin == self.node && id.incarnation == self.incarnation && id.sequence >= self.next_sequence
    }

    /// A new life begins: numbers count from 1 again.
    pub(super) fn renew(&mut self, incarnation: Incarnation) {
        (self.incarnation, self.next_sequence) = (incarnation, 1);
    }

    /// The latest that this node has published.
    #[inline]
    pub(super) fn latest(&self) -> LifeSeen {
        LifeSeen { incarnation: self.incarnation, sequence: self.next_sequence - 1 }
    }

    /// Gives a payload the next id, and so makes it a message.
    pub(super) fn mint(&mut self, at: Wall, relays: Option<Relays>, payload: Payload) -> Message {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let id = MessageId { origin: self.node.clone(), incarnation: self.incarnation, sequence };
        let trace = relays.map(|relays| Trace { relays, path: [].into() });
        Message { id, published_at: at, hops: 0, trace, tree: None, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_one_without_gaps() {
        let mut origin = Origin::new(NodeId::numbered(4), Incarnation(9));
        let mut mint = || origin.mint(Wall(1), None, [][..].into()).id.to_string();
        assert_eq!([mint(), mint()], ["4-9-1", "4-9-2"]);
    }
}
