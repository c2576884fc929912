//! What a node remembers, against a set that remembers every number.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn stream(origin: u32, incarnation: u64) -> StreamId {
    StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(incarnation) }
}

fn id(origin: u32, incarnation: u64, sequence: u64) -> MessageId {
    stream(origin, incarnation).message(sequence)
}

fn limits(streams_max: usize, lives_max: usize, intervals_max: usize) -> Limits {
    Limits { streams_max, lives_max, intervals_max, ..Limits::default() }
}

/// The memory of node 9 in its life 9.
fn seen(streams_max: usize, intervals_max: usize) -> Seen {
    Seen::new(stream(9, 9), &limits(streams_max, usize::MAX, intervals_max))
}

#[test]
fn lives_of_one_origin_are_told_apart() {
    let mut seen = seen(8, 8);
    assert_eq!(seen.insert(&id(1, 7, 1)), Sighting::First);
    assert_eq!(seen.insert(&id(1, 8, 1)), Sighting::First);
    assert_eq!(seen.insert(&id(1, 7, 1)), Sighting::Again);
    assert!(seen.contains(&id(1, 8, 1)) && !seen.contains(&id(2, 8, 1)));
}

#[test]
fn without_room_the_lowest_gap_is_closed_and_the_stream_goes_on() {
    let mut seen = seen(2, 2);
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
    let mut seen = seen(2, 8);
    assert_eq!(seen.insert(&id(1, 2, 1)), Sighting::First);
    assert_eq!(seen.insert(&id(2, 1, 1)), Sighting::Full);
    assert_eq!(seen.insert(&id(1, 1, 1)), Sighting::Full, "an older life takes nobody's room");
    assert_eq!(seen.missing(&stream(1, 1), &[(1, 5)], 8), [], "nobody is asked for what cannot be noted");
    assert_eq!(seen.insert(&id(1, 3, 1)), Sighting::First);
    assert_eq!(seen.insert(&id(1, 2, 2)), Sighting::Again, "the life is forgotten");
    assert_eq!(seen.insert(&id(9, 10, 1)), Sighting::Full, "a node never forgets its own");
    assert_eq!((seen.insert(&id(9, 9, 1)), seen.streams()), (Sighting::First, 2));
}

#[test]
fn an_origin_has_so_many_lives_and_those_before_are_seen() {
    let mut seen = Seen::new(stream(9, 9), &limits(100, 2, 8));
    for (life, number) in [(5, 1), (5, 2), (6, 2), (6, 5), (7, 1), (8, 1)] {
        assert_eq!(seen.insert(&id(1, life, number)), Sighting::First);
    }
    assert_eq!(seen.take_closed_gaps(), 2, "both were in life 6");
    assert_eq!(seen.streams(), 3);
    for life in 0..=6 {
        assert_eq!(seen.insert(&id(1, life, 3)), Sighting::Again);
        assert!(seen.contains(&id(1, life, 4)));
        assert_eq!(seen.missing(&stream(1, life), &[(1, 9)], 8), []);
        assert_eq!(seen.close(&stream(1, life), &[(1, 9)]), 0);
    }
    assert_eq!(seen.missing(&stream(1, 7), &[(1, 9)], 8), [(2, 9)]);
    assert_eq!(seen.take_closed_gaps(), 0);

    let mut seen = Seen::new(stream(9, 9), &limits(100, 2, 8));
    for life in [6, 7] {
        assert_eq!(seen.insert(&id(1, life, 1)), Sighting::First);
    }
    assert_eq!(seen.missing(&stream(1, 5), &[(1, 9)], 8), [], "it would not be taken in");
    assert_eq!(seen.insert(&id(1, 5, 1)), Sighting::Again);
    assert_eq!((seen.take_closed_gaps(), seen.insert(&id(1, 5, 2))), (1, Sighting::Again));
    assert_eq!(seen.take_closed_gaps(), 0, "a life counts once");
}

#[test]
fn a_node_keeps_its_own_life_whatever_others_say_of_newer_ones() {
    let mut seen = Seen::new(stream(9, 9), &limits(100, 2, 8));
    assert_eq!(seen.insert(&id(9, 9, 1)), Sighting::First);
    for life in 10..20 {
        assert_eq!(seen.insert(&id(9, life, 1)), Sighting::First);
    }
    assert_eq!((seen.insert(&id(9, 9, 1)), seen.insert(&id(9, 9, 2))), (Sighting::Again, Sighting::First));
    assert_eq!(seen.missing(&stream(9, 9), &[(1, 99)], 8), [], "nobody has what it did not publish");
    assert_eq!(seen.close(&stream(9, 9), &[(1, 99)]), 0);

    seen.renew(stream(9, 20));
    assert_eq!(seen.insert(&id(9, 9, 3)), Sighting::Again, "that life is as old as those that were forgotten");
    assert_eq!((seen.insert(&id(9, 20, 1)), seen.streams()), (Sighting::First, 2));
    assert!(seen.contains(&id(9, 19, 1)) && !seen.contains(&id(9, 19, 2)));
}

#[test]
fn nothing_is_noted_for_a_life_that_was_used_last_and_is_forgotten() {
    let mut seen = Seen::new(stream(9, 9), &limits(100, 2, 8));
    for (life, number) in [(10, 1), (11, 1), (9, 1)] {
        assert_eq!(seen.insert(&id(9, life, number)), Sighting::First);
    }
    seen.renew(stream(9, 11));
    assert_eq!((seen.insert(&id(9, 9, 2)), seen.streams()), (Sighting::Again, 1));
}

#[test]
fn a_new_life_of_the_node_itself_always_has_room() {
    let mut seen = seen(2, 8);
    seen.insert(&id(9, 9, 1));
    seen.insert(&id(1, 1, 1));
    seen.renew(stream(9, 10));
    assert_eq!((seen.streams(), seen.insert(&id(9, 10, 1))), (2, Sighting::First));
    assert!(seen.contains(&id(1, 1, 1)) && seen.contains(&id(9, 9, 2)));
}

#[test]
fn the_latest_life_is_the_newest_that_was_ever_known() {
    let mut seen = Seen::new(stream(9, 9), &limits(100, 1, 8));
    let latest = |seen: &Seen, node| seen.latest_life(&NodeId::numbered(node)).map(|l| (l.incarnation.0, l.sequence));
    assert_eq!((latest(&seen, 1), latest(&seen, 9)), (None, Some((9, 0))));
    for (life, number) in [(3, 7), (3, 2), (2, 9), (10, 4)] {
        seen.insert(&id(1, life, number));
    }
    seen.insert(&id(9, 12, 1));
    assert_eq!((latest(&seen, 1), latest(&seen, 9)), (Some((10, 4)), Some((12, u64::MAX))));
}

#[test]
fn intervals_are_bounded_in_all() {
    let mut seen = seen(3, usize::MAX);
    for number in 0..200 {
        assert_eq!(seen.insert(&id(1, 1, 2 * number + 1)), Sighting::First);
    }
    assert_eq!(seen.take_closed_gaps(), 200 - 3 * GAPS_A_STREAM as u64);
    assert_eq!(seen.insert(&id(2, 1, 1)), Sighting::First, "the first of a life has its room");
    assert_eq!(seen.insert(&id(9, 9, 1)), Sighting::First, "and so has the first of its own");
}

#[test]
fn the_smallest_and_the_largest_numbers_do_no_harm() {
    let mut seen = seen(8, 8);
    assert_eq!((seen.insert(&id(1, 1, 0)), seen.version()), (Sighting::Again, 0));
    assert_eq!(seen.close(&stream(1, 1), &[(0, 0), (3, 2)]), 0);
    assert_eq!(seen.streams(), 1, "neither is a number");
    for (number, sighting) in
        [(u64::MAX, Sighting::First), (u64::MAX - 1, Sighting::First), (u64::MAX, Sighting::Again)]
    {
        assert_eq!(seen.insert(&id(1, 1, number)), sighting);
    }
    let all = [(0, u64::MAX)];
    assert_eq!(seen.missing(&stream(1, 1), &all, 8), [(1, u64::MAX - 2)]);
    assert_eq!(seen.missing(&stream(1, 2), &all, 8), [(1, u64::MAX)]);
    assert_eq!((seen.close(&stream(1, 1), &all), seen.close(&stream(1, 2), &all)), (u64::MAX - 2, u64::MAX));
    assert_eq!(seen.missing(&stream(1, 1), &all, 8), []);
    let ranges: Vec<_> = seen.changed_since(0, None, 8, 8).into_iter().map(|stream| stream.ranges).collect();
    assert_eq!(ranges, [[(1, u64::MAX)], [(1, u64::MAX)]]);
    assert!(!seen.contains(&id(1, 1, 0)));
}

/// Peers compare digests: these values follow from the definition, worked out apart from this program.
#[test]
fn digests_are_part_of_the_protocol() {
    let mut seen = seen(8, 8);
    assert_eq!(seen.digest(), 0);
    seen.close(&stream(4, 17), &[(1, 3)]);
    assert_eq!(seen.digest(), 0x6289_00e7_6026_afdf);
    seen.insert(&id(4, 17, 5));
    let origin = NodeId::new("a-long-name-köln").unwrap();
    seen.close(&StreamId { origin, incarnation: Incarnation(1_795_437_901) }, &[(2, u64::MAX)]);
    assert_eq!(seen.digest(), 0x3d4a_ffe6_fb67_0f33);
}

#[test]
fn a_stream_without_gaps_takes_32_bytes() {
    assert!(size_of::<Stream>() <= 32, "{}", size_of::<Stream>());
    let mut seen = Seen::new(stream(9, 9), &limits(1000, 9, 9999));
    for number in (1..=1000).rev() {
        assert_eq!(seen.insert(&id(1, 1, 2 * number)), Sighting::First);
    }
    let room = |seen: &Seen| seen.streams[seen.index[&stream(1, 1)]].seen.room();
    assert!((999..2000).contains(&room(&seen)));
    assert_eq!(seen.close(&stream(1, 1), &[(1, 1900)]), 950);
    assert!((50..200).contains(&room(&seen)), "the room of gaps goes with them");
    assert_eq!(seen.close(&stream(1, 1), &[(1900, 2000)]), 50);
    assert_eq!(room(&seen), 0);
}

/// What a node would remember without intervals and without thrift.
#[derive(Clone)]
struct Model {
    own: StreamId,
    numbers: BTreeMap<StreamId, BTreeSet<u64>>,
    forgotten: BTreeMap<NodeId, Incarnation>,
    closed_gaps: u64,
    limits: Limits,
}

fn runs(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    runs
}

impl Model {
    fn new(own: StreamId, limits: Limits) -> Self {
        let numbers = BTreeMap::from([(own.clone(), BTreeSet::new())]);
        Self { own, numbers, forgotten: BTreeMap::new(), closed_gaps: 0, limits }
    }

    fn is_below_floor(&self, stream: &StreamId) -> bool {
        !self.numbers.contains_key(stream)
            && self.forgotten.get(&stream.origin).is_some_and(|&newest| stream.incarnation <= newest)
    }

    fn forget(&mut self, stream: &StreamId) {
        let numbers = self.numbers.remove(stream);
        let runs = numbers.map(|numbers| runs(&numbers)).unwrap_or_default();
        let gaps = runs.iter().filter(|run| run.0 > 1).count();
        self.closed_gaps += gaps as u64;
        let newest = self.forgotten.get(&stream.origin).copied();
        self.forgotten.insert(stream.origin.clone(), newest.max(Some(stream.incarnation)).unwrap());
    }

    fn lives(&self, origin: &NodeId) -> Vec<StreamId> {
        self.numbers.keys().filter(|stream| stream.origin == *origin).cloned().collect()
    }

    fn take_in(&mut self, stream: &StreamId) -> Sighting {
        if self.numbers.contains_key(stream) {
            return Sighting::First;
        }
        if self.is_below_floor(stream) {
            return Sighting::Again;
        }
        let lives = self.lives(&stream.origin);
        let oldest = lives.iter().find(|&life| *life != self.own).filter(|&oldest| oldest < stream);
        match oldest {
            None if lives.len() >= self.limits.lives_max => {
                self.forget(stream);
                self.closed_gaps += 1;
                return Sighting::Again;
            }
            None if self.numbers.len() >= self.limits.streams_max => return Sighting::Full,
            Some(oldest) if lives.len() >= self.limits.lives_max || self.numbers.len() >= self.limits.streams_max => {
                self.forget(oldest);
            }
            _ => {}
        }
        self.numbers.insert(stream.clone(), BTreeSet::new());
        Sighting::First
    }

    fn add(&mut self, stream: &StreamId, first: u64, last: u64) -> u64 {
        let intervals: usize = self.numbers.values().map(|numbers| runs(numbers).len()).sum();
        let is_room = intervals < GAPS_A_STREAM * self.limits.streams_max;
        let numbers = self.numbers.get_mut(stream).unwrap();
        let most = if is_room { self.limits.intervals_max } else { runs(numbers).len().max(1) };
        let new = (first..=last).filter(|&number| numbers.insert(number)).count();
        if let [lowest, second, ..] = runs(numbers)[..]
            && runs(numbers).len() > most
        {
            numbers.extend(lowest.1..second.0);
            self.closed_gaps += 1;
        }
        new as u64
    }

    fn insert(&mut self, stream: &StreamId, number: u64) -> Sighting {
        match self.take_in(stream) {
            Sighting::First if self.add(stream, number, number) == 0 => Sighting::Again,
            sighting => sighting,
        }
    }

    fn close(&mut self, stream: &StreamId, ranges: &[(u64, u64)]) -> u64 {
        if *stream == self.own || self.take_in(stream) != Sighting::First {
            return 0;
        }
        ranges.iter().map(|&(first, last)| self.add(stream, first, last)).sum()
    }

    fn missing(&self, stream: &StreamId, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut trial = self.clone();
        if *stream == self.own || trial.take_in(stream) != Sighting::First {
            return Vec::new();
        }
        let offered: BTreeSet<u64> = ranges.iter().flat_map(|&(first, last)| first..=last).collect();
        runs(&offered.difference(&trial.numbers[stream]).copied().collect())
    }

    fn renew(&mut self, own: StreamId) {
        let ended = std::mem::replace(&mut self.own, own.clone());
        if self.forgotten.get(&ended.origin).is_some_and(|&newest| ended.incarnation <= newest) {
            self.forget(&ended);
        }
        loop {
            let lives = self.lives(&own.origin);
            match lives.first() {
                Some(oldest)
                    if lives.len() >= self.limits.lives_max || self.numbers.len() >= self.limits.streams_max =>
                {
                    self.forget(oldest);
                }
                _ => break,
            }
        }
        self.numbers.insert(own, BTreeSet::new());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(StreamId, u64),
    Close(StreamId, Vec<(u64, u64)>),
    Renew,
}

fn any_stream() -> impl Strategy<Value = StreamId> {
    (0u32..3, 1u64..8).prop_map(|(origin, incarnation)| stream(origin, incarnation))
}

/// Ascending, neither overlapping nor touching, as they come from the wire.
fn any_ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::btree_set(1u64..40, 1..12).prop_map(|numbers| runs(&numbers))
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (any_stream(), 1u64..40).prop_map(|(stream, number)| Step::Insert(stream, number)),
        2 => (any_stream(), any_ranges()).prop_map(|(stream, ranges)| Step::Close(stream, ranges)),
        1 => Just(Step::Renew),
    ]
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let bounded = (1usize..8, 1usize..5, 1usize..6).prop_map(|(streams, lives, gaps)| limits(streams, lives, gaps));
    prop_oneof![bounded, (1usize..3).prop_map(|streams| limits(streams, 9, 99)), Just(limits(99, 99, 99))]
}

/// All pages of what has changed, each as small as asked for.
fn pages(seen: &Seen, version: u64, streams_max: usize, ranges_max: usize) -> Vec<StreamRanges> {
    let mut all: Vec<StreamRanges> = Vec::new();
    loop {
        let page = seen.changed_since(version, all.last().map(|last| &last.stream), streams_max, ranges_max);
        assert!(page.len() <= streams_max && page.iter().map(|s| s.ranges.len()).sum::<usize>() <= ranges_max);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn it_remembers_what_a_set_would(
        limits in any_limits(),
        steps in prop::collection::vec(any_step(), 0..120),
        probes in prop::collection::vec((any_stream(), any_ranges(), 0usize..6), 8),
        since in 0usize..120,
        (streams_max, ranges_max) in (1usize..5, 1usize..12),
    ) {
        let own = stream(0, 3);
        let (mut seen, mut model) = (Seen::new(own.clone(), &limits), Model::new(own, limits.clone()));
        let mut delivered = BTreeSet::new();
        let mut earlier = (0, BTreeMap::new());
        for (at, step) in steps.into_iter().enumerate() {
            let (version, before) = (seen.version(), seen.digest());
            match step {
                Step::Insert(stream, number) => {
                    let sighting = seen.insert(&stream.message(number));
                    prop_assert_eq!(sighting, model.insert(&stream, number));
                    prop_assert!(sighting != Sighting::First || delivered.insert((stream, number)), "delivered twice");
                }
                Step::Close(stream, ranges) => {
                    prop_assert_eq!(seen.close(&stream, &ranges), model.close(&stream, &ranges));
                }
                Step::Renew => {
                    let latest = seen.latest_life(&NodeId::numbered(0)).unwrap();
                    seen.renew(stream(0, latest.incarnation.0 + 1));
                    model.renew(stream(0, latest.incarnation.0 + 1));
                }
            }
            prop_assert!(seen.version() > version || seen.digest() == before, "a change without a version");
            prop_assert_eq!(seen.take_closed_gaps(), std::mem::take(&mut model.closed_gaps));
            prop_assert_eq!(seen.streams(), model.numbers.len());
            prop_assert!(seen.streams() <= limits.streams_max && seen.forgotten.len() <= seen.streams());
            prop_assert!(seen.vacant.len() + seen.streams() == seen.streams.len());
            let intervals: usize = model.numbers.values().map(|numbers| runs(numbers).len()).sum();
            prop_assert_eq!(seen.intervals, intervals);
            if at == since {
                earlier = (seen.version(), model.numbers.clone());
            }
        }

        for (stream, ranges, most) in probes {
            let mut missing = model.missing(&stream, &ranges);
            missing.truncate(most);
            prop_assert_eq!(seen.missing(&stream, &ranges, most), missing);
            for number in 1..42 {
                let is_known = model.is_below_floor(&stream)
                    || model.numbers.get(&stream).is_some_and(|numbers| numbers.contains(&number));
                prop_assert_eq!(seen.contains(&stream.message(number)), is_known);
            }
        }

        for (version, before) in [earlier, (0, BTreeMap::new())] {
            let changed = model.numbers.iter().filter(|(stream, numbers)| {
                !numbers.is_empty() && before.get(stream) != Some(numbers)
            });
            let changed = changed.map(|(stream, numbers)| {
                let ranges = runs(numbers).into_iter().take(ranges_max).collect();
                StreamRanges { stream: stream.clone(), ranges }
            });
            prop_assert_eq!(pages(&seen, version, streams_max, ranges_max), changed.collect::<Vec<_>>());
        }
        prop_assert_eq!(seen.changed_since(seen.version(), None, 9, 99), []);

        let wide = Limits { streams_max: 99, lives_max: 99, intervals_max: 99, ..limits };
        let mut other = Seen::new(stream(7, 7), &wide);
        for (stream, numbers) in model.numbers.iter().rev() {
            for number in numbers.iter().rev() {
                other.insert(&stream.message(*number));
            }
        }
        prop_assert_eq!(seen.digest(), other.digest());
        other.insert(&id(8, 8, 8));
        prop_assert_ne!(seen.digest(), other.digest());
    }
}
