//! What a node misses: how it hears of it, whom it asks, what it gives up; and what it sends when it is asked itself.
//! Spec: section 7.4.

use super::Node;
use crate::core::{
    capability::Capability,
    dissemination::repair::ask::{Ask, Holes, How},
    dissemination::seen,
    dissemination::spread::tree::Swap,
    event::{Event, Output, Record},
    frame::{Announcement, Answer, Frame, StreamRanges},
    id::{MessageId, NodeId, StreamId},
    message::{Kept, Message},
    ranges::Ranges,
    request::Gap,
    slots::Slot,
    stats::Counter,
    time::{Mono, Now},
};
use std::time::Duration;

/// Least advantage by which a neighbour is quicker than the parent.
const LEAD_MIN: Duration = Duration::from_millis(1);
/// The same as a part of the round trip: links are not exact.
const LEAD_PART: u32 = 32;
/// Intervals of one stream that are looked at in one frame.
const MISSING_MAX: usize = 256;

impl Node {
    /// A neighbour announces messages.
    pub(super) fn on_have(&mut self, now: Now, slot: Slot, announcements: Vec<Announcement>) {
        let life = self.origin.incarnation();
        for Announcement { held, age } in announcements {
            self.compare_life(now, life, &held);
            self.recent.known_to(slot, &held);
            self.outgoing.known_to(slot, &held.stream, &held.ranges);
            // What it has just got it keeps, whatever it said before.
            let mut missing = Ranges::from(&self.seen.missing(&held.stream, &held.ranges, MISSING_MAX)[..]);
            missing.extend(&self.seen.given_up_of(&held.stream, &held.ranges, MISSING_MAX));
            let missing = missing.into_vec();
            if !missing.is_empty() {
                self.miss(now, slot, &held.stream, &missing, How::Announced);
            } else if let Some(&(_, last)) = held.ranges.last() {
                self.compare(now.mono, slot, &held.stream.message(last), age);
            }
        }
    }

    /// A neighbour that announces could have brought a message that is here: was it quicker than who did?
    fn compare(&mut self, now: Mono, slot: Slot, id: &MessageId, age: Duration) {
        let Some(first) = self.recent.first(id) else { return };
        let would_have = Mono(now.0.saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)));
        let lead = Some(first.at.since(would_have)).filter(|lead| !lead.is_zero());
        let least = LEAD_MIN.max(self.membership.neighbours().round_trip(slot) / LEAD_PART);
        if let Some(swap) = self.trees.announced(now, &id.origin, slot, lead, least) {
            self.swap(&id.origin, swap);
        }
    }

    /// A neighbour tells what it has seen, and what of it it has given up.
    pub(super) fn on_digest(&mut self, now: Now, slot: Slot, streams: Vec<StreamRanges>, given_up: &[StreamRanges]) {
        let how = if self.digests.is_fresh(now.mono, slot) { How::Backlog } else { How::Digest };
        let life = self.origin.incarnation();
        for StreamRanges { stream, ranges } in streams {
            let mut had = Ranges::from(&ranges[..]);
            given_up.iter().filter(|given| given.stream == stream).for_each(|given| had.subtract(&given.ranges));
            let held = StreamRanges { stream, ranges: had.into_vec() };
            self.compare_life(now, life, &held);
            self.outgoing.known_to(slot, &held.stream, &held.ranges);
            let missing = self.offered_of(slot, &held);
            self.miss(now, slot, &held.stream, &missing, how);
        }
        for StreamRanges { stream, ranges } in given_up {
            let missing = self.seen.missing(stream, ranges, MISSING_MAX);
            self.missing.heard_of(now.mono, stream, slot, &missing);
        }
    }

    /// What a neighbour has had and this node has not: what is missing, and what was given up unless that neighbour has said
    /// that it keeps it no more.
    fn offered_of(&self, slot: Slot, held: &StreamRanges) -> Vec<(u64, u64)> {
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

    /// Messages are missing that a neighbour has: they will be asked for, unless they come before.
    pub(super) fn miss(&mut self, now: Now, slot: Slot, stream: &StreamId, missing: &[(u64, u64)], how: How) {
        if missing.is_empty() {
            return;
        }
        let is_orphan = how == How::Announced && self.trees.is_orphan(&stream.origin);
        let how = if is_orphan { How::Orphan } else { how };
        if is_orphan {
            self.adopt(now, &stream.origin, slot);
        }
        let wait = self.trees.pull_delay(&stream.origin, self.membership.neighbours().mean_round_trip());
        self.missing.offered(now.mono, stream, slot, missing, how, wait);
    }

    /// A message was pushed: links keep their order, so what its parent has after it is on its way.
    pub(super) fn expect_more(&mut self, now: Now, slot: Option<Slot>, id: &MessageId) {
        if self.missing.is_empty() {
            return;
        }
        let Some(slot) = slot else { return };
        let wait = self.trees.pull_delay(&id.origin, self.membership.neighbours().mean_round_trip());
        let by_parent = self.trees.is_parent(&id.origin, slot);
        self.missing.pushed(now.mono, &id.stream(), id.sequence, by_parent, wait);
    }

    /// A neighbour asks for messages.
    pub(super) fn on_pull(&mut self, now: Mono, from: &NodeId, slot: Slot, streams: &[StreamRanges]) {
        let Some(link) = self.membership.neighbours().link_of(slot) else { return };
        let mut messages = usize::try_from(self.config.limits.pull_max).unwrap_or(usize::MAX);
        let mut bytes = self.allowances.left(now, slot);
        let mut lost = Vec::new();
        for StreamRanges { stream, ranges } in streams {
            let mut seen = Ranges::from(&ranges[..]);
            seen.subtract(&self.seen.missing(stream, ranges, usize::MAX));
            let resent = self.mailbox.resend(stream, ranges, seen.as_slice(), messages, bytes);
            bytes = bytes.saturating_sub(resent.bytes);
            self.allowances.spend(now, slot, resent.bytes);
            for message in resent.messages {
                messages -= 1;
                if self.outgoing.holds(slot, &message.id) {
                    continue;
                }
                self.stats.count(Counter::Resent, Some(from));
                let message = self.without_long_path(message);
                self.send_message(vec![link], message);
            }
            if !resent.lost.is_empty() {
                lost.push(StreamRanges { stream: stream.clone(), ranges: resent.lost });
            }
        }
        if !lost.is_empty() {
            self.outbox.push_back(Output::Answer(from.clone(), Answer::Lost(lost)));
        }
    }

    /// Whoever asks for a message gets it; its path goes along only if nobody would refuse it for its length.
    fn without_long_path(&mut self, message: Message) -> Message {
        let len_max = self.config.limits.path_len_max;
        if message.trace.as_ref().is_none_or(|trace| trace.path.len() <= len_max) {
            return message;
        }
        self.stats.count(Counter::PathLimit, None);
        Message { trace: None, ..message }
    }

    /// A neighbour that was asked keeps these no more.
    pub(super) fn on_lost(&mut self, now: Now, slot: Slot, streams: Vec<StreamRanges>) {
        for StreamRanges { stream, ranges } in streams {
            self.missing.lost(now.mono, &stream, slot, &ranges);
            let missing = self.seen.missing(&stream, &ranges, MISSING_MAX);
            let given_up = self.seen.given_up_of(&stream, &ranges, MISSING_MAX);
            self.dropped.note(slot, &stream, &missing);
            self.dropped.note(slot, &stream, &given_up);
        }
    }

    /// A message came from a neighbour: what is missing below it must have been published.
    pub(super) fn note_holes(&mut self, now: Now, slot: Option<Slot>, stream: &StreamId) {
        match self.seen.hole_below(stream) {
            Some(below) => self.missing.expect(now.mono, stream, slot.unwrap_or_default(), below),
            None if self.missing.is_empty() => {}
            None => self.missing.filled(stream),
        }
    }

    /// Asks for what is due, gives up what nobody has, tells what has changed, announces what has waited.
    pub(super) fn repair(&mut self, now: Now) {
        let dues = self.missing.on_tick(now.mono, |slot| self.membership.neighbours().round_trip(slot));
        self.stats.add(Counter::OffersDropped, None, self.missing.take_dropped());
        for ask in dues.asks {
            self.ask(now, ask);
        }
        for Gap { stream, first, last, .. } in dues.gaps {
            self.give_up(now, &stream, &[(first, last)]);
        }
        for Holes { stream, by, below, sought } in dues.holes {
            let mut missing = Ranges::from(&self.seen.missing(&stream, &[(1, below)], usize::MAX)[..]);
            missing.subtract(sought.as_slice());
            self.give_up(now, &stream, missing.as_slice());
            self.note_holes(now, Some(by), &stream);
        }
        for (stream, first, last) in self.filled.take(now.mono) {
            self.notify(now, Event::GapFilled { stream, first, last });
        }
        for (slots, seen::DigestPage { streams, given_up }) in self.digests.on_tick(now.mono, &self.seen) {
            self.tell(&slots, Counter::Digests, Frame::Digest { streams, given_up });
        }
        let [trees, repair] =
            [Capability::Tree, Capability::Repair].map(|word| self.membership.neighbours().slots_with(word));
        for (news, slots) in self.recent.announce(now.mono, trees, repair) {
            if !news.announced.is_empty() {
                self.tell(&slots, Counter::Announced, Frame::Have(news.announced));
            }
            if !news.caught_up.is_empty() {
                let digest = Frame::Digest { streams: news.caught_up, given_up: Vec::new() };
                self.tell(&slots, Counter::Digests, digest);
            }
        }
    }

    /// Sends a frame to some neighbours and counts it for each.
    fn tell(&mut self, slots: &[Slot], counter: Counter, frame: Frame) {
        let links = self.membership.neighbours().links_of(slots.iter().copied());
        links.iter().for_each(|&link| self.stats.count(counter, self.membership.neighbours().name_of(link)));
        self.send(links, frame);
    }

    /// Nobody who was asked keeps these messages any more: they are sought no more, unless somebody offers them. Those that are
    /// known to exist are named.
    fn give_up(&mut self, now: Now, stream: &StreamId, ranges: &[(u64, u64)]) {
        for (first, last) in self.seen.close(stream, ranges) {
            self.digests.changed(now.mono);
            self.append(Record::GivenUp { stream: stream.clone(), first, last });
            if self.seen.is_proven(stream, last) {
                self.stats.add(Counter::GivenUp, None, (last - first).saturating_add(1));
                self.notify(now, Event::Gap { stream: stream.clone(), first, last });
            }
        }
    }

    fn ask(&mut self, now: Now, Ask { to, streams, is_repeat }: Ask) {
        if is_repeat {
            for StreamRanges { stream, .. } in &streams {
                self.adopt(now, &stream.origin, to);
            }
        }
        self.stats.count(Counter::Pulls, self.membership.neighbours().name_of_slot(to));
        self.send_to(to, Frame::Pull(streams));
    }

    /// Takes a neighbour for the one that pushes the messages of an origin.
    fn adopt(&mut self, now: Now, origin: &NodeId, slot: Slot) {
        let links = self.membership.neighbours().slots_with(Capability::Tree);
        if let Some(swap) = self.trees.adopt(now.mono, origin, slot, links) {
            self.swap(origin, swap);
        }
    }

    fn swap(&mut self, origin: &NodeId, swap: Swap) {
        self.graft(swap.graft, origin);
        if let Some(old) = swap.prune {
            self.prune(old, origin);
        }
    }
}
