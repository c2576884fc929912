//! Messages that a node misses: how it hears of them and whom it asks; and what it sends when it is asked itself. Spec:
//! section 7.4.

use super::Dissemination;
use crate::core::{
    batch::Kept,
    capability::Capability,
    dissemination::{
        event::Output,
        repair::{
            answers::Found,
            anti_entropy::MISSING_MAX,
            ask::{Ask, Dues, How},
        },
        seen::telling::DigestPage,
    },
    frame::{Announcement, Answer, Frame, StreamRanges},
    id::{NodeId, StreamId},
    neighbours::NeighbourTable,
    slots::Slot,
    stats::Counter,
    time::Mono,
};

impl Dissemination {
    /// A neighbour that we have a link to says something about messages.
    pub(super) fn on_word(
        &mut self,
        now: Mono,
        from: &NodeId,
        slot: Slot,
        frame: Frame,
        neighbours: &NeighbourTable,
        kept: &dyn Kept,
    ) {
        match frame {
            Frame::Have(announcements) => self.on_have(now, slot, announcements, neighbours),
            Frame::Prune(origin) => self.plumtree.trees_mut().on_prune(now, &origin, slot),
            Frame::Graft(origin) => {
                let links = neighbours.slots_with(Capability::Tree);
                self.plumtree.trees_mut().on_graft(now, &origin, slot, links);
            }
            Frame::Digest { streams, given_up, spans } => {
                self.on_digest(now, slot, DigestPage { streams, given_up, spans }, neighbours);
            }
            Frame::Pull { streams, spans } => {
                self.on_pull(now, from, slot, &streams, neighbours, kept);
                self.answers.name(now, slot, &spans, neighbours, self.knowledge.seen(), &mut self.sender);
            }
            _ => {}
        }
    }

    /// A neighbour announces messages.
    fn on_have(&mut self, now: Mono, slot: Slot, announcements: Vec<Announcement>, neighbours: &NeighbourTable) {
        for Announcement { held, age, was_pushed } in announcements {
            self.plumtree.known_to(slot, &held);
            self.sender.known_to(slot, &held.stream, &held.ranges);
            let lacking = self.knowledge.lacking(&held.stream, &held.ranges, MISSING_MAX);
            if !lacking.is_empty() {
                let how = if was_pushed { How::Overdue } else { How::Announced };
                self.miss(now, slot, &held.stream, lacking.as_slice(), how, neighbours);
            } else if let Some(&(_, last)) = held.ranges.last().filter(|_| !was_pushed) {
                self.plumtree.compare(now, slot, &held.stream.message(last), age, neighbours, &mut self.sender);
            }
        }
    }

    /// A neighbour tells what it has seen, and what of it it has given up.
    fn on_digest(&mut self, now: Mono, slot: Slot, told: DigestPage, neighbours: &NeighbourTable) {
        let DigestPage { streams, given_up, spans } = told;
        let how = self.knowledge.how_told(now, slot);
        for seen in streams {
            let held = seen.without(&given_up);
            self.sender.known_to(slot, &held.stream, &held.ranges);
            let offered = self.knowledge.offered_by(slot, &held);
            self.miss(now, slot, &held.stream, &offered, how, neighbours);
        }
        self.knowledge.heard_of(now, slot, &given_up);
        self.knowledge.ask(slot, &spans, neighbours, &mut self.sender);
    }

    /// Messages are missing that a neighbour has: they will be asked for, unless they come before.
    pub(super) fn miss(
        &mut self,
        now: Mono,
        slot: Slot,
        stream: &StreamId,
        missing: &[(u64, u64)],
        how: How,
        neighbours: &NeighbourTable,
    ) {
        if missing.is_empty() {
            return;
        }
        let (how, wait) = self.plumtree.miss(now, &stream.origin, slot, how, neighbours, &mut self.sender);
        self.knowledge.offered(now, stream, slot, missing, how, wait);
    }

    /// A neighbour asks for messages.
    fn on_pull(
        &mut self,
        now: Mono,
        from: &NodeId,
        slot: Slot,
        streams: &[StreamRanges],
        neighbours: &NeighbourTable,
        kept: &dyn Kept,
    ) {
        let links = neighbours.links_of([slot]);
        let Found { batches, lost } = self.answers.find(now, slot, streams, neighbours, &self.knowledge, kept);
        for batch in batches.into_iter().filter(|_| !links.is_empty()) {
            if !self.sender.holds(slot, &batch) && self.answers.admits(now, slot, &batch, neighbours) {
                self.sender.count(Counter::Resent, Some(from), batch.body.count().into());
                let batch = self.plumtree.relay().shorten(batch, &mut self.sender);
                self.sender.batch(links.clone(), batch, neighbours);
            }
        }
        if !lost.is_empty() {
            self.sender.push(Output::Answer(from.clone(), Answer::Lost(lost)));
        }
    }

    /// Asks for what is due, gives up what nobody has, tells what has changed, announces what has waited.
    pub(super) fn repair(&mut self, now: Mono, neighbours: &NeighbourTable) {
        let Dues { asks, gaps, holes } = self.knowledge.on_tick(now, |slot| neighbours.round_trip(slot));
        self.sender.count(Counter::OffersDropped, None, self.knowledge.take_dropped_offers());
        for Ask { to, streams, is_repeat } in asks {
            if is_repeat {
                for StreamRanges { stream, .. } in &streams {
                    self.plumtree.adopt(now, &stream.origin, to, neighbours, &mut self.sender);
                }
            }
            self.sender.send_to(to, Frame::Pull { streams, spans: Vec::new() }, Some(Counter::Pulls), neighbours);
        }
        self.knowledge.close(now, gaps, holes, &mut self.sender);
        self.knowledge.tell(now, neighbours, &mut self.sender);
        self.plumtree.announce(now, neighbours, &mut self.sender);
    }
}
