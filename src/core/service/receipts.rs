//! The latest receipts, so that a client that repeats a submission whose reply was lost publishes it once.

use crate::core::{event::record::LogSeq, id::MessageId, request::RequestId};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The message that it became, or the first of them.
    pub message: MessageId,
    /// Number of messages.
    pub count: u32,
    /// The record that the answer depends on.
    pub record: LogSeq,
}

/// The latest receipts by unique request id. If there are too many, whoever has most loses its oldest: one client that
/// submits much does not make a node forget what it has told the others.
#[derive(Debug)]
pub(super) struct Receipts {
    by_request: BTreeMap<Arc<[u8]>, Receipt>,
    by_client: BTreeMap<Box<[u8]>, Kept>,
    /// Number of receipts of each client, since when, and the client.
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
    pub(super) fn new(receipts_max: usize) -> Self {
        let (by_request, by_client, ranks) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { by_request, by_client, ranks, count: 0, receipts_max }
    }

    /// The receipt that a request was answered with. Only unique ids are remembered.
    pub(super) fn find(&self, id: &RequestId) -> Option<&Receipt> {
        match id {
            RequestId::Unique(unique) => self.by_request.get(unique),
            RequestId::None | RequestId::Number(_) => None,
        }
    }

    /// All of them, the oldest first: the connection, the request and the answer.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Arc<[u8]>, &Receipt)> {
        let mut all = Vec::new();
        for (client, kept) in &self.by_client {
            all.extend(kept.0.iter().map(|(number, request)| (*number, client, request)));
        }
        all.sort_unstable_by_key(|&(number, ..)| number);
        all.into_iter().filter_map(|(_, client, request)| Some((&client[..], request, self.by_request.get(request)?)))
    }

    /// Remembers the receipt of a request that came by `connection`.
    pub(super) fn keep(&mut self, connection: &[u8], unique: &Arc<[u8]>, receipt: Receipt) {
        if self.by_request.insert(Arc::clone(unique), receipt).is_some() {
            return;
        }
        let entry = (self.count, Arc::clone(unique));
        self.count += 1;
        self.change(connection, |kept| kept.push_back(entry));
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
    use crate::core::id::{Incarnation, NodeId};

    fn receipt(sequence: u64) -> Receipt {
        let message = MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(1), sequence };
        Receipt { message, count: 1, record: LogSeq(sequence) }
    }

    #[test]
    fn the_oldest_receipt_is_forgotten_first() {
        let mut receipts = Receipts::new(2);
        let unique = |n: u8| Arc::from([n; 8]);
        for n in 1..=3 {
            receipts.keep(&[1], &unique(n), receipt(n.into()));
        }
        assert_eq!(receipts.find(&RequestId::Unique(unique(1))), None);
        assert_eq!(receipts.find(&RequestId::Unique(unique(3))), Some(&receipt(3)));
        assert_eq!(receipts.find(&RequestId::Number(7)), None, "numbers repeat between clients");
    }

    #[test]
    fn one_client_makes_nobody_else_forgotten() {
        let mut receipts = Receipts::new(100);
        let unique = |client: u8, n: u32| Arc::from([&[client; 4][..], &n.to_be_bytes()].concat());
        (0..30).for_each(|n| receipts.keep(&[1], &unique(1, n), receipt(1)));
        (0..10_000).for_each(|n| receipts.keep(&[2], &unique(2, n), receipt(1)));
        (0..30).for_each(|n| receipts.keep(&[3], &unique(3, n), receipt(1)));
        let is_kept = |client, n| receipts.find(&RequestId::Unique(unique(client, n))).is_some();
        for number in [1, 3] {
            assert!((0..30).all(|n| is_kept(number, n)), "client {number}");
        }
        assert_eq!((9_960..10_000).filter(|&n| is_kept(2, n)).count(), 40, "its latest");
        assert_eq!((receipts.by_request.len(), receipts.ranks.len(), receipts.by_client.len()), (100, 3, 3));
    }
}
