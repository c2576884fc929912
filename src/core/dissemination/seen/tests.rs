//! Memory of a node, against a set that remembers every number.

use super::{sighting::Mixed, telling::DigestPage, *};
use crate::core::{
    frame::{Hashes, StreamRanges},
    request::Gap,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn stream(origin: u32, incarnation: u64) -> StreamId {
    StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(incarnation) }
}

fn id(origin: u32, incarnation: u64, sequence: u64) -> MessageId {
    stream(origin, incarnation).message(sequence)
}

fn limits(streams_max: usize, lives_max: usize, intervals_max: usize) -> Limits {
    Limits { streams_max, lives_max, intervals_max, ..Limits::default() }
}

impl Seen {
    /// Notes one message.
    fn note(&mut self, id: &MessageId) -> Sighting {
        self.insert(&id.origin, id.incarnation, (id.sequence, id.sequence))
    }
}

/// The sighting of a message that comes after it was given up.
fn filled(number: u64) -> Sighting {
    let one = vec![(number, number)];
    Sighting::Mixed(Box::new(Mixed { new: one.clone(), filled: one, unsure: 0 }))
}

/// The memory of node 9 in its life 9.
fn seen(streams_max: usize, intervals_max: usize) -> Seen {
    Seen::new(stream(9, 9), &limits(streams_max, usize::MAX, intervals_max))
}

#[test]
fn lives_of_one_origin_are_told_apart() {
    let mut seen = seen(8, 8);
    assert_eq!(seen.note(&id(1, 7, 1)), Sighting::First);
    assert_eq!(seen.note(&id(1, 8, 1)), Sighting::First);
    assert_eq!(seen.note(&id(1, 7, 1)), Sighting::Again);
    assert!(seen.contains(&id(1, 8, 1)) && !seen.contains(&id(2, 8, 1)));
}

#[test]
fn without_room_the_lowest_gap_is_closed_and_the_stream_goes_on() {
    let mut seen = seen(2, 2);
    for number in [1, 3, 5, 7] {
        assert_eq!(seen.note(&id(1, 1, number)), Sighting::First);
    }
    assert_eq!(seen.take_closed_gaps(), 2);
    assert_eq!(seen.take_closed_gaps(), 0);
    assert_eq!(gaps(&seen), [(2, 2), (4, 4)], "what there is no room for is named");
    assert_eq!(seen.note(&id(1, 1, 2)), filled(2), "and not swallowed");
    assert_eq!(seen.note(&id(1, 1, 2)), Sighting::Again);
    assert_eq!(seen.note(&id(1, 1, 6)), Sighting::First, "the newest gaps are kept");
    assert_eq!((gaps(&seen), seen.messages()), (vec![(4, 4)], 7));
}

/// The gaps of all streams, by their numbers.
fn gaps(seen: &Seen) -> Vec<(u64, u64)> {
    seen.gaps().map(|gap| (gap.first, gap.last)).collect()
}

#[test]
fn what_comes_after_it_was_given_up_is_taken_in_once() {
    let mut seen = seen(8, 8);
    seen.note(&id(1, 1, 9));
    assert_eq!(seen.hole_below(&stream(1, 1)), Some(9));
    assert_eq!(seen.close(&stream(1, 1), &[(1, 8)]), [(1, 8)]);
    assert_eq!((seen.hole_below(&stream(1, 1)), gaps(&seen)), (None, vec![(1, 8)]));
    assert_eq!((seen.messages(), seen.given_up(), seen.claimed()), (9, 8, 0));
    let (before, version) = (seen.hashes(), seen.version());
    assert!(!seen.contains(&id(1, 1, 4)) && seen.contains(&id(1, 1, 9)));
    assert_eq!(seen.missing(&stream(1, 1), &[(3, 12)], 9), [(10, 12)]);
    assert_eq!(seen.given_up_of(&stream(1, 1), &[(3, 5), (7, 12)], 9), [(3, 5), (7, 8)]);
    assert_eq!([4, 4].map(|number| seen.note(&id(1, 1, number))), [filled(4), Sighting::Again]);
    assert_eq!(gaps(&seen), [(1, 3), (5, 8)]);
    assert!(seen.version() > version, "neighbours are told");
    assert!(seen.digest() == before.seen && seen.hashes() != before);
    let told = seen.changed_since(0, None, 9, 9);
    assert_eq!((told.streams[0].ranges.clone(), told.given_up[0].ranges.clone()), (vec![(1, 9)], vec![(1, 3), (5, 8)]));
}

/// Ranges of a batch: new, and of these filled.
fn mixed(new: &[(u64, u64)], filled: &[(u64, u64)], unsure: u64) -> Sighting {
    Sighting::Mixed(Box::new(Mixed { new: new.into(), filled: filled.into(), unsure }))
}

#[test]
fn of_a_batch_that_is_not_all_new_the_new_part_is_told() {
    let mut seen = seen(8, 8);
    let mut insert = |first, last| seen.insert(&NodeId::numbered(1), Incarnation(1), (first, last));
    assert_eq!(insert(3, 5), Sighting::First);
    assert_eq!(insert(1, 9), mixed(&[(1, 2), (6, 9)], &[], 0));
    assert_eq!([insert(1, 9), insert(4, 4)], [Sighting::Again, Sighting::Again]);
    assert_eq!(insert(9, 12), mixed(&[(10, 12)], &[], 0));
    assert_eq!([insert(20, 4096), insert(14, 18)], [Sighting::First, Sighting::First], "with gaps between them");
    assert_eq!([insert(0, 9), insert(5, 4)], [Sighting::Again, Sighting::Again], "none of them is a number");
    assert_eq!((seen.messages(), seen.version()), (12 + 5 + 4077, 5));
}

#[test]
fn a_batch_fills_what_was_given_up_and_makes_good_what_was_only_said() {
    let mut seen = seen(8, 8);
    let batch = |seen: &mut Seen, first, last| seen.insert(&NodeId::numbered(1), Incarnation(1), (first, last));
    batch(&mut seen, 11, 20);
    assert_eq!(seen.close(&stream(1, 1), &[(1, 10), (21, 50)]), [(1, 10), (21, 50)]);
    assert_eq!((seen.given_up(), seen.claimed()), (10, 30));
    assert_eq!(batch(&mut seen, 8, 24), mixed(&[(8, 10), (21, 24)], &[(8, 10)], 0));
    assert_eq!((seen.given_up(), seen.claimed(), gaps(&seen)), (7, 26, vec![(1, 7)]));
    assert_eq!(batch(&mut seen, 31, 40), Sighting::First, "others had said that they exist, and they do");
    assert_eq!((seen.given_up(), seen.claimed(), seen.hole_below(&stream(1, 1))), (7, 10, Some(40)));
    assert_eq!(seen.missing(&stream(1, 1), &[(1, 60)], 9), [(25, 30), (51, 60)], "and so do those before them");
    assert_eq!(batch(&mut seen, 1, 60), mixed(&[(1, 7), (25, 30), (41, 60)], &[(1, 7)], 0));
    assert_eq!((seen.messages(), seen.given_up(), seen.claimed(), seen.hashes().given_up), (60, 0, 0, 0));
}

#[test]
fn what_others_only_say_is_no_message_and_becomes_missing_once_a_later_one_comes() {
    let mut seen = seen(8, 8);
    (1..=3).for_each(|number| _ = seen.note(&id(1, 1, number)));
    assert_eq!(seen.close(&stream(1, 1), &[(4, 20)]), [(4, 20)]);
    assert_eq!((seen.messages(), seen.given_up(), seen.claimed(), gaps(&seen)), (3, 0, 17, vec![]));
    assert_eq!(seen.latest_life(&NodeId::numbered(1)).unwrap().sequence, 3);
    assert_eq!((seen.note(&id(1, 1, 4)), seen.hole_below(&stream(1, 1))), (Sighting::First, None));
    assert_eq!((seen.note(&id(1, 1, 8)), seen.hole_below(&stream(1, 1))), (Sighting::First, Some(8)));
    assert_eq!(seen.missing(&stream(1, 1), &[(1, 30)], 9), [(5, 7), (21, 30)], "sought, now that they must exist");
    let claims: Vec<_> = seen.claims_of(&stream(1, 1)).map(|gap| (gap.first, gap.last)).collect();
    assert_eq!((claims, seen.claimed(), seen.messages()), (vec![(9, 20)], 12, 5));
    assert_eq!(seen.close(&stream(2, 1), &[(1, 5)]), [(1, 5)]);
    assert_eq!((seen.claimed(), seen.note(&id(2, 1, 5))), (17, Sighting::First));
}

#[test]
fn gaps_are_bounded_and_the_lowest_of_the_stream_with_most_become_one() {
    let limits = Limits { gaps_max: 16, ..limits(8, 8, 999) };
    let mut seen = Seen::new(stream(9, 9), &limits);
    seen.note(&id(2, 1, 3));
    seen.close(&stream(2, 1), &[(1, 2)]);
    (1..=20).for_each(|number| _ = seen.note(&id(1, 1, 2 * number)));
    seen.close(&stream(1, 1), &[(1, 39)]);
    assert!(seen.gaps_len() <= 16);
    let told: Vec<_> = seen.gaps().collect();
    assert_eq!(told.iter().map(|gap| gap.count).sum::<u64>(), 20 + 2, "all are counted");
    assert_eq!(seen.given_up(), 22);
    let joined = told.iter().find(|gap| !gap.is_whole()).unwrap();
    assert_eq!((joined.first, joined.count), (1, joined.last.div_ceil(2)));
    assert!(told.contains(&Gap::whole(stream(2, 1), 1, 2)), "the others stay exact");
    assert_eq!(
        [1, 2].map(|number| seen.note(&id(1, 1, number))),
        [Sighting::Unsure, Sighting::Unsure],
        "1 was given up, 2 was had"
    );
    assert_eq!(seen.note(&id(1, 1, 39)), filled(39));
    assert_eq!(seen.note(&id(1, 1, 40)), Sighting::Again, "what is above is told apart as ever");
    let named: Vec<_> = seen.gaps_of(&stream(1, 1)).filter(Gap::is_whole).map(|gap| (gap.first, gap.last)).collect();
    let new: Vec<_> = named.iter().copied().chain([(41, 42)]).collect();
    let sighting = seen.insert(&NodeId::numbered(1), Incarnation(1), (1, 42));
    assert_eq!(sighting, mixed(&new, &named, joined.last), "nobody knows of the lowest");
    assert_eq!(seen.insert(&NodeId::numbered(1), Incarnation(1), (1, joined.last)), Sighting::Unsure);
    assert_eq!(seen.insert(&NodeId::numbered(1), Incarnation(1), (1, 42)), mixed(&[], &[], joined.last));

    let mut seen = Seen::new(stream(9, 9), &limits);
    seen.note(&id(1, 1, 1));
    (1..=40).for_each(|number| _ = seen.close(&stream(1, 1), &[(100 * number, 100 * number)]));
    assert_eq!((seen.gaps_len(), seen.claimed(), seen.given_up()), (16, 16, 0), "claims are forgotten");
    assert!((2..=4000).all(|number| seen.note(&id(1, 1, number)) == Sighting::First), "and swallow nothing");
}

#[test]
fn a_new_life_takes_the_room_of_the_oldest_of_its_origin_and_of_nobody_else() {
    let mut seen = seen(2, 8);
    assert_eq!(seen.note(&id(1, 2, 1)), Sighting::First);
    assert_eq!(seen.note(&id(2, 1, 1)), Sighting::Full);
    assert_eq!(seen.note(&id(1, 1, 1)), Sighting::Full, "an older life takes nobody's room");
    assert_eq!(seen.missing(&stream(1, 1), &[(1, 5)], 8), [], "nobody is asked for what cannot be noted");
    assert_eq!(seen.note(&id(1, 3, 1)), Sighting::First);
    assert_eq!(seen.note(&id(1, 2, 2)), Sighting::Unsure, "the life is forgotten");
    assert_eq!(seen.note(&id(9, 10, 1)), Sighting::Full, "a node never forgets its own");
    assert_eq!((seen.note(&id(9, 9, 1)), seen.streams()), (Sighting::First, 2));
}

#[test]
fn lives_before_those_that_there_is_room_for_are_seen() {
    let mut seen = Seen::new(stream(9, 9), &limits(3, 2, 8));
    for (life, number) in [(5, 1), (5, 2), (6, 2), (6, 5), (7, 1), (8, 1)] {
        assert_eq!(seen.note(&id(1, life, number)), Sighting::First);
    }
    assert_eq!(seen.take_closed_gaps(), 2, "both were in life 6");
    assert_eq!(seen.streams(), 3);
    let lost = Gap { stream: stream(1, 6), first: 1, last: 5, count: 3 };
    assert_eq!(
        (seen.gaps().collect::<Vec<_>>(), seen.given_up()),
        (vec![lost.clone()], 3),
        "one range of all old lives"
    );
    assert_eq!(seen.gaps_of(&stream(1, 7)).collect::<Vec<_>>(), [lost]);
    assert_eq!(seen.gaps_of(&stream(1, 8)).count(), 0);
    for life in 0..=6 {
        assert_eq!(seen.note(&id(1, life, 3)), Sighting::Unsure);
        assert!(seen.contains(&id(1, life, 4)));
        assert_eq!(seen.missing(&stream(1, life), &[(1, 9)], 8), []);
        assert_eq!(seen.close(&stream(1, life), &[(1, 9)]), []);
    }
    assert_eq!(seen.missing(&stream(1, 7), &[(1, 9)], 8), [(2, 9)]);
    assert_eq!(seen.take_closed_gaps(), 0);

    let mut seen = Seen::new(stream(9, 9), &limits(3, 1, 8));
    for life in [6, 7] {
        assert_eq!(seen.note(&id(1, life, 1)), Sighting::First);
    }
    assert_eq!(seen.missing(&stream(1, 5), &[(1, 9)], 8), [], "it would not be taken in");
    assert_eq!(seen.note(&id(1, 5, 1)), Sighting::Unsure);
    assert_eq!((seen.take_closed_gaps(), seen.note(&id(1, 5, 2))), (1, Sighting::Unsure));
    assert_eq!((seen.take_closed_gaps(), seen.given_up()), (0, 1), "a life counts once");
}

#[test]
fn an_origin_with_many_lives_makes_room_for_others_and_one_with_few_does_not() {
    let mut seen = Seen::new(stream(9, 9), &limits(10, 2, 8));
    for (node, life) in (1..=6).map(|life| (1, life)).chain((1..=3).map(|life| (2, life))) {
        assert_eq!(seen.note(&id(node, life, 1)), Sighting::First);
    }
    let lives = |seen: &Seen| [1, 2, 3].map(|node| seen.lives.of(&NodeId::numbered(node)).count());
    assert_eq!((seen.streams(), lives(&seen)), (10, [6, 3, 0]));
    assert_eq!((seen.note(&id(3, 1, 1)), lives(&seen)), (Sighting::First, [5, 3, 1]), "of whoever has most");
    assert_eq!((seen.note(&id(1, 1, 1)), seen.note(&id(1, 2, 2))), (Sighting::Unsure, Sighting::First));
    assert_eq!((seen.note(&id(1, 7, 1)), lives(&seen)), (Sighting::First, [5, 3, 1]), "or its own");
    (4..9).for_each(|node| _ = seen.note(&id(node, 1, 1)));
    assert_eq!((seen.streams(), lives(&seen)), (10, [2, 2, 1]));
    assert_eq!(seen.note(&id(8, 1, 1)), Sighting::Full, "nobody has many any more");
    assert_eq!(seen.note(&id(2, 4, 1)), Sighting::First, "in place of its own oldest");
}

#[test]
fn a_node_keeps_its_own_life_whatever_others_say_of_newer_ones() {
    let mut seen = Seen::new(stream(9, 9), &limits(2, 2, 8));
    assert_eq!(seen.note(&id(9, 9, 1)), Sighting::First);
    for life in 10..20 {
        assert_eq!(seen.note(&id(9, life, 1)), Sighting::First);
    }
    assert_eq!((seen.note(&id(9, 9, 1)), seen.note(&id(9, 9, 2))), (Sighting::Again, Sighting::First));
    assert_eq!(seen.missing(&stream(9, 9), &[(1, 99)], 8), [], "nobody has what it did not publish");
    assert_eq!(seen.close(&stream(9, 9), &[(1, 99)]), []);

    seen.renew(stream(9, 20));
    assert_eq!(seen.note(&id(9, 9, 3)), Sighting::Unsure, "that life is as old as those that were forgotten");
    assert_eq!((seen.note(&id(9, 20, 1)), seen.streams()), (Sighting::First, 2));
    assert!(seen.contains(&id(9, 19, 1)) && !seen.contains(&id(9, 19, 2)));
}

#[test]
fn nothing_is_noted_for_a_life_that_was_used_last_and_is_forgotten() {
    let mut seen = Seen::new(stream(9, 9), &limits(2, 2, 8));
    for (life, number) in [(10, 1), (11, 1), (9, 1)] {
        assert_eq!(seen.note(&id(9, life, number)), Sighting::First);
    }
    seen.renew(stream(9, 11));
    assert_eq!((seen.note(&id(9, 9, 2)), seen.streams()), (Sighting::Unsure, 1));
}

#[test]
fn a_new_life_of_the_node_itself_always_has_room() {
    let mut seen = seen(2, 8);
    seen.note(&id(9, 9, 1));
    seen.note(&id(1, 1, 1));
    seen.renew(stream(9, 10));
    assert_eq!((seen.streams(), seen.note(&id(9, 10, 1))), (2, Sighting::First));
    assert!(seen.contains(&id(1, 1, 1)) && seen.contains(&id(9, 9, 2)));
}

#[test]
fn the_latest_life_is_the_newest_that_was_ever_known() {
    let mut seen = Seen::new(stream(9, 9), &limits(3, 1, 8));
    let latest = |seen: &Seen, node| seen.latest_life(&NodeId::numbered(node)).map(|l| (l.incarnation.0, l.sequence));
    assert_eq!((latest(&seen, 1), latest(&seen, 9)), (None, Some((9, 0))));
    for (node, life, number) in [(1, 3, 7), (1, 3, 2), (1, 10, 4), (9, 12, 1), (2, 1, 1)] {
        assert_eq!(seen.note(&id(node, life, number)), Sighting::First);
    }
    assert_eq!((latest(&seen, 1), latest(&seen, 9)), (Some((10, 4)), Some((12, u64::MAX))));
}

#[test]
fn intervals_are_bounded_in_all() {
    let mut seen = seen(3, usize::MAX);
    for number in 0..200 {
        assert_eq!(seen.note(&id(1, 1, 2 * number + 1)), Sighting::First);
    }
    assert_eq!(seen.take_closed_gaps(), 200 - 3 * GAPS_A_STREAM as u64);
    assert_eq!(seen.note(&id(2, 1, 1)), Sighting::First, "the first of a life has its room");
    assert_eq!(seen.note(&id(9, 9, 1)), Sighting::First, "and so has the first of its own");
}

#[test]
fn the_smallest_and_the_largest_numbers_do_no_harm() {
    let mut seen = seen(8, 8);
    assert_eq!((seen.note(&id(1, 1, 0)), seen.version()), (Sighting::Again, 0));
    assert_eq!(seen.close(&stream(1, 1), &[(0, 0), (3, 2)]), []);
    assert_eq!(seen.streams(), 1, "neither is a number");
    for (number, sighting) in
        [(u64::MAX, Sighting::First), (u64::MAX - 1, Sighting::First), (u64::MAX, Sighting::Again)]
    {
        assert_eq!(seen.note(&id(1, 1, number)), sighting);
    }
    let all = [(0, u64::MAX)];
    assert_eq!(seen.missing(&stream(1, 1), &all, 8), [(1, u64::MAX - 2)]);
    assert_eq!(seen.missing(&stream(1, 2), &all, 8), [(1, u64::MAX)]);
    assert_eq!(seen.close(&stream(1, 1), &all), [(1, u64::MAX - 2)]);
    assert_eq!(seen.close(&stream(1, 2), &all), [(1, u64::MAX)]);
    assert_eq!(seen.missing(&stream(1, 1), &all, 8), []);
    let ranges: Vec<_> = seen.changed_since(0, None, 8, 8).streams.into_iter().map(|stream| stream.ranges).collect();
    assert_eq!(ranges, [[(1, u64::MAX)], [(1, u64::MAX)]]);
    assert!(!seen.contains(&id(1, 1, 0)));
}

/// Peers compare digests: these values follow from the definition, worked out apart from this program.
#[test]
fn digests_are_part_of_the_protocol() {
    let mut seen = seen(8, 8);
    assert_eq!(seen.digest(), 0);
    seen.close(&stream(4, 17), &[(1, 3)]);
    assert_eq!(seen.hashes(), Hashes { seen: 0x6289_00e7_6026_afdf, given_up: 0x6289_00e7_6026_afdf });
    (1..=3).for_each(|number| _ = seen.note(&id(4, 17, number)));
    assert_eq!(seen.hashes(), Hashes { seen: 0x6289_00e7_6026_afdf, given_up: 0 });
    seen.note(&id(4, 17, 5));
    let origin = NodeId::new("a-long-name-köln").unwrap();
    seen.close(&StreamId { origin, incarnation: Incarnation(1_795_437_901) }, &[(2, u64::MAX)]);
    assert_eq!(seen.digest(), 0x3d4a_ffe6_fb67_0f33);
}

#[test]
fn a_stream_without_gaps_takes_32_bytes() {
    assert!(size_of::<Stream>() <= 32, "{}", size_of::<Stream>());
    let mut seen = Seen::new(stream(9, 9), &limits(1000, 9, 9999));
    for number in (1..=1000).rev() {
        assert_eq!(seen.note(&id(1, 1, 2 * number)), Sighting::First);
    }
    let room = |seen: &Seen| seen.streams[seen.lives.place(&stream(1, 1)).unwrap()].seen.room();
    assert!((999..2000).contains(&room(&seen)));
    assert_eq!(seen.close(&stream(1, 1), &[(1, 1900)]).len(), 950);
    assert!((50..200).contains(&room(&seen)), "the room of gaps goes with them");
    assert_eq!(seen.close(&stream(1, 1), &[(1900, 2000)]).len(), 50);
    assert_eq!(room(&seen), 0);
}

/// Memory of a node without intervals and without thrift.
#[derive(Clone)]
struct Model {
    own: StreamId,
    /// Messages that were had.
    numbers: BTreeMap<StreamId, BTreeSet<u64>>,
    given_up: BTreeMap<StreamId, BTreeSet<u64>>,
    /// Missing in lives that are forgotten, below what was had; and one of each that was never taken in.
    lost: u64,
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
        let (given_up, forgotten) = (BTreeMap::new(), BTreeMap::new());
        Self { own, numbers, given_up, lost: 0, forgotten, closed_gaps: 0, limits }
    }

    fn is_below_floor(&self, stream: &StreamId) -> bool {
        !self.numbers.contains_key(stream)
            && self.forgotten.get(&stream.origin).is_some_and(|&newest| stream.incarnation <= newest)
    }

    fn forget(&mut self, stream: &StreamId) {
        let runs = runs(&self.seen(stream));
        let had_max = self.had_max(stream);
        let had = self.numbers.remove(stream).unwrap_or_default();
        self.given_up.remove(stream);
        self.lost += had_max - had.len() as u64;
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
            return Sighting::Unsure;
        }
        if self.numbers.len() >= self.limits.streams_max {
            let (victim, has_many) = self.gives_way(&stream.origin);
            match victim.filter(|victim| victim.origin != stream.origin || victim < stream) {
                Some(victim) => self.forget(&victim),
                None if has_many => {
                    self.forget(stream);
                    self.closed_gaps += 1;
                    return Sighting::Unsure;
                }
                None => return Sighting::Full,
            }
        }
        self.numbers.insert(stream.clone(), BTreeSet::new());
        Sighting::First
    }

    /// The life that gives way to one of an origin, and whether that origin has more than others leave it.
    fn gives_way(&self, origin: &NodeId) -> (Option<StreamId>, bool) {
        let has_many = |origin: &NodeId| self.lives(origin).len() > self.limits.lives_max;
        let origins: BTreeSet<_> = self.numbers.keys().map(|stream| &stream.origin).collect();
        let most = origins.into_iter().filter(|origin| has_many(origin)).max_by_key(|origin| self.lives(origin).len());
        let lives = self.lives(most.unwrap_or(origin));
        (lives.into_iter().find(|life| *life != self.own), has_many(origin))
    }

    /// Messages that were had or given up.
    fn seen(&self, stream: &StreamId) -> BTreeSet<u64> {
        let sets = [self.numbers.get(stream), self.given_up.get(stream)];
        sets.into_iter().flatten().flatten().copied().collect()
    }

    fn had_max(&self, stream: &StreamId) -> u64 {
        self.numbers.get(stream).and_then(|numbers| numbers.last().copied()).unwrap_or(0)
    }

    fn intervals(&self) -> usize {
        self.numbers.keys().map(|stream| runs(&self.seen(stream)).len()).sum()
    }

    /// Gives up the lowest gaps of a stream that had `before` intervals, if it has too many now.
    fn settle(&mut self, stream: &StreamId, before: usize) {
        let is_full = self.intervals() > GAPS_A_STREAM * self.limits.streams_max;
        let most = if is_full { before.min(self.limits.intervals_max) } else { self.limits.intervals_max };
        while let [lowest, second, ..] = runs(&self.seen(stream))[..]
            && runs(&self.seen(stream)).len() > most.max(1)
        {
            self.given_up.entry(stream.clone()).or_default().extend(lowest.1 + 1..second.0);
            self.closed_gaps += 1;
        }
    }

    fn insert(&mut self, stream: &StreamId, (first, last): (u64, u64)) -> Sighting {
        let closed_gaps = self.closed_gaps;
        let sighting = self.take_in(stream);
        if sighting != Sighting::First {
            self.lost += self.closed_gaps - closed_gaps;
            return sighting;
        }
        let (before, had_max) = (runs(&self.seen(stream)).len(), self.had_max(stream));
        let numbers = self.numbers.get_mut(stream).unwrap();
        let new: BTreeSet<u64> = (first..=last).filter(|&number| numbers.insert(number)).collect();
        let Some(&highest) = new.last() else { return Sighting::Again };
        let given_up = self.given_up.entry(stream.clone()).or_default();
        let filled = new.iter().copied().filter(|number| given_up.remove(number) && *number < had_max).collect();
        given_up.retain(|&other| other < had_max || other > highest);
        self.settle(stream, before);
        let mixed = Mixed { new: runs(&new), filled: runs(&filled), unsure: 0 };
        let is_first = mixed.new == [(first, last)] && mixed.filled.is_empty();
        if is_first { Sighting::First } else { Sighting::Mixed(Box::new(mixed)) }
    }

    fn close(&mut self, stream: &StreamId, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        if *stream == self.own || self.take_in(stream) != Sighting::First {
            return Vec::new();
        }
        let (before, closed) = (runs(&self.seen(stream)).len(), self.missing(stream, ranges));
        let numbers = closed.iter().flat_map(|&(first, last)| first..=last);
        self.given_up.entry(stream.clone()).or_default().extend(numbers);
        if !closed.is_empty() {
            self.settle(stream, before);
        }
        closed
    }

    fn missing(&self, stream: &StreamId, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let mut trial = self.clone();
        if *stream == self.own || trial.take_in(stream) != Sighting::First {
            return Vec::new();
        }
        let offered: BTreeSet<u64> = ranges.iter().flat_map(|&(first, last)| first..=last).collect();
        runs(&offered.difference(&trial.seen(stream)).copied().collect())
    }

    fn renew(&mut self, own: StreamId) {
        let ended = std::mem::replace(&mut self.own, own.clone());
        if self.forgotten.get(&ended.origin).is_some_and(|&newest| ended.incarnation <= newest) {
            self.forget(&ended);
        }
        while self.numbers.len() >= self.limits.streams_max {
            let Some(victim) = self.gives_way(&own.origin).0 else { break };
            self.forget(&victim);
        }
        self.numbers.insert(own, BTreeSet::new());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(StreamId, (u64, u64)),
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

/// One message in most cases, or several.
fn any_batch() -> impl Strategy<Value = (u64, u64)> {
    (1u64..40, prop_oneof![2 => Just(0), 1 => 1u64..15]).prop_map(|(first, more)| (first, first + more))
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (any_stream(), any_batch()).prop_map(|(stream, range)| Step::Insert(stream, range)),
        2 => (any_stream(), any_ranges()).prop_map(|(stream, ranges)| Step::Close(stream, ranges)),
        1 => Just(Step::Renew),
    ]
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let bounded = (1usize..8, 1usize..5, 1usize..6).prop_map(|(streams, lives, gaps)| limits(streams, lives, gaps));
    prop_oneof![bounded, (1usize..3).prop_map(|streams| limits(streams, 9, 99)), Just(limits(99, 99, 99))]
}

/// The messages that are new of those that were noted.
fn new_of(sighting: &Sighting, (first, last): (u64, u64)) -> Vec<u64> {
    match sighting {
        Sighting::First => (first..=last).collect(),
        Sighting::Mixed(mixed) => mixed.new.iter().flat_map(|&(first, last)| first..=last).collect(),
        Sighting::Again | Sighting::Unsure | Sighting::Full => Vec::new(),
    }
}

/// All pages of what has changed, each as small as asked for.
fn pages(seen: &Seen, version: u64, streams_max: usize, ranges_max: usize) -> [Vec<StreamRanges>; 2] {
    let [mut all, mut given_up]: [Vec<StreamRanges>; 2] = [Vec::new(), Vec::new()];
    loop {
        let page = seen.changed_since(version, all.last().map(|last| &last.stream), streams_max, ranges_max);
        let ranges = page.streams.iter().chain(&page.given_up).map(|s| s.ranges.len()).sum::<usize>();
        assert!(page.streams.len() <= streams_max && ranges <= ranges_max);
        if page.streams.is_empty() {
            return [all, given_up];
        }
        all.extend(page.streams);
        given_up.extend(page.given_up);
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
        let mut earlier = (0, Model::new(stream(0, 3), limits.clone()));
        earlier.1.numbers.clear();
        let nothing = earlier.1.clone();
        for (at, step) in steps.into_iter().enumerate() {
            let (version, before) = (seen.version(), seen.digest());
            match step {
                Step::Insert(stream, range) => {
                    let sighting = seen.insert(&stream.origin, stream.incarnation, range);
                    prop_assert_eq!(&sighting, &model.insert(&stream, range));
                    for number in new_of(&sighting, range) {
                        prop_assert!(delivered.insert((stream.clone(), number)), "delivered twice");
                    }
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
            prop_assert!(seen.streams() <= limits.streams_max && seen.lives.forgotten_len() <= seen.streams());
            prop_assert!(seen.vacant.len() + seen.streams() == seen.streams.len());
            prop_assert_eq!(seen.intervals, model.intervals());
            let numbers = |ranges: Vec<Gap>| ranges.iter().map(|gap| gap.count).sum::<u64>();
            let [mut named, mut claimed, mut ranges] = [0; 3];
            for (stream, given_up) in &model.given_up {
                let named_here = given_up.range(..model.had_max(stream)).count() as u64;
                let own = seen.gaps_of(stream).filter(|gap| gap.stream == *stream);
                prop_assert_eq!(numbers(own.collect()), named_here);
                prop_assert_eq!(numbers(seen.claims_of(stream).collect()), given_up.len() as u64 - named_here);
                named += named_here;
                claimed += given_up.len() as u64 - named_here;
                ranges += runs(given_up).len() as u64;
            }
            prop_assert_eq!([seen.given_up(), seen.claimed(), seen.gaps_len() as u64], [named + model.lost, claimed, ranges]);
            prop_assert_eq!(numbers(seen.gaps().collect()), seen.given_up(), "all of it is listed");
            let by_stream = seen.lives.behind(None).flat_map(|(stream, _)| seen.gaps_of(stream)).map(|gap| gap.count);
            prop_assert_eq!(by_stream.sum::<u64>(), seen.given_up(), "stream by stream, too");
            for stream in model.numbers.keys().filter(|&stream| *stream != model.own) {
                let had_max = model.had_max(stream);
                let hole = (1..had_max).any(|number| !model.seen(stream).contains(&number)).then_some(had_max);
                prop_assert_eq!(seen.hole_below(stream), hole);
            }
            if at == since {
                earlier = (seen.version(), model.clone());
            }
        }

        for (stream, ranges, most) in probes {
            let mut missing = model.missing(&stream, &ranges);
            missing.truncate(most);
            prop_assert_eq!(seen.missing(&stream, &ranges, most), missing);
            for number in 1..56 {
                let is_known = model.is_below_floor(&stream)
                    || model.numbers.get(&stream).is_some_and(|numbers| numbers.contains(&number));
                prop_assert_eq!(seen.contains(&stream.message(number)), is_known);
            }
        }

        for (version, before) in [earlier, (0, nothing)] {
            let changed: Vec<_> = model.numbers.keys().filter(|&stream| {
                let is_same = before.numbers.get(stream) == model.numbers.get(stream)
                    && before.seen(stream) == model.seen(stream);
                !model.seen(stream).is_empty() && !is_same
            }).collect();
            let ranges_of = |stream: &StreamId, numbers: &BTreeSet<u64>, most| {
                let ranges: Vec<_> = runs(numbers).into_iter().take(most).collect();
                StreamRanges { stream: stream.clone(), ranges }
            };
            let streams: Vec<_> =
                changed.iter().map(|stream| ranges_of(stream, &model.seen(stream), ranges_max)).collect();
            let room = |stream: &StreamId| ranges_max - runs(&model.seen(stream)).len().min(ranges_max);
            let given_up = changed.iter().filter_map(|stream| {
                let given_up = ranges_of(stream, model.given_up.get(stream)?, room(stream));
                (!given_up.ranges.is_empty()).then_some(given_up)
            });
            prop_assert_eq!(pages(&seen, version, streams_max, ranges_max), [streams, given_up.collect()]);
        }
        prop_assert_eq!(seen.changed_since(seen.version(), None, 9, 99), DigestPage::default());

        let wide = Limits { streams_max: 99, lives_max: 99, intervals_max: 99, ..limits };
        let mut other = Seen::new(stream(7, 7), &wide);
        for (stream, numbers) in model.numbers.iter().rev() {
            for &range in runs(numbers).iter().rev() {
                other.insert(&stream.origin, stream.incarnation, range);
            }
            let given_up = model.given_up.get(stream).map(runs).unwrap_or_default();
            other.close(stream, &given_up);
        }
        prop_assert_eq!(seen.hashes(), other.hashes());
        other.note(&id(8, 8, 8));
        prop_assert_ne!(seen.digest(), other.digest());
    }
}

proptest! {
    /// A node that is sent batches knows the same as one that is sent their messages one by one.
    #[test]
    fn how_messages_were_cut_into_batches_does_not_matter(
        steps in prop::collection::vec((0..8_u8, 0..2_u32, 1..60_u64, 0..20_u64), 0..60),
    ) {
        let (mut batches, mut singles) = (seen(99, 999), seen(99, 999));
        for (kind, origin, first, more) in steps {
            let (stream, last) = (stream(origin, 1), first + more);
            if kind == 0 {
                prop_assert_eq!(batches.close(&stream, &[(first, last)]), singles.close(&stream, &[(first, last)]));
                continue;
            }
            let whole = batches.insert(&stream.origin, stream.incarnation, (first, last));
            let [mut new, mut filled] = [BTreeSet::new(), BTreeSet::new()];
            for number in first..=last {
                let one = singles.note(&stream.message(number));
                new.extend(new_of(&one, (number, number)));
                filled.extend(matches!(one, Sighting::Mixed(_)).then_some(number));
            }
            prop_assert_eq!(new_of(&whole, (first, last)), new.into_iter().collect::<Vec<_>>());
            let filled_by_whole = if let Sighting::Mixed(mixed) = whole { mixed.filled } else { Vec::new() };
            prop_assert_eq!(filled_by_whole, runs(&filled));
            prop_assert_eq!(batches.hashes(), singles.hashes());
            let counts = |seen: &Seen| [seen.messages(), seen.given_up(), seen.claimed(), seen.gaps_len() as u64];
            prop_assert_eq!(counts(&batches), counts(&singles));
            prop_assert!(batches.gaps().eq(singles.gaps()) && batches.with_holes().eq(singles.with_holes()));
        }
    }
}

#[test]
fn the_last_of_all_numbers_is_one_like_any_other() {
    const LAST: u64 = u64::MAX;
    let mut seen = seen(8, 8);
    assert_eq!(seen.note(&id(1, LAST, LAST)), Sighting::First);
    assert_eq!(seen.hole_below(&stream(1, LAST)), Some(LAST));
    assert_eq!(seen.close(&stream(1, LAST), &[(1, LAST)]), [(1, LAST - 1)]);
    for number in [5, 7, LAST - 1] {
        assert_eq!(seen.note(&id(1, LAST, number)), filled(number));
        assert_eq!(seen.note(&id(1, LAST, number)), Sighting::Again);
        assert_eq!(seen.missing(&stream(1, LAST), &[(1, LAST)], 8), [], "it makes nothing missing again");
    }
    assert_eq!((seen.given_up(), seen.messages(), seen.hole_below(&stream(1, LAST))), (LAST - 4, LAST, None));
}
