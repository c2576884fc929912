//! Messages with large payloads through a node, in pieces: how they leave, how they come, and how what is under way stands
//! in for what would be asked for. Spec: section 5.1.

use super::Node;
use crate::core::{
    capability::Capability,
    dissemination::chunks::{body::WHOLE_MAX, incoming::Taken},
    event::LinkId,
    frame::{Announcement, Chunk, Frame, StreamRanges},
    id::{MessageId, NodeId},
    membership::machine,
    message::{Kept, Message, Payload},
    slots::Slot,
    stats::Counter,
    time::{Mono, Now},
};
use std::time::Duration;

impl Node {
    /// Queues a frame with a large body for those of `links` whose peers take it in pieces, and takes them out. The others
    /// will be silent for a while.
    pub(super) fn send_in_chunks(&mut self, links: &mut Vec<LinkId>, frame: &Frame) {
        let Some(len) = frame.body().map(|body| body.len()).filter(|&len| len > WHOLE_MAX) else { return };
        links.retain(|&link| {
            let Some(slot) = self.membership.neighbours().slot_of_link(link) else { return true };
            if !self.membership.neighbours().slots_with(Capability::Chunk).contains(slot) {
                self.outgoing.push_whole(slot, len);
                return true;
            }
            if !self.outgoing.push(slot, frame.clone()) {
                self.stats.count(Counter::QueueFull, self.membership.neighbours().name_of(link));
            }
            false
        });
    }

    /// Whoever is silent because a body goes to it in one is not judged.
    pub(super) fn excuse_silence(&mut self, now: Now) {
        let excused: Vec<_> = self.outgoing.excused(now.mono).collect();
        for (slot, until) in excused {
            if let Some(link) = self.membership.neighbours().link_of(slot) {
                self.on_membership(now, machine::Input::Excused(link, until));
            }
        }
    }

    /// Sends the pieces that may go now.
    pub(super) fn send_chunks(&mut self, now: Mono) {
        for (slot, frame) in self.outgoing.take_frames(now) {
            self.send_to(slot, frame);
        }
    }

    /// A piece comes.
    pub(super) fn on_chunk(&mut self, now: Now, from: NodeId, slot: Option<Slot>, chunk: Chunk) {
        if let Some(Frame::Message(head)) = chunk.head.as_deref() {
            // Before anything is noted of it.
            if let Err((refusal, text)) = head.check(&from, self.config.limits.payload_len_max) {
                return self.refuse_node(now, &from, refusal, text);
            }
            if !self.bears(now, &from, &head.id) {
                return;
            }
        }
        let Taken { begun, whole, dropped } = match self.incoming.take(now.mono, &from, chunk) {
            Ok(taken) => taken,
            Err((refusal, text)) => return self.refuse_node(now, &from, refusal, text),
        };
        for head in dropped {
            self.break_off(now.mono, &from, head);
        }
        if let Some(Frame::Message(head)) = begun {
            self.on_head(now, slot, head);
        }
        if let Some(slot) = slot {
            self.missing.sending(now.mono, slot, self.incoming.busy_until(&from));
        }
        if let Some(Frame::Message(message)) = whole {
            self.on_message(now, from, message);
        }
    }

    /// A neighbour begins to send a message: it has it, and nobody else need be asked for it, unless it is here already.
    fn on_head(&mut self, now: Now, slot: Option<Slot>, head: Message) {
        let id = head.id;
        if let Some(slot) = slot {
            self.outgoing.known_to(slot, &id.stream(), &[(id.sequence, id.sequence)]);
        }
        if self.seen.contains(&id) {
            let payload = self.mailbox.payload(&id).unwrap_or_else(|| Payload::from(&[][..]));
            return self.settle_chunks(now, &id, &payload);
        }
        let Some(slot) = slot else { return };
        let wait = self.config.protocol.timing.standstill();
        if let Some(since) = self.missing.coming(now.mono, &id, slot, wait) {
            self.trees.learn(&id.origin, now.mono.since(since));
        }
    }

    /// A message is here: whoever is sending it need not go on, and what has come of theirs counts as a copy.
    pub(super) fn settle_chunks(&mut self, now: Now, id: &MessageId, payload: &Payload) {
        for (from, head) in self.incoming.settle(id) {
            if let Some(slot) = self.membership.neighbours().slot_of(&from) {
                self.missing.sending(now.mono, slot, self.incoming.busy_until(&from));
                if self.membership.neighbours().slots_with(Capability::Tree).contains(slot) {
                    let held = StreamRanges { stream: id.stream(), ranges: vec![(id.sequence, id.sequence)] };
                    self.send_to(slot, Frame::Have(vec![Announcement { held, age: Duration::ZERO }]));
                }
            }
            if let Frame::Message(copy) = head.with_body(payload.clone()) {
                self.on_copy(now, &from, copy);
            }
        }
    }

    /// A neighbour does not go on with a message that it had begun to send.
    fn break_off(&mut self, now: Mono, from: &NodeId, head: Frame) {
        let Frame::Message(Message { id, .. }) = head else { return };
        if self.seen.contains(&id) {
            return;
        }
        self.stats.count(Counter::ChunksDropped, Some(from));
        if let Some(slot) = self.membership.neighbours().slot_of(from) {
            self.missing.stopped(now, &id, slot);
        }
    }

    /// Pieces have arrived at the far end of a link.
    pub(super) fn on_acknowledged(&mut self, now: Now, link: LinkId, token: u64) {
        let Some(slot) = self.membership.neighbours().slot_of_link(link) else { return };
        if let Some(took) = self.outgoing.acknowledge(now.mono, slot, token) {
            self.on_membership(now, machine::Input::Measured(link, took));
        }
    }

    /// A probe was answered that had been sent at that time, as its token says.
    pub(super) fn note_answered(&mut self, now: Mono, link: LinkId, token: u64) {
        if let Some(slot) = self.membership.neighbours().slot_of_link(link) {
            self.outgoing.answered(now, slot, Mono(token));
        }
    }

    /// Drops what comes no more, and asks again what may have got lost.
    pub(super) fn tend_chunks(&mut self, now: Now) {
        for (from, head) in self.incoming.on_tick(now.mono) {
            self.break_off(now.mono, &from, head);
        }
        for (slot, probe) in self.outgoing.on_tick(now.mono) {
            self.send_to(slot, probe);
        }
    }

    /// The link that has a slot is down: what waited for it is lost, as what its connection held.
    pub(super) fn forget_chunks(&mut self, slot: Slot) {
        let dropped = self.outgoing.forget(slot);
        self.stats.add(Counter::NotConnected, self.membership.neighbours().name_of_slot(slot), dropped);
    }
}
