//! Proof that one link leads to its peer: only what comes back over its own connection is one. A peer that speaks over the
//! link that it opened itself lives, and says nothing of ours. Spec: `docs/spec/gossip-bus.md`, *Signs of life*.

use crate::core::{config::Timing, time::Mono};
use std::{collections::VecDeque, time::Duration};

/// Most probes that may wait for their answers; the earliest is forgotten first.
const WAITING_MAX: usize = 16;
/// Intervals that an idle link goes without an answer before it is probed.
const IDLE: u32 = 4;
/// Probes in quick succession before a link counts as failed, and the number of them that fit into an interval: where frames
/// are lost by chance, or processors are busy, one of them is answered.
const CALLS: u32 = 12;
const CALLS_AN_INTERVAL: u32 = 16;

/// A step that is due on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Ask for an answer.
    Probe,
    /// There was none for too long.
    Failed,
}

/// The proof of one link that is up.
///
/// It is probed when there was no answer for an interval in which it may have been used, or for four; then at that interval
/// until there is one. When `pings_missed_max` of them stay unanswered, or there is doubt, a few are sent in quick succession.
/// The last has half an interval for its answer; then the proof has failed, and fails again each half interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Proof {
    /// Probes that wait for their answers, by the times that are their tokens; ascending.
    waiting: VecDeque<Mono>,
    /// Probes since the last answer, those that were missed for a doubt included; no more are counted than it takes to fail.
    missed: u32,
    /// The time of the next step.
    next: Mono,
    /// The time until which it may be in use.
    used_until: Mono,
    /// The time since which there is reason to think that the connection leads nowhere: only the answer to a later probe ends that.
    doubted: Option<Mono>,
    /// The time until which silence proves nothing: bytes are still on their way that an answer has to wait for.
    excused: Mono,
}

impl Proof {
    /// The proof of a link that has just been answered.
    pub(super) fn new(now: Mono, timing: &Timing) -> Self {
        let next = now + timing.ping_interval * IDLE;
        Self { waiting: VecDeque::new(), missed: 0, next, used_until: Mono(0), doubted: None, excused: Mono(0) }
    }

    /// The time at which [`step`](Self::step) has something to do next.
    pub(super) fn deadline(&self) -> Mono {
        self.next
    }

    /// The time of the last probe that waits for its answer.
    #[cfg(test)]
    pub(super) fn last_probe(&self) -> Option<Mono> {
        self.waiting.back().copied()
    }

    /// Something came back over the link.
    pub(super) fn answered(&mut self, now: Mono, timing: &Timing) {
        if self.doubted.is_none() {
            self.rest(now, timing);
        }
    }

    /// A probe was sent.
    pub(super) fn probed(&mut self, now: Mono, timing: &Timing) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(now);
        // The last of them has had its probe: another puts nothing off.
        if self.missed < timing.pings_missed_max + CALLS {
            self.missed += 1;
            self.next = now + self.wait(timing);
        }
    }

    /// The time that the last probe has for its answer before something else is done.
    fn wait(&self, timing: &Timing) -> Duration {
        let (interval, max) = (timing.ping_interval, timing.pings_missed_max);
        match self.missed {
            missed if missed < max => interval,
            missed if missed < max + CALLS => interval / CALLS_AN_INTERVAL,
            _ => interval / 2,
        }
    }

    /// A probe was answered. Gives when it was sent, unless no such probe waits.
    pub(super) fn on_pong(&mut self, now: Mono, token: u64, timing: &Timing) -> Option<Mono> {
        let sent = Mono(token);
        let index = self.waiting.binary_search(&sent).ok()?;
        self.waiting.drain(..=index);
        if self.doubted.is_none_or(|since| since <= sent) {
            self.doubted = None;
            self.rest(now, timing);
        }
        Some(sent)
    }

    /// There is reason to think that the connection leads nowhere; a probe is sent now. Says whether that is news.
    pub(super) fn doubt(&mut self, now: Mono, timing: &Timing) -> bool {
        let is_news = self.doubted.is_none();
        if is_news {
            (self.doubted, self.missed) = (Some(now), timing.pings_missed_max);
        }
        is_news
    }

    /// The far end has been silent and is heard again, over its own link. What it left unanswered while it hung says nothing
    /// of this one; from now on it has to answer, however seldom it is heard.
    pub(super) fn begin_again(&mut self, now: Mono) {
        if self.doubted.is_none() {
            (self.doubted, self.missed, self.next) = (Some(now), 0, now);
        }
    }

    /// True if it is in doubt.
    #[cfg(test)]
    pub(super) fn is_doubted(&self) -> bool {
        self.doubted.is_some()
    }

    /// The next probe is sent by then at the latest.
    pub(super) fn hasten(&mut self, at: Mono) {
        if self.missed == 0 {
            self.next = self.next.min(at);
        }
    }

    /// The link may be in use: it proves itself within an interval.
    pub(super) fn used(&mut self, now: Mono, timing: &Timing) {
        self.used_until = now + timing.ping_interval;
        self.hasten(self.used_until);
    }

    /// Silence until `until` proves nothing.
    pub(super) fn excuse(&mut self, until: Mono) {
        self.excused = self.excused.max(until);
    }

    /// All silence so far proves nothing.
    pub(super) fn forgive(&mut self, now: Mono, timing: &Timing) {
        self.doubted = None;
        self.rest(now, timing);
    }

    /// The next step, if one is due. A probe is due until it was [sent](Self::probed). `is_talking`: the far end has been heard
    /// lately, over its own link. If not, it may hang, and this decides nothing: it is probed and judged for its silence.
    pub(super) fn step(&mut self, now: Mono, is_talking: bool, timing: &Timing) -> Option<Check> {
        let max = timing.pings_missed_max;
        if now < self.next {
            return None;
        }
        if self.missed < max {
            return Some(Check::Probe);
        }
        if !is_talking && self.doubted.is_none() {
            self.next = now + timing.ping_interval / 2;
            return None;
        }
        if self.missed < max + CALLS {
            return Some(Check::Probe);
        }
        self.next = now + timing.ping_interval / 2;
        Some(if now < self.excused { Check::Probe } else { Check::Failed })
    }

    fn rest(&mut self, now: Mono, timing: &Timing) {
        let intervals = if now < self.used_until { 1 } else { IDLE };
        (self.missed, self.next) = (0, now + timing.ping_interval * intervals);
    }
}

#[cfg(test)]
#[path = "proof/tests.rs"]
mod tests;
