//! Outputs of dissemination in their order, and the frames that wait for room on their links.

use super::{
    chunks::{
        body::{BULK_MIN, WHOLE_MAX},
        outgoing::Outgoing,
    },
    event::Output,
    spread::tree::Swap,
};
use crate::core::{
    batch::Batch,
    capability::Capability,
    event::LinkId,
    frame::{Announcement, Frame, StreamRanges},
    id::{NodeId, StreamId},
    neighbours::NeighbourTable,
    slots::Slot,
    stats::{Counter, Refusal},
    time::Mono,
};
use std::{collections::VecDeque, time::Duration};

/// Queue of the outputs, and a queue of each link for bodies that cross it in pieces.
///
/// Bounds: those of [`Outgoing`]; the outputs are to be taken after each input.
#[derive(Debug)]
pub(super) struct Sender {
    outputs: VecDeque<Output>,
    outgoing: Outgoing,
    /// Nothing is sent any more: the neighbours have been told to forget this node.
    is_muted: bool,
}

impl Sender {
    /// Sends over links whose queues take `bytes_max` bytes each, and asks again where nothing is acknowledged for `patience`.
    pub(super) fn new(bytes_max: usize, patience: Duration) -> Self {
        Self { outputs: VecDeque::new(), outgoing: Outgoing::new(bytes_max, patience), is_muted: false }
    }

    /// Sends nothing from now on.
    pub(super) fn mute(&mut self) {
        self.is_muted = true;
    }

    /// The next output, in order.
    #[inline]
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Asks for something.
    #[inline]
    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Has something counted, unless it did not happen.
    #[inline]
    pub(super) fn count(&mut self, counter: Counter, node: Option<&NodeId>, times: u64) {
        if times > 0 {
            self.push(Output::Count { counter, node: node.cloned(), times });
        }
    }

    /// Has something refused that a neighbour said.
    pub(super) fn refuse(&mut self, node: NodeId, refusal: Refusal, text: String) {
        self.push(Output::Refuse { node, refusal, text });
    }

    /// Sends a batch on, one hop further: message by message to peers that know no batches; in pieces where it is large and its
    /// peer takes pieces. To others it goes in one, and they will be silent for a while.
    pub(super) fn batch(&mut self, mut links: Vec<LinkId>, batch: Batch, neighbours: &NeighbourTable) {
        if self.is_muted || links.is_empty() {
            return;
        }
        let batch = Batch { hops: batch.hops.saturating_add(1), ..batch };
        if batch.body.count() > 1 {
            let know = neighbours.slots_with(Capability::Batch);
            let knows = |link: &mut LinkId| neighbours.slot_of_link(*link).is_some_and(|slot| know.contains(slot));
            let plain: Vec<LinkId> = links.extract_if(.., |link| !knows(link)).collect();
            if !plain.is_empty() {
                batch.singles().for_each(|single| self.frame_of(plain.clone(), single, neighbours));
            }
        }
        self.frame_of(links, batch, neighbours);
    }

    /// Sends a batch as it is.
    fn frame_of(&mut self, mut links: Vec<LinkId>, batch: Batch, neighbours: &NeighbourTable) {
        let count = u64::from(batch.body.count());
        let frame = Frame::Message(batch);
        let mut probes = Vec::new();
        if let Some(len) = frame.body().map(|body| body.len()).filter(|&len| len >= BULK_MIN) {
            let takes_pieces = neighbours.slots_with(Capability::Chunk);
            links.retain(|&link| {
                let Some(slot) = neighbours.slot_of_link(link) else { return true };
                match (takes_pieces.contains(slot), len > WHOLE_MAX) {
                    (true, false) => probes.extend(self.outgoing.passed(slot, len).map(|probe| (link, probe))),
                    (false, true) => self.outgoing.push_whole(slot, len),
                    (false, false) => {}
                    (true, true) => {
                        let has_room = self.outgoing.push(slot, frame.clone());
                        self.count(Counter::Sent, neighbours.name_of(link), count);
                        self.count(Counter::QueueFull, neighbours.name_of(link), u64::from(!has_room));
                        return false;
                    }
                }
                true
            });
        }
        self.send(links, frame, Some(Counter::Sent));
        probes.into_iter().for_each(|(link, probe)| self.send(vec![link], probe, None));
    }

    /// Sends a frame.
    pub(super) fn send(&mut self, links: Vec<LinkId>, frame: Frame, counter: Option<Counter>) {
        if !links.is_empty() && !self.is_muted {
            self.push(Output::Send { links, frame, counter });
        }
    }

    /// Sends a frame to a neighbour.
    pub(super) fn send_to(&mut self, slot: Slot, frame: Frame, counter: Option<Counter>, neighbours: &NeighbourTable) {
        self.send(neighbours.links_of([slot]), frame, counter);
    }

    /// Sends a frame to some neighbours.
    pub(super) fn tell(&mut self, slots: &[Slot], frame: Frame, counter: Counter, neighbours: &NeighbourTable) {
        self.send(neighbours.links_of(slots.iter().copied()), frame, Some(counter));
    }

    /// Tells a neighbour that knows trees that a batch is here.
    pub(super) fn tell_had(&mut self, slot: Slot, batch: &Batch, neighbours: &NeighbourTable) {
        let held = StreamRanges { stream: batch.id.stream(), ranges: vec![batch.range()] };
        self.shape(
            slot,
            Frame::Have(vec![Announcement { held, age: Duration::ZERO, was_pushed: false }]),
            None,
            neighbours,
        );
    }

    /// Makes another neighbour the one that pushes the messages of an origin.
    pub(super) fn swap(&mut self, swap: Swap, origin: &NodeId, neighbours: &NeighbourTable) {
        self.shape(swap.graft, Frame::Graft(origin.clone()), Some(Counter::Grafted), neighbours);
        if let Some(old) = swap.prune {
            self.prune(old, origin, neighbours);
        }
    }

    /// Tells a neighbour to push no more messages of `origin`.
    pub(super) fn prune(&mut self, slot: Slot, origin: &NodeId, neighbours: &NeighbourTable) {
        self.shape(slot, Frame::Prune(origin.clone()), Some(Counter::Pruned), neighbours);
    }

    /// Says something of a tree to its other end, if that knows trees: one that does not sends all and takes all.
    fn shape(&mut self, slot: Slot, frame: Frame, counter: Option<Counter>, neighbours: &NeighbourTable) {
        if neighbours.slots_with(Capability::Tree).contains(slot) {
            self.send_to(slot, frame, counter, neighbours);
        }
    }

    /// Sends the pieces that may go now.
    pub(super) fn flush(&mut self, now: Mono, neighbours: &NeighbourTable) {
        if self.outgoing.is_idle() {
            return;
        }
        for (slot, frame) in self.outgoing.take_frames(now) {
            self.send_to(slot, frame, None, neighbours);
        }
    }

    /// Asks again for acknowledgements that may have been lost.
    pub(super) fn tick(&mut self, now: Mono, neighbours: &NeighbourTable) {
        for (slot, probe) in self.outgoing.on_tick(now) {
            self.send_to(slot, probe, None, neighbours);
        }
    }

    /// The time when [`tick`](Self::tick) has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.outgoing.deadline()
    }

    /// A probe behind a piece was answered.
    pub(super) fn acknowledged(&mut self, now: Mono, slot: Slot, token: u64) {
        if let Some(took) = self.outgoing.acknowledge(now, slot, token) {
            self.push(Output::Measured { slot, took });
        }
    }

    /// Another probe was answered that had been sent at that time.
    pub(super) fn answered(&mut self, now: Mono, slot: Slot, sent: Mono) {
        self.outgoing.answered(now, slot, sent);
    }

    /// A neighbour has these: they need not be sent to it.
    pub(super) fn known_to(&mut self, slot: Slot, stream: &StreamId, ranges: &[(u64, u64)]) {
        self.outgoing.known_to(slot, stream, ranges);
    }

    /// A batch waits to be sent to a neighbour, or is under way.
    pub(super) fn holds(&self, slot: Slot, batch: &Batch) -> bool {
        self.outgoing.holds(slot, batch)
    }

    /// The link that has a slot is down: what waited for it is lost, as what its connection held.
    pub(super) fn forget(&mut self, slot: Slot, neighbours: &NeighbourTable) {
        let dropped = self.outgoing.forget(slot);
        self.count(Counter::NotConnected, neighbours.name_of_slot(slot), dropped);
    }

    /// The links that may be silent because a body that goes in one is on its way, and until when.
    pub(super) fn excused(&self, now: Mono) -> impl Iterator<Item = (Slot, Mono)> {
        self.outgoing.excused(now)
    }

    /// See [`Outgoing::is_pressed`].
    pub(super) fn is_pressed(&mut self, now: Mono) -> bool {
        self.outgoing.is_pressed(now)
    }

    /// See [`Outgoing::delay`].
    pub(super) fn delay(&self) -> Duration {
        self.outgoing.delay()
    }
}
