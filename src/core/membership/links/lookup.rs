//! Queries to the peer table by the rest of a node.

use super::{link::Link, peers::Peers};
use crate::core::{
    endpoint::Endpoint,
    event::LinkId,
    frame::{JoinPriority, Member},
    id::NodeId,
    neighbours::{LinkRole, MemberState},
    request::PeerInfo,
    slots::Slot,
    stats::Refusal,
};

/// One link, for whoever decides about links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer<'a> {
    /// Its slot.
    pub slot: Slot,
    /// The name at its far end, as far as it is known.
    pub node: Option<&'a NodeId>,
    /// The address at which others can dial its far end.
    pub endpoint: &'a Endpoint,
    /// Its role.
    pub role: LinkRole,
    /// True if it takes messages.
    pub up: bool,
    /// The state of its far end; `None`: it was never up.
    pub state: Option<MemberState>,
}

impl Peer<'_> {
    /// The entry that other nodes are told of, if its name is known.
    pub(crate) fn member(&self) -> Option<Member> {
        Some(Member { node: self.node?.clone(), endpoint: self.endpoint.clone() })
    }
}

impl Peers {
    /// Number of links, up or not.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.links().len()
    }

    /// True if there is no link.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if the link to `node` is kept until one of the two leaves.
    pub(crate) fn is_declared(&self, node: &NodeId) -> bool {
        let link = self.link_to(node).and_then(|id| self.links().get(&id));
        link.is_some_and(|link| link.is_declared())
    }

    /// Addresses of the declared links that are not up; without those that only greeted, and have been gone for so long that
    /// they are dialled once in a while.
    pub(crate) fn waiting_for(&self) -> impl Iterator<Item = &Endpoint> {
        let missing = self.links().values().filter(|link| !link.is_up() && link.is_waited_for());
        missing.map(Link::endpoint)
    }

    /// The address at which a link was dialled.
    pub(crate) fn endpoint_of(&self, link: LinkId) -> Option<&Endpoint> {
        Some(self.links().get(&link)?.endpoint())
    }

    /// True if a node that greets with this priority may be refused for lack of vacancy; `linked` is the link to it, if there
    /// is one.
    pub(super) fn is_dispensable(&self, priority: JoinPriority, linked: Option<LinkId>) -> bool {
        let link = linked.and_then(|id| self.links().get(&id));
        let is_sought = link.is_some_and(|link| link.purpose().priority() != JoinPriority::Bridge);
        priority == JoinPriority::Bridge || priority == JoinPriority::Neighbour && !is_sought
    }

    /// True if a refusal with this code says no more than that the far end follows this root.
    pub(crate) fn is_answer_of_follower(&self, link: LinkId, code: &str) -> bool {
        let priority = self.links().get(&link).map(|link| link.purpose().priority());
        priority == Some(JoinPriority::Bridge) && code == Refusal::NoVacancy.name()
    }

    /// The link that has a slot.
    pub(crate) fn peer(&self, slot: Slot) -> Option<Peer<'_>> {
        Some(Self::as_peer(self.links().get(&self.neighbours().link_of(slot)?)?))
    }

    /// All links, in the order in which they were opened.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Peer<'_>> {
        self.links().values().map(Self::as_peer)
    }

    fn as_peer(link: &Link) -> Peer<'_> {
        Peer {
            slot: link.slot(),
            node: link.node(),
            endpoint: link.advertised(),
            role: link.purpose().role(),
            up: link.is_up(),
            state: link.signs().state(),
        }
    }

    /// An account of all links, in the order in which they were opened.
    pub(crate) fn describe(&self) -> Vec<PeerInfo> {
        let round_trip = |link: &Link| self.neighbours().measured_round_trip(link.slot());
        self.links().values().map(|link| link.describe(round_trip(link))).collect()
    }
}
