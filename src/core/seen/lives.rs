//! The lives of origins: which are remembered, and which had to give way to newer ones.

use super::{
    Seen, Sighting, Stream,
    digest::{Digest, hash_stream},
};
use crate::core::{
    frame::LifeSeen,
    id::{Incarnation, NodeId, StreamId},
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

impl Seen {
    /// The newest life known of a node, and the highest number that was had of it. Of a life that was forgotten all are.
    pub fn latest_life(&self, origin: &NodeId) -> Option<LifeSeen> {
        let kept = self.lives(origin).next_back();
        let kept = kept.map(|(life, place)| LifeSeen {
            incarnation: life.incarnation,
            sequence: self.had_max(life, &self.streams[place].seen),
        });
        let forgotten = self.forgotten.get(origin);
        kept.max(forgotten.map(|&incarnation| LifeSeen { incarnation, sequence: u64::MAX }))
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
            return Err(Sighting::Again);
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
        self.forget_up_to(stream);
        let Some(place) = self.index.remove(stream) else { return };
        let Stream { seen, .. } = std::mem::take(&mut self.streams[place]);
        let mut digest = Digest { stream: hash_stream(stream), sum: &mut self.digest };
        seen.iter().for_each(|interval| digest.remove(interval));
        self.given_up.forget(stream);
        self.intervals -= seen.len();
        self.closed_gaps += seen.gaps() as u64;
        self.version += 1;
        self.vacant.push(place);
        self.recent = None;
    }

    pub(super) fn forget_up_to(&mut self, stream: &StreamId) {
        let newest = self.forgotten.entry(stream.origin.clone()).or_insert(stream.incarnation);
        *newest = stream.incarnation.max(*newest);
    }

    /// Whether a life that is not known was forgotten.
    pub(super) fn is_forgotten(&self, origin: &NodeId, incarnation: Incarnation) -> bool {
        self.forgotten.get(origin).is_some_and(|&newest| incarnation <= newest)
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
