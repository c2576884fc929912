//! Disconnects: one node tells the other that the two are neighbours no more, or that it leaves. Spec:
//! `docs/spec/gossip-bus.md`, *Meeting*.

use super::{
    handshake::Handshake,
    peers::{DISCONNECT_LINGER, Peers},
};
use crate::core::{
    capability::Capability,
    event::Event,
    frame::{Answer, DisconnectReason, Frame},
    id::NodeId,
    membership::output::Output,
    time::Mono,
};

impl Handshake {
    /// A peer leaves: it is forgotten.
    pub(crate) fn on_leave(&mut self, peers: &mut Peers, from: &NodeId) {
        peers.out.push(Output::Answer(from.clone(), Answer::Farewell));
        peers.introduced.remove(from);
        peers.close_all(|link| link.is_to(from));
        peers.out.push(Output::Notify(Event::PeerLeft(from.clone())));
    }

    /// A peer is a neighbour no more. A link that somebody declared is kept, unless that does not hold any more: its far end
    /// is told so, or, if it stops, is greeted until it is back.
    pub(crate) fn on_part(&mut self, peers: &mut Peers, now: Mono, from: &NodeId, reason: DisconnectReason) {
        peers.introduced.remove(from);
        let Some(id) = peers.slots.link_to(from) else { return };
        let Some(link) = peers.links.get_mut(&id) else { return };
        let is_declared = link.is_declared();
        if is_declared && reason == DisconnectReason::Unlinked {
            return peers.out.extend(link.greet(id, &peers.me));
        }
        if reason == DisconnectReason::Undeclared {
            return peers.close(id);
        }
        link.begin_anew();
        link.signs_mut().stopped();
        if link.fall(now, &peers.timing, &mut peers.slots) {
            peers.out.push(link.down());
        }
        if !is_declared {
            peers.close(id);
        }
    }
}

impl Peers {
    /// Tells a neighbour that it is one no more, and closes the link to it.
    pub(crate) fn disconnect(&mut self, now: Mono, node: &NodeId, reason: DisconnectReason) {
        let Some((id, link)) = self.slots.link_to(node).and_then(|id| Some((id, self.remove(id)?))) else {
            self.introduced.remove(node);
            return;
        };
        let frame = match reason {
            _ if link.capabilities().has(Capability::Overlay) => Some(Frame::Part(reason)),
            // It would think that the link is to be kept.
            DisconnectReason::Unlinked | DisconnectReason::Undeclared => Some(Frame::Leave),
            DisconnectReason::Stopping => None,
        };
        if let Some(frame) = frame.filter(|_| link.is_up() && self.closing.len() < self.peers_max) {
            self.out.push(Output::Send(vec![id], frame));
            self.closing.push_back((now + DISCONNECT_LINGER, id, node.clone()));
        } else {
            self.introduced.remove(node);
            self.out.extend(link.dialling().is_open().then_some(Output::Disconnect(id)));
        }
    }
}
