//! Which messages this node has had: exact, for ever, and small. Ids count without gaps in each life of an
//! origin, so a prefix and a few intervals say it all: memory follows origins and gaps, not messages. What is kept is at the
//! same time the version vector by which neighbours find what one of them lacks.
//! (Caches that forget by time deliver a late copy twice.)

use super::{
    config::Limits,
    frame::{LifeSeen, StreamRanges},
    id::{Incarnation, MessageId, NodeId, StreamId},
};
use std::{collections::BTreeMap, ops::Bound};

mod digest;
mod intervals;

use digest::{Digest, hash_stream};
use intervals::Intervals;

/// Intervals that are remembered for each life on average, at most: all lives with many gaps at one time is no loss
/// but an attack.
const GAPS_A_STREAM: usize = 16;

/// What became of an id that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// Never seen before, and now remembered.
    First,
    /// Seen before, or given up.
    Again,
    /// Never seen, but there is no room to remember it: nothing changed, and the message must be refused.
    Full,
}

/// The ids that a node has seen, exact.
///
/// Bounds: [`Limits::streams_max`] lives of origins, [`Limits::lives_max`] lives of one origin,
/// [`Limits::intervals_max`] intervals in each life, and sixteen times as many as there may be lives in all (16 bytes an
/// interval, the first of each life and its record 32 together, besides the index). A life is forgotten only for a newer one
/// of its origin. Then every message of that life and of older ones counts as seen, so that none is delivered twice.
#[derive(Debug)]
pub struct Seen {
    own: StreamId,
    /// Where each stream is kept.
    index: BTreeMap<StreamId, usize>,
    streams: Vec<Stream>,
    /// Places of streams that were forgotten.
    vacant: Vec<usize>,
    /// The newest life of each origin that was forgotten. Older ones are not taken in any more, but for this node's own.
    forgotten: BTreeMap<NodeId, Incarnation>,
    /// The stream used last: most messages come in runs.
    recent: Option<Recent>,
    intervals: usize,
    closed_gaps: u64,
    version: u64,
    digest: u64,
    streams_max: usize,
    lives_max: usize,
    intervals_max: usize,
}

/// What is kept of one life of an origin.
#[derive(Debug, Default)]
struct Stream {
    seen: Intervals,
    /// The version of the whole that its last change made.
    version: u64,
}

/// A stream that was found.
#[derive(Debug, Clone)]
struct Recent {
    stream: StreamId,
    place: usize,
    hash: u64,
}

impl Seen {
    /// An empty set with its bounds, and with room kept for a node's own life: whatever others send, what is
    /// published here is known here.
    pub fn new(own: StreamId, limits: &Limits) -> Self {
        let mut seen = Self {
            own: own.clone(),
            index: BTreeMap::new(),
            streams: Vec::new(),
            vacant: Vec::new(),
            forgotten: BTreeMap::new(),
            recent: None,
            intervals: 0,
            closed_gaps: 0,
            version: 0,
            digest: 0,
            streams_max: limits.streams_max.max(1),
            lives_max: limits.lives_max.max(1),
            intervals_max: limits.intervals_max.max(1),
        };
        seen.open(own);
        seen
    }

    /// Notes `id` and says whether it is new. Where there is no room for one more interval, the lowest gap of that life
    /// is closed; where there is none for one more life, the oldest of that origin is forgotten, if it has others.
    pub fn insert(&mut self, id: &MessageId) -> Sighting {
        if id.sequence == 0 {
            return Sighting::Again;
        }
        if let Err(sighting) = self.turn_to(&id.origin, id.incarnation) {
            return sighting;
        }
        if self.add(id.sequence, id.sequence) > 0 { Sighting::First } else { Sighting::Again }
    }

    /// Whether `id` was noted or given up.
    pub fn contains(&self, id: &MessageId) -> bool {
        match self.find(&id.origin, id.incarnation) {
            Some(stream) => stream.seen.contains(id.sequence),
            None => self.is_forgotten(&id.origin, id.incarnation),
        }
    }

    /// What was not seen of the `ranges` that somebody has of a stream, in their order, at most `ranges_max`. Nothing, if it
    /// could not be noted either; nothing of this node's own life, for what is published here is seen here.
    pub fn missing(&self, stream: &StreamId, ranges: &[(u64, u64)], ranges_max: usize) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        if *stream == self.own {
            return missing;
        }
        let nothing = Intervals::default();
        let intervals = match self.find(&stream.origin, stream.incarnation) {
            Some(known) => &known.seen,
            None => match self.room_for(stream) {
                Ok(Room::Free | Room::Of(_)) => &nothing,
                Ok(Room::Gone) | Err(_) => return missing,
            },
        };
        for (first, last) in numbers(ranges) {
            if missing.len() >= ranges_max {
                break;
            }
            intervals.missing(first, last, &mut missing, ranges_max);
        }
        missing
    }

    /// Gives up what was not seen of the `ranges` of a stream: it counts as seen from now on. Says how many numbers that
    /// were; 0 where there is no room to note them. Nothing is given up of this node's own life.
    pub fn close(&mut self, stream: &StreamId, ranges: &[(u64, u64)]) -> u64 {
        if *stream == self.own
            || numbers(ranges).next().is_none()
            || self.turn_to(&stream.origin, stream.incarnation).is_err()
        {
            return 0;
        }
        numbers(ranges).map(|(first, last)| self.add(first, last)).fold(0, u64::saturating_add)
    }

    /// Grows with every change; 0: nothing was seen yet.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What was seen of the streams that have changed since `version` (0: of all), in their order, from behind the stream
    /// `after`: as much as one frame of `streams_max` streams and `ranges_max` intervals holds. Of a stream that has more
    /// intervals than that, the lowest ones. Empty: there is no more.
    pub fn changed_since(
        &self,
        version: u64,
        after: Option<&StreamId>,
        streams_max: usize,
        ranges_max: usize,
    ) -> Vec<StreamRanges> {
        let mut changed: Vec<StreamRanges> = Vec::new();
        if version >= self.version {
            return changed;
        }
        let mut room = ranges_max;
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        for (stream, &place) in self.index.range::<StreamId, _>((behind, Bound::Unbounded)) {
            let Stream { seen, version: last_change } = &self.streams[place];
            if *last_change <= version || seen.is_empty() {
                continue;
            }
            let is_too_much = seen.len() > room && !changed.is_empty();
            if changed.len() >= streams_max || room == 0 || is_too_much {
                break;
            }
            let ranges: Vec<_> = seen.iter().take(room).collect();
            room -= ranges.len();
            changed.push(StreamRanges { stream: stream.clone(), ranges });
        }
        changed
    }

    /// A hash of all that was seen: equal for equal sets, whatever the order in which they came about, on every platform.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The newest life known of a node, and the highest number of it. Of a life that was forgotten all numbers are seen.
    pub fn latest_life(&self, origin: &NodeId) -> Option<LifeSeen> {
        let kept = self.lives(origin).next_back();
        let kept = kept.map(|(life, place)| LifeSeen {
            incarnation: life.incarnation,
            sequence: self.streams[place].seen.highest(),
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

    /// How many gaps were closed for want of room since this was asked last. They were the lowest of their life, or in a life
    /// that was forgotten. A life that was not taken in because there were too many newer ones counts as one.
    pub fn take_closed_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.closed_gaps)
    }

    /// How many ids are in it, those given up included: equal for equal sets. Costs a look at each stream.
    pub fn messages(&self) -> u64 {
        let streams = self.index.values().map(|&place| self.streams[place].seen.count_numbers());
        streams.fold(0, u64::saturating_add)
    }

    /// How many lives of origins are remembered, the node's own included.
    pub fn streams(&self) -> usize {
        self.index.len()
    }

    fn find(&self, origin: &NodeId, incarnation: Incarnation) -> Option<&Stream> {
        let place = match self.recent_if(origin, incarnation) {
            Some(recent) => recent.place,
            None => *self.index.get(&StreamId { origin: origin.clone(), incarnation })?,
        };
        self.streams.get(place)
    }

    fn recent_if(&self, origin: &NodeId, incarnation: Incarnation) -> Option<&Recent> {
        let is_same = |recent: &&Recent| recent.stream.incarnation == incarnation && recent.stream.origin == *origin;
        self.recent.as_ref().filter(is_same)
    }

    /// Makes a stream the recent one, and room for it if it is new; or says what becomes of its messages.
    fn turn_to(&mut self, origin: &NodeId, incarnation: Incarnation) -> Result<(), Sighting> {
        if self.recent_if(origin, incarnation).is_some() {
            return Ok(());
        }
        let stream = StreamId { origin: origin.clone(), incarnation };
        if let Some(&place) = self.index.get(&stream) {
            self.recent = Some(Recent { hash: hash_stream(&stream), stream, place });
            return Ok(());
        }
        match self.room_for(&stream) {
            Ok(Room::Free) => {}
            Ok(Room::Of(oldest)) => self.forget(&oldest),
            Ok(Room::Gone) => {
                self.forget_up_to(&stream);
                self.closed_gaps += 1;
                return Err(Sighting::Again);
            }
            Err(sighting) => return Err(sighting),
        }
        self.open(stream);
        Ok(())
    }

    /// Where a stream that is not known finds its place, or what becomes of its messages.
    fn room_for(&self, stream: &StreamId) -> Result<Room, Sighting> {
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

    /// Begins to keep a stream that is not known, as the recent one.
    fn open(&mut self, stream: StreamId) {
        let place = self.vacant.pop().unwrap_or(self.streams.len());
        match self.streams.get_mut(place) {
            Some(vacant) => *vacant = Stream::default(),
            None => self.streams.push(Stream::default()),
        }
        self.index.insert(stream.clone(), place);
        self.recent = Some(Recent { hash: hash_stream(&stream), stream, place });
    }

    /// Notes the numbers from `first` to `last` of the recent stream; says how many of them are new.
    fn add(&mut self, first: u64, last: u64) -> u64 {
        let Some(&Recent { place, hash, .. }) = self.recent.as_ref() else { return 0 };
        let Stream { seen, version } = &mut self.streams[place];
        let before = seen.len();
        let is_room = self.intervals < self.streams_max.saturating_mul(GAPS_A_STREAM);
        let intervals_max = if is_room { self.intervals_max } else { before.max(1) };
        let mut digest = Digest { stream: hash, sum: &mut self.digest };
        let new = seen.insert(first, last, &mut digest);
        if new == 0 {
            return 0;
        }
        if seen.len() > intervals_max {
            seen.close_lowest_gap(&mut digest);
            self.closed_gaps += 1;
        }
        self.intervals = self.intervals + seen.len() - before;
        self.version += 1;
        *version = self.version;
        new
    }

    /// Forgets a stream, and takes no other as old as it in any more.
    fn forget(&mut self, stream: &StreamId) {
        self.forget_up_to(stream);
        let Some(place) = self.index.remove(stream) else { return };
        let Stream { seen, .. } = std::mem::take(&mut self.streams[place]);
        let mut digest = Digest { stream: hash_stream(stream), sum: &mut self.digest };
        seen.iter().for_each(|interval| digest.remove(interval));
        self.intervals -= seen.len();
        self.closed_gaps += seen.gaps() as u64;
        self.version += 1;
        self.vacant.push(place);
        self.recent = None;
    }

    fn forget_up_to(&mut self, stream: &StreamId) {
        let newest = self.forgotten.entry(stream.origin.clone()).or_insert(stream.incarnation);
        *newest = stream.incarnation.max(*newest);
    }

    /// Whether a life that is not known was forgotten.
    fn is_forgotten(&self, origin: &NodeId, incarnation: Incarnation) -> bool {
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

/// Where a stream that is not known finds its place.
#[derive(Debug)]
enum Room {
    /// There is room.
    Free,
    /// That of this older life.
    Of(StreamId),
    /// Nowhere: its origin has as many newer lives as it may have.
    Gone,
}

/// The ranges that hold anything, without the number 0.
fn numbers(ranges: &[(u64, u64)]) -> impl Iterator<Item = (u64, u64)> {
    ranges.iter().map(|&(first, last)| (first.max(1), last)).filter(|(first, last)| first <= last)
}

#[cfg(test)]
mod tests;
