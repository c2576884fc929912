//! Which start of its network a node belongs to, where nobody told it: it takes the one of whoever answers at an address that
//! its operator named, or makes one up. Spec: `docs/spec/gossip-bus.md`, *Instances*.

use super::{link::Link, peers::Peers};
use crate::core::{
    event::LinkId,
    frame::Introduction,
    id::{Instance, NodeId, StreamId},
    membership::output::Output,
    stats::Refusal,
    time::Mono,
};
use std::time::Duration;

/// How many greetings in a row a node may leave out and still count as one that waits: it repeats them.
const CALLS: u32 = 3;

impl Peers {
    /// Whether whoever greets may be a peer, as far as it depends on the instances, which are no two different ones. A node
    /// that has none makes one up for whoever has none, too, unless it waits for somebody to give it one.
    pub(super) fn admit(&mut self, now: Mono, from: &NodeId, hello: &Introduction) -> Result<(), (Refusal, String)> {
        if !self.me.instance.is_empty() {
            return Ok(());
        }
        let is_lower = !hello.instance.is_empty() || *from < self.me.node;
        for link in self.links.values_mut().filter(|link| link.is_to(from) || link.leads_to(&hello.endpoint)) {
            link.caller = Some((now, is_lower));
        }
        if self.awaits_instance(now) {
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
    pub fn begin_network(&mut self, now: Mono) {
        if self.me.instance.is_empty() && !self.awaits_instance(now) {
            self.begin_if_none();
        }
    }

    /// Makes an instance up, if the node has none.
    pub(super) fn begin_if_none(&mut self) {
        if self.me.instance.is_empty() {
            let life = StreamId { origin: self.me.node.clone(), incarnation: self.me.incarnation };
            self.take_instance(Instance::of(&life));
        }
    }

    /// Takes the instance of whoever answered over a link, if this node has none. Says whether they have the same one now,
    /// or one of them none.
    pub(super) fn adopt_instance(&mut self, id: LinkId, theirs: &Instance) -> bool {
        if !self.me.instance.is_empty() || theirs.is_empty() {
            return true;
        }
        let is_named = self.links.get(&id).is_some_and(|link| link.bond.is_named);
        if is_named {
            self.take_instance(theirs.clone());
        }
        is_named
    }

    fn take_instance(&mut self, instance: Instance) {
        self.me.instance = instance.clone();
        self.out.push(Output::Adopt(instance));
    }

    /// Whether an answer from an address that was named may bring an instance. Where nodes wait for each other, one of them
    /// goes first: of two that name each other the one with the lower name, and in a longer circle whoever is greeted first
    /// after it has heard that those wait for whom it waits.
    fn awaits_instance(&self, now: Mono) -> bool {
        let interval = self.timing.hello_interval;
        let mut waiting = self.links.values().filter(|link| link.bond.is_named && !link.up).peekable();
        if waiting.peek().is_none() {
            // Another contact is dialled in a moment, unless one of them has answered and has none itself.
            return self.joins && !self.links.values().any(|link| link.bond.is_named);
        }
        let (mut has_lower, mut has_higher, mut has_unready) = (false, false, false);
        for link in waiting {
            let caller = caller(link, now, interval);
            has_lower |= caller == Some(true);
            has_higher |= caller == Some(false);
            has_unready |= link.unready.is_some_and(|since| now.since(since) >= interval);
        }
        has_lower || !(has_higher || has_unready)
    }
}

/// Whether the far end of a link, which has greeted lately, has the lower name.
fn caller(link: &Link, now: Mono, interval: Duration) -> Option<bool> {
    let (at, is_lower) = link.caller?;
    (now.since(at) < interval * CALLS).then_some(is_lower)
}
