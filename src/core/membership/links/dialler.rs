//! Dialling: the links of a node get connections, some of them when it is their turn, and lose them. Spec: section 6.6.

use super::{
    link::Link,
    purpose::Purpose,
    slot_table::{SlotChanges, SlotTable},
    table::Table,
};
use crate::core::{
    capability::Capabilities,
    config::Timing,
    endpoint::Endpoint,
    event::{Dial, Event, LinkId},
    frame::{Hashes, Introduction},
    id::NodeId,
    membership::output::{Output, Outputs},
    rng::Rng,
    slots::Slot,
    time::Mono,
};
use std::{cmp::Reverse, time::Duration};

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

/// The links of a node, their slots and their connections, and what is to be done about them.
#[derive(Debug)]
pub(super) struct Dialler {
    links: Table,
    slots: SlotTable,
    next_link: u32,
    timing: Timing,
    rng: Rng,
    /// True if links may wait for their turn to be dialled.
    has_queued: bool,
    out: Outputs,
}

impl Dialler {
    /// No links yet. What is left to chance follows from `seed`.
    pub(super) fn new(timing: Timing, seed: u64) -> Self {
        Self {
            links: Table::default(),
            slots: SlotTable::default(),
            next_link: 0,
            timing,
            rng: Rng::new(seed),
            has_queued: false,
            out: Outputs::default(),
        }
    }

    pub(super) fn links(&self) -> &Table {
        &self.links
    }

    pub(super) fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    pub(super) fn links_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.values_mut()
    }

    pub(super) fn slots(&self) -> &SlotTable {
        &self.slots
    }

    /// The changes of slots since they were taken last.
    pub(super) fn take_slot_changes(&mut self) -> SlotChanges {
        self.slots.take_changes()
    }

    pub(super) fn timing(&self) -> &Timing {
        &self.timing
    }

    /// The queue of outputs.
    pub(super) fn out(&mut self) -> &mut Outputs {
        &mut self.out
    }

    /// Opens a link. `is_trusted`: an operator named the address here.
    pub(super) fn open(
        &mut self,
        now: Mono,
        purpose: Purpose,
        node: Option<NodeId>,
        endpoint: Endpoint,
        is_trusted: bool,
    ) {
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let slot = self.slots.enter(id);
        if let Some(node) = &node {
            self.slots.name(slot, node.clone());
        }
        self.links.insert(id, Link::new(slot, purpose, node, endpoint, now, is_trusted, &self.timing));
        self.dial(now, id);
    }

    /// Takes a link out of the table; its connection is still there.
    pub(super) fn remove(&mut self, id: LinkId) -> Option<Link> {
        let link = self.links.remove(&id)?;
        self.slots.leave(link.slot());
        Some(link)
    }

    pub(super) fn close(&mut self, id: LinkId) {
        self.hang_up(id);
        self.remove(id);
    }

    /// Closes links. If one of them was declared, or else by some other reason, says why they were there: because an operator
    /// asked for one here, if it is so.
    pub(super) fn close_all(&mut self, is_meant: impl Fn(&Link) -> bool) -> Option<Purpose> {
        let mut purpose: Option<Purpose> = None;
        for id in self.links.select(is_meant) {
            let other = self.links.get(&id).map(Link::purpose);
            let is_asked_for = other.is_some_and(|other| other.is_declared() && other.is_named());
            let kept = purpose.filter(Purpose::is_declared);
            purpose = kept.map(|kept| if is_asked_for { kept.as_named() } else { kept }).or(other);
            self.close(id);
        }
        purpose
    }

    /// Gives a link a connection, unless it has one or must wait for its turn.
    fn dial(&mut self, now: Mono, id: LinkId) {
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
    pub(super) fn dial_queued(&mut self, now: Mono) {
        while self.has_queued && unproven(&self.links) < UNPROVEN_MAX {
            let queued = self.links.iter().filter(|(_, link)| link.dialling().is_queued());
            match queued.min_by_key(|(id, link)| (link.dialling().rests(), Reverse(**id))).map(|(&id, _)| id) {
                Some(id) => self.dial(now, id),
                None => self.has_queued = false,
            }
        }
    }

    /// Takes the connection of a link away.
    fn hang_up(&mut self, id: LinkId) {
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
    fn rest(&mut self, now: Mono, id: LinkId) {
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

    /// The links that give way to `count` others: the longest dead that no operator named here, first of all those that never
    /// answered. `None`: there are not as many.
    pub(super) fn dead(&self, now: Mono, count: usize) -> Option<Vec<LinkId>> {
        let mut dead: Vec<_> = self.links.iter().filter(|(_, link)| link.is_dead(now, &self.timing)).collect();
        dead.sort_by_key(|(id, link)| (link.dialling().is_trusted(), link.signs().heard_at(), **id));
        (dead.len() >= count).then(|| dead.into_iter().map(|(&id, _)| id).take(count).collect())
    }

    /// Says HELLO over a link that has a connection.
    pub(super) fn greet(&mut self, id: LinkId, me: &Introduction) {
        self.out.extend(self.links.get_mut(&id).and_then(|link| link.greet(id, me)));
    }

    /// Asks the far end of a link whether it is there.
    pub(super) fn ping(&mut self, now: Mono, id: LinkId, digest: Option<Hashes>) {
        self.out.extend(self.links.get_mut(&id).map(|link| link.ping(id, now, digest, &self.timing)));
    }

    /// The greeting over a link was answered: it is up.
    pub(super) fn rise(&mut self, now: Mono, id: LinkId, welcome: Introduction) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(asked) = link.greeted(&self.timing) {
            self.slots.measure(link.slot(), now.since(asked));
        }
        link.introduce(welcome.node.clone(), welcome.endpoint, Capabilities::read(&welcome.capabilities));
        self.slots.name(link.slot(), welcome.node.clone());
        if link.rise(now, &self.timing, &mut self.slots) {
            let endpoint = link.endpoint().clone();
            self.out.notify(Event::LinkUp { node: welcome.node, endpoint });
        }
    }

    /// A link is not up, or no more. Says whether it was.
    pub(super) fn fall(&mut self, now: Mono, id: LinkId) -> bool {
        self.links.get_mut(&id).is_some_and(|link| link.fall(now, &self.timing, &mut self.slots))
    }

    /// The same, and reports it.
    pub(super) fn take_down(&mut self, now: Mono, id: LinkId) {
        if self.fall(now, id) {
            self.out.extend(self.links.get(&id).map(Link::down));
        }
    }

    /// The far end of a link has said something. Gives the link's slot, and whether a suspicion ends.
    pub(super) fn heard(&mut self, now: Mono, id: LinkId) -> Option<(Slot, bool)> {
        self.links.heard(now, &id, &self.timing)
    }

    /// Notes a round trip of a link.
    pub(super) fn measure(&mut self, id: LinkId, took: Duration) {
        if let Some(link) = self.links.get(&id) {
            self.slots.measure(link.slot(), took);
        }
    }

    /// The far end of a link says what it can.
    pub(super) fn set_capabilities(&mut self, id: LinkId, capabilities: Capabilities) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.set_capabilities(capabilities);
        if link.is_up() {
            self.slots.rise(link.slot(), capabilities);
        }
    }

    /// The far end of a link is another node from now on.
    pub(super) fn change_node(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.change_node(id, &mut self.slots);
        }
    }
}

fn unproven(links: &Table) -> usize {
    links.values().filter(|link| link.dialling().is_open() && !link.is_up() && link.is_unproven()).count()
}
