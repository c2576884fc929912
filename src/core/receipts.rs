//! Receipts of the latest submissions, so that a client that repeats one whose reply was lost publishes it once.

use super::{id::MessageId, request::RequestId};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The latest receipts by unique request id; the oldest is forgotten first.
#[derive(Debug)]
pub struct Receipts {
    by_request: BTreeMap<Arc<[u8]>, MessageId>,
    order: VecDeque<Arc<[u8]>>,
    receipts_max: usize,
}

impl Receipts {
    /// None yet, and at most `receipts_max`.
    pub fn new(receipts_max: usize) -> Self {
        Self { by_request: BTreeMap::new(), order: VecDeque::new(), receipts_max }
    }

    /// The message that this request was answered with. Only unique ids are remembered.
    pub fn find(&self, id: &RequestId) -> Option<&MessageId> {
        match id {
            RequestId::Unique(unique) => self.by_request.get(unique),
            RequestId::None | RequestId::Number(_) => None,
        }
    }

    /// Remembers what a request was answered with, if its id is unique.
    pub fn keep(&mut self, id: &RequestId, message: &MessageId) {
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
    use crate::core::id::{Incarnation, NodeId};

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
