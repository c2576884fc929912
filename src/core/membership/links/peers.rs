//! The peer table: the links of a node, how they are opened and closed, and the changes since somebody asked. How nodes meet is in [`handshake`](super::handshake), failure detection in [`detector`](super::detector), which links lead there
//! in [`proof`](super::proof).

use super::{link::Link, purpose::Purpose, slot_table::SlotTable, table::Table};
use crate::core::{
    capability::Capability,
    config::{Config, Timing},
    endpoint::Endpoint,
    event::LinkId,
    frame::{Introduction, JoinPriority, Member},
    id::{Incarnation, NodeId},
    membership::output::{Output, Outputs},
    neighbours::{LinkRole, MemberState},
    rng::Rng,
    slots::Slots,
    stats::Refusal,
    time::Mono,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Time that a closing link has for its last frame, and in which its far end is still heard: a neighbour that is one no more
/// may be about to send what it was asked for.
pub(super) const DISCONNECT_LINGER: Duration = Duration::from_secs(1);

/// The peers of a node: links that it opened, and nodes that introduced themselves over theirs.
///
/// Bounds: `peers_max` links, as many that are closing, and as many introductions. What it reports grows with the links
/// alone; it is to be taken after each input.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(super) me: Introduction,
    pub(super) links: Table,
    pub(super) slots: SlotTable,
    pub(super) introduced: BTreeMap<NodeId, Incarnation>,
    /// Links that are not used any more, to whom they led, and when they are closed.
    pub(super) closing: VecDeque<(Mono, LinkId, NodeId)>,
    next_link: u32,
    pub(super) peers_max: usize,
    pub(super) timing: Timing,
    pub(super) rng: Rng,
    /// True if links may wait for their turn to be dialled.
    pub(super) has_queued: bool,
    pub(super) out: Outputs,
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
        Self {
            me,
            links: Table::default(),
            slots: SlotTable::default(),
            introduced: BTreeMap::new(),
            closing: VecDeque::new(),
            next_link: 0,
            peers_max: config.limits.peers_max.min(usize::from(u16::MAX)),
            timing: config.protocol.timing,
            rng: Rng::new(seed),
            has_queued: false,
            out: Outputs::default(),
            state_changes: Vec::new(),
            failed_dials: Vec::new(),
        }
    }

    /// Slots whose links were closed since they were taken last: whatever is kept of them is void, also where a new link
    /// has one of them by now. Take these first, then the fallen, then the risen.
    pub(crate) fn take_freed(&mut self) -> Slots {
        self.slots.take_freed()
    }

    /// Slots of links that were up when they were taken last, and have not been since for all the time.
    pub(crate) fn take_fallen(&mut self) -> Slots {
        self.slots.take_fallen()
    }

    /// Slots of links that came up since they were taken last.
    pub(crate) fn take_risen(&mut self) -> Slots {
        self.slots.take_risen()
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
        if let Some(link) = self.links.get_mut(&id).filter(|link| !link.is_declared()) {
            link.declare();
            self.out.extend(link.greet(id, &self.me));
        }
    }

    /// From now on the link to `node` counts as declared, and its far end is told so.
    pub(crate) fn adopt(&mut self, node: &NodeId) {
        if let Some(id) = self.slots.link_to(node) {
            self.declare_link(id);
        }
    }

    /// Somebody wants a link that is there already, and may rest.
    pub(super) fn wake_known(&mut self, now: Mono, node: Option<&NodeId>, endpoint: &Endpoint) {
        if let Some(id) = self.find(node, endpoint) {
            self.wake(now, id);
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
        let Some(id) = self.slots.link_to(node) else { return };
        if self.links.get(&id).is_some_and(|link| !link.is_declared()) {
            self.give_up(id, None);
        }
    }

    /// This node takes up another life: the neighbours are told.
    pub(crate) fn renew(&mut self, incarnation: Incarnation) {
        self.me.incarnation = incarnation;
        for (&id, link) in self.links.iter_mut().filter(|(_, link)| link.is_up()) {
            self.out.extend(link.greet(id, &self.me));
        }
    }

    /// Notes that a member state is another one now.
    pub(super) fn note_state(&mut self, id: LinkId, state: MemberState) {
        let Some(link) = self.links.get(&id) else { return };
        self.state_changes.extend(link.node().cloned().map(|node| StateChange { node, state }));
    }

    /// The link to that address or that name.
    pub(super) fn find(&self, node: Option<&NodeId>, endpoint: &Endpoint) -> Option<LinkId> {
        let named = node.and_then(|node| self.slots.link_to(node));
        named.or_else(|| self.links.iter().find(|(_, link)| link.leads_to(endpoint)).map(|(&id, _)| id))
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
        if self.knows(node.as_ref(), &endpoint) {
            return false;
        }
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let slot = self.slots.enter(id);
        if let Some(node) = &node {
            self.slots.name(slot, node.clone());
        }
        self.links.insert(id, Link::new(slot, purpose, node, endpoint, now, is_trusted, &self.timing));
        self.dial(now, id);
        true
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

    /// Closes a link that nobody declared. Its peer is a stranger from now on: if it does not know yet, it is told so at
    /// its next frame.
    pub(super) fn give_up(&mut self, id: LinkId, why: Option<DialError>) {
        if let Some(node) = self.links.get(&id).and_then(|link| link.node().cloned()) {
            self.introduced.remove(&node);
            self.failed_dials.extend(why.map(|why| (node, why)));
        }
        self.close(id);
    }

    /// Closes links. If one of them was declared, or else by some other reason, says why they were there.
    pub(super) fn close_all(&mut self, is_meant: impl Fn(&Link) -> bool) -> Option<Purpose> {
        let meant: Vec<_> = self.links.iter().filter(|(_, link)| is_meant(link)).map(|(&id, _)| id).collect();
        let mut purpose: Option<Purpose> = None;
        for id in meant {
            let other = self.links.get(&id).map(Link::purpose);
            purpose = purpose.filter(Purpose::is_declared).or(other);
            self.close(id);
        }
        purpose
    }

    /// Closes the links whose last frames have had their time. Their far ends are strangers from then on, unless the two
    /// have met again.
    pub(super) fn close_lingering(&mut self, now: Mono) {
        while let Some((_, id, node)) = self.closing.pop_front_if(|(at, ..)| *at <= now) {
            self.out.push(Output::Disconnect(id));
            if self.slots.link_to(&node).is_none() {
                self.introduced.remove(&node);
            }
        }
    }

    /// The time at which something is due: a greeting, a probe, a change of state, an end.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        Mono::earliest([self.links.deadline(), self.closing.front().map(|&(at, ..)| at)])
    }

    /// Refuses a node.
    pub(crate) fn refuse(&mut self, node: &NodeId, refusal: Refusal, text: String) {
        let is_known = self.is_introduced(node);
        self.out.refuse(node, refusal, text, is_known);
    }

    /// The queue of outputs.
    pub(in crate::core::membership) fn out(&mut self) -> &mut Outputs {
        &mut self.out
    }

    /// The next thing to do, in order.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }
}

#[cfg(test)]
#[path = "peers/tests.rs"]
mod tests;
