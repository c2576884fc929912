//! Knowledge of a node about messages: which it has had or given up, which it lacks, what its neighbours were told of both,
//! and what they keep no more. Spec: section 7.4.

use super::{
    ask::{Arrival, Dues, Holes, How},
    digests::Digests,
    dropped::Dropped,
    filled::Filled,
    missing::Missing,
};
use crate::core::{
    batch::Batch,
    config::Config,
    dissemination::{
        event::Output,
        seen::{Seen, sighting::Sighting},
        sender::Sender,
        spread::tree::Trees,
    },
    frame::{Frame, Hashes, Span, StreamRanges},
    id::{Incarnation, StreamId, ranges::Ranges},
    neighbours::NeighbourTable,
    request::Gap,
    slots::Slot,
    stats::Counter,
    time::Mono,
};
use std::time::Duration;

/// Intervals of one stream that are looked at in one frame.
pub(in crate::core::dissemination) const MISSING_MAX: usize = 256;

/// Knowledge about messages. Bounds: those of its parts.
#[derive(Debug)]
pub(in crate::core::dissemination) struct AntiEntropy {
    seen: Seen,
    missing: Missing,
    digests: Digests,
    dropped: Dropped,
    filled: Filled,
}

impl AntiEntropy {
    /// Nothing was seen yet by the life `incarnation` of a node.
    pub(in crate::core::dissemination) fn new(config: &Config, incarnation: Incarnation) -> Self {
        let (limits, timing) = (&config.limits, &config.protocol.timing);
        Self {
            seen: Seen::new(StreamId { origin: config.node.clone(), incarnation }, limits),
            missing: Missing::new(limits.missing_max, limits.pull_max, timing.lost_after),
            digests: Digests::new(timing.digest_interval),
            dropped: Dropped::default(),
            filled: Filled::new(timing.digest_interval),
        }
    }

    /// All that was had or given up.
    #[inline]
    pub(in crate::core::dissemination) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Streams of which something is missing.
    pub(in crate::core::dissemination) fn missing_len(&self) -> usize {
        self.missing.len()
    }

    /// Notes messages that are here; see [`Seen::insert`].
    pub(in crate::core::dissemination) fn insert(&mut self, now: Mono, batch: &Batch) -> Sighting {
        let sighting = self.seen.insert(&batch.id.origin, batch.id.incarnation, batch.range());
        match &sighting {
            Sighting::First => self.digests.changed(now),
            Sighting::Mixed(mixed) if !mixed.new.is_empty() => {
                self.digests.changed(now);
                self.filled.note(now, &batch.id, &mixed.filled);
            }
            _ => {}
        }
        sighting
    }

    /// See [`Seen::take_closed_gaps`].
    #[inline]
    pub(in crate::core::dissemination) fn take_closed_gaps(&mut self) -> u64 {
        self.seen.take_closed_gaps()
    }

    /// A batch has come from `by` of which something is new: notes how late it was if it was pushed, and that what its parent
    /// has after it is on its way, for links keep their order. Says why it was asked for, if it was.
    pub(in crate::core::dissemination) fn arrived(
        &mut self,
        now: Mono,
        batch: &Batch,
        by: Option<Slot>,
        trees: &mut Trees,
        neighbours: &NeighbourTable,
    ) -> Option<How> {
        let Arrival { asked, first_announced } = match self.missing.is_empty() {
            true => Arrival::default(),
            false => self.missing.arrived(now, &batch.id.stream(), batch.range(), by),
        };
        if asked.is_none() {
            let origin = &batch.id.origin;
            trees.learn(origin, first_announced.map_or(Duration::ZERO, |first| now.since(first)));
            if let Some(slot) = by.filter(|_| !self.missing.is_empty()) {
                let wait = trees.pull_delay(now, origin, neighbours.mean_round_trip());
                self.missing.pushed(now, &batch.id.stream(), batch.last(), trees.is_parent(origin, slot), wait);
            }
        }
        asked
    }

    /// A message came from a neighbour: what is missing below it must have been published.
    pub(in crate::core::dissemination) fn note_holes(&mut self, now: Mono, slot: Option<Slot>, stream: &StreamId) {
        match self.seen.hole_below(stream) {
            Some(below) => self.missing.expect(now, stream, slot.unwrap_or_default(), below),
            None if self.missing.is_empty() => {}
            None => self.missing.filled(now, stream),
        }
    }

    /// Messages that this node lacks of those that a neighbour has just got and keeps, whatever it said before; of what is
    /// missing and of what was given up `intervals_max` intervals at most.
    pub(in crate::core::dissemination) fn lacking(
        &self,
        stream: &StreamId,
        ranges: &[(u64, u64)],
        intervals_max: usize,
    ) -> Ranges {
        let mut lacking = Ranges::from(&self.seen.missing(stream, ranges, intervals_max)[..]);
        lacking.extend(&self.seen.given_up_of(stream, ranges, intervals_max));
        lacking
    }

    /// Messages that this node lacks of those that a neighbour has had: what is missing, and what was given up unless that
    /// neighbour has said that it keeps it no more.
    pub(in crate::core::dissemination) fn offered_by(&self, slot: Slot, held: &StreamRanges) -> Vec<(u64, u64)> {
        let StreamRanges { stream, ranges } = held;
        let missing = self.seen.missing(stream, ranges, MISSING_MAX);
        let given_up = self.seen.given_up_of(stream, ranges, MISSING_MAX);
        if given_up.is_empty() {
            return missing;
        }
        let mut offered = self.dropped.rest(slot, stream, given_up);
        offered.extend(&missing);
        offered.into_vec()
    }

    /// A neighbour has messages that are missing here: they will be asked for after `wait`, unless they come before.
    pub(in crate::core::dissemination) fn offered(
        &mut self,
        now: Mono,
        stream: &StreamId,
        slot: Slot,
        missing: &[(u64, u64)],
        how: How,
        wait: Duration,
    ) {
        self.missing.offered(now, stream, slot, missing, how, wait);
    }

    /// Says how a digest of a neighbour makes known what is missing: right after its link came up it is what was missed before.
    pub(in crate::core::dissemination) fn how_told(&self, now: Mono, slot: Slot) -> How {
        if self.digests.is_fresh(now, slot) { How::Backlog } else { How::Digest }
    }

    /// A neighbour knows of messages and has given them up.
    pub(in crate::core::dissemination) fn heard_of(&mut self, now: Mono, slot: Slot, given_up: &[StreamRanges]) {
        for StreamRanges { stream, ranges } in given_up {
            let missing = self.seen.missing(stream, ranges, MISSING_MAX);
            self.missing.heard_of(now, stream, slot, &missing);
        }
    }

    /// A neighbour tells of lives as a whole: it is asked for those of which this node has seen something else.
    pub(in crate::core::dissemination) fn ask(
        &self,
        slot: Slot,
        told: &[Span],
        neighbours: &NeighbourTable,
        sender: &mut Sender,
    ) {
        let spans: Vec<_> = told.iter().filter_map(|span| self.seen.spans().ask(span)).collect();
        if !spans.is_empty() {
            let question = Frame::Pull { streams: Vec::new(), spans };
            sender.send_to(slot, question, Some(Counter::Pulls), neighbours);
        }
    }

    /// A neighbour that was asked keeps these no more.
    pub(in crate::core::dissemination) fn lost(&mut self, now: Mono, slot: Slot, streams: &[StreamRanges]) {
        for StreamRanges { stream, ranges } in streams {
            self.missing.lost(now, stream, slot, ranges);
            let missing = self.seen.missing(stream, ranges, MISSING_MAX);
            let given_up = self.seen.given_up_of(stream, ranges, MISSING_MAX);
            self.dropped.note(slot, stream, &missing);
            self.dropped.note(slot, stream, &given_up);
        }
    }

    /// Numbers that were seen of `ranges` of a stream.
    pub(in crate::core::dissemination) fn seen_of(&self, stream: &StreamId, ranges: &[(u64, u64)]) -> Ranges {
        let mut seen = Ranges::from(ranges);
        seen.subtract(&self.seen.missing(stream, ranges, usize::MAX));
        seen
    }

    /// A neighbour has begun to send messages that are not here; see [`Missing::coming`].
    pub(in crate::core::dissemination) fn coming(
        &mut self,
        now: Mono,
        stream: &StreamId,
        lacking: &Ranges,
        by: Slot,
        patience: Duration,
    ) -> Option<Mono> {
        self.missing.coming(now, stream, lacking, by, patience)
    }

    /// A neighbour goes on with something large; see [`Missing::sending`].
    pub(in crate::core::dissemination) fn sending(&mut self, now: Mono, by: Slot, until: Option<Mono>) {
        self.missing.sending(now, by, until);
    }

    /// A neighbour does not send messages that it had begun to send.
    pub(in crate::core::dissemination) fn stopped(
        &mut self,
        now: Mono,
        stream: &StreamId,
        range: (u64, u64),
        by: Slot,
    ) {
        self.missing.stopped(now, stream, range, by);
    }

    /// Questions that are due, and messages that are sought no longer.
    pub(in crate::core::dissemination) fn on_tick(&mut self, now: Mono, round_trip: impl Fn(Slot) -> Duration) -> Dues {
        self.missing.on_tick(now, round_trip)
    }

    /// See [`Missing::take_dropped`].
    pub(in crate::core::dissemination) fn take_dropped_offers(&mut self) -> u64 {
        self.missing.take_dropped()
    }

    /// Gives up what all who offered it have lost, and what lies below a message that came and nobody has offered for too long:
    /// it is sought no more, unless somebody offers it.
    pub(in crate::core::dissemination) fn close(
        &mut self,
        now: Mono,
        gaps: Vec<Gap>,
        holes: Vec<Holes>,
        sender: &mut Sender,
    ) {
        for Gap { stream, first, last, .. } in gaps {
            self.give_up(now, &stream, &[(first, last)], sender);
        }
        for Holes { stream, by, below, sought } in holes {
            let mut missing = Ranges::from(&self.seen.missing(&stream, &[(1, below)], usize::MAX)[..]);
            missing.subtract(sought.as_slice());
            self.give_up(now, &stream, missing.as_slice(), sender);
            self.note_holes(now, Some(by), &stream);
        }
    }

    /// Gives up ranges of a stream. Those that are known to exist are named.
    fn give_up(&mut self, now: Mono, stream: &StreamId, ranges: &[(u64, u64)], sender: &mut Sender) {
        for (first, last) in self.seen.close(stream, ranges) {
            self.digests.changed(now);
            sender.push(Output::GivenUp { stream: stream.clone(), first, last });
            if self.seen.is_proven(stream, last) {
                sender.push(Output::Gap { stream: stream.clone(), first, last });
            }
        }
    }

    /// Tells of gaps that were filled, and sends the digests that are due.
    pub(in crate::core::dissemination) fn tell(&mut self, now: Mono, neighbours: &NeighbourTable, sender: &mut Sender) {
        for (stream, first, last) in self.filled.take(now) {
            sender.push(Output::GapFilled { stream, first, last });
        }
        for (slots, page) in self.digests.on_tick(now, &self.seen) {
            sender.tell(&slots, page.into(), Counter::Digests, neighbours);
        }
    }

    /// A neighbour told the hashes of what it has seen. It is probed if it should learn that they differ; see
    /// [`Digests::on_ping_digest`].
    pub(in crate::core::dissemination) fn on_hashes(
        &mut self,
        now: Mono,
        slot: Slot,
        theirs: Hashes,
        sender: &mut Sender,
    ) {
        if self.digests.on_ping_digest(now, slot, theirs, self.seen.hashes()) {
            sender.push(Output::Probe(slot));
        }
    }

    /// Hashes of all that was seen, if nothing has changed for a while: what is on its way just now makes hashes differ, and
    /// means nothing.
    pub(in crate::core::dissemination) fn quiet_hashes(&self, now: Mono) -> Option<Hashes> {
        self.digests.is_quiet(now).then(|| self.seen.hashes())
    }

    /// A neighbour that knows digests is up: it is told everything. What it said before that it lacks, maybe in another life, is
    /// void; what it said that it has, over its own link, holds.
    pub(in crate::core::dissemination) fn rose(&mut self, now: Mono, slot: Slot) {
        self.missing.rose(now, slot);
        self.dropped.forget(slot);
        self.digests.rose(now, slot);
    }

    /// A link is down, or its slot is another's from now on.
    pub(in crate::core::dissemination) fn forget(&mut self, now: Mono, slot: Slot) {
        self.missing.forget(now, slot);
        self.digests.forget(slot);
        self.dropped.forget(slot);
    }

    /// Begins another life of this node.
    pub(in crate::core::dissemination) fn renew(&mut self, own: StreamId) {
        self.seen.renew(own);
    }

    /// Notes a message, or a range that was given up, that this node's log tells of.
    pub(in crate::core::dissemination) fn recover(
        &mut self,
        stream: &StreamId,
        numbers: (u64, u64),
        is_given_up: bool,
    ) {
        if is_given_up {
            self.seen.close(stream, &[numbers]);
        } else {
            self.seen.insert(&stream.origin, stream.incarnation, numbers);
        }
    }

    /// Notes lives that this node had forgotten.
    pub(in crate::core::dissemination) fn forgot(&mut self, stream: &StreamId, missing: u64, highest: u64) {
        self.seen.restore_forgotten(stream, missing, highest);
    }

    /// Seeks what its log does not have below what it has.
    pub(in crate::core::dissemination) fn seek_holes(&mut self, now: Mono) {
        for (stream, below) in self.seen.with_holes() {
            self.missing.expect(now, stream, Slot::default(), below);
        }
    }

    /// The time when something is due.
    pub(in crate::core::dissemination) fn deadline(&self) -> Option<Mono> {
        Mono::earliest([self.missing.deadline(), self.digests.deadline(), self.filled.deadline()])
    }
}
