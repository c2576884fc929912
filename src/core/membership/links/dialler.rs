//! Dialling of links, some of which wait for their turn; and the choice of links that give way when the table is full. Spec:
//! section 6.6.

use super::{link::Link, peers::Peers, table::Table};
use crate::core::{
    config::Timing,
    event::{Dial, LinkId},
    membership::output::Output,
    stats::Counter,
    time::Mono,
};
use std::cmp::Reverse;

/// Most addresses that greeted, and have never answered, that are dialled at one time.
pub(super) const UNPROVEN_MAX: usize = 32;

impl Link {
    /// True if it was opened because its far end greeted, and nobody has answered there yet.
    fn is_unproven(&self) -> bool {
        !self.dialling().is_trusted() && self.purpose().is_answer()
    }

    /// True if it is declared, and an operator asked for it here or it may come up any moment.
    pub(super) fn is_waited_for(&self) -> bool {
        self.is_declared() && (self.purpose().is_named() || !self.dialling().is_resting())
    }

    /// True if it may be forgotten for another: no operator asked for it here, and it has been silent for as long as a
    /// neighbour that is taken for dead.
    fn is_dead(&self, now: Mono, timing: &Timing) -> bool {
        let silence = timing.ping_interval * (timing.pings_missed_max + 2) + timing.suspicion;
        !self.is_up() && !self.purpose().is_named() && now.since(self.signs().heard_at()) >= silence
    }
}

impl Peers {
    /// Gives a link a connection, unless it has one or must wait for its turn.
    pub(super) fn dial(&mut self, now: Mono, id: LinkId) {
        let is_full = unproven(&self.links) >= UNPROVEN_MAX;
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.dialling().is_open()) else { return };
        if is_full && link.is_unproven() {
            link.dialling_mut().queue();
            self.has_queued = true;
            return;
        }
        self.out.push(link.dial(id, now, &self.timing));
        self.slots.set_open(link.slot(), true);
    }

    /// Dials those that wait for their turn, as far as there is room: who was tried least, and of these who greeted last, so
    /// that a crowd of the dead keeps a newcomer waiting for no longer than one attempt.
    pub(crate) fn dial_queued(&mut self, now: Mono) {
        while self.has_queued && unproven(&self.links) < UNPROVEN_MAX {
            let queued = self.links.iter().filter(|(_, link)| link.dialling().is_queued());
            match queued.min_by_key(|(id, link)| (link.dialling().rests(), Reverse(**id))).map(|(&id, _)| id) {
                Some(id) => self.dial(now, id),
                None => self.has_queued = false,
            }
        }
    }

    /// Takes the connection of a link away.
    pub(super) fn hang_up(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|link| link.dialling().is_open()) {
            self.out.push(Output::Disconnect(id));
        }
    }

    /// Dials a link anew, and no longer for that: its connection is worth nothing.
    pub(super) fn redial(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.dialling().is_open()) else { return };
        self.out.extend(link.redial(id, now, &self.timing));
    }

    /// A link that does not come up has no connection for a while; each time for longer.
    pub(super) fn rest(&mut self, now: Mono, id: LinkId) {
        self.hang_up(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        link.rest(now, &self.timing, &mut self.rng);
        self.slots.set_open(link.slot(), false);
    }

    /// A link whose greeting was refused need not greet again soon.
    pub(super) fn rest_if_down(&mut self, now: Mono, id: LinkId) {
        let is_meant = |link: &Link| link.is_greeted() && link.is_declared();
        if self.links.get(&id).is_some_and(is_meant) {
            self.rest(now, id);
        }
    }

    /// The far end of a link says something by a link of its own: it is there. One that has answered before is dialled at
    /// once. One that has not may have named anybody's address: it is dialled again, but seldom.
    pub(super) fn wake(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.dialling().is_resting()) else { return };
        if link.dialling().is_trusted() {
            return self.dial(now, id);
        }
        link.dialling_mut().hasten(self.timing.redial_max);
    }

    /// A link is dialled for as long as it should, or has rested.
    pub(super) fn turn_over(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get(&id).filter(|link| !link.is_up()) else { return };
        let is_over = link.dialling().deadline().is_some_and(|end| end <= now);
        if is_over && link.dialling().is_resting() {
            self.dial(now, id);
        } else if is_over && link.is_declared() {
            self.rest(now, id);
        }
    }

    /// A connection that was to be made once is gone, and its far end was there: from now on it is dialled as one that was.
    pub(super) fn keep_dialling(&mut self, now: Mono, id: LinkId) {
        let has_changed = self.links.get(&id).and_then(|link| link.dialling().has_changed());
        if has_changed == Some(Dial::Again) {
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
        dead.sort_by_key(|(id, link)| (link.dialling().is_trusted(), link.signs().heard_at(), **id));
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
    links.values().filter(|link| link.dialling().is_open() && !link.is_up() && link.is_unproven()).count()
}
