//! The peer table: the links of a node, the nodes that introduced themselves, and the changes since somebody asked. How nodes
//! meet is in [`handshake`](super::handshake), failure detection in [`detector`](super::detector), which links lead there in
//! [`proof`](super::proof), and their connections in [`dialler`](super::dialler).

use super::{
    dialler::Dialler, introductions::Introductions, link::Link, purpose::Purpose, slot_table::SlotChanges, table::Table,
};
use crate::core::{
    capability::Capability,
    config::Config,
    endpoint::Endpoint,
    event::LinkId,
    frame::{DisconnectReason, Frame, Introduction, JoinPriority, Member},
    id::{Incarnation, Instance, NodeId},
    membership::output::{Output, Outputs},
    neighbours::{LinkRole, MemberState, NeighbourTable},
    stats::{Counter, Refusal},
    time::Mono,
};
use std::time::Duration;

/// The peers of a node: links that it opened, and nodes that introduced themselves over theirs.
///
/// Bounds: `peers_max` links, as many that are closing, and as many introductions. What it reports grows with the links
/// alone; it is to be taken after each input.
#[derive(Debug)]
pub(crate) struct Peers {
    me: Introduction,
    peers_max: usize,
    dialler: Dialler,
    introductions: Introductions,
    state_changes: Vec<StateChange>,
    failed_dials: Vec<(NodeId, DialError)>,
}

/// A member state that is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateChange {
    /// The neighbour. A link that is not declared was closed if its peer is down.
    pub node: NodeId,
    /// Its state now.
    pub state: MemberState,
}

/// Reason why a link that this node sought, or that nobody declared, did not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DialError {
    /// The far end refused, for this reason.
    Refused(Refusal),
    /// No answer in time.
    TimedOut,
    /// Another node lives there.
    WrongNode,
}

impl Peers {
    /// No peers yet. What is left to chance follows from `seed`.
    pub(crate) fn new(config: &Config, incarnation: Incarnation, seed: u64) -> Self {
        let words = Capability::own(&config.protocol);
        let me = Introduction {
            node: config.node.clone(),
            endpoint: config.endpoint.clone(),
            network: config.network.clone(),
            instance: config.instance.clone(),
            incarnation,
            capabilities: words.map(|word| word.word().to_owned()).collect(),
            payload_len_max: Some(config.limits.payload_len_max as u64),
        };
        let peers_max = config.limits.peers_max.min(usize::from(u16::MAX));
        Self {
            me,
            peers_max,
            dialler: Dialler::new(config.protocol.timing, seed),
            introductions: Introductions::new(peers_max),
            state_changes: Vec::new(),
            failed_dials: Vec::new(),
        }
    }

    /// The introduction of this node.
    pub(crate) fn me(&self) -> &Introduction {
        &self.me
    }

    /// Most links that it may have.
    pub(super) fn peers_max(&self) -> usize {
        self.peers_max
    }

    /// The interval between two greetings.
    pub(crate) fn hello_interval(&self) -> Duration {
        self.dialler.timing().hello_interval
    }

    /// The neighbours, as all machines may read them.
    pub(crate) fn neighbours(&self) -> &NeighbourTable {
        self.dialler.slots().table()
    }

    /// All links, to be read.
    pub(super) fn links(&self) -> &Table {
        self.dialler.links()
    }

    pub(super) fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.dialler.link_mut(id)
    }

    /// The link to a node.
    pub(super) fn link_to(&self, node: &NodeId) -> Option<LinkId> {
        self.dialler.slots().link_to(node)
    }

    /// The links, to be changed.
    pub(super) fn dialler(&mut self) -> &mut Dialler {
        &mut self.dialler
    }

    /// The queue of outputs.
    pub(in crate::core::membership) fn out(&mut self) -> &mut Outputs {
        self.dialler.out()
    }

    /// The next thing to do, in order.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out().pop()
    }

    /// Slots that were freed, and links that fell and rose, since these were taken last.
    pub(crate) fn take_slot_changes(&mut self) -> SlotChanges {
        self.dialler.take_slot_changes()
    }

    /// Member states that have changed since, in order.
    pub(crate) fn take_state_changes(&mut self) -> Vec<StateChange> {
        std::mem::take(&mut self.state_changes)
    }

    /// Links that were closed because they did not come up, by the name that they were meant for.
    pub(crate) fn take_failed_dials(&mut self) -> Vec<(NodeId, DialError)> {
        std::mem::take(&mut self.failed_dials)
    }

    /// Makes a link a declared one, and says so at its far end.
    pub(super) fn declare_link(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id).filter(|link| !link.is_declared()) {
            link.declare();
            self.greet(id);
        }
    }

    /// From now on the link to `node` counts as declared, and its far end is told so.
    pub(crate) fn adopt(&mut self, node: &NodeId) {
        if let Some(id) = self.link_to(node) {
            self.declare_link(id);
        }
    }

    /// Somebody wants a link that is there already, and may rest.
    pub(super) fn wake_known(&mut self, now: Mono, node: Option<&NodeId>, endpoint: &Endpoint) {
        if let Some(id) = self.find(node, endpoint) {
            self.dialler.wake(now, id);
        }
    }

    /// Opens a link that nobody declared. Says whether it did: not if there is one, or no room for one. It is closed if it
    /// does not come up, or its peer is down.
    pub(crate) fn seek(&mut self, now: Mono, member: &Member, priority: JoinPriority, role: LinkRole) -> bool {
        let Member { node, endpoint } = member.clone();
        let purpose = Purpose::sought(role, priority);
        self.wake_known(now, Some(&node), &endpoint);
        !self.knows(Some(&node), &endpoint)
            && self.make_room(now, 1)
            && self.connect(now, purpose, Some(node), endpoint, false)
    }

    /// Greets whoever lives at an address where this node's own name is said to be used.
    pub(crate) fn ask_at(&mut self, now: Mono, endpoint: Endpoint) {
        let purpose = Purpose::sought(LinkRole::Healing, JoinPriority::Neighbour);
        if !self.knows(None, &endpoint) && self.make_room(now, 1) {
            self.connect(now, purpose, None, endpoint, false);
        }
    }

    /// Closes the link to a node, if it is there still and nobody declared it.
    pub(crate) fn drop_link(&mut self, node: &NodeId) {
        let Some(id) = self.link_to(node) else { return };
        if self.links().get(&id).is_some_and(|link| !link.is_declared()) {
            self.give_up(id, None);
        }
    }

    /// This node takes up another life: the neighbours are told.
    pub(crate) fn renew(&mut self, incarnation: Incarnation) {
        self.me.incarnation = incarnation;
        self.links().select(Link::is_up).into_iter().for_each(|id| self.greet(id));
    }

    /// Takes an instance up.
    pub(super) fn take_instance(&mut self, instance: Instance) {
        self.me.instance = instance.clone();
        self.out().push(Output::Adopt(instance));
    }

    /// Says HELLO over a link that has a connection.
    pub(super) fn greet(&mut self, id: LinkId) {
        self.dialler.greet(id, &self.me);
    }

    /// Notes that a member state is another one now.
    pub(super) fn note_state(&mut self, id: LinkId, state: MemberState) {
        let Some(link) = self.dialler.links().get(&id) else { return };
        self.state_changes.extend(link.node().cloned().map(|node| StateChange { node, state }));
    }

    /// The link to that address or that name.
    pub(super) fn find(&self, node: Option<&NodeId>, endpoint: &Endpoint) -> Option<LinkId> {
        let named = node.and_then(|node| self.link_to(node));
        named.or_else(|| self.links().iter().find(|(_, link)| link.leads_to(endpoint)).map(|(&id, _)| id))
    }

    /// True if there is a link to that address or that name, or it is our own.
    pub(super) fn knows(&self, node: Option<&NodeId>, endpoint: &Endpoint) -> bool {
        let is_me = *endpoint == self.me.endpoint || node == Some(&self.me.node);
        is_me || self.find(node, endpoint).is_some()
    }

    /// Opens a link, unless there is one to that address or that name, or it is our own. `is_trusted`: an operator named the
    /// address here.
    pub(super) fn connect(
        &mut self,
        now: Mono,
        purpose: Purpose,
        node: Option<NodeId>,
        endpoint: Endpoint,
        is_trusted: bool,
    ) -> bool {
        let is_new = !self.knows(node.as_ref(), &endpoint);
        if is_new {
            self.dialler.open(now, purpose, node, endpoint, is_trusted);
        }
        is_new
    }

    /// Makes room for `count` further links: dead ones give way. Says whether there is room; if not, nobody was forgotten.
    pub(super) fn make_room(&mut self, now: Mono, count: usize) -> bool {
        let surplus = (self.links().len() + count).saturating_sub(self.peers_max);
        if surplus == 0 {
            return true;
        }
        let Some(dead) = self.dialler.dead(now, surplus) else { return false };
        for id in dead {
            self.out().count(Counter::Forgotten, None);
            self.give_up(id, None);
        }
        true
    }

    /// Closes a link that nobody declared. Its peer is a stranger from now on: if it does not know yet, it is told so at
    /// its next frame.
    pub(super) fn give_up(&mut self, id: LinkId, why: Option<DialError>) {
        if let Some(node) = self.links().get(&id).and_then(|link| link.node().cloned()) {
            self.introductions.forget(&node);
            self.failed_dials.extend(why.map(|why| (node, why)));
        }
        self.dialler.close(id);
    }

    /// Closes the links whose last frames have had their time. Their far ends are strangers from then on, unless the two
    /// have met again.
    pub(super) fn close_lingering(&mut self, now: Mono) {
        while let Some((id, node)) = self.introductions.take_lingering(now) {
            self.out().push(Output::Disconnect(id));
            if self.link_to(&node).is_none() {
                self.introductions.forget(&node);
            }
        }
    }

    /// The time at which something is due: a greeting, a probe, a change of state, an end.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        Mono::earliest([self.links().deadline(), self.introductions.deadline()])
    }

    /// Refuses a node.
    pub(crate) fn refuse(&mut self, node: &NodeId, refusal: Refusal, text: String) {
        let is_known = self.is_introduced(node);
        self.out().refuse(node, refusal, text, is_known);
    }

    /// True if `node` has said HELLO.
    pub(crate) fn is_introduced(&self, node: &NodeId) -> bool {
        self.introductions.contains(node)
    }

    /// Makes room for the introduction of a node. Says whether there is room.
    pub(super) fn can_introduce(&mut self, node: &NodeId) -> bool {
        self.introductions.make_room(node, |other| self.dialler.slots().link_to(other).is_some())
    }

    /// The nodes that have said HELLO, to be changed.
    pub(super) fn introductions(&mut self) -> &mut Introductions {
        &mut self.introductions
    }

    /// Tells a neighbour that it is one no more, and closes the link to it.
    pub(crate) fn disconnect(&mut self, now: Mono, node: &NodeId, reason: DisconnectReason) {
        let Some((id, link)) = self.link_to(node).and_then(|id| Some((id, self.dialler.remove(id)?))) else {
            return self.introductions.forget(node);
        };
        let frame = match reason {
            _ if link.capabilities().has(Capability::Overlay) => Some(Frame::Part(reason)),
            // It would think that the link is to be kept.
            DisconnectReason::Unlinked | DisconnectReason::Undeclared => Some(Frame::Leave),
            DisconnectReason::Stopping => None,
        };
        if let Some(frame) = frame.filter(|_| link.is_up() && self.introductions.linger(now, id, node)) {
            self.out().push(Output::Send(vec![id], frame));
        } else {
            self.introductions.forget(node);
            self.out().extend(link.dialling().is_open().then_some(Output::Disconnect(id)));
        }
    }

    /// Dials links that wait for their turn.
    pub(crate) fn dial_queued(&mut self, now: Mono) {
        self.dialler.dial_queued(now);
    }
}

#[cfg(test)]
#[path = "peers/tests.rs"]
mod tests;
