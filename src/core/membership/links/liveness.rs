//! Liveness of neighbours: silence, probes, suspicion, and the confidence of a node in its own timers. Each node judges
//! its neighbours alone, by what they say over either link; whether its own link works is another question
//! ([`proof`](super::proof)). SWIM (DSN 2002) with Lifeguard's local health (2017).

use super::proof::{Check, Proof};
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
pub(crate) enum SilenceAction {
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
pub(crate) struct Liveness {
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
    pub(crate) fn new(now: Mono, timing: &Timing) -> Self {
        let next = now + timing.ping_interval;
        Self { state: MemberState::Up, heard: now, probes: 0, since: now, lost: None, next }
    }

    /// The present state.
    pub(crate) fn state(&self) -> MemberState {
        self.state
    }

    /// The time at which [`step`](Self::step) has something to do next.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        (self.state != MemberState::Down).then_some(self.next)
    }

    /// True if it lives and has spoken lately.
    pub(crate) fn is_talking(&self, now: Mono, timing: &Timing) -> bool {
        self.state == MemberState::Up && now.since(self.heard) <= timing.ping_interval * 2
    }

    /// The neighbour says something. Says whether that ends a suspicion. If the connection to it was lost (`is_linked` is
    /// false), what comes within an interval may have been under way before it died, and the suspicion begins anew.
    pub(crate) fn heard(&mut self, now: Mono, is_linked: bool, timing: &Timing) -> bool {
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
    pub(crate) fn met(&mut self, now: Mono, timing: &Timing) -> bool {
        std::mem::replace(self, Self::new(now, timing)).state != MemberState::Up
    }

    /// The connection is lost: it is suspected at once. Says whether that is news.
    pub(crate) fn lost(&mut self, now: Mono, timing: &Timing) -> bool {
        let is_news = self.state == MemberState::Up;
        if is_news {
            self.suspect(now, timing);
            self.lost = Some(now);
        }
        is_news
    }

    /// It has said that it stops: down, without suspicion.
    pub(crate) fn stop(&mut self) {
        self.state = MemberState::Down;
    }

    /// Its silence until `until` proves nothing: bytes are still on their way to it that an answer has to wait for.
    pub(crate) fn excuse(&mut self, until: Mono) {
        match self.state {
            MemberState::Up if self.probes > 0 => self.next = self.next.max(until),
            MemberState::Suspect => self.since = self.since.max(until),
            MemberState::Up | MemberState::Down => {}
        }
    }

    /// Its silence so far proves nothing.
    pub(crate) fn forgive(&mut self, now: Mono, timing: &Timing) {
        match self.state {
            MemberState::Up => *self = Self::new(now, timing),
            MemberState::Suspect => self.suspect(now, timing),
            MemberState::Down => {}
        }
    }

    /// The next step, if one is due.
    pub(crate) fn step(&mut self, now: Mono, health: LocalHealth, timing: &Timing) -> Option<SilenceAction> {
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

/// The signs of life of the far end of a link, and the proof that the link leads there.
#[derive(Debug)]
pub(super) struct Signs {
    /// The time at which it was heard last, or since which there was something to hear.
    heard_at: Mono,
    /// Of no meaning while the link is not up.
    proof: Proof,
    /// `None` until the two have met.
    liveness: Option<Liveness>,
}

impl Signs {
    /// None yet.
    pub(super) fn new(now: Mono, timing: &Timing) -> Self {
        Self { heard_at: now, proof: Proof::new(now, timing), liveness: None }
    }

    pub(super) fn heard_at(&self) -> Mono {
        self.heard_at
    }

    /// The state of the far end, once it was met.
    pub(super) fn state(&self) -> Option<MemberState> {
        self.liveness.as_ref().map(Liveness::state)
    }

    /// The time of the next step; `is_up`: the link has to prove itself.
    pub(super) fn deadline(&self, is_up: bool) -> Option<Mono> {
        let life = self.liveness.as_ref().and_then(Liveness::deadline);
        Mono::earliest([is_up.then(|| self.proof.deadline()), life])
    }

    /// Forgets the far end: it is another node.
    pub(super) fn forget(&mut self) {
        self.liveness = None;
    }

    /// The link is not up any more.
    pub(super) fn note_fall(&mut self, now: Mono) {
        self.heard_at = now;
    }

    /// The link has just come up.
    pub(super) fn prove_anew(&mut self, now: Mono, timing: &Timing) {
        self.proof = Proof::new(now, timing);
    }

    /// Something has come back over the link.
    pub(super) fn answered(&mut self, now: Mono, timing: &Timing) {
        self.proof.answered(now, timing);
    }

    /// A probe was sent.
    pub(super) fn probed(&mut self, now: Mono, timing: &Timing) {
        self.proof.probed(now, timing);
    }

    /// A probe was answered. Gives the time at which it was sent, unless no such probe waits.
    pub(super) fn on_pong(&mut self, now: Mono, token: u64, timing: &Timing) -> Option<Mono> {
        self.proof.on_pong(now, token, timing)
    }

    /// The next probe is sent by then at the latest.
    pub(super) fn probe_by(&mut self, at: Mono) {
        self.proof.hasten(at);
    }

    /// The link may be in use.
    pub(super) fn note_use(&mut self, now: Mono, timing: &Timing) {
        self.proof.used(now, timing);
    }

    /// There is reason to think that the connection leads nowhere. Says whether that is news.
    pub(super) fn doubt(&mut self, now: Mono, timing: &Timing) -> bool {
        self.proof.doubt(now, timing)
    }

    /// The next step of the proof, if one is due.
    pub(super) fn check_proof(&mut self, now: Mono, timing: &Timing) -> Option<Check> {
        let is_talking = self.liveness.as_ref().is_some_and(|life| life.is_talking(now, timing));
        self.proof.step(now, is_talking, timing)
    }

    /// The next step about a silent far end, if one is due.
    pub(super) fn check_silence(&mut self, now: Mono, health: LocalHealth, timing: &Timing) -> Option<SilenceAction> {
        self.liveness.as_mut()?.step(now, health, timing)
    }

    /// The far end has said something. Says whether a suspicion ends; then the link has to prove itself anew.
    pub(super) fn heard(&mut self, now: Mono, is_up: bool, timing: &Timing) -> bool {
        self.heard_at = now;
        let is_back = self.liveness.as_mut().is_some_and(|life| life.heard(now, is_up, timing));
        if is_back {
            self.proof.begin_again(now);
        }
        is_back
    }

    /// The two have met. Says whether the far end was suspected or down.
    pub(super) fn met(&mut self, now: Mono, timing: &Timing) -> bool {
        let has_changed = self.liveness.as_mut().is_some_and(|life| life.met(now, timing));
        self.liveness.get_or_insert_with(|| Liveness::new(now, timing));
        has_changed
    }

    /// The connection is lost. Says whether the far end is suspected from now on.
    pub(super) fn lost(&mut self, now: Mono, timing: &Timing) -> bool {
        self.liveness.as_mut().is_some_and(|life| life.lost(now, timing))
    }

    /// The far end has said that it stops.
    pub(super) fn stopped(&mut self) {
        self.liveness.iter_mut().for_each(Liveness::stop);
    }

    /// Silence until `until` proves nothing.
    pub(super) fn excuse(&mut self, until: Mono) {
        self.proof.excuse(until);
        self.liveness.iter_mut().for_each(|life| life.excuse(until));
    }

    /// All silence so far proves nothing.
    pub(super) fn forgive(&mut self, now: Mono, timing: &Timing) {
        self.proof.forgive(now, timing);
        self.liveness.iter_mut().for_each(|life| life.forgive(now, timing));
    }

    /// The time of the last probe that waits for its answer.
    #[cfg(test)]
    pub(super) fn last_probe(&self) -> Option<Mono> {
        self.proof.last_probe()
    }
}

#[cfg(test)]
#[path = "liveness/tests.rs"]
mod tests;
