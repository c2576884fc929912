//! What a node gives to the messages that are submitted to it: ids in one sequence, and for each a receipt that is kept
//! for a while, so that a client that repeats a submission whose reply was lost publishes it once.

use crate::core::{
    event::ReturnAddress,
    frame::LifeSeen,
    id::{Incarnation, MessageId, NodeId},
    message::{Message, Payload, Relays, Trace},
    request::RequestId,
    time::Wall,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
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

    /// A message with the next id, as the answer to a client's `request`.
    pub fn mint(
        &mut self,
        at: Wall,
        client: &ReturnAddress,
        request: &RequestId,
        relays: Option<Relays>,
        payload: Payload,
    ) -> Message {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let id = MessageId { origin: self.node.clone(), incarnation: self.incarnation, sequence };
        self.receipts.keep(client, request, &id);
        let trace = relays.map(|relays| Trace { relays, path: [].into() });
        Message { id, published_at: at, hops: 0, trace, tree: None, payload }
    }
}

/// The latest receipts by unique request id. If there are too many, whoever has most loses its oldest: one client that
/// submits much does not make a node forget what it has told the others.
#[derive(Debug)]
struct Receipts {
    by_request: BTreeMap<Arc<[u8]>, MessageId>,
    by_client: BTreeMap<Box<[u8]>, Kept>,
    /// How many each client has, since when, and the client.
    ranks: BTreeSet<(usize, Reverse<u64>, Box<[u8]>)>,
    count: u64,
    receipts_max: usize,
}

/// The receipts of one client, in their order, each with its number.
#[derive(Debug, Default)]
struct Kept(VecDeque<(u64, Arc<[u8]>)>);

impl Kept {
    fn rank(&self, client: &[u8]) -> Option<(usize, Reverse<u64>, Box<[u8]>)> {
        Some((self.0.len(), Reverse(self.0.front()?.0), client.into()))
    }
}

impl Receipts {
    /// None yet, and at most `receipts_max`.
    fn new(receipts_max: usize) -> Self {
        let (by_request, by_client, ranks) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { by_request, by_client, ranks, count: 0, receipts_max }
    }

    /// The message that this request was answered with. Only unique ids are remembered.
    fn find(&self, id: &RequestId) -> Option<&MessageId> {
        match id {
            RequestId::Unique(unique) => self.by_request.get(unique),
            RequestId::None | RequestId::Number(_) => None,
        }
    }

    /// Remembers what a request was answered with, if its id is unique.
    fn keep(&mut self, client: &ReturnAddress, id: &RequestId, message: &MessageId) {
        let RequestId::Unique(unique) = id else { return };
        if self.by_request.insert(Arc::clone(unique), message.clone()).is_some() {
            return;
        }
        let entry = (self.count, Arc::clone(unique));
        self.count += 1;
        self.change(client.connection(), |kept| kept.push_back(entry));
        if self.by_request.len() > self.receipts_max
            && let Some((.., client)) = self.ranks.last().cloned()
            && let Some((_, oldest)) = self.change(&client, VecDeque::pop_front)
        {
            self.by_request.remove(&oldest);
        }
    }

    fn change<T>(&mut self, client: &[u8], change: impl FnOnce(&mut VecDeque<(u64, Arc<[u8]>)>) -> T) -> T {
        let mut kept = self.by_client.remove(client).unwrap_or_default();
        kept.rank(client).map(|rank| self.ranks.remove(&rank));
        let changed = change(&mut kept.0);
        if let Some(rank) = kept.rank(client) {
            self.ranks.insert(rank);
            self.by_client.insert(client.into(), kept);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u8) -> ReturnAddress {
        ReturnAddress([0, 1, number, 0, 0].into())
    }

    #[test]
    fn ids_count_from_one_without_gaps() {
        let mut origin = Origin::new(NodeId::numbered(4), Incarnation(9), 8);
        let mut mint = || origin.mint(Wall(1), &client(1), &RequestId::None, None, [][..].into()).id.to_string();
        assert_eq!([mint(), mint()], ["4-9-1", "4-9-2"]);
    }

    #[test]
    fn the_oldest_receipt_is_forgotten_first() {
        let mut receipts = Receipts::new(2);
        let request = |n: u8| RequestId::Unique([n; 8].into());
        let message = |n| MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(1), sequence: n };
        for n in 1..=3 {
            receipts.keep(&client(1), &request(n), &message(n.into()));
        }
        assert_eq!(receipts.find(&request(1)), None);
        assert_eq!(receipts.find(&request(3)), Some(&message(3)));
        receipts.keep(&client(1), &RequestId::Number(7), &message(4));
        assert_eq!(receipts.find(&RequestId::Number(7)), None, "numbers repeat between clients");
    }

    #[test]
    fn one_client_makes_nobody_else_forgotten() {
        let mut receipts = Receipts::new(100);
        let request = |client: u8, n: u32| RequestId::Unique([&[client; 4][..], &n.to_be_bytes()].concat().into());
        let message = MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(1), sequence: 1 };
        (0..30).for_each(|n| receipts.keep(&client(1), &request(1, n), &message));
        (0..10_000).for_each(|n| receipts.keep(&client(2), &request(2, n), &message));
        (0..30).for_each(|n| receipts.keep(&client(3), &request(3, n), &message));
        for number in [1, 3] {
            assert!((0..30).all(|n| receipts.find(&request(number, n)).is_some()), "client {number}");
        }
        assert_eq!((9_960..10_000).filter(|&n| receipts.find(&request(2, n)).is_some()).count(), 40, "its latest");
        assert_eq!((receipts.by_request.len(), receipts.ranks.len(), receipts.by_client.len()), (100, 3, 3));
    }
}
