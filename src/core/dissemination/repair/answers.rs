//! Answers to neighbours that ask for messages: the batches that hold any of them, as far as each may be sent so much now, and word
//! of what is lost.

use super::{allowance::Allowances, anti_entropy::AntiEntropy, in_flight::OPEN_MAX};
use crate::core::{
    batch::{Batch, Kept},
    capability::Capability,
    dissemination::{seen::Seen, sender::Sender},
    frame::{Span, StreamRanges},
    neighbours::NeighbourTable,
    slots::Slot,
    stats::Counter,
    time::Mono,
};

/// Bytes that a stream, a range or a span of an answer is reckoned at.
const SAID_COST: usize = 32;

/// Answers of a node. Bounds: as many messages in each as a node asks for ([`OPEN_MAX`]), or one batch more; [`Allowances`].
#[derive(Debug, Default)]
pub(crate) struct Answers {
    allowances: Allowances,
}

/// Answer to one question.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The batches; for who knows none, the messages that it asked for one by one.
    pub batches: Vec<Batch>,
    /// Messages that this node has had or given up, and does not keep.
    pub lost: Vec<StreamRanges>,
}

impl Answers {
    /// Looks for what the neighbour in a slot asks for.
    pub(crate) fn find(
        &mut self,
        now: Mono,
        slot: Slot,
        asked: &[StreamRanges],
        neighbours: &NeighbourTable,
        knowledge: &AntiEntropy,
        kept: &dyn Kept,
    ) -> Found {
        let (mut messages, mut found) = (OPEN_MAX as usize, Found::default());
        for StreamRanges { stream, ranges } in asked {
            let seen = knowledge.seen_of(stream, ranges);
            let bytes = self.allowances.left(now, slot);
            let resent = kept.resend(stream, ranges, seen.as_slice(), messages, bytes);
            self.allowances.spend(now, slot, resent.bytes);
            let count = resent.batches.iter().map(|batch| batch.body.count() as usize).sum();
            messages = messages.saturating_sub(count);
            found.batches.extend(resent.batches);
            if !resent.lost.is_empty() {
                found.lost.push(StreamRanges { stream: stream.clone(), ranges: resent.lost });
            }
        }
        if !neighbours.slots_with(Capability::Batch).contains(slot) {
            // The others of a batch could fill its queue each time, before those that it asks for.
            let is_asked = |single: &Batch| asked.iter().any(|asked| asked.contains(&single.id));
            found.batches = found.batches.iter().flat_map(Batch::singles).filter(is_asked).collect();
        }
        found
    }

    /// Names lives to the neighbour in a slot, which asks because it has seen something else of them.
    pub(in crate::core::dissemination) fn name(
        &mut self,
        now: Mono,
        slot: Slot,
        asked: &[Span],
        neighbours: &NeighbourTable,
        seen: &Seen,
        sender: &mut Sender,
    ) {
        if asked.is_empty() || self.allowances.left(now, slot) == 0 {
            return;
        }
        let page = seen.spans().answer(asked);
        let ranges: usize = page.streams.iter().chain(&page.given_up).map(|told| told.ranges.len()).sum();
        self.allowances.spend(now, slot, (page.streams.len() + page.spans.len() + ranges) * SAID_COST);
        if !page.streams.is_empty() || !page.spans.is_empty() {
            sender.send_to(slot, page.into(), Some(Counter::Digests), neighbours);
        }
    }

    /// Says whether a batch that was found is to be sent; see [`Allowances::admits`].
    pub(crate) fn admits(&mut self, now: Mono, slot: Slot, batch: &Batch, neighbours: &NeighbourTable) -> bool {
        self.allowances.admits(now, slot, batch, neighbours.round_trip(slot))
    }

    /// A link is down: what went over it may be lost.
    pub(crate) fn forget_sent(&mut self, slot: Slot) {
        self.allowances.forget_sent(slot);
    }

    /// A slot is another peer's from now on.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.allowances.forget(slot);
    }
}
