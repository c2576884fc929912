//! Messages that arrive, whole, in pieces, or as a path alone. Spec: sections 5.1 and 7.

use super::Dissemination;
use crate::core::{
    capability::Capability,
    dissemination::{chunks::incoming::Taken, event::Output, provenance::Provenance, repair::ask::How, seen::Sighting},
    frame::{Announcement, Chunk, Frame, PathCopy, StreamRanges},
    id::{MessageId, NodeId},
    message::{Kept, Message, Payload},
    neighbours::NeighbourTable,
    slots::{Slot, Slots},
    stats::{Counter, Refusal},
    time::{Mono, Now},
};
use std::time::Duration;

impl Dissemination {
    /// A message comes, with its payload.
    pub(super) fn on_message(
        &mut self,
        now: Now,
        from: NodeId,
        slot: Option<Slot>,
        message: Message,
        neighbours: &NeighbourTable,
        kept: &dyn Kept,
    ) {
        if self.disowns(&from, &message.id) {
            return;
        }
        let sighting = self.knowledge.insert(now.mono, &message.id);
        self.sender.count(Counter::ClosedGaps, Some(&from), self.knowledge.take_closed_gaps());
        match sighting {
            Sighting::First | Sighting::Filled => {
                let provenance = self.provenance(now.mono, from, slot, &message.id, neighbours);
                self.knowledge.note_holes(now.mono, slot, &message.id.stream());
                self.deliver(now, &provenance, message, neighbours);
            }
            Sighting::Again | Sighting::Unsure => {
                let is_unsure = sighting == Sighting::Unsure;
                self.sender.count(Counter::Unsure, Some(&from), is_unsure.into());
                let payload = message.trace.as_ref().and_then(|_| kept.payload(&message.id));
                self.plumtree.copy(now, &from, message, payload, neighbours, &mut self.sender);
            }
            Sighting::Full => {
                let text = format!("no room to remember {}", message.id);
                self.sender.refuse(from, Refusal::OriginsFull, text);
            }
        }
    }

    /// A copy of a traced message comes without its payload.
    pub(super) fn on_path(
        &mut self,
        now: Now,
        from: NodeId,
        slot: Option<Slot>,
        copy: PathCopy,
        neighbours: &NeighbourTable,
        kept: &dyn Kept,
    ) {
        if self.disowns(&from, &copy.id) {
            return;
        }
        let copy = self.plumtree.relay().arrived(now.wall, copy);
        if let Some(slot) = slot {
            self.plumtree.trees_mut().spared(&copy.id.origin, slot);
        }
        if self.seen().contains(&copy.id) {
            let payload = kept.payload(&copy.id);
            return self.plumtree.relay_again(&from, &copy, payload, neighbours, &mut self.sender);
        }
        let (stream, sequence) = (copy.id.stream(), copy.id.sequence);
        let dropped = self.plumtree.relay_mut().keep(from, copy);
        self.sender.count(Counter::Late, None, dropped);
        if let Some(slot) = slot {
            self.miss(now.mono, slot, &stream, &[(sequence, sequence)], How::Announced, neighbours);
        }
    }

    /// A piece of a message comes.
    pub(super) fn on_chunk(
        &mut self,
        now: Now,
        from: NodeId,
        slot: Option<Slot>,
        chunk: Chunk,
        neighbours: &NeighbourTable,
        kept: &dyn Kept,
    ) {
        // Before anything is noted of it.
        if let Some(Frame::Message(head)) = chunk.head.as_deref()
            && self.disowns(&from, &head.id)
        {
            return;
        }
        let Taken { begun, whole, dropped } = match self.incoming.take(now.mono, &from, chunk) {
            Ok(taken) => taken,
            Err((refusal, text)) => return self.sender.refuse(from, refusal, text),
        };
        for head in dropped {
            self.break_off(now.mono, &from, head, neighbours);
        }
        if let Some(Frame::Message(head)) = begun {
            self.on_head(now, slot, &head.id, neighbours, kept);
        }
        if let Some(slot) = slot {
            self.knowledge.sending(now.mono, slot, self.incoming.busy_until(&from));
        }
        if let Some(Frame::Message(message)) = whole {
            self.on_message(now, from, slot, message, neighbours, kept);
        }
    }

    /// A neighbour begins to send a message: it has it, and nobody else need be asked for it, unless it is here already.
    fn on_head(&mut self, now: Now, slot: Option<Slot>, id: &MessageId, neighbours: &NeighbourTable, kept: &dyn Kept) {
        if let Some(slot) = slot {
            self.sender.known_to(slot, &id.stream(), &[(id.sequence, id.sequence)]);
        }
        if self.seen().contains(id) {
            return self.settle(now, id, kept.payload(id).as_ref(), neighbours);
        }
        let Some(slot) = slot else { return };
        if let Some(since) = self.knowledge.coming(now.mono, id, slot, self.standstill) {
            self.plumtree.trees_mut().learn(&id.origin, now.mono.since(since));
        }
    }

    /// Refuses a message that claims to be of this node's life and was never published here, or what is said of it.
    fn disowns(&mut self, from: &NodeId, id: &MessageId) -> bool {
        let is_disowned = self.origin.disowns(id);
        if is_disowned {
            let text = format!("{id} was never published here");
            self.sender.refuse(from.clone(), Refusal::BadRequest, text);
        }
        is_disowned
    }

    /// Finds out by which way a first copy came.
    fn provenance(
        &mut self,
        now: Mono,
        from: NodeId,
        slot: Option<Slot>,
        id: &MessageId,
        neighbours: &NeighbourTable,
    ) -> Provenance {
        let arrival = self.knowledge.arrived(now, id);
        let asked = arrival.asked.and_then(|(of, how)| (Some(of) == slot).then_some(how));
        if asked.is_none() {
            let late = arrival.first_announced.map_or(Duration::ZERO, |first| now.since(first));
            let trees = self.plumtree.trees_mut();
            trees.learn(&id.origin, late);
            if let Some(slot) = slot.filter(|_| self.knowledge.is_missing_any()) {
                let wait = trees.pull_delay(&id.origin, neighbours.mean_round_trip());
                self.knowledge.expect_more(now, id, trees.is_parent(&id.origin, slot), wait);
            }
        }
        Provenance { from: Some(from), slot, asked }
    }

    /// Delivers and passes on a message that is new here.
    pub(super) fn deliver(&mut self, now: Now, provenance: &Provenance, message: Message, neighbours: &NeighbourTable) {
        self.sender.push(Output::Deliver { message: message.clone(), from: provenance.from.clone() });
        if self.incoming.bytes() == 0 {
            let nobody = Slots::default();
            return self.plumtree.spread(now, provenance, message, &nobody, neighbours, &mut self.sender);
        }
        let (id, payload) = (message.id.clone(), message.payload.clone());
        let senders = self.incoming.senders(&id).filter_map(|node| neighbours.slot_of(node)).collect();
        self.plumtree.spread(now, provenance, message, &senders, neighbours, &mut self.sender);
        self.settle(now, &id, Some(&payload), neighbours);
    }

    /// A message is here, and kept if there is a `payload`: whoever is sending it need not go on, and what has come of theirs
    /// counts as a copy.
    fn settle(&mut self, now: Now, id: &MessageId, payload: Option<&Payload>, neighbours: &NeighbourTable) {
        for (from, head) in self.incoming.settle(id) {
            if let Some(slot) = neighbours.slot_of(&from) {
                self.knowledge.sending(now.mono, slot, self.incoming.busy_until(&from));
                if neighbours.slots_with(Capability::Tree).contains(slot) {
                    let held = StreamRanges { stream: id.stream(), ranges: vec![(id.sequence, id.sequence)] };
                    let have = Frame::Have(vec![Announcement { held, age: Duration::ZERO }]);
                    self.sender.send_to(slot, have, None, neighbours);
                }
            }
            let body = payload.cloned().unwrap_or_else(|| Payload::from(&[][..]));
            if let Frame::Message(copy) = head.with_body(body) {
                self.plumtree.copy(now, &from, copy, payload.cloned(), neighbours, &mut self.sender);
            }
        }
    }

    /// A neighbour does not go on with a message that it had begun to send.
    fn break_off(&mut self, now: Mono, from: &NodeId, head: Frame, neighbours: &NeighbourTable) {
        let Frame::Message(Message { id, .. }) = head else { return };
        if self.seen().contains(&id) {
            return;
        }
        self.sender.count(Counter::ChunksDropped, Some(from), 1);
        if let Some(slot) = neighbours.slot_of(from) {
            self.knowledge.stopped(now, &id, slot);
        }
    }

    /// Drops what comes no more, and asks again what may have got lost.
    pub(super) fn tend_pieces(&mut self, now: Mono, neighbours: &NeighbourTable) {
        for (from, head) in self.incoming.on_tick(now) {
            self.break_off(now, &from, head, neighbours);
        }
        self.sender.tick(now, neighbours);
    }
}
