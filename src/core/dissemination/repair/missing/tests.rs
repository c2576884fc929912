//! Questions as they are asked, and that nothing is forgotten whatever is lost.

use super::*;
use crate::core::{
    dissemination::repair::parts::INTERVALS_MAX,
    id::{Incarnation, NodeId, ranges::Ranges},
};
use proptest::prelude::*;

const A: Slot = Slot(0);
const B: Slot = Slot(1);
const C: Slot = Slot(2);
const D: Slot = Slot(3);
const WAIT: Duration = Duration::from_millis(100);
const LOST_AFTER: Duration = Duration::from_secs(2);
const TRIP: Duration = Duration::from_millis(10);
/// T2 at that round trip.
const T2: Duration = Duration::from_millis(70);

fn stream(origin: u32) -> StreamId {
    StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(1) }
}

fn at(millis: u64) -> Mono {
    Mono::default() + Duration::from_millis(millis)
}

/// Length of the longest batches of a [`World`].
const LEN_MAX: u64 = 9;

fn wants(pull_max: u64) -> Missing {
    Missing::new(64, pull_max, LOST_AFTER)
}

/// Of whom, for what, and whether it is a repetition.
type Asked = (Slot, Vec<(u64, u64)>, bool);

impl Missing {
    fn offer(&mut self, now: Mono, by: Slot, missing: &[(u64, u64)], how: How) {
        self.offered(now, &stream(1), by, missing, how, WAIT);
    }

    /// A message comes, by whichever way.
    fn comes(&mut self, now: Mono, sequence: u64) -> Arrival {
        self.arrived(now, &stream(1), (sequence, sequence), None)
    }

    /// Messages come from a peer; says whether they were asked of it, and how they were known to be missing.
    fn brings(&mut self, now: Mono, by: Slot, numbers: (u64, u64)) -> Arrival {
        self.arrived(now, &stream(1), numbers, Some(by))
    }

    fn tick(&mut self, now: Mono) -> Vec<Asked> {
        let asks = self.on_tick(now, |_| TRIP).asks.into_iter();
        asks.flat_map(|ask| ask.streams.into_iter().map(move |s| (ask.to, s.ranges, ask.is_repeat))).collect()
    }
}

#[test]
fn what_is_announced_is_asked_for_when_it_has_not_come_in_time() {
    let mut wants = wants(512);
    wants.offer(at(1000), A, &[(3, 4)], How::Announced);
    wants.offer(at(1010), B, &[(3, 4)], How::Announced);
    assert_eq!(wants.comes(at(1050), 3), Arrival { asked: None, first_announced: Some(at(1000)) });
    assert_eq!(wants.deadline(), Some(at(1100)));
    assert_eq!(wants.tick(at(1099)), []);
    assert_eq!(wants.tick(at(1100)), [(A, vec![(4, 4)], false)]);
    let expected = Arrival { asked: Some(How::Announced), first_announced: Some(at(1000)) };
    assert_eq!(wants.brings(at(1110), A, (4, 4)), expected);
    assert_eq!(wants.comes(at(1111), 4), Arrival::default());
    assert!(wants.is_empty() && wants.deadline().is_none());
}

#[test]
fn a_second_miss_within_ten_seconds_is_a_repetition() {
    let mut wants = wants(512);
    let mut is_repeat = Vec::new();
    for (sequence, second) in [(1, 1), (2, 10), (3, 30)] {
        wants.offer(at(second * 1000), A, &[(sequence, sequence)], How::Announced);
        is_repeat.extend(wants.tick(at(second * 1000) + WAIT).into_iter().map(|(.., is_repeat)| is_repeat));
        wants.comes(at(second * 1000) + WAIT, sequence);
    }
    assert_eq!(is_repeat, [false, true, false]);
    wants.offer(at(31_000), A, &[(9, 9)], How::Backlog);
    assert_eq!(wants.tick(at(31_000)), [(A, vec![(9, 9)], false)], "a backlog is no miss");
}

#[test]
fn who_does_not_answer_is_asked_again_later_and_others_at_once() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 1)], How::Backlog);
    wants.offer(at(0), B, &[(1, 1)], How::Backlog);
    let mut asked = Vec::new();
    while let Some(now) = wants.deadline().filter(|&now| now < at(9000)) {
        asked.extend(wants.tick(now).into_iter().map(|(to, ..)| (to.0, now.since(at(0)).as_millis())));
    }
    // Each in turn after T2; then each when it has waited once, twice, four times T2 … and two seconds. T2 grows meanwhile,
    // to a second at most.
    let mut before = [0; 2];
    for (slot, times) in [A, B].map(|s| (s, asked.iter().filter(|a| a.0 == s.0).map(|a| a.1).collect::<Vec<_>>())) {
        let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|&pause| pause <= 2000 + 2 * 1000), "{pauses:?}");
        assert!(times.len() >= 6 && *pauses.last().unwrap() >= 2000, "{times:?}");
        before[slot.0 as usize] = times[0];
    }
    assert_eq!(before, [0, T2.as_millis()]);
}

#[test]
fn who_was_slow_gets_more_time_and_for_a_while() {
    let mut wants = wants(512);
    for slot in [A, B] {
        wants.offer(at(0), slot, &[(1, 1)], How::Backlog);
    }
    assert_eq!(wants.tick(at(0)), [(A, vec![(1, 1)], false)]);
    assert_eq!(wants.tick(at(0) + T2), [(B, vec![(1, 1)], false)]);
    wants.comes(at(90), 1);
    let mut patience = Vec::new();
    for (sequence, slot) in [(2, A), (3, B)].into_iter().chain((4..30).map(|sequence| (sequence, A))) {
        let now = at(sequence * 1000);
        wants.offer(now, slot, &[(sequence, sequence)], How::Backlog);
        assert_eq!(wants.tick(now), [(slot, vec![(sequence, sequence)], false)]);
        patience.push(wants.deadline().unwrap().since(now));
        wants.comes(now, sequence);
    }
    assert_eq!(patience[..2], [2 * T2, T2], "only the slow one");
    assert!(patience[2] < 2 * T2 && patience.last() == Some(&T2), "{patience:?}");
}

#[test]
fn a_backlog_is_asked_of_one_of_those_who_have_it_lowest_numbers_first() {
    let mut wants = wants(512);
    for slot in [A, B, C] {
        wants.offer(at(0), slot, &[(1, 2000)], How::Backlog);
    }
    wants.offer(at(0), D, &[(2001, 2010)], How::Backlog);
    let asks = wants.tick(at(0));
    assert_eq!(asks, [(A, vec![(1, 512)], false), (D, vec![(2001, 2010)], false)], "what A has is asked of no other");
    for sequence in 1..=255 {
        wants.comes(at(5), sequence);
        assert!(wants.deadline() > Some(at(5)), "no small asks");
    }
    wants.comes(at(5), 256);
    assert_eq!(wants.deadline(), Some(at(5)));
    assert_eq!(wants.tick(at(5)), [(A, vec![(513, 768)], false)]);
}

#[test]
fn one_peer_is_asked_for_a_window_at_a_time() {
    let mut wants = wants(100);
    wants.offer(at(0), A, &[(1, 80)], How::Backlog);
    wants.offered(at(0), &stream(2), A, &[(1, 1000)], How::Backlog, WAIT);
    let count = |asks: &[Asked]| -> u64 {
        asks.iter().flat_map(|(_, ranges, _)| ranges).map(|(first, last)| last - first + 1).sum()
    };
    assert_eq!(count(&wants.tick(at(0))), 80);
    for sequence in 1..=80 {
        wants.comes(at(1), sequence);
    }
    assert_eq!(wants.deadline(), Some(at(1)));
    assert_eq!(wants.tick(at(1)), [(A, vec![(1, 100)], false)]);
}

#[test]
fn what_follows_on_the_parents_link_is_waited_for_and_what_it_skipped_is_not() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(5, 5), (7, 9)], How::Announced);
    wants.comes(at(90), 7);
    wants.pushed(at(90), &stream(1), 7, true, WAIT);
    wants.pushed(at(99), &stream(1), 8, false, WAIT);
    assert_eq!(wants.tick(at(100)), [(A, vec![(5, 5)], false)]);
    assert_eq!(wants.brings(at(110), A, (5, 5)).asked, Some(How::Announced));
    assert_eq!(wants.tick(at(189)), []);
    assert_eq!(wants.tick(at(190)), [(A, vec![(8, 9)], true)]);
}

#[test]
fn what_all_have_lost_is_given_up_unless_another_offers_it() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 9)], How::Backlog);
    wants.tick(at(0));
    wants.lost(at(5), &stream(1), A, &[(1, 6)]);
    for sequence in 7..=9 {
        wants.comes(at(6), sequence);
    }
    wants.offer(at(7), A, &[(1, 6)], How::Digest);
    wants.offer(at(500), B, &[(4, 5)], How::Digest);
    assert_eq!(wants.tick(at(500)), [(B, vec![(4, 5)], false)]);
    wants.comes(at(501), 4);
    wants.comes(at(501), 5);
    assert_eq!(wants.tick(at(600)), []);
    assert_eq!(wants.deadline(), Some(at(5) + LOST_AFTER));
    let gaps = wants.on_tick(at(5) + LOST_AFTER, |_| TRIP).gaps;
    let ranges: Vec<_> = gaps.iter().map(|gap| (gap.first, gap.last)).collect();
    assert_eq!(ranges, [(1, 3), (6, 6)]);
    assert!(wants.is_empty());
}

#[test]
fn what_a_lost_peer_was_asked_is_asked_of_others_at_once() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 9)], How::Backlog);
    wants.tick(at(0));
    wants.offer(at(0), B, &[(3, 4)], How::Announced);
    wants.forget(at(20), A);
    assert_eq!(wants.deadline(), Some(at(20)));
    assert_eq!(wants.tick(at(20)), [(B, vec![(3, 4)], false)]);
    wants.forget(at(22), B);
    assert!(wants.is_empty() && wants.deadline().is_none());
}

#[test]
fn a_node_without_a_parent_asks_the_announcer_at_once() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 1)], How::Announced);
    wants.offer(at(10), B, &[(1, 2)], How::Overdue);
    assert_eq!(wants.tick(at(10)), [(A, vec![(1, 1)], false), (B, vec![(2, 2)], false)]);
    assert_eq!(wants.brings(at(20), B, (2, 2)).asked, Some(How::Overdue));
}

#[test]
fn a_question_waits_for_those_before_it_and_not_for_those_behind() {
    let mut wants = wants(512);
    let second = stream(2);
    wants.offer(at(0), A, &[(1, 20)], How::Backlog);
    wants.tick(at(0));
    wants.offered(at(1), &second, A, &[(1, 1)], How::Backlog, WAIT);
    wants.tick(at(1));
    for (sequence, millis) in [(1, 50), (2, 100), (3, 150)] {
        wants.comes(at(millis), sequence);
        assert_eq!(wants.tick(at(millis)), [], "the link is busy with the first question");
    }
    assert_eq!(wants.arrived(at(160), &second, (1, 1), Some(A)).asked, Some(How::Backlog));
    assert_eq!(wants.tick(at(150) + T2), [(A, vec![(4, 20)], false)], "its turn has passed");
}

#[test]
fn more_than_can_be_kept_is_dropped_and_counted() {
    let mut wants = Missing::new(2, 512, LOST_AFTER);
    for origin in 1..=3 {
        wants.offered(at(0), &stream(origin), A, &[(1, 1)], How::Digest, WAIT);
    }
    assert_eq!((wants.len(), wants.take_dropped()), (2, 1));
    let many: Vec<_> = (1..=300).map(|n| (2 * n, 2 * n)).collect();
    wants.offer(at(0), B, &many, How::Digest);
    assert_eq!(wants.take_dropped(), 1);
    assert_eq!(wants.comes(at(1), 520).first_announced, None);
    assert!(wants.bytes() < 2 * 2 * 256 * 100);
    wants.forget(at(2), A);
    wants.forget(at(2), B);
    assert!(wants.is_empty() && wants.deadline().is_none());
}

/// As in a flood that lasts: something is always announced and not here yet, and comes by another way.
#[test]
fn what_has_come_takes_no_room_from_what_is_announced() {
    let mut wants = wants(512);
    let count = 2 * INTERVALS_MAX as u64;
    for number in 1..=count {
        wants.offer(at(number), A, &[(10 * number, 10 * number)], How::Announced);
        wants.comes(at(number), 10 * (number - 1));
    }
    assert_eq!(wants.take_dropped(), 0);
    let due = at(count) + WAIT;
    assert_eq!(wants.tick(due), [(A, vec![(10 * count, 10 * count)], false)], "the last one is lost, and asked for");
}

/// More streams than can be asked for at one time, of peers that are full or have nothing: all come, and a peer that is
/// idle is found among them.
#[test]
fn many_streams_wait_for_room_without_being_looked_at_for_each_message() {
    let mut wants = Missing::new(1024, 64, LOST_AFTER);
    for origin in 0..1000 {
        let slot = if origin == 999 { B } else { A };
        wants.offered(at(0), &stream(origin), slot, &[(1, 20)], How::Backlog, WAIT);
    }
    let (mut now, mut ticks, mut idle) = (at(0), 0, None);
    let mut flight = std::collections::VecDeque::new();
    while !wants.is_empty() {
        while wants.deadline().is_some_and(|at| at <= now) {
            ticks += 1;
            for ask in wants.on_tick(now, |_| TRIP).asks {
                idle = idle.or_else(|| (ask.to == B).then_some(now));
                for StreamRanges { stream, ranges } in ask.streams {
                    let numbers = ranges.into_iter().flat_map(|(first, last)| first..=last);
                    flight.extend(numbers.map(|number| (ask.to, stream.clone(), number)));
                }
            }
        }
        now = now + Duration::from_micros(100);
        let (by, stream, number) = flight.pop_front().unwrap();
        let arrival = wants.arrived(now, &stream, (number, number), Some(by));
        assert!(arrival.asked.is_some(), "{number} came too late");
    }
    assert!(ticks < 20_000 / 16, "{ticks}");
    assert!(idle.unwrap() < at(100), "{idle:?}");
}

#[test]
fn a_batch_answers_all_who_were_asked_for_a_part_of_it() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 256)], How::Backlog);
    wants.offer(at(0), B, &[(257, 512)], How::Backlog);
    assert_eq!(wants.tick(at(0)), [(A, vec![(1, 256)], false), (B, vec![(257, 512)], false)]);
    let asked = Arrival { asked: Some(How::Backlog), first_announced: None };
    assert_eq!(wants.brings(at(1), A, (200, 300)), asked, "it was asked for a part");
    assert_eq!([A, B].map(|slot| wants.accounts[&slot].open()), [199, 212]);
    assert_eq!(wants.brings(at(2), B, (100, 199)), Arrival::default(), "another was asked for these");
    assert_eq!(wants.brings(at(3), B, (290, 400)), asked, "what is here again does no harm");
    assert_eq!(wants.brings(at(4), C, (1, 99)), Arrival::default());
    assert_eq!(wants.brings(at(5), A, (390, 600)), Arrival::default());
    assert!(wants.is_empty() && wants.deadline().is_none());
    assert_eq!([A, B].map(|slot| wants.accounts[&slot].open()), [0, 0]);
}

#[test]
fn a_batch_that_was_asked_for_in_part_leaves_the_rest_to_be_asked_for() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 5)], How::Backlog);
    wants.tick(at(0));
    wants.offer(at(0), B, &[(6, 12), (20, 20)], How::Announced);
    let asked = Arrival { asked: Some(How::Backlog), first_announced: None };
    assert_eq!(wants.brings(at(10), A, (4, 8)), asked);
    assert_eq!(wants.brings(at(20), B, (10, 11)), Arrival { asked: None, first_announced: Some(at(0)) });
    let again = (A, vec![(1, 3)], false);
    assert_eq!(wants.tick(at(0) + WAIT), [again, (B, vec![(9, 9), (12, 12), (20, 20)], false)]);
    assert_eq!(wants.brings(at(110), B, (9, 40)).asked, Some(How::Announced));
    assert_eq!(wants.brings(at(111), A, (1, 3)).asked, Some(How::Backlog));
    assert!(wants.is_empty());
}

#[test]
fn half_a_window_is_free_whatever_the_number_in_which_it_comes() {
    let mut wants = wants(100);
    wants.offer(at(0), A, &[(1, 300)], How::Backlog);
    assert_eq!(wants.tick(at(0)), [(A, vec![(1, 100)], false)]);
    (1..=49).for_each(|number| _ = wants.brings(at(1), A, (number, number)));
    assert!(wants.deadline() > Some(at(1)));
    wants.brings(at(2), A, (50, 90));
    assert_eq!(wants.tick(at(2)), [(A, vec![(101, 300)], false)]);
    wants.brings(at(3), A, (91, 500));
    assert!(wants.is_empty());
}

#[test]
fn a_peer_is_asked_for_more_messages_the_more_its_batches_bring() {
    let mut wants = wants(100);
    wants.offer(at(0), A, &[(1, 100_000)], How::Backlog);
    assert_eq!(wants.tick(at(0)), [(A, vec![(1, 100)], false)]);
    (1..=100).for_each(|number| _ = wants.brings(at(1), A, (number, number)));
    assert_eq!(wants.tick(at(1)), [(A, vec![(101, 200)], false)], "who sends them one by one is long at it");
    wants.brings(at(2), A, (101, 110));
    assert_eq!(wants.tick(at(2)), [(A, vec![(201, 1110)], false)]);
    wants.brings(at(3), A, (111, 1110));
    assert_eq!(wants.tick(at(3)), [(A, vec![(1111, 5206)], false)], "and never for more than 4096");
    for number in 1111..=5206 {
        wants.brings(at(4), A, (number, number));
    }
    assert_eq!(wants.tick(at(4)), [(A, vec![(5207, 5306)], false)]);
}

#[test]
fn a_batch_that_comes_in_pieces_is_asked_of_nobody_until_it_stops() {
    let mut wants = wants(512);
    let patience = Duration::from_secs(4);
    wants.offer(at(0), A, &[(1, 2), (6, 12)], How::Announced);
    let lacking = Ranges::from(&[(1, 2), (6, 9)][..]);
    assert_eq!(wants.coming(at(2), &stream(1), &lacking, B, patience), Some(at(0)), "3 to 5 are here");
    assert_eq!(wants.coming(at(2), &stream(1), &lacking, C, patience), None, "another is at it");
    assert_eq!(wants.accounts[&B].open(), 6);
    assert_eq!(wants.tick(at(0) + WAIT), [(A, vec![(10, 12)], false)]);
    wants.stopped(at(120), &stream(1), (1, 9), B);
    assert_eq!(wants.accounts[&B].open(), 0);
    let asked: BTreeSet<_> = wants.tick(at(120)).into_iter().flat_map(|(_, ranges, _)| ranges).collect();
    assert_eq!(asked, [(1, 2), (6, 9)].into());
    wants.coming(at(160), &stream(2), &Ranges::from(&[(1, 9)][..]), C, patience);
    let arrival = wants.arrived(at(170), &stream(2), (1, 9), Some(C));
    assert_eq!(arrival, Arrival::default(), "it came unasked, and was not late");
}

/// Events of a node, in numbers.
type Step = (u8, u16, u32, u64, u64);

/// A node, its neighbours, and what goes between them.
struct World {
    wants: Missing,
    now: Mono,
    arrived: BTreeSet<(StreamId, u64)>,
    given_up: BTreeSet<(StreamId, u64)>,
    /// Messages that each neighbour has offered since its link came up.
    offers: BTreeMap<Slot, BTreeSet<(StreamId, u64)>>,
    /// Asks on their way.
    asked: Vec<(Slot, StreamRanges)>,
    missing_max: usize,
    pull_max: u64,
    /// Offers that were not kept.
    dropped: u64,
    /// Somebody has begun to send something in pieces.
    has_begun: bool,
}

impl World {
    fn new(missing_max: usize, pull_max: u64) -> Self {
        Self {
            wants: Missing::new(missing_max, pull_max, LOST_AFTER),
            now: at(1),
            arrived: BTreeSet::new(),
            given_up: BTreeSet::new(),
            offers: BTreeMap::new(),
            asked: Vec::new(),
            missing_max,
            pull_max,
            dropped: 0,
            has_begun: false,
        }
    }

    /// The batch that a message is in: those of some origins are longer than those of others.
    fn batch(stream: &StreamId, sequence: u64) -> (u64, u64) {
        let len = [1, 2, 5, LEN_MAX][stream.origin.as_str().parse::<usize>().unwrap()];
        let first = sequence - (sequence - 1) % len;
        (first, first + len - 1)
    }

    /// Says whether a neighbour keeps what it offered: a batch as a whole.
    fn keeps(slot: Slot, stream: &StreamId, sequence: u64) -> bool {
        let (first, _) = Self::batch(stream, sequence);
        !first.is_multiple_of(7) && !(u64::from(slot.0) + first).is_multiple_of(4)
    }

    fn is_here(&self, stream: &StreamId, sequence: u64) -> bool {
        let message = (stream.clone(), sequence);
        self.arrived.contains(&message) || self.given_up.contains(&message)
    }

    fn step(&mut self, (kind, slot, origin, first, more): Step) -> Result<(), TestCaseError> {
        let (slot, stream, last) = (Slot(slot), stream(origin), first + more);
        match kind {
            0..=2 => {
                let how = [How::Announced, How::Digest, How::Backlog, How::Overdue][(more % 4) as usize];
                let mut missing = Ranges::default();
                let unseen: Vec<_> = (first..=last).filter(|&sequence| !self.is_here(&stream, sequence)).collect();
                for sequence in unseen {
                    missing.insert(sequence, sequence);
                    self.offers.entry(slot).or_default().insert((stream.clone(), sequence));
                }
                self.wants.offered(self.now, &stream, slot, missing.as_slice(), how, WAIT);
            }
            3 => self.arrive(&stream, first, (more % 2 == 0).then_some(slot))?,
            4 => self.wants.pushed(self.now, &stream, first, more % 2 == 0, WAIT),
            5 => {
                self.wants.forget(self.now, slot);
                self.offers.remove(&slot);
                self.asked.retain(|(to, _)| *to != slot);
            }
            6 | 7 => self.asked.clear(),
            8 => self.serve(more % 2 == 0)?,
            12 => self.begin(&stream, first, slot),
            13 => self.wants.stopped(self.now, &stream, Self::batch(&stream, first), slot),
            _ => {
                self.now = self.now + Duration::from_millis(first * first);
                self.tick()?;
            }
        }
        self.check()
    }

    /// A batch comes, with a message in it.
    fn arrive(&mut self, stream: &StreamId, sequence: u64, by: Option<Slot>) -> Result<(), TestCaseError> {
        let (first, last) = Self::batch(stream, sequence);
        let asked = self.wants.arrived(self.now, stream, (first, last), by).asked;
        self.arrived.extend((first..=last).map(|number| (stream.clone(), number)));
        prop_assert!(asked.is_none() || by.is_some_and(|slot| self.offers.contains_key(&slot)));
        Ok(())
    }

    /// A neighbour begins to send a batch in pieces, as one that has it.
    fn begin(&mut self, stream: &StreamId, sequence: u64, by: Slot) {
        self.has_begun = true;
        let (first, last) = Self::batch(stream, sequence);
        let lacking: Vec<_> = (first..=last).filter(|&number| !self.is_here(stream, number)).collect();
        self.offers.entry(by).or_default().extend(lacking.iter().map(|&number| (stream.clone(), number)));
        let lacking: Vec<_> = lacking.into_iter().map(|number| (number, number)).collect();
        self.wants.coming(self.now, stream, &Ranges::from(&lacking[..]), by, Duration::from_secs(4));
    }

    /// The neighbours answer what they were asked; every third message is lost if the network is `lossy`.
    fn serve(&mut self, lossy: bool) -> Result<(), TestCaseError> {
        for (slot, StreamRanges { stream, ranges }) in std::mem::take(&mut self.asked) {
            let numbers = ranges.iter().flat_map(|&(first, last)| first..=last);
            let (kept, lost): (Vec<_>, Vec<_>) = numbers.partition(|&number| Self::keeps(slot, &stream, number));
            let batches: BTreeSet<_> = kept.into_iter().map(|number| Self::batch(&stream, number).0).collect();
            for first in batches.into_iter().filter(|first| !lossy || first % 3 != 0) {
                self.arrive(&stream, first, Some(slot))?;
            }
            let lost: Vec<_> = lost.into_iter().map(|number| (number, number)).collect();
            if !lossy && !lost.is_empty() {
                self.wants.lost(self.now, &stream, slot, Ranges::from(&lost[..]).as_slice());
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        self.dropped += self.wants.take_dropped();
        let dues = self.wants.on_tick(self.now, |_| TRIP);
        prop_assert!(self.wants.deadline().is_none_or(|at| at > self.now));
        for ask in dues.asks {
            let offers = self.offers.get(&ask.to);
            prop_assert!(offers.is_some(), "asked of a peer that is gone");
            for asked in &ask.streams {
                for number in asked.ranges.iter().flat_map(|&(first, last)| first..=last) {
                    prop_assert!(offers.is_some_and(|o| o.contains(&(asked.stream.clone(), number))));
                    prop_assert!(!self.is_here(&asked.stream, number), "asked for what is here");
                }
            }
            prop_assert!(ask.streams.is_sorted_by(|a, b| a.stream != b.stream));
            self.asked.extend(ask.streams.into_iter().map(|streams| (ask.to, streams)));
        }
        for gap in dues.gaps {
            for number in gap.first..=gap.last {
                let message = (gap.stream.clone(), number);
                prop_assert!(!self.arrived.contains(&message));
                let mut offerers = self.offers.iter().filter(|(_, offers)| offers.contains(&message));
                let is_kept = offerers.any(|(&slot, _)| Self::keeps(slot, &gap.stream, number));
                prop_assert!(!is_kept || self.dropped > 0, "{number} is still to be had");
                self.given_up.insert(message);
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let [mut open, mut unasked] = [const { BTreeMap::<Slot, u64>::new() }; 2];
        prop_assert!(self.wants.len() <= self.missing_max);
        prop_assert!(self.wants.timers.len() <= self.wants.len() && self.wants.queue.len() <= self.wants.len());
        for (stream, want) in self.wants.wants.iter() {
            prop_assert!(want.questions().len() <= 2 || self.has_begun);
            prop_assert!(want.sizes().all(|size| size <= INTERVALS_MAX));
            let timers = self.wants.timers.iter().filter(|(_, timed)| timed == stream).count();
            let tickets = self.wants.queue.values().filter(|queued| *queued == stream).count();
            prop_assert!(timers + tickets > 0, "nobody looks at {stream} again");
            prop_assert!(timers <= 1 && tickets == usize::from(want.is_queued()));
            let mut asked = BTreeSet::new();
            for question in want.questions() {
                prop_assert!(self.offers.contains_key(&question.to()), "a question to a peer that is gone");
                *open.entry(question.to()).or_default() += question.open().count();
                *unasked.entry(question.to()).or_default() += question.unasked().count();
                for number in question.open().as_slice().iter().flat_map(|&(first, last)| first..=last) {
                    prop_assert!(asked.insert(number), "{number} was asked of two");
                }
            }
            let missing: Vec<_> = want.missing().collect();
            prop_assert!(missing.is_sorted_by(|a, b| a.0 < b.0));
            for (number, is_offered) in missing {
                prop_assert!(!self.is_here(stream, number));
                let message = (stream.clone(), number);
                prop_assert!(!is_offered || self.offers.values().any(|offers| offers.contains(&message)));
            }
        }
        for (slot, account) in &self.wants.accounts {
            prop_assert_eq!(account.open(), open.remove(slot).unwrap_or_default());
            prop_assert!(account.open() <= self.pull_max * LEN_MAX + unasked.remove(slot).unwrap_or_default());
        }
        prop_assert!(open.is_empty());
        Ok(())
    }

    /// Messages that neighbours have offered and that are not here.
    fn missing(&self) -> Vec<(Slot, StreamId, u64)> {
        let offers = self.offers.iter().flat_map(|(&slot, offers)| offers.iter().map(move |offer| (slot, offer)));
        let missing = offers.filter(|(_, (stream, number))| !self.is_here(stream, *number));
        missing.map(|(slot, (stream, number))| (slot, stream.clone(), *number)).collect()
    }

    /// From now on nothing is lost any more.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        let end = self.now + Duration::from_secs(600);
        while let Some(deadline) = self.wants.deadline() {
            self.now = self.now.max(deadline);
            prop_assert!(self.now < end, "{:?} are still wanted", self.wants);
            self.tick()?;
            self.serve(false)?;
            self.check()?;
        }
        prop_assert!(self.wants.is_empty());
        Ok(())
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..14_u8, 0..5_u16, 0..4_u32, 1..60_u64, 0..25_u64), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever is offered, comes, is lost or breaks: in the end all that a neighbour has is here, and only what all
    /// of them have lost is given up.
    #[test]
    fn all_that_is_offered_comes_or_is_given_up(steps in steps(), pull_max in 1..40_u64) {
        let mut world = World::new(64, pull_max);
        for step in steps {
            world.step(step)?;
        }
        world.settle()?;
        // What one peer has lost and another took away with its link is forgotten: the next digest offers it again.
        let mut again = world.missing();
        prop_assert!(again.iter().all(|(slot, stream, number)| !World::keeps(*slot, stream, *number)), "{again:?}");
        for (slot, stream, number) in again.drain(..) {
            world.wants.offered(world.now, &stream, slot, &[(number, number)], How::Digest, WAIT);
        }
        world.settle()?;
        prop_assert_eq!(world.missing(), []);
        prop_assert_eq!(world.dropped + world.wants.take_dropped(), 0);
    }

    /// The same with less room than is needed: what does not fit is dropped, and nothing hangs.
    #[test]
    fn without_room_the_bounds_hold_and_nothing_hangs(steps in steps(), pull_max in 1..40_u64) {
        let mut world = World::new(2, pull_max);
        let many: Vec<_> = (1..=300).map(|n| (100 + 2 * n, 100 + 2 * n)).collect();
        for (index, step) in steps.into_iter().enumerate() {
            if index % 40 == 20 {
                let offers = many.iter().map(|&(n, _)| (stream(0), n)).filter(|m| !world.is_here(&m.0, m.1));
                let offers: Vec<_> = offers.collect();
                let missing: Vec<_> = offers.iter().map(|&(_, n)| (n, n)).collect();
                world.offers.entry(A).or_default().extend(offers);
                world.wants.offered(world.now, &stream(0), A, &missing, How::Digest, WAIT);
            }
            world.step(step)?;
        }
        world.settle()?;
    }
}

#[test]
fn nobody_fills_the_table_alone() {
    let mut wants = Missing::new(8, 512, Duration::from_secs(5));
    let stream = |number| StreamId { origin: NodeId::numbered(number), incarnation: Incarnation(1) };
    let mut tell = |by, number| {
        wants.offered(Mono(0), &stream(number), Slot(by), &[(1, 9)], How::Announced, Duration::from_secs(1));
        wants.len()
    };
    (0..20).for_each(|number| _ = tell(1, number));
    assert_eq!(tell(2, 100), 8);
    assert_eq!(tell(2, 101), 8);
    let asked: BTreeSet<Slot> =
        wants.on_tick(Mono(2_000_000_000), |_| Duration::ZERO).asks.iter().map(|ask| ask.to).collect();
    assert_eq!(asked, [Slot(1), Slot(2)].into(), "the second peer's offers are known, too");
    assert_eq!(wants.take_dropped(), 12 + 2);
}

#[test]
fn who_never_answers_is_asked_ever_more_seldom_and_in_the_end_no_more() {
    let mut wants = wants(512);
    wants.offer(at(0), A, &[(1, 1)], How::Backlog);
    let mut asked = Vec::new();
    while let Some(deadline) = wants.deadline().filter(|_| asked.len() < 99) {
        asked.extend(wants.tick(deadline).iter().map(|_| deadline));
    }
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert_eq!((asked.len(), wants.len()), (16, 0));
    assert!(waits[0] < Duration::from_millis(100) && waits[14] > Duration::from_secs(2), "{waits:?}");
}

#[test]
fn what_waits_for_room_is_not_looked_at_before_there_is_some() {
    let mut wants = Missing::new(1024, 64, LOST_AFTER);
    (0..500).for_each(|origin| wants.offered(at(0), &stream(origin), A, &[(1, 20)], How::Backlog, WAIT));
    wants.tick(at(0));
    assert_eq!(wants.deadline(), Some(at(0) + T2), "nobody has room");
    wants.offered(at(1), &stream(500), B, &[(1, 1)], How::Backlog, WAIT);
    assert_eq!(wants.tick(at(1)), [(B, vec![(1, 1)], false)]);
    assert_eq!(wants.deadline(), Some(at(0) + T2), "who has room has nothing of what waits");
}

#[test]
fn room_that_a_dropped_stream_leaves_is_used() {
    let mut wants = Missing::new(2, 1, LOST_AFTER);
    let offer = |wants: &mut Missing, now, by, number| {
        wants.offered(now, &stream(number), by, &[(1, 9)], How::Backlog, WAIT);
        wants.tick(now)
    };
    assert_eq!(offer(&mut wants, at(0), A, 2), [(A, vec![(1, 1)], false)]);
    assert_eq!(offer(&mut wants, at(1), A, 1), [], "its window is full");
    let both = [A, B].map(|to| (to, vec![(1, 1)], false));
    assert_eq!(offer(&mut wants, at(2), B, 3), both, "the first stream gave way");
}
