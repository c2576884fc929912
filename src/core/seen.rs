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
    /// Adds `number` unless that takes more than `intervals_max` intervals.
    pub fn insert(&mut self, number: u64, intervals_max: usize) -> Sighting {
        let next = self.0.partition_point(|&(first, _)| first <= number);
        let extends_left = match next.checked_sub(1).map(|left| self.0[left]) {
            Some((_, last)) if number <= last => return Sighting::Again,
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
            (false, false) if self.0.len() >= intervals_max => return Sighting::Full,
            (false, false) => self.0.insert(next, (number, number)),
        }
        Sighting::First
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
    origins: BTreeMap<NodeId, BTreeMap<Incarnation, Intervals>>,
    streams: usize,
    intervals: usize,
    streams_max: usize,
    intervals_max: usize,
}

impl Seen {
    /// An empty set with its bounds, and with room kept for a node's own life: whatever others send, what is
    /// published here is known here.
    pub fn new((node, life): (NodeId, Incarnation), streams_max: usize, intervals_max: usize) -> Self {
        let origins = BTreeMap::from([(node, BTreeMap::from([(life, Intervals::default())]))]);
        Self { origins, streams: 1, intervals: 0, streams_max, intervals_max }
    }

    /// Notes `id` and says whether it is new.
    pub fn insert(&mut self, id: &MessageId) -> Sighting {
        if let Some(lives) = self.origins.get_mut(&id.origin)
            && let Some(intervals) = lives.get_mut(&id.incarnation)
        {
            let before = intervals.len();
            let is_room = before == 0 || self.intervals < self.streams_max.saturating_mul(GAPS_A_STREAM);
            let sighting = intervals.insert(id.sequence, if is_room { self.intervals_max } else { 0 });
            self.intervals = self.intervals + intervals.len() - before;
            return sighting;
        }
        if self.streams >= self.streams_max {
            return Sighting::Full;
        }
        self.streams += 1;
        let mut intervals = Intervals::default();
        let sighting = intervals.insert(id.sequence, self.intervals_max);
        self.intervals += intervals.len();
        self.origins.entry(id.origin.clone()).or_default().insert(id.incarnation, intervals);
        sighting
    }

    /// Whether `id` was noted.
    pub fn contains(&self, id: &MessageId) -> bool {
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
    fn bounds_refuse_and_change_nothing() {
        let mut seen = Seen::new(own(), 2, 2);
        assert_eq!(seen.insert(&id(1, 1, 1)), Sighting::First);
        assert_eq!(seen.insert(&id(2, 1, 1)), Sighting::Full);
        assert_eq!(seen.insert(&id(1, 1, 3)), Sighting::First);
        assert_eq!(seen.insert(&id(1, 1, 5)), Sighting::Full);
        assert_eq!(seen.insert(&id(1, 1, 2)), Sighting::First, "closing a gap needs no room");
        assert_eq!(seen.insert(&id(1, 1, 5)), Sighting::First);
        assert_eq!(seen.insert(&id(9, 9, 1)), Sighting::First, "room for its own");
        assert_eq!(seen.streams(), 2);
    }

    #[test]
    fn gaps_are_bounded_in_all_and_those_that_close_need_no_room() {
        let mut seen = Seen::new(own(), 3, usize::MAX);
        let odd = |number: u64| id(1, 1, 2 * number + 1);
        let taken = (0..100).take_while(|&number| seen.insert(&odd(number)) == Sighting::First).count();
        assert_eq!(taken, 3 * GAPS_A_STREAM);
        assert_eq!(seen.insert(&id(1, 1, 2)), Sighting::First);
        assert_eq!(seen.insert(&odd(60)), Sighting::First, "a closed gap makes room");
        assert_eq!(seen.insert(&id(2, 1, 1)), Sighting::First, "the first of a life has its room");
        assert_eq!(seen.insert(&id(9, 9, 1)), Sighting::First, "and so has the first of its own");
    }

    #[test]
    fn the_largest_number_is_a_number() {
        let mut intervals = Intervals::default();
        assert_eq!(intervals.insert(u64::MAX, 4), Sighting::First);
        assert_eq!(intervals.insert(u64::MAX - 1, 4), Sighting::First);
        assert_eq!(intervals.insert(u64::MAX, 4), Sighting::Again);
        assert_eq!(intervals.as_slice(), [(u64::MAX - 1, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn intervals_are_a_set(numbers in prop::collection::vec(1u64..60, 0..200)) {
            let (mut intervals, mut set) = (Intervals::default(), BTreeSet::new());
            for number in numbers {
                let expected = if set.insert(number) { Sighting::First } else { Sighting::Again };
                prop_assert_eq!(intervals.insert(number, usize::MAX), expected);
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
