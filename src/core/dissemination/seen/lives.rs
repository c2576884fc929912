//! The lives of origins: which are remembered, and which had to give way to newer ones.

use super::{Seen, Sighting, Stream, digest::Digest};
use crate::core::{
    frame::LifeSeen,
    id::{Incarnation, NodeId, StreamId},
    request::Gap,
};

/// Where a stream that is not known finds its place.
#[derive(Debug)]
pub(super) enum Room {
    /// There is room.
    Free,
    /// That of this older life.
    Of(StreamId),
    /// Nowhere: its origin has as many newer lives as it may have.
    Gone,
}

/// The lives of an origin that are not remembered any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forgotten {
    /// The newest of them. Older ones are not taken in any more, but for this node's own.
    newest: Incarnation,
    /// How many of their messages were missing, and the highest number of any that was had.
    missing: u64,
    highest: u64,
}

impl Seen {
    /// The newest life known of a node, and the highest number that was had of it. Of a life that was forgotten all are.
    pub fn latest_life(&self, origin: &NodeId) -> Option<LifeSeen> {
        let kept = self.lives(origin).next_back();
        let kept = kept.map(|(life, place)| LifeSeen {
            incarnation: life.incarnation,
            sequence: self.had_max(life, &self.streams[place].seen),
        });
        let forgotten = self.forgotten.get(origin);
        kept.max(forgotten.map(|lives| LifeSeen { incarnation: lives.newest, sequence: u64::MAX }))
    }

    /// Begins another life of this node, newer than its [`latest_life`](Self::latest_life). The one that ends becomes one as
    /// all others; where there is no room, the oldest is forgotten.
    pub fn renew(&mut self, own: StreamId) {
        let ended = std::mem::replace(&mut self.own, own.clone());
        if self.is_forgotten(&ended.origin, ended.incarnation) && ended != own {
            self.forget(&ended);
        }
        if self.index.contains_key(&own) {
            return;
        }
        while self.lives(&own.origin).count() >= self.lives_max || self.index.len() >= self.streams_max {
            let Some(oldest) = self.oldest_life(&own.origin) else { break };
            self.forget(&oldest);
        }
        self.open(own);
    }

    /// Where a stream that is not known finds its place, or what becomes of its messages.
    pub(super) fn room_for(&self, stream: &StreamId) -> Result<Room, Sighting> {
        if self.is_forgotten(&stream.origin, stream.incarnation) {
            return Err(Sighting::Unsure);
        }
        let oldest = || self.oldest_life(&stream.origin).filter(|oldest| oldest < stream);
        if self.lives(&stream.origin).count() >= self.lives_max {
            return Ok(oldest().map_or(Room::Gone, Room::Of));
        }
        if self.index.len() < self.streams_max {
            return Ok(Room::Free);
        }
        oldest().map(Room::Of).ok_or(Sighting::Full)
    }

    /// Forgets a stream, and takes no other as old as it in any more.
    pub(super) fn forget(&mut self, stream: &StreamId) {
        let Some(place) = self.index.remove(stream) else { return };
        let Stream { seen, .. } = std::mem::take(&mut self.streams[place]);
        let had_max = self.had_max(stream, &seen);
        // Below what was had: what was given up, and what was still sought.
        let had = seen.count_up_to(had_max).saturating_sub(self.given_up.named_of(stream));
        self.forget_up_to(stream, had_max.saturating_sub(had), had_max);
        let mut digest = Digest { stream: stream.hash(), sum: &mut self.digest };
        seen.iter().for_each(|interval| digest.remove(interval));
        self.given_up.forget(stream);
        self.intervals -= seen.len();
        self.closed_gaps += seen.gaps() as u64;
        self.version += 1;
        self.vacant.push(place);
        self.recent = None;
    }

    /// Forgets a life and all that are older. Of that one messages were `missing`, the last of them below `highest` or there.
    pub(super) fn forget_up_to(&mut self, stream: &StreamId, missing: u64, highest: u64) {
        let none = Forgotten { newest: stream.incarnation, missing: 0, highest: 0 };
        let lives = self.forgotten.entry(stream.origin.clone()).or_insert(none);
        lives.newest = stream.incarnation.max(lives.newest);
        lives.missing = lives.missing.saturating_add(missing);
        lives.highest = lives.highest.max(highest);
        self.missing_of_forgotten = self.missing_of_forgotten.saturating_add(missing);
    }

    /// What was missing of the forgotten lives of an origin, as one range of the newest of them.
    pub(super) fn forgotten_gap(&self, origin: &NodeId) -> Option<Gap> {
        let &Forgotten { newest, missing: count, highest: last } = self.forgotten.get(origin)?;
        let stream = StreamId { origin: origin.clone(), incarnation: newest };
        (count > 0).then_some(Gap { stream, first: 1, last, count })
    }

    /// Whether no older life of its origin is remembered.
    pub(super) fn is_oldest(&self, stream: &StreamId) -> bool {
        self.lives(&stream.origin).next().is_some_and(|(oldest, _)| oldest == stream)
    }

    /// Whether a life that is not known was forgotten.
    pub(super) fn is_forgotten(&self, origin: &NodeId, incarnation: Incarnation) -> bool {
        self.forgotten.get(origin).is_some_and(|lives| incarnation <= lives.newest)
    }

    /// The lives known of an origin and their places, from the oldest to the newest.
    fn lives(&self, origin: &NodeId) -> impl DoubleEndedIterator<Item = (&StreamId, usize)> {
        let [oldest, newest] =
            [0, u64::MAX].map(|life| StreamId { origin: origin.clone(), incarnation: Incarnation(life) });
        self.index.range(oldest..=newest).map(|(stream, &place)| (stream, place))
    }

    /// The oldest life of an origin that is known and may be forgotten.
    fn oldest_life(&self, origin: &NodeId) -> Option<StreamId> {
        self.lives(origin).map(|(stream, _)| stream).find(|&stream| *stream != self.own).cloned()
    }
}
