//! What a node gives to the messages that are submitted to it: ids in one sequence, and for each a receipt that is kept
//! for a while, so that a client that repeats a submission whose reply was lost publishes it once.

use super::{
    frame::LifeSeen,
    id::{Incarnation, MessageId, NodeId},
    message::{Message, Payload, Relays, Trace},
    request::RequestId,
    time::Wall,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// One life of a node as the origin of messages.
#[derive(Debug)]
pub struct Origin {
    node: NodeId,
    incarnation: Incarnation,
    next_sequence: u64,
    receipts: Receipts,
}

impl Origin {
    /// The beginning of a life; at most `receipts_max` receipts are kept.
    pub fn new(node: NodeId, incarnation: Incarnation, receipts_max: usize) -> Self {
        Self { node, incarnation, next_sequence: 1, receipts: Receipts::new(receipts_max) }
    }

    /// Which life it is.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether `id` claims to be of this life, and is none that it gave.
    pub fn disowns(&self, id: &MessageId) -> bool {
        id.origin == self.node && id.incarnation == self.incarnation && id.sequence >= self.next_sequence
    }

    /// A new life begins: numbers count from 1 again. Receipts stay good.
    pub fn renew(&mut self, incarnation: Incarnation) {
        (self.incarnation, self.next_sequence) = (incarnation, 1);
    }

    /// The latest that this node has published.
    pub fn latest(&self) -> LifeSeen {
        LifeSeen { incarnation: self.incarnation, sequence: self.next_sequence - 1 }
    }

    /// The message that a request was answered with before. Only unique request ids are remembered.
    pub fn receipt(&self, request: &RequestId) -> Option<&MessageId> {
        self.receipts.find(request)
    }

    /// A message with the next id, as the answer to `request`.
    pub fn mint(&mut self, at: Wall, request: &RequestId, relays: Option<Relays>, payload: Payload) -> Message {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let id = MessageId { origin: self.node.clone(), incarnation: self.incarnation, sequence };
        self.receipts.keep(request, &id);
        let trace = relays.map(|relays| Trace { relays, path: [].into() });
        Message { id, published_at: at, hops: 0, trace, tree: None, payload }
    }
}

/// The latest receipts by unique request id; the oldest is forgotten first.
#[derive(Debug)]
struct Receipts {
    by_request: BTreeMap<Arc<[u8]>, MessageId>,
    order: VecDeque<Arc<[u8]>>,
    receipts_max: usize,
}

impl Receipts {
    /// None yet, and at most `receipts_max`.
    fn new(receipts_max: usize) -> Self {
        Self { by_request: BTreeMap::new(), order: VecDeque::new(), receipts_max }
    }

    /// The message that this request was answered with. Only unique ids are remembered.
    fn find(&self, id: &RequestId) -> Option<&MessageId> {
        match id {
            RequestId::Unique(unique) => self.by_request.get(unique),
            RequestId::None | RequestId::Number(_) => None,
        }
    }

    /// Remembers what a request was answered with, if its id is unique.
    fn keep(&mut self, id: &RequestId, message: &MessageId) {
        let RequestId::Unique(unique) = id else { return };
        if self.by_request.insert(Arc::clone(unique), message.clone()).is_none() {
            self.order.push_back(Arc::clone(unique));
        }
        if self.order.len() > self.receipts_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_request.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_one_without_gaps() {
        let mut origin = Origin::new(NodeId::numbered(4), Incarnation(9), 8);
        let mut mint = || origin.mint(Wall(1), &RequestId::None, None, [][..].into()).id.to_string();
        assert_eq!([mint(), mint()], ["4-9-1", "4-9-2"]);
    }

    #[test]
    fn the_oldest_receipt_is_forgotten_first() {
        let mut receipts = Receipts::new(2);
        let request = |n: u8| RequestId::Unique([n; 8].into());
        let message = |n| MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(1), sequence: n };
        for n in 1..=3 {
            receipts.keep(&request(n), &message(n.into()));
        }
        assert_eq!(receipts.find(&request(1)), None);
        assert_eq!(receipts.find(&request(3)), Some(&message(3)));
        receipts.keep(&RequestId::Number(7), &message(4));
        assert_eq!(receipts.find(&RequestId::Number(7)), None, "numbers repeat between clients");
    }
}
