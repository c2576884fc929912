//! The handshake: each node opens a link of its own to the other and greets over it; a link is up once the greeting
//! was answered. Spec: `docs/spec/gossip-bus.md`, *Handshake*.

use super::{
    detector,
    instance::{self, Instances},
    link::Link,
    peers::{DialError, Peers},
    purpose::Purpose,
};
use crate::core::{
    capability::{Capabilities, Capability},
    config::Timing,
    endpoint::Endpoint,
    event::{Event, LinkId},
    frame::{Answer, DisconnectReason, Introduction, JoinPriority, LifeSeen},
    id::NodeId,
    membership::output::Output,
    neighbours::MemberState,
    stats::{Counter, Refusal},
    time::Mono,
};
use std::collections::VecDeque;

/// A HELLO, and the answers of the node that depend on other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// Its introduction.
    pub hello: Introduction,
    /// Its join priority.
    pub priority: JoinPriority,
    /// True if this node takes a neighbour that it does not need.
    pub vacancy: bool,
    /// The latest of its lives that was seen here.
    pub seen: Option<LifeSeen>,
}

/// The state of the handshake. Bounds: as many that were undeclared a moment ago as there may be peers.
#[derive(Debug)]
pub(crate) struct Handshake {
    timing: Timing,
    instances: Instances,
    /// An address where another node has our name: not dialled again.
    name_taken_at: Option<Endpoint>,
    /// Nodes that are to be peers no more and may not know it yet, and until when what they declare is not heard.
    undeclared: VecDeque<(Mono, NodeId)>,
}

impl Handshake {
    /// Has met nobody yet.
    pub(crate) fn new(timing: Timing) -> Self {
        let instances = Instances::new(timing.hello_interval);
        Self { timing, instances, name_taken_at: None, undeclared: VecDeque::new() }
    }

    /// The address where another node has our name, if there is one: it was to be a peer.
    pub(crate) fn name_taken_at(&self) -> Option<&Endpoint> {
        self.name_taken_at.as_ref()
    }

    /// Makes an instance up, if the node has none and waits for none: the network begins with it.
    pub(crate) fn begin_network(&self, peers: &mut Peers, now: Mono) {
        self.instances.begin_network(peers, now);
    }

    /// Notes that the operator names a node to join by.
    pub(super) fn note_join(&mut self, is_another: bool) {
        self.instances.note_join(is_another);
    }

    /// From now on a link to a node is to be declared again.
    pub(super) fn is_declared_anew(&mut self, node: &NodeId) {
        self.undeclared.retain(|(_, undeclared)| undeclared != node);
    }

    /// A link can take frames: after its connection was made, or made anew, or because its queue has room again. Whoever
    /// is there is greeted, unless the link is up all the time.
    pub(crate) fn on_writable(&mut self, peers: &mut Peers, now: Mono, id: LinkId) {
        if let Some(link) = peers.link_mut(id).filter(|link| link.is_greeted()) {
            link.begin_anew();
            link.greet_at(now + self.timing.hello_interval);
            peers.greet(id);
        }
    }

    /// A node greets us: check it, answer, and make sure that we have a link to it.
    pub(crate) fn on_hello(&mut self, peers: &mut Peers, now: Mono, from: &NodeId, greeting: Greeting) {
        let Greeting { hello, priority, vacancy, seen } = greeting;
        if let Err((refusal, text)) = peers.me().check(from, &hello) {
            peers.refuse(from, refusal, text);
            return self.warn(peers, now, from);
        }
        if let Some(text) = peers.is_not_expected(from, &hello.endpoint) {
            return peers.refuse(from, Refusal::BadIdentity, text);
        }
        if priority == JoinPriority::Declared && self.is_undeclared(now, from) && peers.link_to(from).is_none() {
            return;
        }
        if self.contest(peers, now, from, &hello.endpoint, None) {
            return;
        }
        if let Err((refusal, text)) = self.instances.admit(peers, now, from, &hello) {
            return peers.refuse(from, refusal, text);
        }
        let is_expected = peers.is_expected(from);
        let former = peers.dialler().close_all(|link| link.is_to(from) && !link.leads_to(&hello.endpoint));
        let linked = peers.find(Some(from), &hello.endpoint);
        if !vacancy && former.is_none() && peers.is_dispensable(priority, linked) {
            peers.introductions().forget(from);
            let text = "this node has enough neighbours".to_owned();
            if priority == JoinPriority::Bridge {
                return peers.out().push(Output::Answer(
                    from.clone(),
                    Answer::Refuse { code: Refusal::NoVacancy.name().into(), text },
                ));
            }
            return peers.refuse(from, Refusal::NoVacancy, text);
        }
        let count = usize::from(linked.is_none());
        if !peers.make_room(now, count) || !peers.can_introduce(from) {
            let text = format!("this node already has its maximum of {} peers", peers.peers_max());
            return peers.refuse(from, Refusal::PeersFull, text);
        }
        instance::begin_if_none(peers);
        let welcome = Answer::Welcome(peers.me().clone(), seen);
        peers.out().push(Output::Answer(from.clone(), welcome));
        let former_life = peers.introductions().insert(from.clone(), hello.incarnation);
        let capabilities = Capabilities::read(&hello.capabilities);
        let kept =
            former.filter(|former| priority != JoinPriority::Declared || (former.is_named() && former.is_declared()));
        let purpose = kept.unwrap_or_else(|| Purpose::answering(priority)).as_answer();
        if !peers.connect(now, purpose, Some(from.clone()), hello.endpoint.clone(), false) {
            meet_again(peers, from, priority, capabilities);
        }
        if is_expected {
            peers.expect(from.clone(), &hello.endpoint);
        }
        detector::heard(peers, now, from);
        match former_life {
            Some(life) if life != hello.incarnation => self.greet_again(peers, now, from),
            Some(_) => self.doubt(peers, now, from),
            None => {}
        }
    }

    /// From now on a greeting that declares what is declared no more, and was under way or answers a refusal, is not heard: for
    /// as long as the node may need to learn what has become of the link. If it declares it again later, somebody asked it to.
    pub(crate) fn note_undeclared(&mut self, peers: &Peers, now: Mono, node: &NodeId) {
        self.undeclared.retain(|(until, other)| *until > now && other != node);
        if self.undeclared.len() >= peers.peers_max() {
            self.undeclared.pop_front();
        }
        self.undeclared.push_back((now + self.timing.hello_interval, node.clone()));
    }

    fn is_undeclared(&self, now: Mono, node: &NodeId) -> bool {
        self.undeclared.iter().any(|(until, other)| *until > now && other == node)
    }

    /// A peer leaves: it is forgotten.
    pub(crate) fn on_leave(&mut self, peers: &mut Peers, from: &NodeId) {
        peers.out().push(Output::Answer(from.clone(), Answer::Farewell));
        peers.introductions().forget(from);
        peers.dialler().close_all(|link| link.is_to(from));
        peers.out().push(Output::Notify(Event::PeerLeft(from.clone())));
    }

    /// A peer is a neighbour no more. A link that somebody declared is kept, unless that does not hold any more: its far end
    /// is told so, or, if it stops, is greeted until it is back.
    pub(crate) fn on_part(&mut self, peers: &mut Peers, now: Mono, from: &NodeId, reason: DisconnectReason) {
        peers.introductions().forget(from);
        let Some(id) = peers.link_to(from) else { return };
        let Some(link) = peers.link_mut(id) else { return };
        let is_declared = link.is_declared();
        if is_declared && reason == DisconnectReason::Unlinked {
            return peers.greet(id);
        }
        if reason == DisconnectReason::Undeclared {
            return peers.dialler().close(id);
        }
        link.begin_anew();
        link.signs_mut().stopped();
        peers.dialler().take_down(now, id);
        if !is_declared {
            peers.dialler().close(id);
        }
    }

    /// True if `from` is, as far as we know, a node elsewhere. It is asked: if it still answers, the newcomer is
    /// refused; if it does not before the newcomer says so again, it has moved or is gone. `by` is the link that
    /// the newcomer answers, if it is not it that greets.
    fn contest(
        &mut self,
        peers: &mut Peers,
        now: Mono,
        from: &NodeId,
        endpoint: &Endpoint,
        by: Option<LinkId>,
    ) -> bool {
        let is_rival = |link: &Link| link.is_up() && link.is_to(from) && !link.leads_to(endpoint);
        let rivals = peers.links().select(is_rival);
        let Some(id) = rivals.into_iter().find(|&id| Some(id) != by) else { return false };
        let Some(link) = peers.link_mut(id) else { return false };
        match link.contested() {
            Some(asked) => now.since(asked) < self.timing.hello_interval,
            None => {
                link.contest(now, by);
                peers.dialler().ping(now, id, None);
                true
            }
        }
    }

    /// A peer greets that has greeted before. Maybe it was connected anew; maybe another node took its name for a
    /// while, and with it, at the peer's ROUTER, our connection: it then looks alive and leads nowhere.
    fn doubt(&mut self, peers: &mut Peers, now: Mono, node: &NodeId) {
        for id in peers.links().select(|link| link.is_up() && link.is_to(node)) {
            if peers.link_mut(id).is_some_and(|link| link.signs_mut().doubt(now, &self.timing)) {
                peers.dialler().ping(now, id, None);
            }
        }
    }

    /// Somebody who is refused has come under the name of a peer, and so has cut off the peer's connection to us: the peer
    /// finds that out when it is greeted.
    fn warn(&mut self, peers: &mut Peers, now: Mono, node: &NodeId) {
        let Some(id) = peers.link_to(node) else { return };
        if peers.link_mut(id).is_some_and(|link| link.warns(now, &self.timing)) {
            peers.greet(id);
        }
    }

    /// A frame could not be handed to a link. One without a connection is down: it is greeted again when it has one.
    pub(crate) fn on_unsent(&mut self, peers: &mut Peers, now: Mono, id: LinkId, why: Counter) {
        let Some(link) = peers.links().get(&id) else { return };
        // What goes over a link that is down already are greetings alone.
        if link.is_up() || why != Counter::NotConnected {
            let node = link.node().cloned();
            peers.out().count(why, node.as_ref());
        }
        if why == Counter::NotConnected {
            self.on_disconnected(peers, now, id);
        }
    }

    /// The connection of a link is gone: the link is down, and its peer suspected.
    pub(crate) fn on_disconnected(&mut self, peers: &mut Peers, now: Mono, id: LinkId) {
        peers.dialler().take_down(now, id);
        let Some(link) = peers.link_mut(id) else { return };
        link.begin_anew();
        if link.signs_mut().lost(now, &self.timing) {
            peers.note_state(id, MemberState::Suspect);
        }
        peers.dialler().keep_dialling(now, id);
    }

    /// Our greeting was answered: the link is up. Gives back what the far end has seen of our lives, if it may be believed.
    pub(crate) fn on_welcome(
        &mut self,
        peers: &mut Peers,
        now: Mono,
        id: LinkId,
        welcome: Introduction,
        seen: Option<LifeSeen>,
    ) -> Option<LifeSeen> {
        // It may answer over a connection that was closed meanwhile.
        if !peers.links().get(&id).is_some_and(|link| link.dialling().is_open()) {
            return None;
        }
        if let Err((refusal, text)) = peers.me().check(&welcome.node, &welcome) {
            peers.out().count_refusal(refusal, Some(&welcome.node));
            peers.out().push(Output::Notify(Event::Refused { node: welcome.node.clone(), refusal, text }));
            if refusal == Refusal::NameTaken {
                peers.dialler().close(id);
            }
            return None;
        }
        if self.is_stranger(peers, now, id, &welcome) {
            return None;
        }
        if self.contest(peers, now, &welcome.node, &welcome.endpoint, Some(id)) {
            return None;
        }
        if !instance::adopt_instance(peers, id, &welcome.instance) {
            peers.out().count_refusal(Refusal::OtherInstance, Some(&welcome.node));
            peers.give_up(id, Some(DialError::Refused(Refusal::OtherInstance)));
            return None;
        }
        let is_double = peers.links().iter().any(|(&other, link)| other != id && link.is_to(&welcome.node));
        if is_double {
            // Two connections under our one name: the far end has dropped one of them, and it may be either.
            let is_meant = |link: &Link| link.is_to(&welcome.node) || link.leads_to(&welcome.endpoint);
            let slot = peers.links().get(&id).map(Link::slot);
            let is_expected = peers.is_expected(&welcome.node);
            let purpose =
                peers.dialler().close_all(|link| Some(link.slot()) == slot || is_meant(link)).unwrap_or_default();
            peers.connect(now, purpose, Some(welcome.node.clone()), welcome.endpoint.clone(), false);
            if is_expected {
                peers.expect(welcome.node, &welcome.endpoint);
            }
            return seen;
        }
        if !is_whom_it_was(peers, id, &welcome.node) {
            return None;
        }
        peers.dialler().rise(now, id, welcome);
        if peers.link_mut(id).is_some_and(|link| link.signs_mut().met(now, &self.timing)) {
            peers.note_state(id, MemberState::Up);
        }
        seen
    }

    /// Our greeting, or a frame after it, was refused. Whoever does not know us is greeted again.
    pub(crate) fn on_refuse(&mut self, peers: &mut Peers, now: Mono, id: LinkId, code: String, text: String) {
        let Some(link) = peers.link_mut(id) else { return };
        let refusal = Refusal::named(&code);
        let denial = refusal.filter(|refusal| refusal.denies_introduction());
        if refusal == Some(Refusal::NotReady) {
            link.note_unready(now, &self.timing);
        }
        link.was_refused();
        let (endpoint, is_declared) = (link.endpoint().clone(), link.is_declared());
        if denial.is_some() && peers.dialler().fall(now, id) && denial == Some(Refusal::NotIntroduced) {
            return peers.greet(id);
        }
        if denial == Some(Refusal::NameTaken) {
            // Each connection of ours under that name would cut off the node that has it.
            peers.dialler().close(id);
            self.name_taken_at = Some(endpoint.clone());
        } else if let Some(refusal) = denial.filter(|&refusal| refusal != Refusal::NotIntroduced && !is_declared) {
            peers.give_up(id, Some(DialError::Refused(refusal)));
        } else if refusal.is_none_or(Refusal::answers_greeting) {
            peers.dialler().rest_if_down(now, id);
        }
        peers.out().push(Output::Notify(Event::RefusedBy { endpoint, code, text }));
    }

    fn greet_again(&mut self, peers: &mut Peers, now: Mono, node: &NodeId) {
        for id in peers.links().select(|link| link.is_to(node)) {
            peers.dialler().fall(now, id);
            let Some(link) = peers.link_mut(id) else { continue };
            link.begin_anew();
            link.greet_at(now + self.timing.hello_interval);
            peers.greet(id);
        }
    }
}

/// Notes what a node says to which there is a link already. One that knows no join priorities declares nothing by its greeting.
fn meet_again(peers: &mut Peers, from: &NodeId, priority: JoinPriority, capabilities: Capabilities) {
    let Some(id) = peers.link_to(from) else { return };
    peers.dialler().set_capabilities(id, capabilities);
    if priority == JoinPriority::Declared && capabilities.has(Capability::Overlay) {
        peers.link_mut(id).into_iter().for_each(Link::declare);
    }
}

/// True if a link leads to the node that it is meant for. A declared one is meant for whoever lives there.
fn is_whom_it_was(peers: &mut Peers, id: LinkId, node: &NodeId) -> bool {
    let Some(link) = peers.links().get(&id) else { return false };
    if link.node().is_none_or(|former| former == node) {
        return true;
    }
    if !link.is_declared() {
        peers.give_up(id, Some(DialError::WrongNode));
        return false;
    }
    peers.dialler().change_node(id);
    true
}
