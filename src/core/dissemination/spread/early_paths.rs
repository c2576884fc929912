//! Copies of traced messages that came before their payload: they are noted and passed on when it is here, in the order of
//! their arrival, as the relay rule would have it.

use crate::core::{
    frame::PathCopy,
    id::{MessageId, NodeId},
};
use std::collections::{BTreeMap, VecDeque};

/// Messages that may wait for their payload; the oldest goes first.
pub const MESSAGES_MAX: usize = 256;
/// Copies of one message that may wait.
const COPIES_MAX: usize = 64;
/// Hops of all paths that may wait.
const HOPS_MAX: usize = 65_536;

/// Copies without payload, by message. Bounds: 256 messages with 64 copies each, and 65,536 hops of their paths in all.
#[derive(Debug, Default)]
pub(super) struct EarlyPaths {
    copies: BTreeMap<MessageId, Vec<(NodeId, PathCopy)>>,
    order: VecDeque<MessageId>,
    hops: usize,
}

impl EarlyPaths {
    /// Keeps a copy; says how many there was no room for, this one or older ones.
    pub(super) fn keep(&mut self, from: NodeId, copy: PathCopy) -> u64 {
        let hops = copy.trace.path.len();
        match self.copies.get_mut(&copy.id) {
            Some(copies) if copies.len() >= COPIES_MAX => return 1,
            Some(copies) => copies.push((from, copy)),
            None => {
                self.order.push_back(copy.id.clone());
                self.copies.insert(copy.id.clone(), vec![(from, copy)]);
            }
        }
        self.hops += hops;
        // Those whose payload came are in the queue still.
        let mut dropped = 0;
        while self.order.len() > MESSAGES_MAX || self.hops > HOPS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            dropped += self.take(&oldest).len() as u64;
        }
        dropped
    }

    /// Of how many messages copies wait.
    pub(super) fn len(&self) -> usize {
        self.copies.len()
    }

    /// Takes all copies of a message, in the order in which they came.
    pub(super) fn take(&mut self, id: &MessageId) -> Vec<(NodeId, PathCopy)> {
        let copies = if self.copies.is_empty() { Vec::new() } else { self.copies.remove(id).unwrap_or_default() };
        self.hops -= copies.iter().map(|(_, copy)| copy.trace.path.len()).sum::<usize>();
        copies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        id::Incarnation,
        message::{Relays, Trace},
        time::Wall,
    };

    fn copy(sequence: u64) -> PathCopy {
        let id = MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(1), sequence };
        let trace = Trace { relays: Relays::ONE, path: [].into() };
        PathCopy { id, published_at: Wall(0), hops: 1, trace }
    }

    #[test]
    fn copies_come_back_in_their_order() {
        let mut held = EarlyPaths::default();
        let from = [3, 2].map(NodeId::numbered);
        assert_eq!(from.clone().map(|from| held.keep(from, copy(7))), [0, 0]);
        let names: Vec<_> = held.take(&copy(7).id).into_iter().map(|(from, _)| from).collect();
        assert_eq!(names, from);
        assert!(held.take(&copy(7).id).is_empty());
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let mut held = EarlyPaths::default();
        let from = NodeId::numbered(2);
        let dropped: u64 = (0..70).map(|_| held.keep(from.clone(), copy(1))).sum();
        assert_eq!(dropped, 6);
        let dropped: u64 = (2..=257).map(|sequence| held.keep(from.clone(), copy(sequence))).sum();
        assert_eq!((dropped, held.take(&copy(1).id).len(), held.take(&copy(257).id).len()), (64, 0, 1));
    }
}
