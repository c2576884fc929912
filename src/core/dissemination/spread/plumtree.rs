//! Spread of messages: along one tree for each origin (Plumtree), and by the relay rule where they are traced. Spec: sections
//! 7.2 and 7.3.

use super::{
    recent::Recent,
    relay::{Relay, knows_trees},
    tree::Trees,
};
use crate::core::{
    batch::{Batch, Body},
    capability::Capability,
    config::{Broadcast, Config},
    dissemination::{chunks::body::WHOLE_MAX, provenance::Provenance, repair::ask::How, sender::Sender},
    frame::{Frame, PathCopy, StreamRanges},
    id::{MessageId, NodeId},
    message::Trace,
    neighbours::NeighbourTable,
    slots::{Slot, Slots},
    stats::Counter,
    time::{Mono, Now},
};
use std::time::Duration;

/// Least advantage by which a neighbour is quicker than the parent.
const LEAD_MIN: Duration = Duration::from_millis(1);
/// The same as a part of the round trip: links are not exact.
const LEAD_PART: u32 = 32;

/// Trees, announcements and traced copies of a node. Bounds: those of its parts.
#[derive(Debug)]
pub(in crate::core::dissemination) struct Plumtree {
    trees: Trees,
    recent: Recent,
    relay: Relay,
    /// Every payload goes over every link.
    floods: bool,
}

impl Plumtree {
    /// Nothing has come yet.
    pub(in crate::core::dissemination) fn new(config: &Config) -> Self {
        let timing = &config.protocol.timing;
        Self {
            trees: Trees::new(config.node.clone(), config.limits.trees_max, timing),
            recent: Recent::new(timing.announce_delay),
            relay: Relay::new(config),
            floods: config.protocol.dissemination == Broadcast::Flood,
        }
    }

    /// The trees.
    #[inline]
    pub(in crate::core::dissemination) fn trees(&self) -> &Trees {
        &self.trees
    }

    /// The same, to be changed by what is heard of them.
    #[inline]
    pub(in crate::core::dissemination) fn trees_mut(&mut self) -> &mut Trees {
        &mut self.trees
    }

    /// The traced messages.
    #[inline]
    pub(in crate::core::dissemination) fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The same, to be changed by what is heard of them.
    #[inline]
    pub(in crate::core::dissemination) fn relay_mut(&mut self) -> &mut Relay {
        &mut self.relay
    }

    /// Passes a first copy on; `senders` are at it, too.
    pub(in crate::core::dissemination) fn spread(
        &mut self,
        now: Now,
        provenance: &Provenance,
        batch: Batch,
        senders: &Slots,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        if let Some(trace) = &batch.trace {
            let targets = match self.relay.is_small(&batch.body) {
                true => Slots::default(),
                false => self.targets(now.mono, provenance, &batch, senders, neighbours),
            };
            return self.spread_traced(now, provenance, (&batch, trace), &targets, neighbours, sender);
        }
        let targets = self.targets(now.mono, provenance, &batch, senders, neighbours);
        let links = neighbours.links_of(targets.iter());
        // To the other neighbours it will be announced; and to these, unless an announcement would pass its pieces.
        let mut told: Slots = provenance.slot.into_iter().collect();
        let pushed = match batch.body.bytes().len() > WHOLE_MAX {
            true => {
                told.extend(targets.iter());
                Slots::default()
            }
            false => targets,
        };
        self.recent.note(now.mono, &batch.id, batch.last(), provenance.came(), told, pushed);
        sender.batch(links, batch, neighbours);
    }

    /// The slots that a first copy is to be pushed to.
    fn targets(
        &mut self,
        now: Mono,
        provenance: &Provenance,
        batch: &Batch,
        senders: &Slots,
        neighbours: &NeighbourTable,
    ) -> Slots {
        // Whoever knows no trees is sent everything.
        let trees = neighbours.slots_with(Capability::Tree);
        let up = neighbours.up_slots().iter();
        let mut targets: Slots = up.filter(|&slot| self.floods || !trees.contains(slot)).collect();
        if !self.floods && !provenance.is_backlog() {
            let (origin, model) = (&batch.id.origin, batch.tree.as_ref());
            targets.extend(self.trees.spread(now, origin, provenance.source(), model, trees).iter());
        }
        // Whoever has sent it or is sending it has it.
        if let Some(from) = provenance.slot {
            targets.remove(from);
        }
        if !senders.is_empty() {
            senders.iter().for_each(|slot| _ = targets.remove(slot));
        }
        targets
    }

    /// Passes a traced message on by the relay rule: first the copies that were here before their payload, then this one.
    fn spread_traced(
        &mut self,
        now: Now,
        provenance: &Provenance,
        (message, trace): (&Batch, &Trace),
        eager: &Slots,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let &Batch { ref id, published_at, hops, ref body, .. } = message;
        self.relay.open(id, trace.relays);
        let copy = PathCopy { id: id.clone(), published_at, hops, trace: trace.clone() };
        let copy = self.relay.arrived(now.wall, copy);
        let early = self.relay.take(id).into_iter().map(|(from, copy)| (Some(from), copy));
        let mut told: Slots = provenance.slot.into_iter().collect();
        for (from, copy) in early.chain([(provenance.from.clone(), copy)]) {
            let Some(mut given) = self.relay.accept(from.as_ref(), &copy, neighbours, sender) else { continue };
            if provenance.is_backlog() {
                // Whoever knows trees asks for it.
                given.retain(|given| !knows_trees(neighbours, given.link));
            }
            told.extend(given.iter().filter_map(|given| neighbours.slot_of_link(given.link)));
            self.relay.send(&given, &copy, body, eager, neighbours, sender);
        }
        self.recent.note(now.mono, id, message.last(), provenance.came(), told, Slots::default());
    }

    /// One more copy comes of messages that are here; `kept` is the body, if it is one that is traced and kept.
    pub(in crate::core::dissemination) fn copy(
        &mut self,
        now: Now,
        from: &NodeId,
        batch: Batch,
        kept: Option<Body>,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        if batch.trace.is_none() || !self.relay.is_small(&batch.body) {
            let last = batch.id.stream().message(batch.last());
            self.judge_duplicate(now.mono, neighbours.slot_of(from), &last, neighbours, sender);
        }
        let Batch { id, published_at, hops, trace, body, .. } = batch;
        match trace {
            Some(trace) => {
                let copy = self.relay.arrived(now.wall, PathCopy { id, published_at, hops, trace });
                self.relay_again(from, &copy, kept, neighbours, sender);
            }
            None => sender.count(Counter::Duplicates, Some(from), body.count().into()),
        }
    }

    /// Two neighbours push the same batch, which ends with this message: one of them is to stop.
    fn judge_duplicate(
        &mut self,
        now: Mono,
        slot: Option<Slot>,
        id: &MessageId,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let slot = slot.filter(|&slot| !self.floods && neighbours.slots_with(Capability::Tree).contains(slot));
        let Some(slot) = slot else { return };
        let first = self.recent.first(id);
        let pusher = first.filter(|first| !first.was_pulled).and_then(|first| first.from);
        if let Some(first) = first.filter(|first| first.was_pulled) {
            // It was asked for too soon.
            let asked_after = self.trees.pull_delay(now, &id.origin, neighbours.mean_round_trip());
            let late = asked_after + now.since(first.at);
            self.trees.learn(&id.origin, late);
        }
        if let Some(pruned) = self.trees.duplicate(now, &id.origin, slot, pusher) {
            sender.prune(pruned, &id.origin, neighbours);
        }
    }

    /// Relays a further copy of a traced message, if that is kept and the relay rule accepts the copy.
    pub(in crate::core::dissemination) fn relay_again(
        &mut self,
        from: &NodeId,
        copy: &PathCopy,
        kept: Option<Body>,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let Some(body) = kept else { return sender.count(Counter::Late, Some(from), 1) };
        if let Some(given) = self.relay.accept(Some(from), copy, neighbours, sender) {
            sender.count(Counter::Duplicates, Some(from), 1);
            let eager = self.trees.eager(&copy.id.origin).cloned().unwrap_or_default();
            self.relay.send(&given, copy, &body, &eager, neighbours, sender);
        }
    }

    /// A neighbour has announced these: it need not be told of them.
    pub(in crate::core::dissemination) fn known_to(&mut self, slot: Slot, held: &StreamRanges) {
        self.recent.known_to(slot, held);
    }

    /// A neighbour that announces could have brought a message that is here: was it quicker than who did?
    pub(in crate::core::dissemination) fn compare(
        &mut self,
        now: Mono,
        slot: Slot,
        id: &MessageId,
        age: Duration,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let Some(first) = self.recent.first(id) else { return };
        let would_have = Mono(now.0.saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)));
        let lead = Some(first.at.since(would_have)).filter(|lead| !lead.is_zero());
        let least = LEAD_MIN.max(neighbours.round_trip(slot) / LEAD_PART);
        if let Some(swap) = self.trees.announced(now, &id.origin, slot, lead, least) {
            sender.swap(swap, &id.origin, neighbours);
        }
    }

    /// Messages of an origin are missing that a neighbour has. Says how that counts, and how long they may still come unasked: where
    /// nobody pushes the messages of that origin, the first who announces one is taken for it.
    pub(crate) fn miss(
        &mut self,
        now: Mono,
        origin: &NodeId,
        slot: Slot,
        how: How,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) -> (How, Duration) {
        if how == How::Overdue {
            self.trees.note_loss(now);
        }
        let is_orphan = how == How::Announced && self.trees.is_orphan(origin);
        if is_orphan {
            self.adopt(now, origin, slot, neighbours, sender);
        }
        let wait = self.trees.pull_delay(now, origin, neighbours.mean_round_trip());
        (if is_orphan { How::Overdue } else { how }, wait)
    }

    /// Takes a neighbour for the one that pushes the messages of an origin.
    pub(in crate::core::dissemination) fn adopt(
        &mut self,
        now: Mono,
        origin: &NodeId,
        slot: Slot,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let links = neighbours.slots_with(Capability::Tree);
        if let Some(swap) = self.trees.adopt(now, origin, slot, links) {
            sender.swap(swap, origin, neighbours);
        }
    }

    /// Announces what has waited long enough.
    pub(in crate::core::dissemination) fn announce(
        &mut self,
        now: Mono,
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let [trees, repair] = [Capability::Tree, Capability::Repair].map(|word| neighbours.slots_with(word));
        for (news, slots) in self.recent.announce(now, trees, repair) {
            if !news.announced.is_empty() {
                sender.tell(&slots, Frame::Have(news.announced), Counter::Announced, neighbours);
            }
            if !news.caught_up.is_empty() {
                let digest = Frame::Digest { streams: news.caught_up, given_up: Vec::new(), spans: Vec::new() };
                sender.tell(&slots, digest, Counter::Digests, neighbours);
            }
        }
    }

    /// A link is down.
    pub(in crate::core::dissemination) fn forget(&mut self, slot: Slot) {
        self.trees.forget(slot);
    }

    /// The slot of a link is another's from now on.
    pub(in crate::core::dissemination) fn free(&mut self, slot: Slot) {
        self.recent.forget(slot);
        self.trees.forget(slot);
    }

    /// The time when something is to be announced.
    pub(in crate::core::dissemination) fn deadline(&self) -> Option<Mono> {
        self.recent.deadline()
    }
}
