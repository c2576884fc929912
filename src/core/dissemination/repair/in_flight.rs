//! Questions that are in flight: what was asked of whom and has not come yet.

use crate::core::{frame::STREAMS_MAX, id::ranges::Ranges, slots::Slot, time::Mono};
use std::time::Duration;

/// Part of T2 beside two round trips.
const PATIENCE: Duration = Duration::from_millis(50);
/// The same beside a round trip and a quarter, for what was announced: it is little, and is awaited.
const URGENT: Duration = Duration::from_millis(25);
/// Most messages that a peer is asked for at one time, however many come in a batch: each may be of another stream, and a PULL
/// names no more streams.
pub(super) const OPEN_MAX: u64 = STREAMS_MAX as u64;
/// No silence counts for more.
const SILENCE_MAX: Duration = Duration::from_millis(500);

/// Messages that were asked of one source and have not come yet.
#[derive(Debug)]
pub(super) struct InFlight {
    to: Slot,
    open: Ranges,
    /// The part of it that comes unasked.
    unasked: Ranges,
    /// Counts the questions of this node, so that a later one can be seen to be answered before this one.
    number: u64,
    /// The time when it was asked or brought something.
    heard: Mono,
    /// Longest time in which it may bring nothing.
    patience: Duration,
}

/// Messages that came out of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answered {
    /// The peer that was asked.
    pub(super) by: Slot,
    /// The number of the question.
    pub(super) number: u64,
    /// Number of messages that came.
    pub(super) count: u64,
    /// Number of its messages that are left.
    pub(super) left: u64,
    /// True if any of them had been asked for: they may have come unasked, piece by piece.
    pub(super) was_asked: bool,
}

/// Messages outstanding at one peer, over all streams.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PullWindow {
    /// Messages asked for.
    open: u64,
    /// Messages that its batches brought lately.
    a_batch: u64,
    /// The time when the latest of them came, or the first of them was asked for.
    heard: Mono,
    /// The number of the question that was answered last.
    number: u64,
    /// Until when it may send something large, between whose pieces nothing else need come.
    busy_until: Mono,
    /// Longest time for which it may be silent and still answer, as was seen lately: a machine that is busy takes longer than its round
    /// trips in quiet times tell.
    silence: Duration,
}

impl PullWindow {
    /// Messages asked for.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// Messages that it may be asked for at one time: so many batches of the size that it sends. Answering takes time by the batch,
    /// and a peer that is long at it looks like one that does not answer.
    pub(super) fn width(&self, batches: u64) -> u64 {
        batches.saturating_mul(self.a_batch.max(1)).min(OPEN_MAX)
    }

    /// Messages that it may be asked for now.
    pub(super) fn room(&self, batches: u64) -> u64 {
        self.width(batches).saturating_sub(self.open)
    }

    /// Says whether it may be asked for half of its window, or more.
    pub(super) fn is_half_free(&self, batches: u64) -> bool {
        self.open <= self.width(batches) / 2
    }

    /// A batch brought so many messages that were asked for. What was seen of larger ones fades.
    pub(super) fn note_batch(&mut self, count: u64) {
        self.a_batch = count.max(self.a_batch - self.a_batch.div_ceil(8));
    }

    /// T2: how long a question may bring nothing; `is_urgent`: one for what was announced alone.
    pub(super) fn patience(&self, round_trip: Duration, is_urgent: bool) -> Duration {
        if is_urgent {
            return (round_trip * 5 / 4 + URGENT).max(self.silence * 5 / 4);
        }
        (round_trip * 2 + PATIENCE).max(self.silence * 2)
    }

    /// So many messages more are asked for. What was seen of its silence fades.
    pub(super) fn ask(&mut self, now: Mono, count: u64) {
        if self.open == 0 {
            self.heard = now;
        }
        self.open += count;
        self.silence -= self.silence / 8;
    }

    /// It sends something large; if it sends nothing more of it, that is known at the time `until`.
    pub(super) fn is_sending(&mut self, now: Mono, until: Option<Mono>) {
        (self.heard, self.busy_until) = (now, until.unwrap_or(now));
    }

    /// A question brought so many messages, or the word that they are lost.
    pub(super) fn answer(&mut self, now: Mono, number: u64, count: u64) {
        self.note_silence(now.since(self.heard));
        self.open -= count;
        (self.heard, self.number) = (now, number);
    }

    /// A question ends that left so many messages open. Unless a later one was answered, its peer may be slow: then it
    /// gets more time from now on, as with lost segments in TCP (RFC 6298, section 5.5).
    pub(super) fn void(&mut self, question: &InFlight) {
        self.close(question);
        if question.is_queued(self) {
            self.note_silence(question.patience);
        }
    }

    /// A question ends of which nothing is wanted any more.
    pub(super) fn close(&mut self, question: &InFlight) {
        self.open -= question.open.count();
    }

    fn note_silence(&mut self, silence: Duration) {
        self.silence = self.silence.max(silence).min(SILENCE_MAX);
    }
}

impl InFlight {
    /// Nothing was asked of `to` yet.
    pub(super) fn new(to: Slot) -> Self {
        let (open, unasked, heard) = (Ranges::default(), Ranges::default(), Mono::default());
        Self { to, open, unasked, number: 0, heard, patience: Duration::ZERO }
    }

    /// The source.
    pub(super) fn to(&self) -> Slot {
        self.to
    }

    /// The messages that have not come.
    pub(super) fn open(&self) -> &Ranges {
        &self.open
    }

    /// The part of them that comes unasked.
    #[cfg(test)]
    pub(super) fn unasked(&self) -> &Ranges {
        &self.unasked
    }

    /// Longest time in which it may bring nothing.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// More is asked for, by the question `number`, which may bring nothing for as long as `patience`.
    pub(super) fn ask(&mut self, now: Mono, ranges: &Ranges, number: u64, patience: Duration) {
        self.open.extend(ranges.as_slice());
        (self.number, self.heard, self.patience) = (number, now, patience);
    }

    /// A part of it comes unasked.
    pub(super) fn comes_unasked(&mut self, ranges: &Ranges) {
        self.unasked.extend(ranges.as_slice());
    }

    /// Messages have come, or come no more; `None`: none of its own.
    pub(super) fn answer(&mut self, now: Mono, range: (u64, u64)) -> Option<Answered> {
        let answer = self.open.intersection(&[range]);
        if answer.is_empty() {
            return None;
        }
        let unasked = self.unasked.intersection(&[range]);
        self.open.subtract(answer.as_slice());
        self.unasked.subtract(answer.as_slice());
        self.heard = now;
        let (count, left) = (answer.count(), self.open.count());
        Some(Answered { by: self.to, number: self.number, count, left, was_asked: unasked != answer })
    }

    /// The source keeps messages no more: the number of the question, and how much of it that answers.
    pub(super) fn lose(&mut self, now: Mono, ranges: &[(u64, u64)]) -> (u64, u64) {
        let before = self.open.count();
        self.open.subtract(ranges);
        self.heard = now;
        (self.number, before - self.open.count())
    }

    /// The time when it counts as unanswered. A link keeps its order: as long as earlier questions bring something this one
    /// waits for its turn, but a later one shows that its turn has passed.
    pub(super) fn void_at(&self, account: &PullWindow) -> Mono {
        let heard = if self.is_queued(account) { self.heard.max(account.heard) } else { self.heard };
        heard.max(account.busy_until) + self.patience
    }

    /// Says whether no later question was answered.
    fn is_queued(&self, account: &PullWindow) -> bool {
        account.number <= self.number
    }
}
