//! Messages that arrive, whole, in pieces, or as a path alone. Spec: sections 5.1 and 7.

use super::Dissemination;
use crate::core::{
    batch::{Batch, Body, Kept},
    dissemination::{
        chunks::incoming::Taken,
        event::Output,
        provenance::Provenance,
        repair::ask::How,
        seen::sighting::{Mixed, Sighting},
    },
    frame::{Chunk, Frame, PathCopy},
    id::NodeId,
    neighbours::NeighbourTable,
    slots::{Slot, Slots},
    stats::{Counter, Refusal},
    time::{Mono, Now},
};

impl Dissemination {
    /// A batch comes, with its body.
    pub(super) fn on_batch(
        &mut self,
        now: Now,
        from: NodeId,
        slot: Option<Slot>,
        batch: Batch,
        neighbours: &NeighbourTable,
        kept: &dyn Kept,
    ) {
        if let Err((refusal, text)) = self.origin.check(&batch.id, batch.last()) {
            return self.sender.refuse(from, refusal, text);
        }
        let sighting = self.knowledge.insert(now.mono, &batch);
        self.sender.count(Counter::ClosedGaps, Some(&from), self.knowledge.take_closed_gaps());
        match sighting {
            Sighting::First => self.on_new(now, from, slot, &[batch.range()], batch, neighbours),
            Sighting::Mixed(mixed) => {
                let Mixed { new, unsure, .. } = *mixed;
                self.sender.count(Counter::Unsure, Some(&from), unsure);
                if new.is_empty() {
                    return self.on_copy(now, &from, batch, neighbours, kept);
                }
                let count = new.iter().map(|(first, last)| last - first + 1).sum::<u64>();
                self.sender.count(Counter::Duplicates, Some(&from), u64::from(batch.body.count()) - count);
                self.on_new(now, from, slot, &new, batch, neighbours);
            }
            Sighting::Again => self.on_copy(now, &from, batch, neighbours, kept),
            Sighting::Unsure => {
                self.sender.count(Counter::Unsure, Some(&from), batch.body.count().into());
                self.on_copy(now, &from, batch, neighbours, kept);
            }
            Sighting::Full => {
                let text = format!("no room to remember {}", batch.id);
                self.sender.refuse(from, Refusal::OriginsFull, text);
            }
        }
    }

    /// `parts` of a batch are new here.
    fn on_new(
        &mut self,
        now: Now,
        from: NodeId,
        slot: Option<Slot>,
        parts: &[(u64, u64)],
        batch: Batch,
        neighbours: &NeighbourTable,
    ) {
        let asked = self.knowledge.arrived(now.mono, &batch, slot, self.plumtree.trees_mut(), neighbours);
        self.knowledge.note_holes(now.mono, slot, &batch.id.stream());
        self.deliver(now, &Provenance { from: Some(from), slot, asked }, parts, batch, neighbours);
    }

    /// One more copy comes of messages that were had.
    fn on_copy(&mut self, now: Now, from: &NodeId, batch: Batch, neighbours: &NeighbourTable, kept: &dyn Kept) {
        let body = batch.trace.as_ref().and_then(|_| kept.body(&batch.id));
        self.plumtree.copy(now, from, batch, body, neighbours, &mut self.sender);
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
        if let Err((refusal, text)) = self.origin.check(&copy.id, copy.id.sequence) {
            return self.sender.refuse(from, refusal, text);
        }
        let copy = self.plumtree.relay().arrived(now.wall, copy);
        if let Some(slot) = slot {
            self.plumtree.trees_mut().spared(&copy.id.origin, slot);
        }
        if self.seen().contains(&copy.id) {
            let body = kept.body(&copy.id);
            return self.plumtree.relay_again(&from, &copy, body, neighbours, &mut self.sender);
        }
        let (stream, sequence) = (copy.id.stream(), copy.id.sequence);
        let dropped = self.plumtree.relay_mut().keep(from, copy);
        self.sender.count(Counter::Late, None, dropped);
        if let Some(slot) = slot {
            self.miss(now.mono, slot, &stream, &[(sequence, sequence)], How::Announced, neighbours);
        }
    }

    /// A piece of a batch comes.
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
            && let Err((refusal, text)) = self.origin.check(&head.id, head.last())
        {
            return self.sender.refuse(from, refusal, text);
        }
        let Taken { begun, whole, dropped } = match self.incoming.take(now.mono, &from, chunk) {
            Ok(taken) => taken,
            Err((refusal, text)) => return self.sender.refuse(from, refusal, text),
        };
        dropped.into_iter().for_each(|head| self.break_off(now.mono, &from, head, neighbours));
        if let Some(Frame::Message(head)) = begun {
            self.on_head(now, slot, &head, neighbours, kept);
        }
        if let Some(slot) = slot {
            self.knowledge.sending(now.mono, slot, self.incoming.busy_until(&from));
        }
        if let Some(Frame::Message(batch)) = whole {
            match batch.body.check(self.payload_len_max) {
                Ok(()) => self.on_batch(now, from, slot, batch, neighbours, kept),
                Err((refusal, text)) => self.sender.refuse(from, refusal, text),
            }
        }
    }

    /// A neighbour begins to send a batch: it has it, and nobody else need be asked for it, unless it is here already.
    fn on_head(&mut self, now: Now, slot: Option<Slot>, head: &Batch, neighbours: &NeighbourTable, kept: &dyn Kept) {
        let (stream, range) = (head.id.stream(), head.range());
        if let Some(slot) = slot {
            self.sender.known_to(slot, &stream, &[range]);
        }
        let lacking = self.knowledge.lacking(&stream, &[range], usize::MAX);
        if lacking.is_empty() {
            return self.settle(now, head, kept.body(&head.id).as_ref(), neighbours);
        }
        let Some(slot) = slot else { return };
        if let Some(since) = self.knowledge.coming(now.mono, &stream, &lacking, slot, self.standstill) {
            self.plumtree.trees_mut().learn(&head.id.origin, now.mono.since(since));
        }
    }

    /// Delivers `parts` of a batch, which are new here, and passes all of it on.
    pub(super) fn deliver(
        &mut self,
        now: Now,
        provenance: &Provenance,
        parts: &[(u64, u64)],
        batch: Batch,
        neighbours: &NeighbourTable,
    ) {
        for &(first, last) in parts {
            self.sender.push(Output::Deliver { batch: batch.clone(), first, last, from: provenance.from.clone() });
        }
        if self.incoming.bytes() == 0 {
            let nobody = Slots::default();
            return self.plumtree.spread(now, provenance, batch, &nobody, neighbours, &mut self.sender);
        }
        let senders = self.incoming.senders(&batch).filter_map(|node| neighbours.slot_of(node)).collect();
        self.plumtree.spread(now, provenance, batch.clone(), &senders, neighbours, &mut self.sender);
        self.settle(now, &batch, Some(&batch.body), neighbours);
    }

    /// A batch is here, and kept if there is a `body`: whoever is sending it need not go on, and what has come of theirs
    /// counts as a copy.
    fn settle(&mut self, now: Now, batch: &Batch, body: Option<&Body>, neighbours: &NeighbourTable) {
        for (from, head) in self.incoming.settle(batch) {
            let Frame::Message(copy) = head else { continue };
            if let Some(slot) = neighbours.slot_of(&from) {
                self.knowledge.sending(now.mono, slot, self.incoming.busy_until(&from));
                self.sender.tell_had(slot, &copy, neighbours);
            }
            let copy = match body {
                Some(body) if body.count() == copy.body.count() => Batch { body: body.clone(), ..copy },
                _ => copy,
            };
            self.plumtree.copy(now, &from, copy, body.cloned(), neighbours, &mut self.sender);
        }
    }

    /// A neighbour does not go on with a batch that it had begun to send.
    fn break_off(&mut self, now: Mono, from: &NodeId, head: Frame, neighbours: &NeighbourTable) {
        let Frame::Message(head) = head else { return };
        let (stream, range) = (head.id.stream(), head.range());
        if self.knowledge.lacking(&stream, &[range], usize::MAX).is_empty() {
            return;
        }
        self.sender.count(Counter::ChunksDropped, Some(from), 1);
        if let Some(slot) = neighbours.slot_of(from) {
            self.knowledge.stopped(now, &stream, range, slot);
        }
    }

    /// Drops what comes no more, and asks again what may have got lost.
    pub(super) fn tend_pieces(&mut self, now: Mono, neighbours: &NeighbourTable) {
        let stopped = self.incoming.on_tick(now);
        stopped.into_iter().for_each(|(from, head)| self.break_off(now, &from, head, neighbours));
        self.sender.tick(now, neighbours);
    }
}
