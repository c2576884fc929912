//! The times at which a link is dialled: again and again while its far end was there a moment ago or may be starting, then once in a
//! while, with growing waits; an address that was merely told once at a time, and few of these at one time. Spec: section 6.6.

use crate::core::{config::Timing, event::Dial, time::Mono};
use std::time::Duration;

/// Factor by which the waits of a link grow longer if no operator asked for it here.
const GREETED_WAITS: u32 = 16;

/// Greeting intervals that one attempt has.
pub(super) const TRIES: u32 = 3;

/// The longest distance between two times at which a link is opened anew, in doublings of `hello_interval`.
const DOUBLINGS: u32 = 3;

/// The connection of a link, or the wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is dialled. A declared one that is not up by then rests.
    Open(Mono),
    /// It is not dialled before that.
    Resting(Mono),
    /// It waits until fewer others are dialled.
    Queued,
}

/// The dialling of one link.
#[derive(Debug, Clone)]
pub(super) struct Dialling {
    state: State,
    /// The manner in which the connection that it has was asked for.
    dial: Dial,
    /// The time at which it was asked for.
    at: Mono,
    /// Number of rests since it was up.
    rests: u32,
    /// True if an operator named the address here, or a node of the network has answered there.
    is_trusted: bool,
}

impl Dialling {
    /// Not dialled yet.
    pub(super) fn new(now: Mono, is_trusted: bool) -> Self {
        Self { state: State::Queued, dial: Dial::Once, at: now, rests: 0, is_trusted }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting(_))
    }

    pub(super) fn is_queued(&self) -> bool {
        self.state == State::Queued
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// Number of rests since it was up.
    pub(super) fn rests(&self) -> u32 {
        self.rests
    }

    /// It waits until fewer others are dialled.
    pub(super) fn queue(&mut self) {
        self.state = State::Queued;
    }

    /// It is dialled from now on.
    pub(super) fn open(&mut self, now: Mono, timing: &Timing) {
        self.connect(now);
        self.state = State::Open(now + self.patience(timing));
    }

    /// It has no connection for a while, longer each time; gives how long. See [`rest_until`](Self::rest_until).
    pub(super) fn next_rest(&mut self, is_named: bool, timing: &Timing) -> Duration {
        self.rests = self.rests.saturating_add(1);
        self.wait(is_named, timing)
    }

    pub(super) fn rest_until(&mut self, end: Mono) {
        self.state = State::Resting(end);
    }

    /// While it rests: its far end was heard. It rests no longer than until `wait` after it was dialled last.
    pub(super) fn hasten(&mut self, wait: Duration) {
        if let State::Resting(until) = self.state {
            self.state = State::Resting(until.min(self.at + wait));
        }
    }

    /// The way in which it is to be dialled now, if its connection was asked for in another.
    pub(super) fn has_changed(&self) -> Option<Dial> {
        Some(self.dial()).filter(|dial| self.is_open() && *dial != self.dial)
    }

    /// The manner in which the connection that it has was asked for.
    pub(super) fn asked(&self) -> Dial {
        self.dial
    }

    pub(super) fn trust(&mut self) {
        self.is_trusted = true;
    }

    /// Its far end has answered: it is dialled for a while if that ends.
    pub(super) fn answered(&mut self) {
        (self.is_trusted, self.rests) = (true, 0);
    }

    /// Its far end was there until now: it is dialled for a while.
    pub(super) fn go_on(&mut self, now: Mono, timing: &Timing) {
        self.end_at(now + self.patience(timing));
    }

    /// Sets the end of the present attempt, if there is one.
    pub(super) fn end_at(&mut self, end: Mono) {
        if self.is_open() {
            self.state = State::Open(end);
        }
    }

    /// The time at which it is to be dialled, or has been for long enough.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Open(end) | State::Resting(end) => Some(end),
            State::Queued => None,
        }
    }

    pub(super) fn connect(&mut self, now: Mono) {
        (self.dial, self.at) = (self.dial(), now);
    }

    /// The manner in which it is dialled now.
    fn dial(&self) -> Dial {
        if self.is_trusted && self.rests == 0 { Dial::Again } else { Dial::Once }
    }

    /// The length of one attempt.
    fn patience(&self, timing: &Timing) -> Duration {
        match self.dial() {
            Dial::Again => timing.redial_max * 2,
            Dial::Once => timing.hello_interval * TRIES,
        }
    }

    /// The wait before the next attempt; `is_named`: an operator asked for the link here.
    fn wait(&self, is_named: bool, timing: &Timing) -> Duration {
        let longest = if is_named { timing.redial_max } else { timing.redial_max * GREETED_WAITS };
        timing.redial_min.saturating_mul(1 << self.rests.saturating_sub(1).min(16)).min(longest)
    }
}

/// Backoff of a link that is opened anew: the distances between two times grow.
#[derive(Debug, Default)]
pub(super) struct Reopening {
    last: Option<Mono>,
    /// Times in a row.
    count: u32,
}

impl Reopening {
    fn wait(&self, timing: &Timing) -> Duration {
        timing.hello_interval * 2_u32.pow(self.count.min(DOUBLINGS))
    }

    pub(super) fn is_due(&self, now: Mono, timing: &Timing) -> bool {
        self.last.is_none_or(|last| now.since(last) >= self.wait(timing))
    }

    pub(super) fn note(&mut self, now: Mono, timing: &Timing) {
        // One that has held for longer than the longest distance is as good as new.
        let is_new =
            self.last.is_none_or(|last| now.since(last) > 2 * self.wait(timing).max(timing.hello_interval * 8));
        self.count = if is_new { 0 } else { self.count.saturating_add(1) };
        self.last = Some(now);
    }
}
