//! What a node does about its links as time goes by: greets, probes, opens anew, suspects, gives up.

use super::{
    detector::SilenceAction,
    link::{GREETINGS_MAX, Link},
    peers::{Failure, Judgement, Peers},
    proof::Check,
};
use crate::core::{
    event::{Event, LinkId},
    frame::Hashes,
    id::NodeId,
    membership::output::Output,
    neighbours::MemberState,
    slots::Slot,
    stats::Counter,
    time::Mono,
};
use std::time::Duration;

/// A look at what is due: when, and what comes of it. `digest` goes with the probes: a hash of all that the node has seen.
#[derive(Clone, Copy)]
struct Look {
    now: Mono,
    digest: Option<Hashes>,
}

impl Peers {
    /// A node that has introduced itself says something: it lives. Gives the slot of the link to it, if there is one.
    pub fn heard(&mut self, now: Mono, from: &NodeId) -> Option<Slot> {
        let id = self.slots.link_to(from)?;
        self.wake(now, id);
        self.heard_on(now, id)
    }

    /// Something has come back over a link: if that is up, it leads there, and its far end lives. Who answers over one that is
    /// not up may be anybody.
    pub fn answered(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.up) else { return };
        link.proof.answered(now, &self.timing);
        self.heard_on(now, id);
    }

    fn heard_on(&mut self, now: Mono, id: LinkId) -> Option<Slot> {
        let (slot, is_back) = self.links.heard(now, &id, &self.timing)?;
        if is_back {
            self.links.get_mut(&id).into_iter().for_each(|link| link.proof.begin_again(now));
            self.out.extend(self.neighbours().name_of(id).cloned().map(|node| Output::Notify(Event::PeerBack(node))));
            self.judge(id, MemberState::Up);
        }
        Some(slot)
    }

    /// In a moment a neighbour is probed, so that it is told the hash of all that the node has seen.
    pub fn probe_soon(&mut self, now: Mono, slot: Slot) {
        if let Some(link) = self.neighbours().link_of(slot).and_then(|id| self.links.get_mut(&id)) {
            link.proof.hasten(now + self.timing.ping_interval / 2);
        }
    }

    /// Messages pass: the links are in use, and have to prove themselves within an interval.
    pub fn note_use(&mut self, now: Mono) {
        if now >= self.used_until {
            self.used_until = now + self.timing.ping_interval;
            self.links.values_mut().for_each(|link| link.proof.used(now, &self.timing));
        }
    }

    /// What was sent over a link was answered after that time.
    pub fn measured(&mut self, id: LinkId, took: Duration) {
        if let Some(link) = self.links.get(&id) {
            self.slots.measure(link.slot, took);
        }
    }

    /// Bytes are on their way over a link that answers have to wait for: silence until `until` says nothing of the link, nor
    /// of its far end. To be said again for as long as they move.
    pub fn excuse(&mut self, id: LinkId, until: Mono) {
        if let Some(link) = self.links.get_mut(&id) {
            link.proof.excuse(until);
            link.life.iter_mut().for_each(|life| life.excuse(until));
        }
    }

    /// Does for each link what is due: greets where it is not up, probes where nothing came back, opens anew where it leads
    /// nowhere, judges who is silent, and closes what did not come up. `digest` goes with the probes: a hash of all that the
    /// node has seen.
    pub fn on_tick(&mut self, now: Mono, digest: Option<Hashes>) {
        if self.deadline().is_none_or(|due| now < due) {
            return;
        }
        self.close_parted(now);
        let waits = self.links.values().filter_map(Link::patience).min();
        if waits.is_some_and(|due| self.health.on_timer(now, due, &self.timing)) {
            self.links.values_mut().for_each(|link| link.forgive(now, &self.timing));
        }
        let look = Look { now, digest };
        for id in self.links.due(now) {
            self.attend(id, look);
        }
        self.dial_queued(now);
    }

    fn attend(&mut self, id: LinkId, look: Look) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.expires.is_some_and(|end| end <= look.now) {
            return self.give_up(id, Some(Failure::Silent));
        }
        if link.is_greeted() && link.next_greeting <= look.now {
            if link.is_to_reopen(look.now, &self.timing) {
                self.reopen(id, look);
            } else {
                link.next_greeting = look.now + self.timing.hello_interval;
                self.out.extend(link.greet(id, &self.me));
            }
        }
        self.turn_over(look.now, id);
        self.look_after(id, look);
        self.prove(id, look);
    }

    /// Probes a link that is up, if that is due, and opens it anew if it leads nowhere.
    fn prove(&mut self, id: LinkId, look: Look) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.up) else { return };
        let is_talking = link.life.as_ref().is_some_and(|life| life.is_talking(look.now, &self.timing));
        match link.proof.step(look.now, is_talking, &self.timing) {
            None => {}
            Some(Check::Probe) => self.out.push(link.ping(id, look.now, look.digest, &self.timing)),
            Some(Check::Failed) => self.reopen(id, look),
        }
    }

    /// A link leads nowhere: it is not up any more, and gets another connection, now or when the last is old enough.
    fn reopen(&mut self, id: LinkId, look: Look) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.fall(look.now, &self.timing, &mut self.slots) {
            let (node, endpoint) = (link.node.clone(), link.endpoint.clone());
            self.out.push(Output::Notify(Event::LinkDown { node, endpoint }));
        }
        // It has had its probes in place of greetings.
        link.greetings = GREETINGS_MAX;
        if link.is_to_reopen(look.now, &self.timing) {
            self.out.count(Counter::Reopened, link.node.as_ref());
            link.reopening.note(look.now, &self.timing);
            self.redial(look.now, id);
        }
    }

    /// Probes and judges one neighbour that is silent, if that is due.
    fn look_after(&mut self, id: LinkId, look: Look) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(life) = &mut link.life else { return };
        let Some(step) = life.step(look.now, self.health, &self.timing) else { return };
        if link.up && step != SilenceAction::Down {
            self.out.push(link.ping(id, look.now, look.digest, &self.timing));
        }
        let node = link.node.clone();
        match step {
            SilenceAction::Probe => {}
            SilenceAction::Suspect => {
                self.out.extend(node.map(|node| Output::Notify(Event::PeerSuspected(node))));
                self.judge(id, MemberState::Suspect);
            }
            SilenceAction::Down => {
                self.out.extend(node.map(|node| Output::Notify(Event::PeerDown(node))));
                let (was_up, is_declared) = (link.up, link.bond.is_declared());
                link.fall(look.now, &self.timing, &mut self.slots);
                link.begin_anew();
                self.judge(id, MemberState::Down);
                if !is_declared {
                    self.give_up(id, None);
                } else if was_up {
                    // The connection may have died unseen, and the far end live.
                    self.reopen(id, look);
                }
            }
        }
    }

    /// Notes that a verdict is another one now.
    pub(super) fn judge(&mut self, id: LinkId, verdict: MemberState) {
        let Some(link) = self.links.get(&id) else { return };
        self.judgements.extend(link.node.clone().map(|node| Judgement { node, verdict }));
    }
}
