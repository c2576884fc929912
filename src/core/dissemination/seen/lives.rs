//! Lives of origins: which are remembered and where, and which had to give way to newer ones.

use crate::core::{
    config::Limits,
    event::record::Record,
    id::{Incarnation, NodeId, StreamId},
    request::Gap,
};
use std::{collections::BTreeMap, ops::Bound};

/// Place of a stream that is not known.
#[derive(Debug)]
pub(super) enum Room {
    /// There is room.
    Free,
    /// That of this older life.
    Of(StreamId),
    /// Nowhere: its origin has most lives, and all of them are newer.
    Gone,
}

/// Reasons why a stream that is not known finds no place.
#[derive(Debug)]
pub(super) enum NoRoom {
    /// It was forgotten.
    Forgotten,
    /// All places are taken, none of them by an origin that has many.
    Full,
}

/// The lives of an origin that are not remembered any more.
#[derive(Debug, Clone, Copy)]
struct Forgotten {
    /// The newest of them. Older ones are not taken in any more, but for this node's own.
    newest: Incarnation,
    /// The number of their messages that were missing.
    missing: u64,
    /// The highest number of any that was had.
    highest: u64,
}

/// All lives of all origins. Bounds: [`Limits::streams_max`] lives. Where there are as many, the oldest of the origin that has
/// most gives way if these are more than [`Limits::lives_max`]; no other is forgotten but for a newer one of its origin.
#[derive(Debug)]
pub(super) struct Lives {
    own: StreamId,
    /// The place of each stream.
    places: BTreeMap<StreamId, usize>,
    /// Number of lives of each origin that has more than [`Limits::lives_max`].
    crowded: BTreeMap<NodeId, usize>,
    forgotten: BTreeMap<NodeId, Forgotten>,
    /// Messages that were missing of all lives that are forgotten.
    missing: u64,
    streams_max: usize,
    lives_max: usize,
}

impl Lives {
    /// No lives yet; `own` is this node's, for which there is always room.
    pub(super) fn new(own: StreamId, limits: &Limits) -> Self {
        Self {
            own,
            places: BTreeMap::new(),
            crowded: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            missing: 0,
            streams_max: limits.streams_max.max(1),
            lives_max: limits.lives_max.max(1),
        }
    }

    /// This node's own life.
    pub(super) fn own(&self) -> &StreamId {
        &self.own
    }

    /// Makes another life this node's own, and gives the one that ends.
    pub(super) fn renew(&mut self, own: StreamId) -> StreamId {
        std::mem::replace(&mut self.own, own)
    }

    /// Number of lives that are remembered.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of a stream.
    pub(super) fn place(&self, stream: &StreamId) -> Option<usize> {
        self.places.get(stream).copied()
    }

    /// Notes the place of a stream.
    pub(super) fn insert(&mut self, stream: StreamId, place: usize) {
        let known = self.crowded.get(&stream.origin).copied();
        let lives = known.unwrap_or_else(|| self.of(&stream.origin).count()) + 1;
        if lives > self.lives_max {
            self.crowded.insert(stream.origin.clone(), lives);
        }
        self.places.insert(stream, place);
    }

    /// Takes a stream out, and gives its place.
    pub(super) fn remove(&mut self, stream: &StreamId) -> Option<usize> {
        let place = self.places.remove(stream)?;
        if let Some(lives) = self.crowded.get_mut(&stream.origin) {
            *lives -= 1;
            if *lives <= self.lives_max {
                self.crowded.remove(&stream.origin);
            }
        }
        Some(place)
    }

    /// All streams and their places, in their order, from behind the stream `after`.
    pub(super) fn behind(&self, after: Option<&StreamId>) -> impl Iterator<Item = (&StreamId, usize)> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.places.range::<StreamId, _>((behind, Bound::Unbounded)).map(|(stream, &place)| (stream, place))
    }

    /// The newest life of an origin that is remembered, and its place.
    pub(super) fn newest(&self, origin: &NodeId) -> Option<(&StreamId, usize)> {
        self.of(origin).next_back()
    }

    /// The newest life of an origin that is forgotten.
    pub(super) fn newest_forgotten(&self, origin: &NodeId) -> Option<Incarnation> {
        self.forgotten.get(origin).map(|lives| lives.newest)
    }

    /// Finds a place for a stream that is not known.
    pub(super) fn room_for(&self, stream: &StreamId) -> Result<Room, NoRoom> {
        if self.is_forgotten(&stream.origin, stream.incarnation) {
            return Err(NoRoom::Forgotten);
        }
        if self.places.len() < self.streams_max {
            return Ok(Room::Free);
        }
        match self.gives_way(&stream.origin) {
            Some(other) if other.origin != stream.origin || other < *stream => Ok(Room::Of(other)),
            Some(_) if self.crowded.contains_key(&stream.origin) => Ok(Room::Gone),
            _ => Err(NoRoom::Full),
        }
    }

    /// The life that has to give way before another of this origin can begin, if all places are taken: of the origin that has
    /// most, or else of its own.
    pub(super) fn gives_way(&self, origin: &NodeId) -> Option<StreamId> {
        if self.places.len() < self.streams_max {
            return None;
        }
        let most = self.crowded.iter().max_by_key(|(_, lives)| **lives);
        self.oldest_other(most.map_or(origin, |(most, _)| most))
    }

    /// Forgets a life and all that are older. Of that one messages were `missing`, the last of them below `highest` or there.
    pub(super) fn forget_up_to(&mut self, stream: &StreamId, missing: u64, highest: u64) {
        let none = Forgotten { newest: stream.incarnation, missing: 0, highest: 0 };
        let lives = self.forgotten.entry(stream.origin.clone()).or_insert(none);
        lives.newest = stream.incarnation.max(lives.newest);
        lives.missing = lives.missing.saturating_add(missing);
        lives.highest = lives.highest.max(highest);
        self.missing = self.missing.saturating_add(missing);
    }

    /// The missing messages of the forgotten lives of an origin, as one range of the newest of them.
    pub(super) fn forgotten_gap(&self, origin: &NodeId) -> Option<Gap> {
        let &Forgotten { newest, missing: count, highest: last } = self.forgotten.get(origin)?;
        let stream = StreamId { origin: origin.clone(), incarnation: newest };
        (count > 0).then_some(Gap { stream, first: 1, last, count })
    }

    /// The same of all origins.
    pub(super) fn forgotten_gaps(&self) -> impl Iterator<Item = Gap> {
        self.forgotten.keys().filter_map(|origin| self.forgotten_gap(origin))
    }

    /// The same as records, each origin's own.
    pub(super) fn all_forgotten(&self) -> impl Iterator<Item = Record> {
        self.forgotten.iter().map(|(origin, &Forgotten { newest, missing, highest })| Record::Forgotten {
            stream: StreamId { origin: origin.clone(), incarnation: newest },
            missing,
            highest,
        })
    }

    /// Number of messages that were missing of all lives that are forgotten.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Number of origins with lives that are forgotten.
    #[cfg(test)]
    pub(super) fn forgotten_len(&self) -> usize {
        self.forgotten.len()
    }

    /// Says whether no older life of its origin is remembered.
    pub(super) fn is_oldest(&self, stream: &StreamId) -> bool {
        self.of(&stream.origin).next().is_some_and(|(oldest, _)| oldest == stream)
    }

    /// Says whether a life that is not known was forgotten.
    pub(super) fn is_forgotten(&self, origin: &NodeId, incarnation: Incarnation) -> bool {
        self.forgotten.get(origin).is_some_and(|lives| incarnation <= lives.newest)
    }

    /// The lives known of an origin and their places, from the oldest to the newest.
    pub(super) fn of(&self, origin: &NodeId) -> impl DoubleEndedIterator<Item = (&StreamId, usize)> {
        let [oldest, newest] =
            [0, u64::MAX].map(|life| StreamId { origin: origin.clone(), incarnation: Incarnation(life) });
        self.places.range(oldest..=newest).map(|(stream, &place)| (stream, place))
    }

    /// Those from one on and below another.
    pub(super) fn between<'a>(
        &'a self,
        origin: &NodeId,
        from: Incarnation,
        below: Incarnation,
    ) -> impl Iterator<Item = (&'a StreamId, usize)> + use<'a> {
        let [from, below] = [from, below].map(|incarnation| StreamId { origin: origin.clone(), incarnation });
        let lives = (from < below).then(|| self.places.range(from..below));
        lives.into_iter().flatten().map(|(stream, &place)| (stream, place))
    }

    /// The oldest life of an origin that is known and may be forgotten.
    fn oldest_other(&self, origin: &NodeId) -> Option<StreamId> {
        self.of(origin).map(|(stream, _)| stream).find(|&stream| *stream != self.own).cloned()
    }
}
