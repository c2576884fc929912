//! Dissemination as one machine: which messages were seen, whom each goes on to, which are missing, and whom to ask for
//! them. It keeps no message and no neighbour: both are handed in to be read.

use super::{
    chunks::{incoming::Incoming, outgoing::Outgoing},
    event::{Input, Output},
    origin::Origin,
    provenance::Provenance,
    repair::{answers::Answers, anti_entropy::AntiEntropy},
    seen::Seen,
    sender::Sender,
    spread::plumtree::Plumtree,
};
use crate::core::{
    batch::{Batch, Body, Kept, PACKED_LEN_MAX},
    capability::Capability,
    config::Config,
    event::record::Record,
    frame::{Frame, Hashes, LifeSeen},
    id::{Incarnation, MessageId, StreamId},
    message::Relays,
    neighbours::NeighbourTable,
    slots::Slot,
    time::{Mono, Now},
};
use std::time::Duration;

mod arrivals;
mod repairs;

/// The dissemination of a node's messages.
///
/// Call [`handle`](Self::handle) for each input and drain [`poll_output`](Self::poll_output) after it; call `handle` with
/// [`Input::Flush`] at the end of a turn, and with [`Input::Tick`] when [`deadline`](Self::deadline) has passed. Bounds: those
/// of its parts.
#[derive(Debug)]
pub struct Dissemination {
    origin: Origin,
    knowledge: AntiEntropy,
    plumtree: Plumtree,
    incoming: Incoming,
    answers: Answers,
    sender: Sender,
    payload_len_max: usize,
    standstill: Duration,
}

impl Dissemination {
    /// The life `incarnation` of a node, which has seen nothing yet.
    pub fn new(config: &Config, incarnation: Incarnation) -> Self {
        let (limits, timing) = (&config.limits, &config.protocol.timing);
        let standstill = timing.standstill();
        Self {
            origin: Origin::new(config.node.clone(), incarnation),
            knowledge: AntiEntropy::new(config, incarnation),
            plumtree: Plumtree::new(config),
            incoming: Incoming::new(
                limits.chunks_partial_bytes_max,
                limits.payload_len_max.max(PACKED_LEN_MAX),
                standstill,
            ),
            answers: Answers::default(),
            sender: Sender::new(limits.chunks_waiting_bytes_max, standstill),
            payload_len_max: limits.payload_len_max,
            standstill,
        }
    }

    /// Applies one input; then drain [`poll_output`](Self::poll_output) to `None`.
    pub fn handle(&mut self, now: Now, input: Input, neighbours: &NeighbourTable, kept: &dyn Kept) {
        match input {
            Input::Frame { from, slot, frame } => match frame {
                Frame::Message(batch) => {
                    if let Some(until) = self.incoming.passed(now.mono, &from, batch.body.bytes().len()) {
                        slot.into_iter().for_each(|slot| self.knowledge.sending(now.mono, slot, Some(until)));
                    }
                    self.on_batch(now, from, slot, batch, neighbours, kept);
                }
                Frame::Path(copy) => self.on_path(now, from, slot, copy, neighbours, kept),
                Frame::Chunk(chunk) => self.on_chunk(now, from, slot, chunk, neighbours, kept),
                frame => {
                    // What is told over a link that goes one way alone cannot be answered.
                    if let Some(slot) = slot {
                        self.on_word(now.mono, &from, slot, frame, neighbours, kept);
                    }
                }
            },
            Input::Lost { slot, streams } => self.knowledge.lost(now.mono, slot, &streams),
            Input::Acknowledged { slot, token } => self.sender.acknowledged(now.mono, slot, token),
            Input::Answered { slot, sent } => self.sender.answered(now.mono, slot, sent),
            Input::Hashes { slot, hashes } => self.knowledge.on_hashes(now.mono, slot, hashes, &mut self.sender),
            Input::Rose(slot) if neighbours.slots_with(Capability::Repair).contains(slot) => {
                self.knowledge.rose(now.mono, slot);
            }
            Input::Rose(_) => {}
            Input::Fell(slot) => self.forget(now.mono, slot, neighbours),
            Input::Freed(slot) => {
                self.plumtree.free(slot);
                self.answers.forget(slot);
                self.forget(now.mono, slot, neighbours);
            }
            Input::Renewed(incarnation) => {
                self.send_submitted(now, neighbours);
                self.origin.renew(incarnation);
                self.knowledge.renew(StreamId { origin: self.origin.node().clone(), incarnation });
            }
            Input::Leaving => self.sender.mute(),
            Input::Tick => {
                self.tend_pieces(now.mono, neighbours);
                self.repair(now.mono, neighbours);
            }
            Input::Flush => {
                self.send_submitted(now, neighbours);
                self.sender.flush(now.mono, neighbours);
            }
        }
    }

    /// Takes messages that are submitted here, and gives the id that the first of them has from now on. Those of a turn share a
    /// batch, which leaves when it is full or the turn ends; one that is traced goes by itself.
    pub fn publish(&mut self, now: Now, relays: Option<Relays>, body: Body, neighbours: &NeighbourTable) -> MessageId {
        let (id, batches) = self.origin.submit(now.wall, relays, body);
        batches.into_iter().for_each(|batch| self.launch(now, batch, neighbours));
        id
    }

    fn send_submitted(&mut self, now: Now, neighbours: &NeighbourTable) {
        if let Some(batch) = self.origin.close(now.wall) {
            self.launch(now, batch, neighbours);
        }
    }

    /// Sends a batch of this node's own.
    fn launch(&mut self, now: Now, batch: Batch, neighbours: &NeighbourTable) {
        let batch = Batch { tree: self.plumtree.trees().model_for_own(now.mono).cloned(), ..batch };
        self.knowledge.insert(now.mono, &batch);
        self.deliver(now, &Provenance::default(), &[batch.range()], batch, neighbours);
    }

    /// The next thing to do, in order.
    #[inline]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.sender.poll()
    }

    /// The time when an [`Input::Tick`] is due, if nothing else happens before.
    pub fn deadline(&self) -> Option<Mono> {
        let pieces = Mono::earliest([self.sender.deadline(), self.incoming.deadline()]);
        Mono::earliest([self.knowledge.deadline(), self.plumtree.deadline(), pieces])
    }

    /// Notes a record of this node's log; then [`resume`](Self::resume).
    pub fn recover(&mut self, record: &Record) {
        match record {
            Record::Received { batch: Batch { id, trace, .. }, first, last, .. } => {
                self.knowledge.recover(&id.stream(), (*first, *last), false);
                trace.iter().for_each(|trace| self.plumtree.relay_mut().open(id, trace.relays));
            }
            Record::Had { stream, first, last } => self.knowledge.recover(stream, (*first, *last), false),
            Record::GivenUp { stream, first, last } => self.knowledge.recover(stream, (*first, *last), true),
            Record::Forgotten { stream, missing, highest } => self.knowledge.forgot(stream, *missing, *highest),
            Record::Path { id, path } => self.plumtree.relay_mut().recover(id, path),
            _ => {}
        }
    }

    /// Seeks what the log does not have.
    pub fn resume(&mut self, now: Mono) {
        self.knowledge.seek_holes(now);
    }

    /// Says whether a probe with this token was sent behind a piece: its answer is an [`Input::Acknowledged`].
    pub fn is_token(token: u64) -> bool {
        Outgoing::is_token(token)
    }

    /// All that was had or given up.
    #[inline]
    pub fn seen(&self) -> &Seen {
        self.knowledge.seen()
    }

    /// The latest that this node has published.
    #[inline]
    pub fn latest(&self) -> LifeSeen {
        self.origin.latest()
    }

    /// Hashes of all that was seen, if nothing has changed for a while.
    pub fn quiet_hashes(&self, now: Mono) -> Option<Hashes> {
        self.knowledge.quiet_hashes(now)
    }

    /// The links that may be silent because something large is on its way, and until when.
    pub fn excused(&self, now: Mono) -> impl Iterator<Item = (Slot, Mono)> {
        self.sender.excused(now)
    }

    /// Says whether so much waits for a link that nothing more should be submitted for now.
    pub fn is_pressed(&mut self, now: Mono) -> bool {
        self.sender.is_pressed(now)
    }

    /// The time that acknowledgements take on the slowest of the links that have something under way.
    pub fn delay(&self) -> Duration {
        self.sender.delay()
    }

    /// Streams of which something is missing.
    pub fn missing_len(&self) -> usize {
        self.knowledge.missing_len()
    }

    /// Origins with a tree, messages of which copies wait for the payload, and traced messages whose copies are counted.
    pub fn spread_lens(&self) -> [usize; 3] {
        let relay = self.plumtree.relay();
        [self.plumtree.trees().len(), relay.waiting(), relay.counted()]
    }

    /// Bytes of large messages that have come in part.
    pub fn partial_bytes(&self) -> usize {
        self.incoming.bytes()
    }

    /// A link is down, or its slot is another's from now on.
    fn forget(&mut self, now: Mono, slot: Slot, neighbours: &NeighbourTable) {
        self.plumtree.forget(slot);
        self.knowledge.forget(now, slot);
        self.answers.forget_sent(slot);
        self.sender.forget(slot, neighbours);
    }
}

#[cfg(test)]
mod tests;
