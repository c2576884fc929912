//! Which messages this node has had: exact, for ever, and small. Ids count without gaps in each life of an
//! origin, so a prefix and a few intervals say it all: memory follows origins and gaps, not messages.
//! (Caches that forget by time deliver a late copy twice.)

use super::id::{Incarnation, MessageId, NodeId};
use std::collections::BTreeMap;

/// Intervals that are remembered for each life on average, at most: all lives with many gaps at one time is no loss
/// but an attack.
const GAPS_A_STREAM: usize = 16;

/// What became of an id that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// Never seen before, and now remembered.
    First,
    /// Seen before.
    Again,
    /// Never seen, but there is no room to remember it: nothing changed, and the message must be refused.
    Full,
}

/// A set of sequence numbers from 1 as disjoint closed intervals, ascending, never touching.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Adds `number`. If that makes more than `intervals_max` intervals (at least one), the lowest gap is closed: what
    /// is missing in it counts as seen from then on. Says whether the number is new, and whether a gap was closed.
    pub fn insert(&mut self, number: u64, intervals_max: usize) -> (Sighting, bool) {
        let next = self.0.partition_point(|&(first, _)| first <= number);
        let extends_left = match next.checked_sub(1).map(|left| self.0[left]) {
            Some((_, last)) if number <= last => return (Sighting::Again, false),
            Some((_, last)) => number - last == 1,
            None => false,
        };
        let extends_right = self.0.get(next).is_some_and(|&(first, _)| first - number == 1);
        match (extends_left, extends_right) {
            (true, true) => {
                self.0[next - 1].1 = self.0[next].1;
                self.0.remove(next);
            }
            (true, false) => self.0[next - 1].1 = number,
            (false, true) => self.0[next].0 = number,
            (false, false) => self.0.insert(next, (number, number)),
        }
        let closes = self.0.len() > intervals_max.max(1);
        if closes {
            self.0[1].0 = self.0[0].0;
            self.0.remove(0);
        }
        (Sighting::First, closes)
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let next = self.0.partition_point(|&(first, _)| first <= number);
        next.checked_sub(1).is_some_and(|left| number <= self.0[left].1)
    }

    /// How many intervals it takes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no number is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The intervals, ascending, both ends included.
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }
}

/// The ids that a node has seen, exact.
///
/// Bounds: `streams_max` lives of origins, `intervals_max` intervals in each and sixteen times as many as there may
/// be lives in all (16 bytes an interval).
#[derive(Debug)]
pub struct Seen {
    own: (NodeId, Incarnation),
    origins: BTreeMap<NodeId, BTreeMap<Incarnation, Intervals>>,
    streams: usize,
    intervals: usize,
    closed_gaps: u64,
    streams_max: usize,
    intervals_max: usize,
}

impl Seen {
    /// An empty set with its bounds, and with room kept for a node's own life: whatever others send, what is
    /// published here is known here.
    pub fn new(own: (NodeId, Incarnation), streams_max: usize, intervals_max: usize) -> Self {
        let origins = BTreeMap::from([(own.0.clone(), BTreeMap::from([(own.1, Intervals::default())]))]);
        Self { own, origins, streams: 1, intervals: 0, closed_gaps: 0, streams_max, intervals_max }
    }

    /// Notes `id` and says whether it is new. Where there is no room for one more interval, the lowest gap of that life
    /// is closed; where there is none for one more life, the oldest of that origin is forgotten, if it has others.
    pub fn insert(&mut self, id: &MessageId) -> Sighting {
        if let Some(lives) = self.origins.get_mut(&id.origin)
            && let Some(intervals) = lives.get_mut(&id.incarnation)
        {
            let before = intervals.len();
            let is_room = self.intervals < self.streams_max.saturating_mul(GAPS_A_STREAM);
            let (sighting, closes) = intervals.insert(id.sequence, if is_room { self.intervals_max } else { before });
            self.intervals = self.intervals + intervals.len() - before;
            self.closed_gaps += u64::from(closes);
            return sighting;
        }
        if self.streams < self.streams_max {
            self.streams += 1;
        } else if !self.forget_oldest_life(id) {
            return Sighting::Full;
        }
        let mut intervals = Intervals::default();
        intervals.insert(id.sequence, 1);
        self.intervals += 1;
        self.origins.entry(id.origin.clone()).or_default().insert(id.incarnation, intervals);
        Sighting::First
    }

    /// Makes room for a newer life of an origin by forgetting its oldest, but never this node's own.
    fn forget_oldest_life(&mut self, newer: &MessageId) -> bool {
        let Some(lives) = self.origins.get_mut(&newer.origin) else { return false };
        let is_own = |life| self.own == (newer.origin.clone(), life);
        match lives.first_key_value() {
            Some((&oldest, _)) if oldest < newer.incarnation && !is_own(oldest) => {
                let forgotten = lives.remove(&oldest);
                self.intervals -= forgotten.map_or(0, |intervals| intervals.len());
                true
            }
            _ => false,
        }
    }

    /// How many gaps were closed for want of room since this was asked last.
    pub fn take_closed_gaps(&mut self) -> u64 {
        std::mem::take(&mut self.closed_gaps)
    }

    /// Whether `id` was noted.
    #[cfg(test)]
    fn contains(&self, id: &MessageId) -> bool {
        let intervals = self.origins.get(&id.origin).and_then(|lives| lives.get(&id.incarnation));
        intervals.is_some_and(|intervals| intervals.contains(id.sequence))
    }

    /// How many lives of origins are remembered, the node's own included.
    pub fn streams(&self) -> usize {
        self.streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn id(origin: u32, incarnation: u64, sequence: u64) -> MessageId {
        MessageId { origin: NodeId::numbered(origin), incarnation: Incarnation(incarnation), sequence }
    }

    fn own() -> (NodeId, Incarnation) {
        (NodeId::numbered(9), Incarnation(9))
    }

    #[test]
    fn lives_of_one_origin_are_told_apart() {
        let mut seen = Seen::new(own(), 8, 8);
        assert_eq!(seen.insert(&id(1, 7, 1)), Sighting::First);
        assert_eq!(seen.insert(&id(1, 8, 1)), Sighting::First);
        assert_eq!(seen.insert(&id(1, 7, 1)), Sighting::Again);
        assert!(seen.contains(&id(1, 8, 1)) && !seen.contains(&id(2, 8, 1)));
    }

    #[test]
    fn without_room_the_lowest_gap_is_closed_and_the_stream_goes_on() {
        let mut seen = Seen::new(own(), 2, 2);
        for number in [1, 3, 5, 7] {
            assert_eq!(seen.insert(&id(1, 1, number)), Sighting::First);
        }
        assert_eq!(seen.take_closed_gaps(), 2);
        assert_eq!(seen.take_closed_gaps(), 0);
        assert_eq!(seen.insert(&id(1, 1, 2)), Sighting::Again, "its gap was given up");
        assert_eq!(seen.insert(&id(1, 1, 6)), Sighting::First, "the newest gaps are kept");
    }

    #[test]
    fn a_new_life_takes_the_room_of_the_oldest_of_its_origin_and_of_nobody_else() {
        let mut seen = Seen::new(own(), 2, 8);
        assert_eq!(seen.insert(&id(1, 1, 1)), Sighting::First);
        assert_eq!(seen.insert(&id(2, 1, 1)), Sighting::Full);
        assert_eq!(seen.insert(&id(1, 2, 1)), Sighting::First);
        assert!(seen.contains(&id(1, 2, 1)) && !seen.contains(&id(1, 1, 1)));
        assert_eq!(seen.insert(&id(1, 1, 1)), Sighting::Full, "an older life takes nobody's room");
        assert_eq!(seen.insert(&id(9, 10, 1)), Sighting::Full, "a node never forgets its own");
        assert_eq!((seen.insert(&id(9, 9, 1)), seen.streams()), (Sighting::First, 2));
    }

    #[test]
    fn intervals_are_bounded_in_all() {
        let mut seen = Seen::new(own(), 3, usize::MAX);
        for number in 0..200 {
            assert_eq!(seen.insert(&id(1, 1, 2 * number + 1)), Sighting::First);
        }
        assert_eq!(seen.take_closed_gaps(), 200 - 3 * GAPS_A_STREAM as u64);
        assert_eq!(seen.insert(&id(2, 1, 1)), Sighting::First, "the first of a life has its room");
        assert_eq!(seen.insert(&id(9, 9, 1)), Sighting::First, "and so has the first of its own");
    }

    #[test]
    fn the_largest_number_is_a_number() {
        let mut intervals = Intervals::default();
        assert_eq!(intervals.insert(u64::MAX, 4).0, Sighting::First);
        assert_eq!(intervals.insert(u64::MAX - 1, 4).0, Sighting::First);
        assert_eq!(intervals.insert(u64::MAX, 4).0, Sighting::Again);
        assert_eq!(intervals.as_slice(), [(u64::MAX - 1, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn intervals_are_a_set(numbers in prop::collection::vec(1u64..60, 0..200)) {
            let (mut intervals, mut set) = (Intervals::default(), BTreeSet::new());
            for number in numbers {
                let expected = if set.insert(number) { Sighting::First } else { Sighting::Again };
                prop_assert_eq!(intervals.insert(number, usize::MAX), (expected, false));
                for pair in intervals.as_slice().windows(2) {
                    prop_assert!(pair[0].1 + 1 < pair[1].0, "touching or unordered");
                }
            }
            for number in 0..70 {
                prop_assert_eq!(intervals.contains(number), set.contains(&number));
            }
        }
    }
}
