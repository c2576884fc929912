//! Failure detection over all links as time goes by: greets, probes, opens anew, suspects, gives up.

use super::{
    link::Link,
    liveness::{LocalHealth, SilenceAction},
    peers::{DialError, Peers},
    proof::Check,
};
use crate::core::{
    config::Timing,
    event::{Event, LinkId},
    frame::Hashes,
    id::NodeId,
    membership::output::Output,
    neighbours::MemberState,
    slots::Slot,
    stats::{Counter, Refusal},
    time::Mono,
};
use std::time::Duration;

/// A look at what is due: when, and what comes of it. `digest` goes with the probes: a hash of all that the node has seen.
#[derive(Clone, Copy)]
struct Look {
    now: Mono,
    digest: Option<Hashes>,
}

/// The failure detector of a node, and the confidence of the node in its own timers.
#[derive(Debug)]
pub(crate) struct FailureDetector {
    timing: Timing,
    health: LocalHealth,
    /// Until then all links know that they are in use.
    used_until: Mono,
}

impl FailureDetector {
    /// A detector without links.
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, health: LocalHealth::default(), used_until: Mono(0) }
    }

    /// The confidence of the node in its own timers.
    pub(crate) fn health(&self) -> LocalHealth {
        self.health
    }

    /// A node that has introduced itself says something: it lives. Gives the slot of the link to it, if there is one.
    pub(crate) fn heard(&mut self, peers: &mut Peers, now: Mono, from: &NodeId) -> Option<Slot> {
        heard(peers, now, from)
    }

    /// Something has come back over a link: if that is up, it leads there, and its far end lives. Who answers over one that is
    /// not up may be anybody.
    pub(crate) fn answered(&mut self, peers: &mut Peers, now: Mono, id: LinkId) {
        let Some(link) = peers.link_mut(id).filter(|link| link.is_up()) else { return };
        link.signs_mut().answered(now, &self.timing);
        heard_on(peers, now, id);
    }

    /// In a moment a neighbour is probed, so that it is told the hash of all that the node has seen.
    pub(crate) fn probe_soon(&mut self, peers: &mut Peers, now: Mono, slot: Slot) {
        if let Some(link) = peers.neighbours().link_of(slot).and_then(|id| peers.link_mut(id)) {
            link.signs_mut().probe_by(now + self.timing.ping_interval / 2);
        }
    }

    /// Messages pass: the links are in use, and have to prove themselves within an interval.
    pub(crate) fn note_use(&mut self, peers: &mut Peers, now: Mono) {
        if now >= self.used_until {
            self.used_until = now + self.timing.ping_interval;
            peers.dialler().links_mut().for_each(|link| link.signs_mut().note_use(now, &self.timing));
        }
    }

    /// Notes a round trip of a link.
    pub(crate) fn measured(&mut self, peers: &mut Peers, id: LinkId, took: Duration) {
        peers.dialler().measure(id, took);
    }

    /// Bytes are on their way over a link that answers have to wait for: silence until `until` says nothing of the link, nor
    /// of its far end. To be said again for as long as they move.
    pub(crate) fn excuse(&mut self, peers: &mut Peers, id: LinkId, until: Mono) {
        if let Some(link) = peers.link_mut(id) {
            link.signs_mut().excuse(until);
        }
    }

    /// Does for each link what is due: greets where it is not up, probes where nothing came back, opens anew where it leads
    /// nowhere, judges who is silent, and closes what did not come up. `digest` goes with the probes: a hash of all that the
    /// node has seen.
    pub(crate) fn on_tick(&mut self, peers: &mut Peers, now: Mono, digest: Option<Hashes>) {
        if peers.deadline().is_none_or(|due| now < due) {
            return;
        }
        peers.close_lingering(now);
        let waits = peers.links().values().filter_map(Link::patience).min();
        if waits.is_some_and(|due| self.health.on_timer(now, due, &self.timing)) {
            peers.dialler().links_mut().for_each(|link| link.signs_mut().forgive(now, &self.timing));
        }
        let look = Look { now, digest };
        for id in peers.links().due(now) {
            self.attend(peers, id, look);
        }
        peers.dial_queued(now);
    }

    fn attend(&mut self, peers: &mut Peers, id: LinkId, look: Look) {
        let Some(link) = peers.link_mut(id) else { return };
        if link.is_expired(look.now) {
            return peers.give_up(id, Some(DialError::TimedOut));
        }
        if link.is_greeting_due(look.now) {
            if link.is_to_reopen(look.now, &self.timing) {
                self.reopen(peers, id, look);
            } else {
                link.greet_at(look.now + self.timing.hello_interval);
                peers.greet(id);
            }
        }
        peers.dialler().turn_over(look.now, id);
        self.look_after(peers, id, look);
        self.prove(peers, id, look);
    }

    /// Probes a link that is up, if that is due, and opens it anew if it leads nowhere.
    fn prove(&mut self, peers: &mut Peers, id: LinkId, look: Look) {
        let Some(link) = peers.link_mut(id).filter(|link| link.is_up()) else { return };
        match link.signs_mut().check_proof(look.now, &self.timing) {
            None => {}
            Some(Check::Probe) => peers.dialler().ping(look.now, id, look.digest),
            Some(Check::Failed) => self.reopen(peers, id, look),
        }
    }

    /// A link leads nowhere: it is not up any more, and gets another connection, now or when the last is old enough.
    fn reopen(&mut self, peers: &mut Peers, id: LinkId, look: Look) {
        peers.dialler().take_down(look.now, id);
        let Some(link) = peers.link_mut(id) else { return };
        if link.reopens(look.now, &self.timing) {
            let node = link.node().cloned();
            peers.out().count(Counter::Reopened, node.as_ref());
            peers.dialler().redial(look.now, id);
        }
    }

    /// Probes and judges one neighbour that is silent, if that is due.
    fn look_after(&mut self, peers: &mut Peers, id: LinkId, look: Look) {
        let Some(link) = peers.link_mut(id) else { return };
        let Some(step) = link.signs_mut().check_silence(look.now, self.health, &self.timing) else { return };
        let (node, was_up, is_declared) = (link.node().cloned(), link.is_up(), link.is_declared());
        if was_up && step != SilenceAction::Down {
            peers.dialler().ping(look.now, id, look.digest);
        }
        match step {
            SilenceAction::Probe => {}
            SilenceAction::Suspect => {
                peers.out().extend(node.map(|node| Output::Notify(Event::PeerSuspected(node))));
                peers.note_state(id, MemberState::Suspect);
            }
            SilenceAction::Down => {
                peers.out().extend(node.map(|node| Output::Notify(Event::PeerDown(node))));
                peers.dialler().fall(look.now, id);
                peers.link_mut(id).into_iter().for_each(Link::begin_anew);
                peers.note_state(id, MemberState::Down);
                if !is_declared {
                    peers.give_up(id, None);
                } else if was_up {
                    // The connection may have died unseen, and the far end live.
                    self.reopen(peers, id, look);
                }
            }
        }
    }

    /// A probe was answered.
    pub(crate) fn on_pong(&mut self, peers: &mut Peers, now: Mono, id: LinkId, token: u64) {
        let Some(link) = peers.link_mut(id) else { return };
        let Some(sent) = link.signs_mut().on_pong(now, token, &self.timing) else { return };
        let contest = link.settle_contest(now, sent, &self.timing);
        let (node, endpoint) = (link.node().cloned(), link.endpoint().clone());
        peers.dialler().measure(id, now.since(sent));
        self.health.on_pong();
        if let Some(Some(claimant)) = contest {
            // One that somebody declared is tried again: the name may be free by then.
            if peers.links().get(&claimant).is_some_and(|link| !link.is_declared()) {
                peers.give_up(claimant, Some(DialError::WrongNode));
            }
        } else if let Some(node) = node.filter(|_| contest.is_some()) {
            let text = format!("the name '{node}' is taken by {endpoint}");
            peers.out().refuse(&node, Refusal::NameTaken, text, true);
            // The newcomer has cut off its connection to us. It finds that out when we greet.
            peers.greet(id);
        }
    }
}

/// A node that has introduced itself says something: it lives. Gives the slot of the link to it, if there is one.
pub(super) fn heard(peers: &mut Peers, now: Mono, from: &NodeId) -> Option<Slot> {
    let id = peers.link_to(from)?;
    peers.dialler().wake(now, id);
    heard_on(peers, now, id)
}

fn heard_on(peers: &mut Peers, now: Mono, id: LinkId) -> Option<Slot> {
    let (slot, is_back) = peers.dialler().heard(now, id)?;
    if is_back {
        let back = peers.neighbours().name_of(id).cloned().map(|node| Output::Notify(Event::PeerBack(node)));
        peers.out().extend(back);
        peers.note_state(id, MemberState::Up);
    }
    Some(slot)
}
