//! Traced messages on their way: copies that wait for their payload, and how each copy goes on by the relay rule. Spec:
//! section 7.2.

use super::{
    early_paths::EarlyPaths,
    relay_ledger::{Given, RelayDecision, RelayLedger},
};
use crate::core::{
    batch::{Batch, Body},
    capability::Capability,
    config::{Broadcast, Config},
    dissemination::{event::Output, sender::Sender},
    event::LinkId,
    frame::{Frame, PathCopy},
    id::{MessageId, NodeId},
    message::{Hop, Relays, Trace, extend_path},
    neighbours::NeighbourTable,
    slots::Slots,
    stats::Counter,
    time::Wall,
};

/// The traced messages of a node. Bounds: those of [`EarlyPaths`] and [`RelayLedger`].
#[derive(Debug)]
pub(in crate::core::dissemination) struct Relay {
    me: NodeId,
    early: EarlyPaths,
    ledger: RelayLedger,
    path_len_max: usize,
    small_payload_max: usize,
}

impl Relay {
    /// No messages yet. Where every payload goes over every link, all of them count as small.
    pub(super) fn new(config: &Config) -> Self {
        let (limits, floods) = (&config.limits, config.protocol.dissemination == Broadcast::Flood);
        Self {
            me: config.node.clone(),
            early: EarlyPaths::default(),
            ledger: RelayLedger::new(limits.retained_messages_max),
            path_len_max: limits.path_len_max,
            small_payload_max: if floods { usize::MAX } else { limits.small_payload_max },
        }
    }

    /// A payload that rides on every frame: trees have nothing to say.
    pub(super) fn is_small(&self, body: &Body) -> bool {
        body.bytes().len() <= self.small_payload_max
    }

    /// A copy with the path by which it came, this node included.
    pub(in crate::core::dissemination) fn arrived(&self, now: Wall, copy: PathCopy) -> PathCopy {
        let hop = Hop { node: self.me.clone(), micros: now.micros_since(copy.published_at) };
        let path = extend_path(&copy.trace.path, hop);
        PathCopy { trace: Trace { path, ..copy.trace }, ..copy }
    }

    /// Counts a copy that came in an earlier life, by this path.
    pub(in crate::core::dissemination) fn recover(&mut self, id: &MessageId, path: &[Hop]) {
        if let [.., sender, _] = path {
            self.ledger.recover(id, &sender.node);
        }
    }

    /// Begins to count the copies of a message that is new here.
    pub(in crate::core::dissemination) fn open(&mut self, id: &MessageId, relays: Relays) {
        self.ledger.open(id, relays);
    }

    /// Keeps a copy whose payload is not here; says how many there was no room for, this one or older ones.
    pub(in crate::core::dissemination) fn keep(&mut self, from: NodeId, copy: PathCopy) -> u64 {
        self.early.keep(from, copy)
    }

    /// Takes the copies of a message that came before its payload, in their order.
    pub(super) fn take(&mut self, id: &MessageId) -> Vec<(NodeId, PathCopy)> {
        self.early.take(id)
    }

    /// Messages whose copies are counted.
    pub(in crate::core::dissemination) fn counted(&self) -> usize {
        self.ledger.len()
    }

    /// Messages of which copies wait for the payload.
    pub(in crate::core::dissemination) fn waiting(&self) -> usize {
        self.early.len()
    }

    /// Applies the relay rule to a copy. Gives the links by which it goes on; `None`: it is not accepted.
    pub(super) fn accept(
        &mut self,
        from: Option<&NodeId>,
        copy: &PathCopy,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) -> Option<Vec<Given>> {
        match self.ledger.decide(&copy.id, from, neighbours.iter()) {
            RelayDecision::Accepted(given) => {
                sender.push(Output::Path { id: copy.id.clone(), path: copy.trace.path.clone() });
                return Some(given);
            }
            RelayDecision::Surplus => sender.count(Counter::Surplus, from, 1),
            RelayDecision::Unknown => sender.count(Counter::Late, from, 1),
        }
        None
    }

    /// Sends a copy on: whole where the payload is small, may be missing on the tree, or where trees are not known; elsewhere
    /// its path alone.
    pub(super) fn send(
        &self,
        given: &[Given],
        copy: &PathCopy,
        body: &Body,
        eager: &Slots,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        if copy.trace.path.len() > self.path_len_max {
            return sender.count(Counter::PathLimit, None, 1);
        }
        let is_whole = |given: &&Given| {
            let is_on_tree = |slot| given.may_lack && eager.contains(slot);
            let is_needed = || neighbours.slot_of_link(given.link).is_none_or(is_on_tree);
            self.is_small(body) || !knows_trees(neighbours, given.link) || is_needed()
        };
        let (whole, rest): (Vec<&Given>, Vec<&Given>) = given.iter().partition(is_whole);
        let PathCopy { id, published_at, hops, trace } = copy.clone();
        let (body, tree) = (body.clone(), None);
        let message = Batch { id, published_at, hops, trace: Some(trace), tree, body };
        sender.batch(whole.iter().map(|given| given.link).collect(), message, neighbours);
        let copy = PathCopy { hops: copy.hops.saturating_add(1), ..copy.clone() };
        sender.send(rest.iter().map(|given| given.link).collect(), Frame::Path(copy), None);
    }

    /// Drops the path of a message that is sent on request, if somebody would refuse it for its length.
    pub(in crate::core::dissemination) fn shorten(&self, message: Batch, sender: &mut Sender) -> Batch {
        if message.trace.as_ref().is_none_or(|trace| trace.path.len() <= self.path_len_max) {
            return message;
        }
        sender.count(Counter::PathLimit, None, 1);
        Batch { trace: None, ..message }
    }
}

/// Says whether the far end of a link knows trees.
pub(super) fn knows_trees(neighbours: &NeighbourTable, link: LinkId) -> bool {
    let slot = neighbours.slot_of_link(link);
    slot.is_some_and(|slot| neighbours.slots_with(Capability::Tree).contains(slot))
}
