//! Messages through a node: a first copy is delivered and goes on, a further one says something about the links it came by.
//! Spec: section 7.

use super::Node;
use crate::core::{
    capability::Capability,
    config::Broadcast,
    dissemination::repair::ask::How,
    dissemination::seen::Sighting,
    dissemination::spread::{
        recent::Came,
        relay_ledger::{Given, RelayDecision},
        tree::Source,
    },
    event::{LinkId, Output, Record},
    frame::{Frame, PathCopy},
    id::NodeId,
    membership::machine,
    message::{Hop, Kept, Message, Path, Payload, Trace, extend_path},
    slots::{Slot, Slots},
    stats::{Counter, Refusal},
    time::{Now, Wall},
};
use std::time::Duration;

/// By which way a first copy came; by default it was submitted here.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    /// The neighbour that sent it.
    from: Option<NodeId>,
    /// Its slot, if there is a link to it.
    slot: Option<Slot>,
    /// Why it had been asked for, if that neighbour was asked for it.
    asked: Option<How>,
}

impl Provenance {
    fn came(&self) -> Came {
        Came { from: self.slot, was_pulled: self.asked.is_some(), is_backlog: self.is_backlog() }
    }

    /// Whether it was missed for so long that the neighbours have it, or will ask for it like this node.
    fn is_backlog(&self) -> bool {
        matches!(self.asked, Some(How::Digest | How::Backlog))
    }
}

impl Node {
    /// A message comes, with its payload.
    pub(super) fn on_message(&mut self, now: Now, from: NodeId, message: Message) {
        if let Err((refusal, text)) = message.check(&from, self.config.limits.payload_len_max) {
            return self.refuse_node(now, &from, refusal, text);
        }
        if !self.bears(now, &from, &message.id) {
            return;
        }
        let sighting = self.seen.insert(&message.id);
        self.stats.add(Counter::ClosedGaps, Some(&from), self.seen.take_closed_gaps());
        match sighting {
            Sighting::First | Sighting::Filled => {
                if sighting == Sighting::Filled {
                    self.filled.note(now.mono, &message.id);
                }
                let way = self.way(now, from, &message);
                self.note_holes(now, way.slot, &message.id.stream());
                self.deliver(now, way, message);
            }
            Sighting::Again | Sighting::Unsure => {
                let is_unsure = sighting == Sighting::Unsure;
                self.stats.add(Counter::Unsure, Some(&from), is_unsure.into());
                self.on_copy(now, &from, message);
            }
            Sighting::Full => {
                let text = format!("no room to remember {}", message.id);
                self.refuse_node(now, &from, Refusal::OriginsFull, text);
            }
        }
    }

    /// A copy of a traced message comes without its payload.
    pub(super) fn on_path(&mut self, now: Now, from: NodeId, copy: PathCopy) {
        if let Err((refusal, text)) = copy.trace.check(&copy.id, &from) {
            return self.refuse_node(now, &from, refusal, text);
        }
        if !self.bears(now, &from, &copy.id) {
            return;
        }
        let copy = self.arrived(now, copy);
        let slot = self.membership.neighbours().slot_of(&from);
        if let Some(slot) = slot {
            self.trees.spared(&copy.id.origin, slot);
        }
        if self.seen.contains(&copy.id) {
            return self.relay_again(now, &from, copy);
        }
        let (stream, sequence) = (copy.id.stream(), copy.id.sequence);
        let dropped = self.held.keep(from, copy);
        self.stats.add(Counter::Late, None, dropped);
        if let Some(slot) = slot {
            self.miss(now, slot, &stream, &[(sequence, sequence)], How::Announced);
        }
    }

    /// What is known of the way by which a first copy came.
    fn way(&mut self, now: Now, from: NodeId, message: &Message) -> Provenance {
        let arrival = self.missing.arrived(now.mono, &message.id);
        let slot = self.membership.neighbours().slot_of(&from);
        let asked = arrival.asked.and_then(|(of, how)| (Some(of) == slot).then_some(how));
        if asked.is_none() {
            let late = arrival.first_announced.map_or(Duration::ZERO, |first| now.mono.since(first));
            self.trees.learn(&message.id.origin, late);
            self.expect_more(now, slot, &message.id);
        }
        Provenance { from: Some(from), slot, asked }
    }

    /// Files and passes on a message that is new here.
    pub(super) fn deliver(&mut self, now: Now, way: Provenance, message: Message) {
        self.digests.changed(now.mono);
        self.on_membership(now, machine::Input::Used);
        self.stats.count(Counter::Delivered, way.from.as_ref());
        self.note_delivery(now, way.from.as_ref(), &message);
        self.append(Record::Received { message: message.clone(), at: now.wall });
        self.mailbox.file(&message, now.wall);
        message.trace.iter().for_each(|trace| self.ledger.open(&message.id, trace.relays));
        let (id, payload) = (message.id.clone(), message.payload.clone());
        match &message.trace {
            Some(trace) => self.spread_traced(now, &way, &message, trace),
            None => self.spread(now, &way, message),
        }
        self.settle_chunks(now, &id, &payload);
        self.trim_mailbox(now);
    }

    /// Pushes an untraced message along its tree; to the other neighbours it will be announced.
    fn spread(&mut self, now: Now, way: &Provenance, message: Message) {
        let mut told = self.targets(now, way, &message);
        let links = self.membership.neighbours().links_of(told.iter());
        told.extend(way.slot);
        self.recent.note(now.mono, &message.id, way.came(), told);
        self.send_message(links, message);
    }

    /// The slots that a first copy is to be pushed to.
    fn targets(&mut self, now: Now, way: &Provenance, message: &Message) -> Slots {
        let is_flood = self.config.protocol.dissemination == Broadcast::Flood;
        // Whoever knows no trees is sent everything.
        let trees = self.membership.neighbours().slots_with(Capability::Tree);
        let mut targets: Slots =
            self.membership.neighbours().up_slots().iter().filter(|&slot| is_flood || !trees.contains(slot)).collect();
        if !is_flood && !way.is_backlog() {
            let source = match (way.slot, way.asked) {
                (None, _) => Source::Here,
                (Some(from), None) => Source::Pushed(from),
                (Some(from), Some(_)) => Source::Pulled(from),
            };
            let (origin, model) = (&message.id.origin, message.tree.as_ref());
            targets.extend(self.trees.spread(now.mono, origin, source, model, trees).iter());
        }
        if let Some(from) = way.slot {
            targets.remove(from);
        }
        // Whoever is sending it has it.
        for slot in self.incoming.senders(&message.id).filter_map(|node| self.membership.neighbours().slot_of(node)) {
            targets.remove(slot);
        }
        targets
    }

    /// Passes a traced message on by the relay rule: first the copies that were here before their payload, then this one.
    fn spread_traced(&mut self, now: Now, way: &Provenance, message: &Message, trace: &Trace) {
        let &Message { ref id, published_at, hops, ref payload, .. } = message;
        // A small payload rides on every frame: trees have nothing to say.
        let eager = if self.is_small(payload) { Slots::default() } else { self.targets(now, way, message) };
        let copy = self.arrived(now, PathCopy { id: id.clone(), published_at, hops, trace: trace.clone() });
        let held = self.held.take(id).into_iter().map(|(from, copy)| (Some(from), copy));
        let mut told: Slots = way.slot.into_iter().collect();
        for (from, copy) in held.chain([(way.from.clone(), copy)]) {
            let Some(mut given) = self.note_copy(from.as_ref(), &copy) else { continue };
            if way.is_backlog() {
                // Whoever knows trees asks for it.
                given.retain(|given| !self.knows_trees(given.link));
            }
            told.extend(given.iter().filter_map(|given| self.membership.neighbours().slot_of_link(given.link)));
            self.relay(&given, &copy, payload, &eager);
        }
        self.recent.note(now.mono, id, way.came(), told);
    }

    /// One more copy comes of a message that is here.
    pub(super) fn on_copy(&mut self, now: Now, from: &NodeId, message: Message) {
        if message.trace.is_none() || !self.is_small(&message.payload) {
            self.judge_duplicate(now, from, &message);
        }
        let Message { id, published_at, hops, trace, .. } = message;
        match trace {
            Some(trace) => {
                let copy = self.arrived(now, PathCopy { id, published_at, hops, trace });
                self.relay_again(now, from, copy);
            }
            None => self.stats.count(Counter::Duplicates, Some(from)),
        }
    }

    /// Two neighbours push the same: one of them is to stop.
    fn judge_duplicate(&mut self, now: Now, from: &NodeId, message: &Message) {
        let neighbours = self.membership.neighbours();
        let slot = neighbours.slot_of(from).filter(|&slot| neighbours.slots_with(Capability::Tree).contains(slot));
        let Some(slot) = slot.filter(|_| self.config.protocol.dissemination == Broadcast::Tree) else { return };
        let origin = &message.id.origin;
        let first = self.recent.first(&message.id);
        let pusher = first.filter(|first| !first.was_pulled).and_then(|first| first.from);
        if let Some(first) = first.filter(|first| first.was_pulled) {
            // It was asked for too soon.
            let asked_after = self.trees.pull_delay(origin, self.membership.neighbours().mean_round_trip());
            let late = asked_after + now.mono.since(first.at);
            self.trees.learn(origin, late);
        }
        if let Some(pruned) = self.trees.duplicate(now.mono, origin, slot, pusher) {
            self.prune(pruned, origin);
        }
    }

    /// Relays a further copy of a traced message, if the relay rule accepts it.
    fn relay_again(&mut self, now: Now, from: &NodeId, copy: PathCopy) {
        let Some(payload) = self.mailbox.payload(&copy.id) else {
            return self.stats.count(Counter::Late, Some(from));
        };
        if let Some(given) = self.note_copy(Some(from), &copy) {
            self.stats.count(Counter::Duplicates, Some(from));
            let eager = self.trees.eager(&copy.id.origin).cloned().unwrap_or_default();
            self.relay(&given, &copy, &payload, &eager);
            self.trim_mailbox(now);
        }
    }

    /// Notes the path of a copy and says over which links it goes on; `None` if it is not accepted.
    fn note_copy(&mut self, from: Option<&NodeId>, copy: &PathCopy) -> Option<Vec<Given>> {
        match self.ledger.decide(&copy.id, from, self.membership.neighbours().iter()) {
            RelayDecision::Accepted(given) => {
                self.mailbox.note_path(&copy.id, copy.trace.path.clone());
                return Some(given);
            }
            RelayDecision::Surplus => self.stats.count(Counter::Surplus, from),
            RelayDecision::Unknown => self.stats.count(Counter::Late, from),
        }
        None
    }

    /// Sends a copy on: whole where the payload is small, may be missing on the tree, or where trees are not known; elsewhere
    /// its path alone.
    fn relay(&mut self, given: &[Given], copy: &PathCopy, payload: &Payload, eager: &Slots) {
        if copy.trace.path.len() > self.config.limits.path_len_max {
            return self.stats.count(Counter::PathLimit, None);
        }
        let is_whole = |given: &&Given| {
            let is_on_tree = |slot| given.may_lack && eager.contains(slot);
            let is_needed = || self.membership.neighbours().slot_of_link(given.link).is_none_or(is_on_tree);
            self.is_small(payload) || !self.knows_trees(given.link) || is_needed()
        };
        let (whole, rest): (Vec<&Given>, Vec<&Given>) = given.iter().partition(is_whole);
        let PathCopy { id, published_at, hops, trace } = copy.clone();
        let (payload, tree) = (payload.clone(), None);
        let message = Message { id, published_at, hops, trace: Some(trace), tree, payload };
        self.send_message(whole.iter().map(|given| given.link).collect(), message);
        let copy = PathCopy { hops: copy.hops.saturating_add(1), ..copy.clone() };
        self.send(rest.iter().map(|given| given.link).collect(), Frame::Path(copy));
    }

    /// Sends a message on, one hop further.
    pub(super) fn send_message(&mut self, mut links: Vec<LinkId>, message: Message) {
        if self.is_leaving() {
            return;
        }
        links.iter().for_each(|&link| self.stats.count(Counter::Sent, self.membership.neighbours().name_of(link)));
        let frame = Frame::Message(Message { hops: message.hops.saturating_add(1), ..message });
        self.send_in_chunks(&mut links, &frame);
        self.send(links, frame);
    }

    /// Sends a frame. The neighbours of a leaving node have been told to forget it.
    pub(super) fn send(&mut self, links: Vec<LinkId>, frame: Frame) {
        if !links.is_empty() && !self.is_leaving() {
            self.outbox.push_back(Output::Send(links, frame));
        }
    }

    /// Sends a frame to one neighbour.
    pub(super) fn send_to(&mut self, slot: Slot, frame: Frame) {
        self.send(self.membership.neighbours().links_of([slot]), frame);
    }

    /// Tells a neighbour to push no more messages of `origin`.
    pub(super) fn prune(&mut self, slot: Slot, origin: &NodeId) {
        self.shape(slot, Counter::Pruned, Frame::Prune(origin.clone()));
    }

    /// Tells a neighbour to push messages of `origin`.
    pub(super) fn graft(&mut self, slot: Slot, origin: &NodeId) {
        self.shape(slot, Counter::Grafted, Frame::Graft(origin.clone()));
    }

    /// Changes a tree at its other end, if that knows trees: one that does not sends all and takes all.
    fn shape(&mut self, slot: Slot, counter: Counter, frame: Frame) {
        if self.membership.neighbours().slots_with(Capability::Tree).contains(slot) {
            self.stats.count(counter, self.membership.neighbours().name_of_slot(slot));
            self.send_to(slot, frame);
        }
    }

    fn knows_trees(&self, link: LinkId) -> bool {
        let slot = self.membership.neighbours().slot_of_link(link);
        slot.is_some_and(|slot| self.membership.neighbours().slots_with(Capability::Tree).contains(slot))
    }

    fn is_small(&self, payload: &Payload) -> bool {
        payload.len() <= self.config.limits.small_payload_max || self.config.protocol.dissemination == Broadcast::Flood
    }

    /// A copy with the path by which it came, this node included.
    fn arrived(&self, now: Now, copy: PathCopy) -> PathCopy {
        let path = self.arrival(now.wall, copy.published_at, &copy.trace);
        PathCopy { trace: Trace { path, ..copy.trace }, ..copy }
    }

    fn arrival(&self, now: Wall, published_at: Wall, trace: &Trace) -> Path {
        let micros = now.micros_since(published_at);
        extend_path(&trace.path, Hop { node: self.config.node.clone(), micros })
    }
}
