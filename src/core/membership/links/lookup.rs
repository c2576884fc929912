//! What the rest of a node can ask of its peer table.

use super::{link::Link, peers::Peers};
use crate::core::{
    endpoint::Endpoint,
    event::LinkId,
    frame::{Introduction, JoinPriority, Member},
    id::NodeId,
    neighbours::{LinkRole, MemberState, NeighbourTable},
    request::PeerInfo,
    slots::Slot,
    stats::Refusal,
};
use std::time::Duration;

/// One link, for whoever decides about links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer<'a> {
    /// Its slot.
    pub slot: Slot,
    /// The name at its far end, as far as it is known.
    pub node: Option<&'a NodeId>,
    /// Where others can dial its far end.
    pub endpoint: &'a Endpoint,
    /// Why it is there.
    pub kind: LinkRole,
    /// Whether it takes messages.
    pub up: bool,
    /// Whether its far end lives; `None`: it was never up.
    pub verdict: Option<MemberState>,
}

impl Peer<'_> {
    /// What other nodes are told of it, if its name is known.
    pub fn member(&self) -> Option<Member> {
        Some(Member { node: self.node?.clone(), endpoint: self.endpoint.clone() })
    }
}

impl Peers {
    /// How this node introduces itself.
    pub fn me(&self) -> &Introduction {
        &self.me
    }

    /// What all machines may read of the neighbours.
    pub fn neighbours(&self) -> &NeighbourTable {
        self.slots.table()
    }

    /// How many links there are, up or not.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// Whether there is no link.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Whether `node` has said HELLO.
    pub fn is_introduced(&self, node: &NodeId) -> bool {
        self.introduced.contains_key(node)
    }

    /// Whether the link to `node` is kept until one of the two leaves.
    pub fn is_declared(&self, node: &NodeId) -> bool {
        let link = self.slots.link_to(node).and_then(|id| self.links.get(&id));
        link.is_some_and(|link| link.bond.is_declared())
    }

    /// Addresses of the declared links that are not up; without those that only greeted, and have been gone for so long that they are dialled once in a while.
    pub fn waiting_for(&self) -> impl Iterator<Item = &Endpoint> {
        let missing = self.links.values().filter(|link| !link.up && link.is_waited_for());
        missing.map(|link| &link.endpoint)
    }

    /// Where a link was dialled.
    pub fn endpoint_of(&self, link: LinkId) -> Option<&Endpoint> {
        Some(&self.links.get(&link)?.endpoint)
    }

    /// Whether who greets so may be refused for want of vacancy, `linked` being the link to it, if there is one.
    pub(super) fn is_dispensable(&self, priority: JoinPriority, linked: Option<LinkId>) -> bool {
        let link = linked.and_then(|id| self.links.get(&id));
        let is_sought = link.is_some_and(|link| link.bond.priority != JoinPriority::Bridge);
        priority == JoinPriority::Bridge || priority == JoinPriority::Neighbour && !is_sought
    }

    /// Whether a refusal with this code says no more than that who was asked follows this root.
    pub fn is_answer_of_follower(&self, link: LinkId, code: &str) -> bool {
        let priority = self.links.get(&link).map(|link| link.bond.priority);
        priority == Some(JoinPriority::Bridge) && code == Refusal::NoVacancy.name()
    }

    /// The link that has a slot.
    pub fn peer(&self, slot: Slot) -> Option<Peer<'_>> {
        Some(Self::as_peer(self.links.get(&self.neighbours().link_of(slot)?)?))
    }

    /// All links, in the order in which they were opened.
    pub fn iter(&self) -> impl Iterator<Item = Peer<'_>> {
        self.links.values().map(Self::as_peer)
    }

    fn as_peer(link: &Link) -> Peer<'_> {
        let Link { slot, bond, endpoint, advertised, node, up, .. } = link;
        let endpoint = advertised.as_ref().unwrap_or(endpoint);
        Peer { slot: *slot, node: node.as_ref(), endpoint, kind: bond.kind, up: *up, verdict: link.verdict() }
    }

    /// The interval between two greetings.
    pub fn hello_interval(&self) -> Duration {
        self.timing.hello_interval
    }

    /// What the node tells about its peers, in the order in which it met them.
    pub fn describe(&self) -> Vec<PeerInfo> {
        let round_trip = |link: &Link| self.neighbours().measured_round_trip(link.slot);
        self.links.values().map(|link| link.describe(round_trip(link))).collect()
    }
}
