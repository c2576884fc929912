//! What a node misses: how it hears of it, whom it asks, what it gives up; and what it sends when it is asked itself.
//! Spec: section 7.4.

use super::Node;
use crate::core::{
    event::{Event, Output, Record},
    frame::{Announcement, Answer, Frame, LifeSeen, StreamRanges},
    id::{Incarnation, MessageId, NodeId, StreamId},
    links::capability::Capability,
    message::Message,
    repair::ask::{Ask, How},
    repair::ranges::Ranges,
    request::Gap,
    slots::Slot,
    spread::tree::Swap,
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
            if self.is_foreign_life(life, &held) {
                continue;
            }
            self.recent.known_to(slot, &held);
            self.outgoing.known_to(slot, &held.stream, &held.ranges);
            let missing = self.seen.missing(&held.stream, &held.ranges, MISSING_MAX);
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
        let least = LEAD_MIN.max(self.peers.round_trip(slot) / LEAD_PART);
        if let Some(swap) = self.trees.announced(now, &id.origin, slot, lead, least) {
            self.swap(&id.origin, swap);
        }
    }

    /// A neighbour tells what it has seen.
    pub(super) fn on_digest(&mut self, now: Now, slot: Slot, streams: Vec<StreamRanges>) {
        let how = if self.digests.is_fresh(now.mono, slot) { How::Backlog } else { How::Digest };
        let life = self.origin.incarnation();
        for held in streams {
            if self.is_foreign_life(life, &held) {
                continue;
            }
            self.outgoing.known_to(slot, &held.stream, &held.ranges);
            let missing = self.seen.missing(&held.stream, &held.ranges, MISSING_MAX);
            self.miss(now, slot, &held.stream, &missing, how);
        }
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
        let wait = self.trees.pull_delay(&stream.origin, self.peers.mean_round_trip());
        self.wants.offered(now.mono, stream, slot, missing, how, wait);
    }

    /// A message was pushed: links keep their order, so what its parent has after it is on its way.
    pub(super) fn expect_more(&mut self, now: Now, slot: Option<Slot>, id: &MessageId) {
        if self.wants.is_empty() {
            return;
        }
        let Some(slot) = slot else { return };
        let wait = self.trees.pull_delay(&id.origin, self.peers.mean_round_trip());
        let by_parent = self.trees.is_parent(&id.origin, slot);
        self.wants.pushed(now.mono, &id.stream(), id.sequence, by_parent, wait);
    }

    /// A neighbour asks for messages.
    pub(super) fn on_pull(&mut self, now: Mono, from: &NodeId, slot: Slot, streams: &[StreamRanges]) {
        let Some(link) = self.peers.link_of(slot) else { return };
        let mut messages = usize::try_from(self.config.limits.pull_max).unwrap_or(usize::MAX);
        let mut bytes = self.allowances.left(now, slot);
        let mut lost = Vec::new();
        for StreamRanges { stream, ranges } in streams {
            let mut seen = Ranges::from(&ranges[..]);
            seen.subtract(&self.seen.missing(stream, ranges, usize::MAX));
            let resent = self.inbox.resend(stream, ranges, seen.as_slice(), messages, bytes);
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
            self.wants.lost(now.mono, &stream, slot, &ranges);
        }
    }

    /// Asks for what is due, gives up what nobody has, tells what has changed, announces what has waited.
    pub(super) fn repair(&mut self, now: Now) {
        let dues = self.wants.on_tick(now.mono, |slot| self.peers.round_trip(slot));
        self.stats.add(Counter::OffersDropped, None, self.wants.take_dropped());
        for ask in dues.asks {
            self.ask(now, ask);
        }
        for gap in dues.gaps {
            self.give_up(now, gap);
        }
        for (slots, streams) in self.digests.on_tick(now.mono, &self.seen) {
            self.tell(&slots, Counter::Digests, Frame::Digest(streams));
        }
        let [trees, repair] = [Capability::Tree, Capability::Repair].map(|word| self.peers.slots_with(word));
        for (news, slots) in self.recent.announce(now.mono, trees, repair) {
            if !news.announced.is_empty() {
                self.tell(&slots, Counter::Announced, Frame::Have(news.announced));
            }
            if !news.caught_up.is_empty() {
                self.tell(&slots, Counter::Digests, Frame::Digest(news.caught_up));
            }
        }
    }

    /// Sends a frame to some neighbours and counts it for each.
    fn tell(&mut self, slots: &[Slot], counter: Counter, frame: Frame) {
        let links = self.peers.links_of(slots.iter().copied());
        links.iter().for_each(|&link| self.stats.count(counter, self.peers.name_of(link)));
        self.send(links, frame);
    }

    /// Nobody keeps these messages any more: they count as seen from now on.
    fn give_up(&mut self, now: Now, gap: Gap) {
        let Gap { stream, first, last } = gap.clone();
        let closed = self.seen.close(&stream, &[(first, last)]);
        self.digests.changed(now.mono);
        self.stats.add(Counter::GivenUp, None, closed);
        self.append(Record::GivenUp { stream: stream.clone(), first, last });
        self.outbox.push_back(Output::Notify(Event::Gap { stream, first, last }));
        self.gaps.add(gap);
    }

    fn ask(&mut self, now: Now, Ask { to, streams, is_repeat }: Ask) {
        if is_repeat {
            for StreamRanges { stream, .. } in &streams {
                self.adopt(now, &stream.origin, to);
            }
        }
        self.stats.count(Counter::Pulls, self.peers.name_of_slot(to));
        self.send_to(to, Frame::Pull(streams));
    }

    /// Takes a neighbour for the one that pushes the messages of an origin.
    fn adopt(&mut self, now: Now, origin: &NodeId, slot: Slot) {
        let links = self.peers.slots_with(Capability::Tree);
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

    /// Whether a neighbour knows messages of this node's `life` that it never published: then an earlier life had the same
    /// number, and this one takes another. `life` is that at the beginning of the frame, which may name many: each life is
    /// stored for good, and one frame must not cost more than one of them.
    fn is_foreign_life(&mut self, life: Incarnation, held: &StreamRanges) -> bool {
        let is_own = held.stream.origin == self.config.node && held.stream.incarnation == life;
        let Some(&(_, last)) = held.ranges.last().filter(|_| is_own) else { return false };
        self.learn_life(LifeSeen { incarnation: life, sequence: last })
    }
}
