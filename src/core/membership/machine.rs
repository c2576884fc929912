//! The neighbours of a node as one machine: links and their greetings, signs of life, and the overlay that says who is to be
//! whose neighbour. What it wants done comes out as [`Output`]s, in order.

use super::{
    links::{
        detector::FailureDetector,
        handshake::{Greeting, Handshake},
        liveness::LocalHealth,
        peers::{DialError, Peers, StateChange},
        slot_table::SlotChanges,
    },
    namesake::{Namesake, namesakes_of_neighbours},
    output::Output,
    overlay::{action::Action, membership::Overlay, walk},
    seeds::Seeds,
};
use crate::core::{
    capability::Capability,
    config::Config,
    endpoint::Endpoint,
    event::{Event, LinkId},
    frame::{Answer, DisconnectReason, Frame, Hashes, Introduction, JoinPriority, LifeSeen, Member, Walk},
    id::{Incarnation, NodeId},
    neighbours::{LinkRole, MemberState, NeighbourTable},
    request::PeerInfo,
    slots::Slot,
    stats::{Counter, Refusal},
    time::{Mono, Now},
};
use std::time::Duration;

/// All that can happen to the neighbours of a node, and all that can be asked about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A node greets.
    Greeted {
        /// The node.
        from: NodeId,
        /// Its introduction.
        hello: Introduction,
        /// Its join priority.
        priority: JoinPriority,
        /// The latest of its lives that was seen here.
        seen: Option<LifeSeen>,
    },
    /// A node that has introduced itself says something that is for this machine.
    Told {
        /// The node.
        from: NodeId,
        /// The frame.
        frame: Frame,
    },
    /// WELCOME, PONG, FAREWELL or REFUSE comes back over a link.
    Answered {
        /// The link.
        link: LinkId,
        /// The answer.
        answer: Answer,
    },
    /// Anything has come back over a link, and was dealt with.
    Proved(LinkId),
    /// A link can take frames.
    Writable(LinkId),
    /// A frame could not be handed to a link.
    Unsent {
        /// The link.
        link: LinkId,
        /// The reason.
        why: Counter,
    },
    /// The connection of a link is gone.
    Disconnected(LinkId),
    /// [`Membership::deadline`] has passed, or another deadline of the node; hashes of all that it has seen go with the probes.
    Tick(Option<Hashes>),
    /// These nodes are to be peers no more.
    Disconnect(Vec<NodeId>),
    /// The node is to join a network by asking at these addresses.
    Join(Vec<Endpoint>),
    /// A message is published here: the network begins, if it has not.
    Published,
    /// Messages pass: links have to prove themselves.
    Used,
    /// A neighbour is to be told hashes in a moment.
    ProbeSoon(Slot),
    /// So much later was answered what was sent over a link.
    Measured(LinkId, Duration),
    /// Bytes are on their way over a link that answers have to wait for: until then its silence proves nothing.
    Excused(LinkId, Mono),
    /// The node goes on as another life.
    Renewed(Incarnation),
    /// The whole network is being stopped.
    Stopping,
    /// The node leaves, or ends: it looks for nobody from now on, and tells those who do not know yet.
    Leaving,
}

/// The neighbours of a node, and whom it knows beside them.
///
/// Call [`handle`](Self::handle) for each input, and once a turn, after all else, [`note_changes`](Self::note_changes) and
/// then [`follow_overlay`](Self::follow_overlay); drain [`poll_output`](Self::poll_output) after each of these.
#[derive(Debug)]
pub struct Membership {
    peers: Peers,
    handshake: Handshake,
    detector: FailureDetector,
    overlay: Overlay,
    seeds: Seeds,
    namesake: Namesake,
    is_leaving: bool,
}

impl Membership {
    /// Knows nobody yet. All that is left to chance follows from `seed`.
    pub fn new(config: &Config, incarnation: Incarnation, seed: u64, now: Now) -> Self {
        let (limits, timing) = (&config.limits, &config.protocol.timing);
        let me = Member { node: config.node.clone(), endpoint: config.endpoint.clone() };
        Self {
            peers: Peers::new(config, incarnation, seed),
            handshake: Handshake::new(*timing),
            detector: FailureDetector::new(*timing),
            seeds: Seeds::new(timing),
            overlay: Overlay::new(me, incarnation, &config.protocol, limits, seed, now.mono),
            namesake: Namesake::default(),
            is_leaving: false,
        }
    }

    /// Applies one input. Stale or hostile ones become counts and refusals.
    pub fn handle(&mut self, now: Mono, input: Input) {
        match input {
            Input::Greeted { from, hello, priority, seen } => self.on_hello(now, &from, hello, priority, seen),
            Input::Told { from, frame } => self.on_frame(now, &from, frame),
            Input::Answered { link, answer } => self.on_answer(now, link, answer),
            Input::Proved(link) => self.detector.answered(&mut self.peers, now, link),
            Input::Writable(link) if self.is_leaving => self.peers.out().push(Output::Send(vec![link], Frame::Leave)),
            Input::Writable(link) => self.handshake.on_writable(&mut self.peers, now, link),
            Input::Unsent { link, why } => self.handshake.on_unsent(&mut self.peers, now, link, why),
            Input::Disconnected(link) => self.handshake.on_disconnected(&mut self.peers, now, link),
            Input::Tick(hashes) => self.on_tick(now, hashes),
            Input::Disconnect(nodes) => nodes.iter().for_each(|node| self.disconnect(now, node)),
            Input::Join(contacts) => self.join(now, contacts),
            Input::Published => self.handshake.begin_network(&mut self.peers, now),
            Input::Used => self.detector.note_use(&mut self.peers, now),
            Input::ProbeSoon(slot) => self.detector.probe_soon(&mut self.peers, now, slot),
            Input::Measured(link, took) => self.detector.measured(&mut self.peers, link, took),
            Input::Excused(link, until) => self.detector.excuse(&mut self.peers, link, until),
            Input::Renewed(incarnation) => self.peers.renew(incarnation),
            Input::Stopping => self.overlay.stop(),
            Input::Leaving => self.is_leaving = true,
        }
    }

    /// A node that has introduced itself says something: it lives. Gives the slot of the link to it, if there is one.
    pub fn heard(&mut self, now: Mono, from: &NodeId) -> Option<Slot> {
        self.detector.heard(&mut self.peers, now, from)
    }

    /// Declares links to `peers`: all, or none if they are too many.
    pub fn declare(&mut self, now: Mono, peers: Vec<(Option<NodeId>, Endpoint)>) -> Result<(), (Refusal, String)> {
        let named = |(node, endpoint): &(Option<NodeId>, Endpoint)| {
            Some(Member { node: node.clone()?, endpoint: endpoint.clone() })
        };
        let members: Vec<Member> = peers.iter().filter_map(named).collect();
        let declared = self.handshake.declare(&mut self.peers, now, peers);
        // Another name may be known for that address.
        for member in members.into_iter().filter(|member| self.peers.is_declared(&member.node)) {
            self.overlay.declare(now, member);
        }
        declared
    }

    /// Refuses a node.
    pub fn refuse(&mut self, node: &NodeId, refusal: Refusal, text: String) {
        self.peers.refuse(node, refusal, text);
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.peers.poll_output()
    }

    /// The time of the next [`Input::Tick`], if nothing else happens before; a node that leaves needs none.
    pub fn deadline(&self) -> Option<Mono> {
        let deadlines = [self.peers.deadline(), self.overlay.deadline(), self.seeds.deadline()];
        Mono::earliest(deadlines).filter(|_| !self.is_leaving)
    }

    /// The neighbours, as all machines may read them.
    pub fn neighbours(&self) -> &NeighbourTable {
        self.peers.neighbours()
    }

    /// The introduction of this node.
    pub fn me(&self) -> &Introduction {
        self.peers.me()
    }

    /// True if `node` has said HELLO.
    pub fn is_introduced(&self, node: &NodeId) -> bool {
        self.peers.is_introduced(node)
    }

    /// Addresses of the declared links that are not up, and of the one where our name is another's.
    pub fn waiting_for(&self) -> impl Iterator<Item = &Endpoint> {
        self.peers.waiting_for().chain(self.handshake.name_taken_at())
    }

    /// An account of all links, in the order in which they were opened.
    pub fn describe(&self) -> Vec<PeerInfo> {
        self.peers.describe()
    }

    /// The confidence of the node in its own timers.
    pub fn health(&self) -> LocalHealth {
        self.detector.health()
    }

    /// The lowest name that is known to be reachable.
    pub fn root(&self) -> &NodeId {
        self.overlay.root()
    }

    /// The members known beside the neighbours, dead or alive.
    pub fn acquaintances(&self) -> impl ExactSizeIterator<Item = &NodeId> {
        self.overlay.passive().names()
    }

    /// The reason why this node must take no messages, if another has its name.
    pub fn name_taken(&self) -> Option<&str> {
        self.namesake.taken()
    }

    /// True if the link to `node` is to be kept until one of the two leaves.
    #[cfg(test)]
    pub fn is_declared(&self, node: &NodeId) -> bool {
        self.overlay.is_declared(node)
    }

    fn on_hello(
        &mut self,
        now: Mono,
        from: &NodeId,
        hello: Introduction,
        priority: JoinPriority,
        seen: Option<LifeSeen>,
    ) {
        if self.is_leaving {
            return self.refuse(from, Refusal::Leaving, "this node is leaving its network".into());
        }
        if self.namesake.meets_itself(now, from, &hello, &mut self.peers) {
            return;
        }
        let member = Member { node: from.clone(), endpoint: hello.endpoint.clone() };
        let is_sound = self.peers.me().check(from, &hello).is_ok();
        let vacancy = is_sound && self.overlay.admits(now, &member, priority);
        self.handshake.on_hello(&mut self.peers, now, from, Greeting { hello, priority, vacancy, seen });
        if self.peers.is_introduced(from) {
            // One that does not know join priorities declares nothing by its greeting.
            let is_kept = priority != JoinPriority::Declared || self.peers.is_declared(from);
            let priority = if is_kept { priority } else { JoinPriority::Neighbour };
            self.overlay.greeted(now, member, priority);
        }
    }

    fn on_frame(&mut self, now: Mono, from: &NodeId, frame: Frame) {
        match &frame {
            Frame::Leave => {
                self.handshake.on_leave(&mut self.peers, from);
                return self.overlay.left(now, from);
            }
            Frame::Part(reason) => self.handshake.on_part(&mut self.peers, now, from, *reason),
            Frame::Neighbours(members) => self.look_for_namesakes(now, members, true),
            Frame::Walk(Walk { members, .. }) => self.look_for_namesakes(now, members, false),
            _ => {}
        }
        self.overlay.on_frame(now, from, frame);
    }

    /// A neighbour names members. One of this node's own name elsewhere is greeted. One of another neighbour's name elsewhere
    /// is told to that neighbour, if `is_first_hand`: the sender has a link to it.
    fn look_for_namesakes(&mut self, now: Mono, members: &[Member], is_first_hand: bool) {
        if self.is_leaving {
            return;
        }
        self.namesake.look_for(now, members, &mut self.peers);
        if is_first_hand {
            for (slot, member) in namesakes_of_neighbours(members, &self.peers) {
                self.send([slot], Frame::Walk(walk::news(vec![member])));
            }
        }
    }

    fn on_answer(&mut self, now: Mono, link: LinkId, answer: Answer) {
        match answer {
            Answer::Welcome(welcome, seen) => {
                let seen = self.handshake.on_welcome(&mut self.peers, now, link, welcome, seen);
                self.peers.out().extend(seen.map(Output::LifeSeen));
            }
            Answer::Pong(token) => self.detector.on_pong(&mut self.peers, now, link, token),
            Answer::Farewell => self.peers.out().push(Output::Farewell(link)),
            Answer::Lost(_) => {}
            Answer::Refuse { code, .. } if self.peers.is_answer_of_follower(link, &code) => {
                let node = self.neighbours().name_of(link).cloned();
                node.into_iter().for_each(|node| self.overlay.refused(now, &node));
            }
            Answer::Refuse { code, text } => {
                let node = self.neighbours().name_of(link).cloned();
                self.peers.out().push(Output::Count(Counter::RefusedByPeer, node));
                if self.is_leaving {
                    return self.peers.out().push(Output::Farewell(link));
                }
                if code == Refusal::NameTaken.name() {
                    self.namesake.on_name_taken(now, link, &text, &mut self.peers);
                }
                self.handshake.on_refuse(&mut self.peers, now, link, code, text);
            }
        }
        // Who refuses to be a peer is none, whatever was there before: the link is not up any more.
        self.detector.answered(&mut self.peers, now, link);
    }

    fn on_tick(&mut self, now: Mono, hashes: Option<Hashes>) {
        if !self.is_leaving {
            self.detector.on_tick(&mut self.peers, now, hashes);
        }
        if self.overlay.deadline().is_some_and(|deadline| deadline <= now) {
            self.overlay.tick(now);
        }
        self.try_seed(now);
    }

    /// Somebody wants a node to be a peer no more.
    fn disconnect(&mut self, now: Mono, node: &NodeId) {
        self.overlay.sever(now, node);
        self.handshake.note_undeclared(&self.peers, now, node);
        self.peers.disconnect(now, node, DisconnectReason::Undeclared);
    }

    fn join(&mut self, now: Mono, contacts: Vec<Endpoint>) {
        self.overlay.join();
        contacts.into_iter().for_each(|endpoint| self.seeds.add(now, endpoint));
        self.try_seed(now);
    }

    /// Greets a seed node, if it is time: this one has no neighbour.
    fn try_seed(&mut self, now: Mono) {
        if let Some(endpoint) = self.seeds.on_tick(now).filter(|_| !self.is_leaving) {
            self.handshake.join(&mut self.peers, now, endpoint);
        }
    }

    /// Tells the other machines, and the overlay, which neighbours have come and gone.
    pub fn note_changes(&mut self, now: Mono) {
        self.peers.dial_queued(now);
        let SlotChanges { freed, fallen, risen } = self.peers.take_slot_changes();
        self.peers.out().extend(freed.iter().map(Output::Freed));
        self.peers.out().extend(fallen.iter().map(Output::Fallen));
        self.peers.out().extend(risen.iter().map(Output::Risen));
        if !freed.is_empty() {
            self.overlay.follow_links(now, self.peers.neighbours());
        }
        for node in fallen.iter().filter_map(|slot| self.peers.neighbours().name_of_slot(slot)) {
            self.overlay.fell(node);
        }
        risen.iter().for_each(|slot| self.note_neighbour(now, slot));
        self.seeds.note(now, !self.peers.neighbours().up_slots().is_empty());
        for StateChange { node, state } in self.peers.take_state_changes() {
            match state {
                MemberState::Up => {
                    let slot = self.peers.neighbours().slot_of(&node);
                    slot.into_iter().for_each(|slot| self.note_neighbour(now, slot));
                }
                MemberState::Suspect => self.overlay.suspected(&node),
                MemberState::Down => self.overlay.down(now, &node),
            }
        }
        for (node, failure) in self.peers.take_failed_dials() {
            match failure {
                DialError::Refused(_) => self.overlay.refused(now, &node),
                DialError::TimedOut | DialError::WrongNode => self.overlay.down(now, &node),
            }
        }
    }

    /// A neighbour is there, or there again.
    fn note_neighbour(&mut self, now: Mono, slot: Slot) {
        let Some(peer) = self.peers.peer(slot).filter(|peer| peer.up) else { return };
        let Some(member) = peer.member() else { return };
        if peer.role == LinkRole::Declared && !self.overlay.is_declared(&member.node) {
            self.overlay.declare(now, member.clone());
        }
        self.overlay.rose(now, member);
    }

    /// Does what the overlay asks for, until it asks for nothing more.
    pub fn follow_overlay(&mut self, now: Mono) {
        while let Some(action) = self.overlay.poll_action() {
            match action {
                _ if self.is_leaving => {}
                Action::Send { to, frame } => {
                    let neighbours = self.peers.neighbours();
                    let slot = neighbours.slot_of(&to);
                    let slot = slot.filter(|&slot| neighbours.slots_with(Capability::Overlay).contains(slot));
                    self.send(slot, frame);
                }
                Action::SendAll { except, frame } => {
                    let neighbours = self.peers.neighbours();
                    let except = except.and_then(|node| neighbours.slot_of(&node));
                    let slots = neighbours.slots_with(Capability::Overlay).iter().filter(|&slot| Some(slot) != except);
                    let slots: Vec<Slot> = slots.collect();
                    self.send(slots, frame);
                }
                Action::Seek { member, priority } => self.seek(now, &member, priority),
                Action::Adopt { node } => self.peers.adopt(&node),
                Action::Part { node, reason } => self.peers.disconnect(now, &node, reason),
                Action::Close { node } => self.peers.drop_link(&node),
            }
        }
    }

    /// Opens a link that nobody declared.
    fn seek(&mut self, now: Mono, member: &Member, priority: JoinPriority) {
        if self.peers.seek(now, member, priority, LinkRole::Healing) && priority != JoinPriority::Bridge {
            self.peers.out().count(Counter::Sought, None);
            self.peers.out().notify(Event::Seeking(member.node.clone()));
        }
    }

    fn send(&mut self, slots: impl IntoIterator<Item = Slot>, frame: Frame) {
        let links = self.peers.neighbours().links_of(slots);
        if !links.is_empty() {
            self.peers.out().push(Output::Send(links, frame));
        }
    }
}
