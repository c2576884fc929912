//! Messages given up, by stream: not had here, and sought no more unless somebody offers it. What lies below a number that
//! came is known to exist; of what lies above, others have only said so.

use super::{digest::Digest, intervals::Intervals};
use crate::core::{
    id::{MessageId, StreamId},
    request::Gap,
};
use std::collections::BTreeMap;

/// First and last number of an interval.
type Interval = (u64, u64);

/// All that was given up, at most `ranges_max` ranges of it.
#[derive(Debug)]
pub(super) struct GivenUp {
    streams: BTreeMap<StreamId, Given>,
    ranges: usize,
    ranges_max: usize,
    digest: u64,
}

/// Messages given up of one stream.
#[derive(Debug)]
struct Given {
    /// The hash of the stream.
    hash: u64,
    ranges: Intervals,
    /// The highest number that was had; 0: none.
    had_max: u64,
    /// The lowest of it, where there was no room to tell its ranges apart.
    joined: Option<Joined>,
}

/// A range of which some messages were given up, and it is not known any more which.
#[derive(Debug, Clone, Copy)]
struct Joined {
    first: u64,
    last: u64,
    count: u64,
}

/// Messages that came and had been given up.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// Those that were known to exist.
    pub(super) named: Vec<Interval>,
    /// Those that others had said to exist.
    pub(super) claimed: Vec<Interval>,
}

impl Given {
    /// Number of messages below what was had that it lacks.
    fn count_named(&self) -> u64 {
        count(self.named()).saturating_add(self.joined.map_or(0, |joined| joined.count))
    }

    /// The ranges below what was had.
    fn named(&self) -> impl Iterator<Item = Interval> {
        self.ranges.iter().take_while(|range| range.1 < self.had_max)
    }

    /// The ranges above it.
    fn claimed(&self) -> impl Iterator<Item = Interval> {
        self.ranges.iter().skip_while(|range| range.1 < self.had_max)
    }

    /// Makes one of its lowest ranges.
    fn join(&mut self, ranges: usize, digest: &mut Digest<'_>) {
        let lowest: Vec<Interval> = self.ranges.iter().take(ranges).collect();
        for (first, last) in lowest {
            let count = self.ranges.take_out(first, last, digest);
            let joined = self.joined.get_or_insert(Joined { first, last, count: 0 });
            joined.first = joined.first.min(first);
            joined.last = joined.last.max(last);
            joined.count = joined.count.saturating_add(count);
        }
    }
}

impl GivenUp {
    /// Nothing, with the bound.
    pub(super) fn new(ranges_max: usize) -> Self {
        Self { streams: BTreeMap::new(), ranges: 0, ranges_max: ranges_max.max(2), digest: 0 }
    }

    /// Adds a range of which nothing was had or given up before. `hash` is that of the stream, `highest` the highest number
    /// that was seen of it until then.
    pub(super) fn add(&mut self, stream: &StreamId, hash: u64, highest: u64, (first, last): Interval) {
        let empty = Given { hash, ranges: Intervals::default(), had_max: highest, joined: None };
        let given = self.streams.entry(stream.clone()).or_insert(empty);
        let before = given.ranges.len();
        given.ranges.insert(first, last, &mut Digest { stream: given.hash, sum: &mut self.digest });
        self.ranges = self.ranges + given.ranges.len() - before;
    }

    /// While there are too many ranges: joins some of the stream that has most. Gives a range that is only said to exist and
    /// that there is no room for; it is forgotten.
    pub(super) fn relieve(&mut self) -> Option<(StreamId, Interval)> {
        while self.ranges > self.ranges_max {
            let (stream, given) = self.streams.iter_mut().max_by_key(|(_, given)| given.ranges.len())?;
            let mut digest = Digest { stream: given.hash, sum: &mut self.digest };
            let claimed = given.claimed().last();
            if let Some((first, last)) = claimed {
                given.ranges.take_out(first, last, &mut digest);
                self.ranges -= 1;
                return Some((stream.clone(), (first, last)));
            }
            // Some at a time, so that this is seldom done.
            let before = given.ranges.len();
            given.join(before / 8 + 1, &mut digest);
            self.ranges = self.ranges + given.ranges.len() - before;
        }
        None
    }

    /// Messages came: they are given up no more. Gives those that were.
    pub(super) fn take(&mut self, stream: &StreamId, (first, last): Interval) -> Late {
        let mut late = Late::default();
        let Some(given) = self.streams.get_mut(stream) else { return late };
        let before = given.ranges.len();
        let mut found = Vec::new();
        given.ranges.common(first, last, &mut found, usize::MAX);
        let mut digest = Digest { stream: given.hash, sum: &mut self.digest };
        for (first, last) in found {
            given.ranges.take_out(first, last, &mut digest);
            if first < given.had_max {
                late.named.push((first, last.min(given.had_max)));
            }
            if last > given.had_max {
                late.claimed.push((first.max(given.had_max.saturating_add(1)), last));
            }
        }
        self.ranges = self.ranges + given.ranges.len() - before;
        late
    }

    /// A message came: what was only said to exist below it is known to, and so missing. Gives what that is.
    pub(super) fn prove(&mut self, stream: &StreamId, sequence: u64) -> Vec<Interval> {
        let Some(given) = self.streams.get_mut(stream) else { return Vec::new() };
        let mut proven = Vec::new();
        if sequence.saturating_sub(given.had_max) > 1 {
            given.ranges.common(given.had_max + 1, sequence - 1, &mut proven, usize::MAX);
        }
        given.had_max = given.had_max.max(sequence);
        let mut digest = Digest { stream: given.hash, sum: &mut self.digest };
        let before = given.ranges.len();
        for &(first, last) in &proven {
            given.ranges.take_out(first, last, &mut digest);
        }
        self.ranges = self.ranges + given.ranges.len() - before;
        if given.ranges.is_empty() && given.joined.is_none() {
            self.streams.remove(stream);
        }
        proven
    }

    /// A stream is forgotten.
    pub(super) fn forget(&mut self, stream: &StreamId) {
        let Some(given) = self.streams.remove(stream) else { return };
        let mut digest = Digest { stream: given.hash, sum: &mut self.digest };
        given.ranges.iter().for_each(|interval| digest.remove(interval));
        self.ranges -= given.ranges.len();
    }

    /// Says whether a message was given up.
    pub(super) fn contains(&self, id: &MessageId) -> bool {
        !self.streams.is_empty()
            && self.streams.get(&id.stream()).is_some_and(|given| given.ranges.contains(id.sequence))
    }

    /// The range of a stream in which a message that counts as had may have been given up: gaps that became one.
    pub(super) fn joined(&self, stream: &StreamId) -> Option<Interval> {
        self.streams.get(stream)?.joined.map(|joined| (joined.first, joined.last))
    }

    /// Says whether nothing is given up.
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// The highest number of a stream that was had, if any of it was given up.
    pub(super) fn had_max(&self, stream: &StreamId) -> Option<u64> {
        self.streams.get(stream).map(|given| given.had_max)
    }

    /// Finds what of a range was given up; see [`Intervals::common`].
    pub(super) fn common(&self, stream: &StreamId, (first, last): Interval, found: &mut Vec<Interval>, max: usize) {
        if let Some(given) = self.streams.get(stream) {
            given.ranges.common(first, last, found, max);
        }
    }

    /// All ranges of a stream, ascending.
    pub(super) fn ranges(&self, stream: &StreamId) -> impl Iterator<Item = Interval> {
        self.streams.get(stream).into_iter().flat_map(|given| given.ranges.iter())
    }

    /// The gaps of a stream: what is known to exist.
    pub(super) fn gaps(&self, stream: &StreamId) -> impl Iterator<Item = Gap> {
        self.streams.get_key_value(stream).into_iter().flat_map(|(stream, given)| gaps_of(stream, given))
    }

    /// Messages of a stream that others have only said to exist.
    pub(super) fn claims(&self, stream: &StreamId) -> impl Iterator<Item = Gap> {
        let given = self.streams.get_key_value(stream);
        given
            .into_iter()
            .flat_map(|(stream, given)| given.claimed().map(|(first, last)| Gap::whole(stream.clone(), first, last)))
    }

    /// The same of all streams.
    pub(super) fn all_gaps(&self) -> impl Iterator<Item = Gap> {
        self.streams.iter().flat_map(|(stream, given)| gaps_of(stream, given))
    }

    /// Messages given up that are known to exist.
    pub(super) fn named_count(&self) -> u64 {
        self.streams.values().map(Given::count_named).fold(0, u64::saturating_add)
    }

    /// The same of one stream.
    pub(super) fn named_of(&self, stream: &StreamId) -> u64 {
        self.streams.get(stream).map_or(0, Given::count_named)
    }

    /// Messages that others have only said to exist.
    pub(super) fn claimed_count(&self) -> u64 {
        self.streams.values().map(|given| count(given.claimed())).fold(0, u64::saturating_add)
    }

    /// Ranges kept.
    pub(super) fn len(&self) -> usize {
        self.ranges
    }

    /// A hash of all ranges, as that of what was seen.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }
}

fn gaps_of<'a>(stream: &'a StreamId, given: &'a Given) -> impl Iterator<Item = Gap> {
    let joined = given.joined.map(|Joined { first, last, count }| Gap { stream: stream.clone(), first, last, count });
    joined.into_iter().chain(given.named().map(|(first, last)| Gap::whole(stream.clone(), first, last)))
}

fn count(ranges: impl Iterator<Item = Interval>) -> u64 {
    ranges.map(|(first, last)| (last - first).saturating_add(1)).fold(0, u64::saturating_add)
}
