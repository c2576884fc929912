//! Liveness of neighbours: silence, probes, suspicion, and the confidence of a node in its own timers. Each node judges
//! its neighbours alone, by what they say over either link; whether its own link works is another question
//! ([`proof`](super::proof)). SWIM (DSN 2002) with Lifeguard's local health (2017).

use crate::core::{config::Timing, neighbours::MemberState, time::Mono};
use std::time::Duration;

/// Lateness of a timer from which on a node doubts itself; it is never more than the interval of probes.
const LATE: Duration = Duration::from_millis(250);

/// Local health of a node (Lifeguard): 0 if its timers run on time, up to 7 if they do not. Its suspicions last so many times
/// longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalHealth(u32);

impl LocalHealth {
    /// The worst score.
    pub const WORST: u32 = 7;

    /// The score.
    pub fn score(self) -> u32 {
        self.0
    }

    /// A timer that was due at `due` runs at `now`. Says whether that is so late that the silence of others proves
    /// nothing: it may be this node that did not listen.
    pub fn on_timer(&mut self, now: Mono, due: Mono, timing: &Timing) -> bool {
        let is_late = now.since(due) > LATE.min(timing.ping_interval);
        self.0 = (self.0 + u32::from(is_late)).min(Self::WORST);
        is_late
    }

    /// A probe came back: this node sends, listens and is heard.
    pub fn on_pong(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }

    /// The length of a suspicion.
    fn patience(self, timing: &Timing) -> Duration {
        timing.suspicion * (1 + self.0)
    }
}

/// A step that is due when a neighbour has been silent for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceAction {
    /// Ask whether it is there.
    Probe,
    /// It is suspected from now on; ask once more.
    Suspect,
    /// It is down from now on.
    Down,
}

/// The liveness of one neighbour.
///
/// Silent for `ping_interval`, it is probed at that interval. The last of `pings_missed_max` probes has half an interval
/// for its answer; then the neighbour is suspected, probed twice as often, and after the suspicion it is down. A single
/// sign of life, over either link, ends all that but the state *down*, which ends when the two have met again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liveness {
    state: MemberState,
    /// The time at which it was heard last.
    heard: Mono,
    /// Probes since then.
    probes: u32,
    /// The time since which it is suspected.
    since: Mono,
    /// The time at which the connection was lost, if that is why it is suspected.
    lost: Option<Mono>,
    /// The time of the next step; there is none when it is down.
    next: Mono,
}

impl Liveness {
    /// The liveness of a neighbour that is heard for the first time.
    pub fn new(now: Mono, timing: &Timing) -> Self {
        let next = now + timing.ping_interval;
        Self { state: MemberState::Up, heard: now, probes: 0, since: now, lost: None, next }
    }

    /// The present state.
    pub fn state(&self) -> MemberState {
        self.state
    }

    /// The time at which [`step`](Self::step) has something to do next.
    pub fn deadline(&self) -> Option<Mono> {
        (self.state != MemberState::Down).then_some(self.next)
    }

    /// True if it lives and has spoken lately.
    pub fn is_talking(&self, now: Mono, timing: &Timing) -> bool {
        self.state == MemberState::Up && now.since(self.heard) <= timing.ping_interval * 2
    }

    /// The neighbour says something. Says whether that ends a suspicion. If the connection to it was lost (`is_linked` is
    /// false), what comes within an interval may have been under way before it died, and the suspicion begins anew.
    pub fn heard(&mut self, now: Mono, is_linked: bool, timing: &Timing) -> bool {
        let may_be_late = |lost: Mono| now.since(lost) < timing.ping_interval;
        match self.state {
            MemberState::Down => false,
            MemberState::Suspect if !is_linked && self.lost.is_some_and(may_be_late) => {
                self.since = now;
                false
            }
            before => {
                *self = Self::new(now, timing);
                before == MemberState::Suspect
            }
        }
    }

    /// The two have met, again as a rule. Says whether the state was another before.
    pub fn met(&mut self, now: Mono, timing: &Timing) -> bool {
        std::mem::replace(self, Self::new(now, timing)).state != MemberState::Up
    }

    /// The connection is lost: it is suspected at once. Says whether that is news.
    pub fn lost(&mut self, now: Mono, timing: &Timing) -> bool {
        let is_news = self.state == MemberState::Up;
        if is_news {
            self.suspect(now, timing);
            self.lost = Some(now);
        }
        is_news
    }

    /// It has said that it stops: down, without suspicion.
    pub fn stop(&mut self) {
        self.state = MemberState::Down;
    }

    /// Its silence until `until` proves nothing: bytes are still on their way to it that an answer has to wait for.
    pub fn excuse(&mut self, until: Mono) {
        match self.state {
            MemberState::Up if self.probes > 0 => self.next = self.next.max(until),
            MemberState::Suspect => self.since = self.since.max(until),
            MemberState::Up | MemberState::Down => {}
        }
    }

    /// Its silence so far proves nothing.
    pub fn forgive(&mut self, now: Mono, timing: &Timing) {
        match self.state {
            MemberState::Up => *self = Self::new(now, timing),
            MemberState::Suspect => self.suspect(now, timing),
            MemberState::Down => {}
        }
    }

    /// The next step, if one is due.
    pub fn step(&mut self, now: Mono, health: LocalHealth, timing: &Timing) -> Option<SilenceAction> {
        if self.deadline().is_none_or(|due| now < due) {
            return None;
        }
        let half = timing.ping_interval / 2;
        match self.state {
            MemberState::Up if self.probes < timing.pings_missed_max => {
                self.probes += 1;
                let is_last = self.probes == timing.pings_missed_max;
                self.next = now + if is_last { half } else { timing.ping_interval };
                Some(SilenceAction::Probe)
            }
            MemberState::Up => {
                self.suspect(now, timing);
                Some(SilenceAction::Suspect)
            }
            _ => {
                let end = self.since + health.patience(timing);
                if now >= end {
                    self.state = MemberState::Down;
                    return Some(SilenceAction::Down);
                }
                self.next = end.min(now + half);
                Some(SilenceAction::Probe)
            }
        }
    }

    fn suspect(&mut self, now: Mono, timing: &Timing) {
        let next = now + timing.suspicion.min(timing.ping_interval / 2);
        (self.state, self.since, self.next) = (MemberState::Suspect, now, next);
    }
}

#[cfg(test)]
#[path = "liveness/tests.rs"]
mod tests;
