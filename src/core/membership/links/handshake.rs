//! How nodes meet and part: each opens a link of its own to the other and greets over it; a link is up once the greeting
//! was answered. Spec: `docs/spec/gossip-bus.md`, *Meeting*.

use super::{
    detector::Liveness,
    link::{Bond, Link},
    peers::{Failure, Peers},
};
use crate::core::{
    capability::{Capabilities, Capability},
    endpoint::Endpoint,
    event::{Event, LinkId},
    frame::{Answer, DisconnectReason, Introduction, JoinPriority, LifeSeen},
    id::NodeId,
    membership::output::Output,
    neighbours::MemberState,
    stats::{Counter, Refusal},
    time::Mono,
};

/// A HELLO, and what the node has for whoever said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Who it says it is.
    pub hello: Introduction,
    /// Why it greets.
    pub priority: JoinPriority,
    /// Whether this node takes a neighbour that it does not need.
    pub vacancy: bool,
    /// What this node has seen of its lives.
    pub seen: Option<LifeSeen>,
}

impl Peers {
    /// A link can take frames: after its connection was made, or made anew, or because its queue has room again. Whoever
    /// is there is greeted, unless the link is up all the time.
    pub fn on_writable(&mut self, now: Mono, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| link.is_greeted()) {
            link.begin_anew();
            link.next_greeting = now + self.timing.hello_interval;
            self.out.extend(link.greet(id, &self.me));
        }
    }

    /// A node greets us: check it, answer, and make sure that we have a link to it.
    pub fn on_hello(&mut self, now: Mono, from: &NodeId, greeting: Greeting) {
        let Greeting { hello, priority, vacancy, seen } = greeting;
        if let Err((refusal, text)) = self.me.check(from, &hello) {
            self.refuse(from, refusal, text);
            return self.warn(now, from);
        }
        if let Some(text) = self.is_not_expected(from, &hello.endpoint) {
            return self.refuse(from, Refusal::BadIdentity, text);
        }
        if priority == JoinPriority::Declared && self.is_undeclared(now, from) && self.slots.link_to(from).is_none() {
            return;
        }
        if self.contest(now, from, &hello.endpoint, None) {
            return;
        }
        if let Err((refusal, text)) = self.admit(now, from, &hello) {
            return self.refuse(from, refusal, text);
        }
        let is_expected = self.is_expected(from);
        let former = self.close_all(|link| link.is_to(from) && !link.leads_to(&hello.endpoint));
        let linked = self.find(Some(from), &hello.endpoint);
        if !vacancy && former.is_none() && self.is_dispensable(priority, linked) {
            self.introduced.remove(from);
            let text = "this node has enough neighbours".to_owned();
            if priority == JoinPriority::Bridge {
                return self.out.push(Output::Answer(
                    from.clone(),
                    Answer::Refuse { code: Refusal::NoVacancy.name().into(), text },
                ));
            }
            return self.refuse(from, Refusal::NoVacancy, text);
        }
        let count = usize::from(linked.is_none());
        if !self.make_room(now, count) || !self.can_introduce(from) {
            let text = format!("this node already has its maximum of {} peers", self.peers_max);
            return self.refuse(from, Refusal::PeersFull, text);
        }
        self.begin_if_none();
        self.out.push(Output::Answer(from.clone(), Answer::Welcome(self.me.clone(), seen)));
        let former_life = self.introduced.insert(from.clone(), hello.incarnation);
        let words = Capabilities::read(&hello.capabilities);
        let kept =
            former.filter(|former| priority != JoinPriority::Declared || (former.is_named && former.is_declared()));
        let bond = kept.unwrap_or_else(|| Bond::answering(priority));
        let bond = Bond { is_answer: true, ..bond };
        if !self.connect(now, bond, Some(from.clone()), hello.endpoint.clone(), false) {
            self.meet_again(from, priority, words);
        }
        if is_expected {
            self.expect(from.clone(), &hello.endpoint);
        }
        self.heard(now, from);
        match former_life {
            Some(life) if life != hello.incarnation => self.greet_again(now, from),
            Some(_) => self.doubt(now, from),
            None => {}
        }
    }

    /// Whether one more node can be introduced; strangers by now are forgotten if need be.
    fn can_introduce(&mut self, node: &NodeId) -> bool {
        if self.introduced.len() >= self.peers_max && !self.introduced.contains_key(node) {
            let slots = &self.slots;
            self.introduced.retain(|node, _| slots.link_to(node).is_some());
        }
        self.introduced.len() < self.peers_max || self.introduced.contains_key(node)
    }

    /// From now on a greeting that declares what is declared no more, and was under way or answers a refusal, is not heard: for
    /// as long as the node may need to learn what has become of the link. If it declares it again later, somebody asked it to.
    pub(super) fn note_undeclared(&mut self, now: Mono, node: &NodeId) {
        self.undeclared.retain(|(until, other)| *until > now && other != node);
        if self.undeclared.len() >= self.peers_max {
            self.undeclared.pop_front();
        }
        self.undeclared.push_back((now + self.timing.hello_interval, node.clone()));
    }

    fn is_undeclared(&self, now: Mono, node: &NodeId) -> bool {
        self.undeclared.iter().any(|(until, other)| *until > now && other == node)
    }

    /// Notes what a node says to which there is a link already. One that knows no wishes declares nothing by its greeting.
    fn meet_again(&mut self, from: &NodeId, priority: JoinPriority, words: Capabilities) {
        let Some(link) = self.slots.link_to(from).and_then(|id| self.links.get_mut(&id)) else { return };
        link.words = words;
        if link.up {
            self.slots.rise(link.slot, words);
        }
        if priority == JoinPriority::Declared && words.has(Capability::Overlay) {
            link.declare();
        }
    }

    /// Whether `from` is, as far as we know, a node elsewhere. It is asked: if it still answers, the newcomer is
    /// refused; if it does not before the newcomer says so again, it has moved or is gone. `by` is the link that
    /// the newcomer answers, if it is not it that greets.
    fn contest(&mut self, now: Mono, from: &NodeId, endpoint: &Endpoint, by: Option<LinkId>) -> bool {
        let is_rival = |link: &Link| link.up && link.is_to(from) && !link.leads_to(endpoint);
        let mut others = self.links.iter_mut().filter(|(id, _)| Some(**id) != by);
        let Some((&id, link)) = others.find(|(_, link)| is_rival(link)) else { return false };
        match link.contested {
            Some((asked, _)) => now.since(asked) < self.timing.hello_interval,
            None => {
                link.contested = Some((now, by));
                self.out.push(link.ping(id, now, None, &self.timing));
                true
            }
        }
    }

    /// A peer greets that has greeted before. Maybe it was connected anew; maybe another node took its name for a
    /// while, and with it, at the peer's ROUTER, our connection: it then looks alive and leads nowhere.
    fn doubt(&mut self, now: Mono, node: &NodeId) {
        for (&id, link) in self.links.iter_mut().filter(|(_, link)| link.up && link.is_to(node)) {
            if link.proof.doubt(now, &self.timing) {
                self.out.push(link.ping(id, now, None, &self.timing));
            }
        }
    }

    /// Somebody who is refused has come under the name of a peer, and so has cut off the peer's connection to us: the peer
    /// finds that out when it is greeted.
    fn warn(&mut self, now: Mono, node: &NodeId) {
        let Some((id, link)) = self.slots.link_to(node).and_then(|id| Some((id, self.links.get_mut(&id)?))) else {
            return;
        };
        let is_soon = link.warned.is_some_and(|at| now.since(at) < self.timing.hello_interval);
        if link.up && !is_soon {
            link.warned = Some(now);
            self.out.extend(link.greet(id, &self.me));
        }
    }

    /// A frame could not be handed to a link. One without a connection is down: it is greeted again when it has one.
    pub fn on_unsent(&mut self, now: Mono, id: LinkId, why: Counter) {
        let Some(link) = self.links.get(&id) else { return };
        // What goes over a link that is down already are greetings alone.
        if link.up || why != Counter::NotConnected {
            self.out.count(why, link.node.as_ref());
        }
        if why == Counter::NotConnected {
            self.on_disconnected(now, id);
        }
    }

    /// The connection of a link is gone: the link is down, and its peer suspected.
    pub fn on_disconnected(&mut self, now: Mono, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.begin_anew();
        if link.fall(now, &self.timing, &mut self.slots) {
            let (node, endpoint) = (link.node.clone(), link.endpoint.clone());
            self.out.push(Output::Notify(Event::LinkDown { node, endpoint }));
        }
        if link.life.as_mut().is_some_and(|life| life.lost(now, &self.timing)) {
            self.judge(id, MemberState::Suspect);
        }
        self.keep_dialling(now, id);
    }

    /// Our greeting was answered: the link is up. Gives back what the far end has seen of our lives, if it may be believed.
    pub fn on_welcome(
        &mut self,
        now: Mono,
        id: LinkId,
        welcome: Introduction,
        seen: Option<LifeSeen>,
    ) -> Option<LifeSeen> {
        // It may answer over a connection that was closed meanwhile.
        if !self.links.get(&id).is_some_and(|link| link.dialling.is_open()) {
            return None;
        }
        if let Err((refusal, _)) = self.me.check(&welcome.node, &welcome) {
            self.out.count_refusal(refusal, Some(&welcome.node));
            self.out.push(Output::Notify(Event::Refused { node: welcome.node.clone(), refusal }));
            if refusal == Refusal::NameTaken {
                self.close(id);
            }
            return None;
        }
        if self.is_stranger(now, id, &welcome) {
            return None;
        }
        if self.contest(now, &welcome.node, &welcome.endpoint, Some(id)) {
            return None;
        }
        if !self.adopt_instance(id, &welcome.instance) {
            self.out.count_refusal(Refusal::OtherInstance, Some(&welcome.node));
            self.give_up(id, Some(Failure::Refused(Refusal::OtherInstance)));
            return None;
        }
        let is_double = self.links.iter().any(|(&other, link)| other != id && link.is_to(&welcome.node));
        if is_double {
            // Two connections under our one name: the far end has dropped one of them, and it may be either.
            let is_meant = |link: &Link| link.is_to(&welcome.node) || link.leads_to(&welcome.endpoint);
            let slot = self.links.get(&id).map(|link| link.slot);
            let expected = self.links.get(&id).and_then(|link| link.expected.clone());
            let bond = self.close_all(|link| Some(link.slot) == slot || is_meant(link)).unwrap_or_default();
            self.connect(now, bond, Some(welcome.node), welcome.endpoint.clone(), false);
            if let Some(expected) = expected {
                self.expect(expected, &welcome.endpoint);
            }
            return seen;
        }
        if !self.is_whom_it_was(id, &welcome.node) {
            return None;
        }
        self.come_up(now, id, welcome);
        seen
    }

    /// Whether a link leads to the node that it is meant for. A declared one is meant for whoever lives there.
    fn is_whom_it_was(&mut self, id: LinkId, node: &NodeId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        if link.node.as_ref().is_none_or(|former| former == node) {
            return true;
        }
        if !link.bond.is_declared() {
            self.give_up(id, Some(Failure::Stranger));
            return false;
        }
        // What others keep of the slot is about another node.
        link.slot = self.slots.change(link.slot, id, link.dialling.is_open());
        (link.up, link.life) = (false, None);
        true
    }

    fn come_up(&mut self, now: Mono, id: LinkId, welcome: Introduction) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(asked) = link.greeted(&self.timing).filter(|_| !link.up) {
            self.slots.measure(link.slot, now.since(asked));
        }
        link.begin_anew();
        link.words = Capabilities::read(&welcome.capabilities);
        link.node = Some(welcome.node.clone());
        link.advertised = Some(welcome.endpoint);
        self.slots.name(link.slot, welcome.node.clone());
        if link.rise(now, &self.timing, &mut self.slots) {
            let endpoint = link.endpoint.clone();
            self.out.push(Output::Notify(Event::LinkUp { node: welcome.node, endpoint }));
        }
        match &mut link.life {
            None => link.life = Some(Liveness::new(now, &self.timing)),
            Some(life) => {
                if life.met(now, &self.timing) {
                    self.judge(id, MemberState::Up);
                }
            }
        }
    }

    /// Our greeting, or a frame after it, was refused. Whoever does not know us is greeted again.
    pub fn on_refuse(&mut self, now: Mono, id: LinkId, code: String, text: String) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let refusal = Refusal::named(&code);
        let denial = refusal.filter(|refusal| refusal.denies_introduction());
        if refusal == Some(Refusal::NotReady) {
            link.unready.get_or_insert(now);
            link.dialling.go_on(now, &self.timing);
        }
        link.greetings = 0;
        if denial.is_some() && link.fall(now, &self.timing, &mut self.slots) && denial == Some(Refusal::NotIntroduced) {
            return self.out.extend(link.greet(id, &self.me));
        }
        let (endpoint, is_declared) = (link.endpoint.clone(), link.bond.is_declared());
        if denial == Some(Refusal::NameTaken) {
            // Each connection of ours under that name would cut off the node that has it.
            self.close(id);
            self.parted = Some(endpoint.clone());
        } else if let Some(refusal) = denial.filter(|&refusal| refusal != Refusal::NotIntroduced && !is_declared) {
            self.give_up(id, Some(Failure::Refused(refusal)));
        } else if refusal.is_none_or(Refusal::answers_greeting) {
            self.rest_if_down(now, id);
        }
        self.out.push(Output::Notify(Event::RefusedBy { endpoint, code, text }));
    }

    /// A probe was answered.
    pub fn on_pong(&mut self, now: Mono, id: LinkId, token: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(sent) = link.proof.ponged(now, token, &self.timing) else { return };
        self.slots.measure(link.slot, now.since(sent));
        self.health.on_pong();
        let contested = link.contested.take_if(|(asked, _)| *asked <= sent);
        let contested = contested.filter(|(asked, _)| now.since(*asked) < self.timing.hello_interval);
        if let Some((_, Some(claimant))) = contested {
            // One that somebody declared is tried again: the name may be free by then.
            if self.links.get(&claimant).is_some_and(|link| !link.bond.is_declared()) {
                self.give_up(claimant, Some(Failure::Stranger));
            }
        } else if let Some(node) = link.node.clone().filter(|_| contested.is_some()) {
            let text = format!("the name '{node}' is taken by {}", link.endpoint);
            self.out.refuse(&node, Refusal::NameTaken, text, true);
            // The newcomer has cut off its connection to us. It finds that out when we greet.
            self.out.extend(link.greet(id, &self.me));
        }
    }

    /// A peer leaves: it is forgotten.
    pub fn on_leave(&mut self, from: &NodeId) {
        self.out.push(Output::Answer(from.clone(), Answer::Farewell));
        self.introduced.remove(from);
        self.close_all(|link| link.is_to(from));
        self.out.push(Output::Notify(Event::PeerLeft(from.clone())));
    }

    /// A peer is a neighbour no more. A link that somebody declared is kept, unless that does not hold any more: its far end
    /// is told so, or, if it stops, is greeted until it is back.
    pub fn on_part(&mut self, now: Mono, from: &NodeId, reason: DisconnectReason) {
        self.introduced.remove(from);
        let Some(id) = self.slots.link_to(from) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        let is_declared = link.bond.is_declared();
        if is_declared && reason == DisconnectReason::Unlinked {
            return self.out.extend(link.greet(id, &self.me));
        }
        if reason == DisconnectReason::Undeclared {
            return self.close(id);
        }
        link.begin_anew();
        link.life.iter_mut().for_each(Liveness::stop);
        if link.fall(now, &self.timing, &mut self.slots) {
            let (node, endpoint) = (link.node.clone(), link.endpoint.clone());
            self.out.push(Output::Notify(Event::LinkDown { node, endpoint }));
        }
        if !is_declared {
            self.close(id);
        }
    }

    fn greet_again(&mut self, now: Mono, node: &NodeId) {
        for (&id, link) in self.links.iter_mut().filter(|(_, link)| link.is_to(node)) {
            link.fall(now, &self.timing, &mut self.slots);
            link.begin_anew();
            link.next_greeting = now + self.timing.hello_interval;
            self.out.extend(link.greet(id, &self.me));
        }
    }
}
