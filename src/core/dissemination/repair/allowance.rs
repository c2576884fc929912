//! Messages that a neighbour may be sent because it asked for them: so many bytes, which come back as time goes by, and no batch
//! twice in a row. A short question can ask for all that a node keeps; what it is not allowed now it asks for again.

use crate::core::{batch::Batch, id::MessageId, slots::Slot, time::Mono};
use std::{collections::BTreeMap, time::Duration};

/// Most bytes at once.
const BYTES_MAX: usize = 4 << 20;
/// Bytes that come back in a millisecond: 32 MB a second.
const BYTES_A_MILLISECOND: u64 = 32_000;
/// Batches sent last that are remembered.
const BATCHES_MAX: usize = 16;
/// Time in which nobody asks again for what got lost, beside a round trip.
const REPEAT: Duration = Duration::from_millis(50);

/// Allowances of all neighbours. Bounds: an entry a link, with the ids of 16 batches.
#[derive(Debug, Default)]
pub(super) struct Allowances(BTreeMap<Slot, Allowance>);

/// Allowance of one neighbour.
#[derive(Debug)]
struct Allowance {
    at: Mono,
    left: usize,
    /// The batches that it was sent last, by first and last message, and when.
    sent: Vec<(MessageId, u64, Mono)>,
}

impl Allowances {
    /// The bytes that a neighbour may be sent now.
    pub(super) fn left(&self, now: Mono, slot: Slot) -> usize {
        self.0.get(&slot).map_or(BYTES_MAX, |allowance| allowance.left(now))
    }

    /// Says whether a neighbour that asks for messages of a batch, `round_trip` away, is to be sent it, and notes that it was.
    /// Not if it was a moment ago: then it asks for the next messages, and does not know yet that some of them were in it.
    pub(super) fn admits(&mut self, now: Mono, slot: Slot, batch: &Batch, round_trip: Duration) -> bool {
        let allowance = self.of(now, slot);
        allowance.sent.retain(|&(.., at)| now.since(at) < round_trip + REPEAT);
        if allowance.sent.iter().any(|(id, last, _)| *id == batch.id && *last == batch.last()) {
            return false;
        }
        if allowance.sent.len() >= BATCHES_MAX {
            allowance.sent.remove(0);
        }
        allowance.sent.push((batch.id.clone(), batch.last(), now));
        true
    }

    /// It is sent that many bytes; the last batch may go beyond what it was allowed.
    pub(super) fn spend(&mut self, now: Mono, slot: Slot, bytes: usize) {
        let allowance = self.of(now, slot);
        (allowance.left, allowance.at) = (allowance.left(now).saturating_sub(bytes), now);
    }

    /// A link is down: what went over it may be lost.
    pub(super) fn forget_sent(&mut self, slot: Slot) {
        self.0.get_mut(&slot).into_iter().for_each(|allowance| allowance.sent.clear());
    }

    /// A slot is another peer's from now on.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.0.remove(&slot);
    }

    fn of(&mut self, now: Mono, slot: Slot) -> &mut Allowance {
        self.0.entry(slot).or_insert(Allowance { at: now, left: BYTES_MAX, sent: Vec::new() })
    }
}

impl Allowance {
    fn left(&self, now: Mono) -> usize {
        let millis = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let back = usize::try_from(millis.saturating_mul(BYTES_A_MILLISECOND)).unwrap_or(usize::MAX);
        self.left.saturating_add(back).min(BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        batch::Body,
        id::{Incarnation, NodeId},
        time::Wall,
    };

    fn at(millis: u64) -> Mono {
        Mono(millis * 1_000_000)
    }

    #[test]
    fn what_is_spent_comes_back_with_time_and_never_more() {
        let mut allowances = Allowances::default();
        let mut sent = 0;
        for millis in 0..1_000 {
            for _ in 0..10 {
                let left = allowances.left(at(millis), Slot(1));
                allowances.spend(at(millis), Slot(1), left);
                sent += left;
            }
        }
        assert_eq!(sent, BYTES_MAX + 999 * 32_000);
        assert_eq!(allowances.left(at(999), Slot(2)), BYTES_MAX, "each has its own");
        assert_eq!(allowances.left(at(1_000_000), Slot(1)), BYTES_MAX);
        allowances.forget(Slot(1));
        assert_eq!(allowances.left(at(999), Slot(1)), BYTES_MAX);
    }

    #[test]
    fn no_batch_is_sent_again_before_it_can_be_missed() {
        let batch = |sequence| {
            let id = MessageId { origin: NodeId::numbered(4), incarnation: Incarnation(1), sequence };
            Batch { id, published_at: Wall(0), hops: 1, trace: None, tree: None, body: Body::one([][..].into()) }
        };
        let mut allowances = Allowances::default();
        let mut admits = |millis, slot, sequence| {
            allowances.admits(at(millis), Slot(slot), &batch(sequence), Duration::from_millis(20))
        };
        assert!(admits(0, 1, 1) && admits(0, 1, 2) && admits(0, 2, 1), "each has its own");
        assert!(!admits(69, 1, 1) && admits(70, 1, 1));
        allowances.forget_sent(Slot(1));
        let mut admits = |millis, slot, sequence| {
            allowances.admits(at(millis), Slot(slot), &batch(sequence), Duration::from_millis(20))
        };
        assert!(admits(70, 1, 1), "it may be lost");
        assert!((100..116).all(|sequence| admits(80, 1, sequence)) && admits(80, 1, 1), "a few are remembered");
    }
}
