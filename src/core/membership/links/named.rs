//! Orders of operators: links to be kept, and the node that is to answer at an address. Another that answers in its place
//! is no peer. Spec: `docs/spec/gossip-bus.md`, *Handshake*.

use super::{handshake::Handshake, introductions::DISCONNECT_LINGER, link::Link, peers::Peers, purpose::Purpose};
use crate::core::{
    capability::{Capabilities, Capability},
    endpoint::Endpoint,
    event::{Event, LinkId},
    frame::{DisconnectReason, Frame, Introduction},
    id::NodeId,
    membership::output::Output,
    stats::Refusal,
    time::Mono,
};

impl Peers {
    /// An operator asks for a link that is there.
    pub(super) fn name(&mut self, id: LinkId, endpoint: &Endpoint) {
        if let Some(link) = self.link_mut(id) {
            link.name(endpoint);
        }
    }

    /// Nobody else than `node` is to answer over the link that leads to it, or to `endpoint`.
    pub(super) fn expect(&mut self, node: NodeId, endpoint: &Endpoint) {
        if let Some(link) = self.find(Some(&node), endpoint).and_then(|id| self.link_mut(id)) {
            link.expect(node);
        }
    }

    /// True if an operator named `node` for the address of a link.
    pub(super) fn is_expected(&self, node: &NodeId) -> bool {
        self.links().values().any(|link| link.expected() == Some(node))
    }

    /// Says so, if another node lives where one of `peers` is to.
    pub(super) fn stranger_among(&self, peers: &[(Option<NodeId>, Endpoint)]) -> Option<String> {
        peers.iter().find_map(|(node, endpoint)| self.stranger_at(node.as_ref()?, endpoint))
    }

    fn stranger_at(&self, node: &NodeId, endpoint: &Endpoint) -> Option<String> {
        let mut there =
            self.links().values().filter(|link| link.is_up() && link.leads_to(endpoint) && !link.is_to(node));
        let found = there.find_map(Link::node)?;
        Some(format!("'{found}' lives at {endpoint}, not '{node}'"))
    }

    /// Says so, if another node than `from` was named for the address.
    pub(super) fn is_not_expected(&self, from: &NodeId, endpoint: &Endpoint) -> Option<String> {
        let there = self.links().values().filter(|link| link.leads_to(endpoint));
        let other = there.filter_map(Link::expected).find(|expected| *expected != from)?;
        Some(format!("'{other}' is to live at {endpoint}, not '{from}'"))
    }
}

impl Handshake {
    /// Opens links to all of `peers`, or to none if they are too many; all of them are declared from now on.
    pub(crate) fn declare(
        &mut self,
        peers: &mut Peers,
        now: Mono,
        named: Vec<(Option<NodeId>, Endpoint)>,
    ) -> Result<(), (Refusal, String)> {
        if let Some(text) = peers.stranger_among(&named) {
            peers.out().count_refusal(Refusal::BadIdentity, None);
            return Err((Refusal::BadIdentity, text));
        }
        let new = named.iter().filter(|(node, endpoint)| !peers.knows(node.as_ref(), endpoint)).count();
        if !peers.make_room(now, new) {
            peers.out().count_refusal(Refusal::PeersFull, None);
            return Err((Refusal::PeersFull, format!("a node has at most {} peers", peers.peers_max())));
        }
        for (node, endpoint) in named {
            node.iter().for_each(|node| self.is_declared_anew(node));
            match peers.find(node.as_ref(), &endpoint) {
                None => drop(peers.connect(now, Purpose::named(), node.clone(), endpoint.clone(), true)),
                Some(id) => {
                    peers.declare_link(id);
                    peers.name(id, &endpoint);
                    peers.dialler().wake(now, id);
                }
            }
            if let Some(node) = node {
                peers.expect(node, &endpoint);
            }
        }
        Ok(())
    }

    /// Opens a link to a node of a network that this one joins; its name will be known when it answers. Says whether it did.
    pub(crate) fn join(&mut self, peers: &mut Peers, now: Mono, contact: Endpoint) -> bool {
        self.note_join(contact != peers.me().endpoint);
        peers.wake_known(now, None, &contact);
        !peers.knows(None, &contact)
            && peers.make_room(now, 1)
            && peers.connect(now, Purpose::joining(), None, contact, true)
    }

    /// True if another node answers than was named for the address. There is no link to it; the address is dialled again, at
    /// growing distances.
    pub(super) fn is_stranger(&mut self, peers: &mut Peers, now: Mono, id: LinkId, welcome: &Introduction) -> bool {
        let is_met = peers.link_to(&welcome.node).is_some_and(|other| other != id);
        let Some(link) = peers.links().get(&id) else { return false };
        let Some(expected) = link.expected().cloned().filter(|expected| *expected != welcome.node) else {
            return false;
        };
        let (node, endpoint) = (welcome.node.clone(), link.endpoint().clone());
        peers.dialler().fall(now, id);
        // It took this node for a peer when it was greeted, and is told otherwise before the connection ends.
        if let Some(link) = peers.link_mut(id) {
            link.turn_away(now, welcome.endpoint.clone(), DISCONNECT_LINGER);
        }
        if !is_met {
            let is_able = Capabilities::read(&welcome.capabilities).has(Capability::Overlay);
            let reason = if is_able { Frame::Part(DisconnectReason::Undeclared) } else { Frame::Leave };
            peers.out().push(Output::Send(vec![id], reason));
            peers.introductions().forget(&node);
        }
        peers.out().count_refusal(Refusal::BadIdentity, Some(&expected));
        peers.out().push(Output::Notify(Event::Stranger { node, expected, endpoint }));
        true
    }
}
