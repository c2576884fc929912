//! Questions that are in flight: what was asked of whom and has not come yet.

use crate::core::{id::ranges::Ranges, slots::Slot, time::Mono};
use std::time::Duration;

/// Part of T2 beside two round trips.
const PATIENCE: Duration = Duration::from_millis(50);
/// No silence counts for more.
const SILENCE_MAX: Duration = Duration::from_millis(500);

/// Messages that were asked of one source and have not come yet.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) to: Slot,
    pub(super) open: Ranges,
    /// The part of it that comes unasked.
    pub(super) unasked: Ranges,
    /// Counts the questions of this node, so that a later one can be seen to be answered before this one.
    pub(super) number: u64,
    /// The time when it was asked or brought something.
    pub(super) heard: Mono,
    /// Longest time in which it may bring nothing.
    pub(super) patience: Duration,
}

/// Messages outstanding at one peer, over all streams.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PullWindow {
    /// Messages asked for.
    pub(super) open: u64,
    /// The time when the latest of them came, or the first of them was asked for.
    pub(super) heard: Mono,
    /// The number of the question that was answered last.
    pub(super) number: u64,
    /// Until when it may send something large, between whose pieces nothing else need come.
    pub(super) busy_until: Mono,
    /// Longest time for which it may be silent and still answer, as was seen lately: a machine that is busy takes longer than its round
    /// trips in quiet times tell.
    silence: Duration,
}

impl PullWindow {
    /// T2: how long a question may bring nothing.
    pub(super) fn patience(&self, round_trip: Duration) -> Duration {
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
        self.open -= question.open.count();
        if question.is_queued(self) {
            self.note_silence(question.patience);
        }
    }

    fn note_silence(&mut self, silence: Duration) {
        self.silence = self.silence.max(silence).min(SILENCE_MAX);
    }
}

impl InFlight {
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
