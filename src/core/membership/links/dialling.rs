//! When a link is dialled: again and again while its far end was there a moment ago or may be starting, then once in a
//! while, with growing waits; an address that was merely told once at a time, and few of these at one time. And who gives
//! way when the table is full. Spec: section 6.6.

use super::{link::Link, peers::Peers, table::Table};
use crate::core::{
    config::Timing,
    event::{Dial, LinkId},
    membership::output::Output,
    stats::Counter,
    time::Mono,
};
use std::{cmp::Reverse, time::Duration};

/// Most addresses that greeted, and have never answered, that are dialled at one time.
pub(super) const UNPROVEN_MAX: usize = 32;

/// How much longer the waits of a link grow that no operator asked for here.
const GREETED_WAITS: u32 = 16;

/// How many greeting intervals one attempt has.
pub(super) const TRIES: u32 = 3;

/// Whether a link has a connection, or is to have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is dialled. A declared one that is not up by then rests.
    Open(Mono),
    /// It is not dialled before that.
    Resting(Mono),
    /// It waits until fewer others are dialled.
    Queued,
}

/// How one link is dialled.
#[derive(Debug, Clone)]
pub(super) struct Dialling {
    state: State,
    /// How the connection that it has was asked for.
    dial: Dial,
    /// When it was asked for.
    at: Mono,
    /// How often it has rested since it was up.
    rests: u32,
    /// Whether an operator named the address here, or a node of the network has answered there.
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

    fn is_resting(&self) -> bool {
        matches!(self.state, State::Resting(_))
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

    /// If it is dialled, it is until then.
    pub(super) fn end_at(&mut self, end: Mono) {
        if self.is_open() {
            self.state = State::Open(end);
        }
    }

    /// When it is to be dialled, or has been for long enough.
    pub(super) fn deadline(&self) -> Option<Mono> {
        match self.state {
            State::Open(end) | State::Resting(end) => Some(end),
            State::Queued => None,
        }
    }

    fn connect(&mut self, now: Mono) {
        (self.dial, self.at) = (self.dial(), now);
    }

    /// How it is dialled now.
    fn dial(&self) -> Dial {
        if self.is_trusted && self.rests == 0 { Dial::Again } else { Dial::Once }
    }

    /// How long it is dialled, or one attempt lasts.
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

impl Link {
    /// Whether it was opened because its far end greeted, and nobody has answered there yet.
    fn is_unproven(&self) -> bool {
        !self.dialling.is_trusted && self.bond.is_answer
    }

    /// Whether it belongs to what was declared: an operator asked for it here, or it may come up any moment.
    pub(super) fn is_waited_for(&self) -> bool {
        self.bond.is_declared() && (self.bond.is_named || !self.dialling.is_resting())
    }

    /// Whether it may be forgotten for another: no operator asked for it here, and it has been silent for as long as a
    /// neighbour that is taken for dead.
    fn is_dead(&self, now: Mono, timing: &Timing) -> bool {
        let silence = timing.ping_interval * (timing.pings_missed_max + 2) + timing.suspicion;
        !self.up && !self.bond.is_named && now.since(self.sign) >= silence
    }
}

impl Peers {
    /// Gives a link a connection, unless it has one or must wait for its turn.
    pub(super) fn dial(&mut self, now: Mono, id: LinkId) {
        let is_full = unproven(&self.links) >= UNPROVEN_MAX;
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.dialling.is_open()) else { return };
        if is_full && link.is_unproven() {
            link.dialling.state = State::Queued;
            self.has_queued = true;
            return;
        }
        link.begin_anew();
        link.next_greeting = now + self.timing.hello_interval;
        let end = link.expires.unwrap_or(now + self.timing.hello_interval * TRIES);
        link.expires = (!link.bond.is_declared()).then_some(end);
        link.dialling.connect(now);
        link.dialling.state = State::Open(now + link.dialling.patience(&self.timing));
        self.slots.set_open(link.slot, true);
        self.out.push(Output::Connect(id, link.endpoint.clone(), link.dialling.dial));
    }

    /// Dials those that wait for their turn, as far as there is room: who was tried least, and of these who greeted last, so
    /// that a crowd of the dead keeps a newcomer waiting for no longer than one attempt.
    pub fn dial_queued(&mut self, now: Mono) {
        while self.has_queued && unproven(&self.links) < UNPROVEN_MAX {
            let queued = self.links.iter().filter(|(_, link)| link.dialling.state == State::Queued);
            match queued.min_by_key(|(id, link)| (link.dialling.rests, Reverse(**id))).map(|(&id, _)| id) {
                Some(id) => self.dial(now, id),
                None => self.has_queued = false,
            }
        }
    }

    /// Takes the connection of a link away.
    pub(super) fn hang_up(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|link| link.dialling.is_open()) {
            self.out.push(Output::Disconnect(id));
        }
    }

    /// Dials a link anew, and no longer for that: its connection is worth nothing.
    pub(super) fn redial(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.dialling.is_open()) else { return };
        link.begin_anew();
        link.next_greeting = now + self.timing.hello_interval;
        link.dialling.connect(now);
        let connect = Output::Connect(id, link.endpoint.clone(), link.dialling.dial);
        self.out.extend([Output::Disconnect(id), connect]);
    }

    /// A link that does not come up has no connection for a while; each time for longer.
    pub(super) fn rest(&mut self, now: Mono, id: LinkId) {
        self.hang_up(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        link.begin_anew();
        link.dialling.rests = link.dialling.rests.saturating_add(1);
        let wait = link.dialling.wait(link.bond.is_named, &self.timing);
        link.dialling.state = State::Resting(now + self.rng.about(wait));
        self.slots.set_open(link.slot, false);
    }

    /// A link whose greeting was refused need not greet again soon.
    pub(super) fn rest_if_down(&mut self, now: Mono, id: LinkId) {
        let is_meant = |link: &Link| link.is_greeted() && link.bond.is_declared();
        if self.links.get(&id).is_some_and(is_meant) {
            self.rest(now, id);
        }
    }

    /// The far end of a link says something by a link of its own: it is there. One that has answered before is dialled at
    /// once. One that has not may have named anybody's address: it is dialled again, but seldom.
    pub(super) fn wake(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let State::Resting(until) = link.dialling.state else { return };
        if link.dialling.is_trusted {
            return self.dial(now, id);
        }
        link.dialling.state = State::Resting(until.min(link.dialling.at + self.timing.redial_max));
    }

    /// A link is dialled for as long as it should, or has rested.
    pub(super) fn turn_over(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get(&id).filter(|link| !link.up) else { return };
        match link.dialling.state {
            State::Open(end) if end <= now && link.bond.is_declared() => self.rest(now, id),
            State::Resting(end) if end <= now => self.dial(now, id),
            _ => {}
        }
    }

    /// A connection that was to be made once is gone, and its far end was there: from now on it is dialled as one that was.
    pub(super) fn keep_dialling(&mut self, now: Mono, id: LinkId) {
        let is_meant = |link: &Link| link.dialling.is_open() && link.dialling.dial != link.dialling.dial();
        if self.links.get(&id).is_some_and(|link| is_meant(link) && link.dialling.dial() == Dial::Again) {
            self.redial(now, id);
        }
    }

    /// Makes room for `count` further links: the longest dead that no operator named here give way, first of all those that
    /// never answered. Says whether there is room; if not, nobody was forgotten.
    pub(super) fn make_room(&mut self, now: Mono, count: usize) -> bool {
        let surplus = (self.links.len() + count).saturating_sub(self.peers_max);
        if surplus == 0 {
            return true;
        }
        let mut dead: Vec<_> = self.links.iter().filter(|(_, link)| link.is_dead(now, &self.timing)).collect();
        dead.sort_by_key(|(id, link)| (link.dialling.is_trusted, link.sign, **id));
        let dead: Vec<LinkId> = dead.into_iter().map(|(&id, _)| id).take(surplus).collect();
        if dead.len() < surplus {
            return false;
        }
        for id in dead {
            self.out.count(Counter::Forgotten, None);
            self.give_up(id, None);
        }
        true
    }
}

fn unproven(links: &Table) -> usize {
    links.values().filter(|link| link.dialling.is_open() && !link.up && link.is_unproven()).count()
}
