//! What a node does about its links as time goes by: greets, probes, suspects, gives up.

use super::{
    detector::{Step, Verdict},
    link::GREETINGS_MAX,
    peers::{Failure, Judgement, Peers},
};
use crate::core::{
    event::{Event, LinkId, Output},
    id::NodeId,
    slots::Slot,
    stats::{Counter, Stats},
    time::Mono,
};
use std::collections::VecDeque;

impl Peers {
    /// A node that has introduced itself says something: it lives. Gives the slot of the link to it, if there is one.
    pub fn heard(&mut self, now: Mono, from: &NodeId, outbox: &mut VecDeque<Output>) -> Option<Slot> {
        self.heard_on(now, self.roll.link_to(from)?, outbox)
    }

    /// Something comes back over a link: its far end lives. Gives the link's slot, if it is still there.
    pub fn heard_on(&mut self, now: Mono, id: LinkId, outbox: &mut VecDeque<Output>) -> Option<Slot> {
        let (slot, is_back) = self.links.heard(now, &id, &self.timing)?;
        if is_back {
            outbox.extend(self.name_of(id).cloned().map(|node| Output::Notify(Event::PeerBack(node))));
            self.judge(id, Verdict::Up);
        }
        Some(slot)
    }

    /// In a moment a neighbour is probed, so that it is told the hash of all that the node has seen, whether it was heard or
    /// not.
    pub fn probe_soon(&mut self, now: Mono, slot: Slot) {
        if let Some(link) = self.link_of(slot).and_then(|id| self.links.get_mut(&id)) {
            link.probe_at = link.up.then_some(now + self.timing.ping_interval / 2);
        }
    }

    /// Does for each link what is due: greets where it is not up, probes where it is silent, opens anew where it was
    /// doubted for too long, and closes what did not come up. `digest` goes with the probes: a hash of all that the node has
    /// seen.
    pub fn on_tick(&mut self, now: Mono, digest: Option<u64>, stats: &mut Stats, outbox: &mut VecDeque<Output>) {
        if self.deadline().is_none_or(|due| now < due) {
            return;
        }
        self.close_parted(now, outbox);
        let lives = self.links.values().filter_map(|link| link.life.as_ref()?.deadline()).min();
        if lives.is_some_and(|due| self.health.on_timer(now, due, &self.timing)) {
            let lives = self.links.values_mut().filter_map(|link| link.life.as_mut());
            lives.for_each(|life| life.forgive(now, &self.timing));
        }
        for id in self.links.due(now, &self.timing) {
            self.attend(now, id, digest, stats, outbox);
        }
    }

    fn attend(&mut self, now: Mono, id: LinkId, digest: Option<u64>, stats: &mut Stats, outbox: &mut VecDeque<Output>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.expires.is_some_and(|end| end <= now) {
            return self.give_up(id, Some(Failure::Silent), outbox);
        }
        let is_dead = link.doubted.is_some_and(|since| now.since(since) >= self.timing.ping_interval);
        if is_dead || (!link.up && link.next_greeting <= now && link.greetings >= GREETINGS_MAX) {
            stats.count(Counter::Reopened, link.node.as_ref());
            link.fall(now, &self.timing, &mut self.roll);
            link.begin_anew();
            link.next_greeting = now + self.timing.hello_interval;
            outbox.extend([Output::Disconnect(id), Output::Connect(id, link.endpoint.clone())]);
        } else if !link.up && link.next_greeting <= now {
            link.next_greeting = now + self.timing.hello_interval;
            outbox.push_back(link.greet(id, &self.me));
        }
        if link.probe_at.take_if(|at| *at <= now).is_some() {
            outbox.push_back(link.ping(id, now, digest));
        }
        self.look_after(now, id, digest, outbox);
    }

    /// Probes and judges one neighbour, if that is due.
    fn look_after(&mut self, now: Mono, id: LinkId, digest: Option<u64>, outbox: &mut VecDeque<Output>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(life) = &mut link.life else { return };
        let Some(step) = life.step(now, self.health, &self.timing) else { return };
        if link.up && step != Step::Down {
            outbox.push_back(link.ping(id, now, digest));
        }
        let node = link.node.clone();
        match step {
            Step::Probe => {}
            Step::Suspect => {
                outbox.extend(node.map(|node| Output::Notify(Event::PeerSuspected(node))));
                self.judge(id, Verdict::Suspect);
            }
            Step::Down => {
                outbox.extend(node.map(|node| Output::Notify(Event::PeerDown(node))));
                link.fall(now, &self.timing, &mut self.roll);
                link.begin_anew();
                let is_declared = link.bond.is_declared();
                self.judge(id, Verdict::Down);
                if !is_declared {
                    self.give_up(id, None, outbox);
                }
            }
        }
    }

    /// Notes that a verdict is another one now.
    pub(super) fn judge(&mut self, id: LinkId, verdict: Verdict) {
        let Some(link) = self.links.get(&id) else { return };
        self.judgements.extend(link.node.clone().map(|node| Judgement { node, verdict }));
    }
}
