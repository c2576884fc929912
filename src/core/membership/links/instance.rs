//! The instance of a node that was told of none, which is the start of the network that it belongs to: it takes the one of whoever answers at an address that
//! its operator named, or makes one up. Spec: `docs/spec/gossip-bus.md`, *Instances*.

use super::peers::Peers;
use crate::core::{
    event::LinkId,
    frame::Introduction,
    id::{Instance, NodeId, StreamId},
    stats::Refusal,
    time::Mono,
};
use std::time::Duration;

/// Waits for an instance, in greetings, of a node that is greeted by a lower name: the other one goes first, if it waits too.
const PATIENCE: u32 = 4;
/// Number of greetings in a row that a node may leave out and still count as one that waits: it repeats them.
const CALLS: u32 = 3;

/// The knowledge of a node that has no instance yet.
#[derive(Debug)]
pub(super) struct Instances {
    hello_interval: Duration,
    /// True if the operator named nodes to join by, which are dialled one after the other.
    joins: bool,
}

impl Instances {
    pub(super) fn new(hello_interval: Duration) -> Self {
        Self { hello_interval, joins: false }
    }

    /// The operator names a node to join by; `is_another`: it is not this one.
    pub(super) fn note_join(&mut self, is_another: bool) {
        self.joins |= is_another;
    }

    /// Refuses a node that greets, if the instances forbid that it is a peer; they are no two different ones. A node that has none makes one up for whoever has none, too, unless it waits for somebody to give it one.
    pub(super) fn admit(
        &self,
        peers: &mut Peers,
        now: Mono,
        from: &NodeId,
        hello: &Introduction,
    ) -> Result<(), (Refusal, String)> {
        if !peers.me().instance.is_empty() {
            return Ok(());
        }
        let is_lower = !hello.instance.is_empty() || *from < peers.me().node;
        for link in peers.dialler().links_mut().filter(|link| link.is_to(from) || link.leads_to(&hello.endpoint)) {
            link.note_caller(now, is_lower);
        }
        let patience = if *from < peers.me().node { PATIENCE } else { 1 };
        if self.awaits_instance(peers, now, patience) {
            return Err((Refusal::NotReady, "this node waits for an answer from those that it was told of".into()));
        }
        if !hello.instance.is_empty() {
            let text =
                "this node has no instance, and takes none from a greeting: start it with --peer, --join or --instance";
            return Err((Refusal::OtherInstance, text.into()));
        }
        Ok(())
    }

    /// Makes an instance up, if the node has none and waits for none: the network begins with it.
    pub(super) fn begin_network(&self, peers: &mut Peers, now: Mono) {
        if peers.me().instance.is_empty() && !self.awaits_instance(peers, now, 1) {
            begin_if_none(peers);
        }
    }

    /// True if an answer from an address that was named may bring an instance. Where nodes wait for each other, one of them
    /// goes first: of two that name each other the one with the lower name, and in a longer circle whoever is greeted first
    /// `patience` greetings after it has heard that those wait for whom it waits.
    fn awaits_instance(&self, peers: &Peers, now: Mono, patience: u32) -> bool {
        let interval = self.hello_interval;
        let mut waiting = peers.links().values().filter(|link| link.purpose().is_named() && !link.is_up()).peekable();
        if waiting.peek().is_none() {
            // Another contact is dialled in a moment, unless one of them has answered and has none itself.
            return self.joins && !peers.links().values().any(|link| link.purpose().is_named());
        }
        let (mut has_lower, mut has_higher, mut has_unready) = (false, false, false);
        for link in waiting {
            let caller = link.caller(now, interval * CALLS);
            has_lower |= caller == Some(true);
            has_higher |= caller == Some(false);
            has_unready |= link.unready().is_some_and(|since| now.since(since) >= interval * patience);
        }
        has_lower || !(has_higher || has_unready)
    }
}

/// Makes an instance up, if the node has none.
pub(super) fn begin_if_none(peers: &mut Peers) {
    if peers.me().instance.is_empty() {
        let life = StreamId { origin: peers.me().node.clone(), incarnation: peers.me().incarnation };
        peers.take_instance(Instance::of(&life));
    }
}

/// Takes the instance of whoever answered over a link, if this node has none. Says whether they have the same one now,
/// or one of them none.
pub(super) fn adopt_instance(peers: &mut Peers, id: LinkId, theirs: &Instance) -> bool {
    if !peers.me().instance.is_empty() || theirs.is_empty() {
        return true;
    }
    let is_named = peers.links().get(&id).is_some_and(|link| link.purpose().is_named());
    if is_named {
        peers.take_instance(theirs.clone());
    }
    is_named
}
