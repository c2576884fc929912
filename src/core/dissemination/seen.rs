//! Messages that this node has had, and those that it has given up: exact, for ever, and small. Ids count without gaps in each
//! life of an origin, so a prefix and a few intervals say it all: memory follows origins and gaps, not messages. Both together
//! are the version vector by which neighbours find what one of them lacks; what was had alone keeps a message from being
//! delivered.
//! (Caches that forget by time deliver a late copy twice.)

use crate::core::{
    config::Limits,
    frame::LifeSeen,
    id::{Incarnation, MessageId, NodeId, StreamId},
};

mod checkpoint;
mod digest;
mod given;
mod intervals;
mod lives;
mod noting;
pub(super) mod sighting;
mod spans;
pub(super) mod telling;

use digest::Digest;
use given::GivenUp;
use intervals::Intervals;
use lives::{Lives, NoRoom, Room};
use sighting::Sighting;

/// Intervals that are remembered for each life on average, at most: all lives with many gaps at one time is no loss
/// but an attack.
const GAPS_A_STREAM: usize = 16;

/// The ids that a node has had or given up, exact.
///
/// Bounds: [`Limits::streams_max`] lives of origins, [`Limits::intervals_max`] intervals in each life, and sixteen times as many
/// as there may be lives in all (16 bytes an interval, the first of each life and its record 32 together, besides the index);
/// [`Limits::gaps_max`] ranges given up.
/// Where there are too many intervals, the lowest gap is given up; where there are too many gaps, the lowest of the life that
/// has most become one, of which nothing is taken in any more. Where there are too many lives, the oldest of the origin that has
/// most is forgotten, if that has more than [`Limits::lives_max`]; otherwise a life gives way only to a newer one of its origin. Then every
/// message of that life and of older ones counts as had, so that none is delivered twice; what was missing of them is told as
/// one range, with its number.
#[derive(Debug)]
pub struct Seen {
    lives: Lives,
    streams: Vec<Stream>,
    /// Places of streams that were forgotten.
    vacant: Vec<usize>,
    /// The stream used last: most messages come in runs.
    recent: Option<Recent>,
    intervals: usize,
    given_up: GivenUp,
    closed_gaps: u64,
    version: u64,
    digest: u64,
    intervals_max: usize,
    /// The same of all streams together.
    all_intervals_max: usize,
}

/// Record of one life of an origin.
#[derive(Debug, Default)]
struct Stream {
    /// Messages that were had or given up.
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
            lives: Lives::new(own.clone(), limits),
            streams: Vec::new(),
            vacant: Vec::new(),
            recent: None,
            intervals: 0,
            given_up: GivenUp::new(limits.gaps_max),
            closed_gaps: 0,
            version: 0,
            digest: 0,
            intervals_max: limits.intervals_max.max(1),
            all_intervals_max: limits.streams_max.max(1).saturating_mul(GAPS_A_STREAM),
        };
        seen.open(own);
        seen
    }

    /// Says whether `id` was had.
    pub fn contains(&self, id: &MessageId) -> bool {
        match self.find(&id.origin, id.incarnation) {
            Some(stream) => stream.seen.contains(id.sequence) && !self.given_up.contains(id),
            None => self.lives.is_forgotten(&id.origin, id.incarnation),
        }
    }

    /// Gives what was neither had nor given up of the `ranges` that somebody has of a stream, in their order, at most `ranges_max`.
    /// Nothing, if it could not be noted either; nothing of this node's own life, for what is published here is seen here.
    pub fn missing(&self, stream: &StreamId, ranges: &[(u64, u64)], ranges_max: usize) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        if *stream == *self.lives.own() {
            return missing;
        }
        let nothing = Intervals::default();
        let intervals = match self.find(&stream.origin, stream.incarnation) {
            Some(known) => &known.seen,
            None => match self.lives.room_for(stream) {
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

    /// Gives what was given up of the `ranges` of a stream, in their order, at most `ranges_max`.
    pub fn given_up_of(&self, stream: &StreamId, ranges: &[(u64, u64)], ranges_max: usize) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        numbers(ranges).for_each(|range| self.given_up.common(stream, range, &mut found, ranges_max));
        found
    }

    /// The highest number that was had of a stream, if something below it was neither had nor given up. Costs next to
    /// nothing for the stream of the last message.
    pub fn hole_below(&self, stream: &StreamId) -> Option<u64> {
        let seen = &self.find(&stream.origin, stream.incarnation)?.seen;
        if *stream == *self.lives.own() || (seen.len() == 1 && seen.lowest_missing() > 1) {
            return None;
        }
        let had_max = self.had_max(stream, seen);
        (seen.lowest_missing() < had_max).then_some(had_max)
    }

    /// Gives up what was neither had nor given up of the `ranges` of a stream, and says what that is; nothing where there is no
    /// room to note it. Nothing is given up of this node's own life.
    pub fn close(&mut self, stream: &StreamId, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        if *stream == *self.lives.own()
            || numbers(ranges).next().is_none()
            || self.turn_to(&stream.origin, stream.incarnation, 0).is_err()
        {
            return Vec::new();
        }
        let before = self.recent_len();
        let closed = self.missing(stream, ranges, usize::MAX);
        closed.iter().for_each(|&range| self.give_up(range));
        if !closed.is_empty() {
            self.settle(before);
        }
        closed
    }

    /// Says whether a message of a stream that was not had is known to exist: a later one was had.
    pub fn is_proven(&self, stream: &StreamId, sequence: u64) -> bool {
        let known = self.find(&stream.origin, stream.incarnation);
        known.is_some_and(|known| sequence < self.had_max(stream, &known.seen))
    }

    /// The newest life known of a node, and the highest number that was had of it. Of a life that was forgotten all are.
    pub fn latest_life(&self, origin: &NodeId) -> Option<LifeSeen> {
        let kept = self.lives.newest(origin).map(|(life, place)| LifeSeen {
            incarnation: life.incarnation,
            sequence: self.had_max(life, &self.streams[place].seen),
        });
        let forgotten = self.lives.newest_forgotten(origin);
        kept.max(forgotten.map(|incarnation| LifeSeen { incarnation, sequence: u64::MAX }))
    }

    /// Begins another life of this node, newer than its [`latest_life`](Self::latest_life). The one that ends becomes one as
    /// all others; where there is no room, the oldest is forgotten.
    pub fn renew(&mut self, own: StreamId) {
        let ended = self.lives.renew(own.clone());
        if self.lives.is_forgotten(&ended.origin, ended.incarnation) && ended != own {
            self.forget(&ended);
        }
        if self.lives.place(&own).is_some() {
            return;
        }
        while let Some(oldest) = self.lives.gives_way(&own.origin) {
            self.forget(&oldest);
        }
        self.open(own);
    }

    /// Grows with every change; 0: nothing was seen yet.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Number of gaps that were given up for want of room since this was asked last. They were the lowest of their life, or in a life
    /// that was forgotten. A life that was not taken in because there were too many newer ones counts as one.
    pub fn take_closed_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.closed_gaps)
    }

    /// Number of lives of origins that are remembered, the node's own included.
    pub fn streams(&self) -> usize {
        self.lives.len()
    }

    /// The highest number that was had of a stream of which this was seen.
    fn had_max(&self, stream: &StreamId, seen: &Intervals) -> u64 {
        self.given_up.had_max(stream).unwrap_or_else(|| seen.highest())
    }

    fn find(&self, origin: &NodeId, incarnation: Incarnation) -> Option<&Stream> {
        let place = match self.recent_if(origin, incarnation) {
            Some(recent) => recent.place,
            None => self.lives.place(&StreamId { origin: origin.clone(), incarnation })?,
        };
        self.streams.get(place)
    }

    fn recent_if(&self, origin: &NodeId, incarnation: Incarnation) -> Option<&Recent> {
        let is_same = |recent: &&Recent| recent.stream.incarnation == incarnation && recent.stream.origin == *origin;
        self.recent.as_ref().filter(is_same)
    }

    /// Makes a stream the recent one, and room for it if it is new; or says what becomes of its messages. 0: none came.
    fn turn_to(&mut self, origin: &NodeId, incarnation: Incarnation, sequence: u64) -> Result<(), Sighting> {
        if self.recent_if(origin, incarnation).is_some() {
            return Ok(());
        }
        let stream = StreamId { origin: origin.clone(), incarnation };
        if let Some(place) = self.lives.place(&stream) {
            self.recent = Some(Recent { hash: stream.hash(), stream, place });
            return Ok(());
        }
        match self.lives.room_for(&stream) {
            Ok(Room::Free) => {}
            Ok(Room::Of(oldest)) => self.forget(&oldest),
            Ok(Room::Gone) => {
                self.lives.forget_up_to(&stream, u64::from(sequence > 0), sequence);
                self.closed_gaps += 1;
                return Err(Sighting::Unsure);
            }
            Err(NoRoom::Forgotten) => return Err(Sighting::Unsure),
            Err(NoRoom::Full) => return Err(Sighting::Full),
        }
        self.open(stream);
        Ok(())
    }

    /// Begins to keep a stream that is not known, as the recent one.
    fn open(&mut self, stream: StreamId) {
        let place = self.vacant.pop().unwrap_or(self.streams.len());
        match self.streams.get_mut(place) {
            Some(vacant) => *vacant = Stream::default(),
            None => self.streams.push(Stream::default()),
        }
        self.lives.insert(stream.clone(), place);
        self.recent = Some(Recent { hash: stream.hash(), stream, place });
    }

    /// Forgets a stream, and takes no other as old as it in any more.
    fn forget(&mut self, stream: &StreamId) {
        let Some(place) = self.lives.remove(stream) else { return };
        let Stream { seen, .. } = std::mem::take(&mut self.streams[place]);
        let had_max = self.had_max(stream, &seen);
        // Below what was had: what was given up, and what was still sought.
        let had = seen.count_up_to(had_max).saturating_sub(self.given_up.named_of(stream));
        self.lives.forget_up_to(stream, had_max.saturating_sub(had), had_max);
        let mut digest = Digest { stream: stream.hash(), sum: &mut self.digest };
        seen.iter().for_each(|interval| digest.remove(interval));
        self.given_up.forget(stream);
        self.intervals -= seen.len();
        self.closed_gaps += seen.gaps() as u64;
        self.version += 1;
        self.vacant.push(place);
        self.recent = None;
    }

    /// Adds the numbers from `first` to `last` to the recent stream; says how many of them are new.
    fn add(&mut self, first: u64, last: u64) -> u64 {
        let Some(&Recent { place, hash, .. }) = self.recent.as_ref() else { return 0 };
        let seen = &mut self.streams[place].seen;
        let before = seen.len();
        let new = seen.insert(first, last, &mut Digest { stream: hash, sum: &mut self.digest });
        self.intervals = self.intervals + seen.len() - before;
        new
    }

    /// Takes a range out of the recent stream.
    fn take_out(&mut self, (first, last): (u64, u64)) {
        let Some(&Recent { place, hash, .. }) = self.recent.as_ref() else { return };
        let seen = &mut self.streams[place].seen;
        let before = seen.len();
        seen.take_out(first, last, &mut Digest { stream: hash, sum: &mut self.digest });
        self.intervals = self.intervals + seen.len() - before;
    }

    /// Gives up a range of the recent stream of which nothing was seen.
    fn give_up(&mut self, range: (u64, u64)) {
        let Some(Recent { stream, place, hash }) = self.recent.as_ref() else { return };
        self.given_up.add(stream, *hash, self.streams[*place].seen.highest(), range);
        self.add(range.0, range.1);
    }

    /// After a change of the recent stream, which had `before` intervals: gives up its lowest gaps if it has too many intervals
    /// now, and makes room for what was given up.
    fn settle(&mut self, before: usize) {
        let is_full = self.intervals > self.all_intervals_max;
        let most = if is_full { self.intervals_max.min(before) } else { self.intervals_max };
        while let Some(gap) = self.lowest_gap_beyond(most.max(1)) {
            self.give_up(gap);
            self.closed_gaps += 1;
        }
        self.touch();
        while let Some((stream, range)) = self.given_up.relieve() {
            if self.turn_to(&stream.origin, stream.incarnation, 0).is_ok() {
                self.take_out(range);
                self.touch();
            }
        }
    }

    /// The lowest gap of the recent stream, if that has more intervals than this.
    fn lowest_gap_beyond(&self, intervals: usize) -> Option<(u64, u64)> {
        let seen = &self.streams[self.recent.as_ref()?.place].seen;
        seen.lowest_gap().filter(|_| seen.len() > intervals)
    }

    fn recent_len(&self) -> usize {
        self.recent.as_ref().map_or(0, |recent| self.streams[recent.place].seen.len())
    }

    /// The recent stream has changed.
    fn touch(&mut self) {
        let Some(&Recent { place, .. }) = self.recent.as_ref() else { return };
        self.version += 1;
        self.streams[place].version = self.version;
    }
}

/// The ranges that hold anything, without the number 0.
fn numbers(ranges: &[(u64, u64)]) -> impl Iterator<Item = (u64, u64)> {
    ranges.iter().map(|&(first, last)| (first.max(1), last)).filter(|(first, last)| first <= last)
}

#[cfg(test)]
mod tests;
