//! Batches that came lately: from whom first and when, so that duplicates and announcements can be judged; and what must still
//! be announced to the neighbours that were not sent it. Announcements wait a moment for each other and become ranges, so
//! their number follows time and not messages.

use crate::core::{
    frame::{Announcement, StreamRanges},
    id::{MessageId, StreamId, ranges::Ranges},
    slots::{Slot, Slots},
    time::Mono,
};
use std::time::Duration;

/// Batches of which is remembered how they came: a power of two.
const REMEMBERED: usize = 1024;
/// Batches that may wait to be announced; that many are announced at once.
const WAITING_MAX: usize = 1024;
/// Announcements of one time after those before them, at the soonest, in delays: a steady stream of messages costs a frame a
/// link and that time.
const SPACING: u32 = 4;
/// Index where no batch has a place.
const NOBODY: u16 = u16::MAX;

/// First arrival of a batch here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct First {
    /// Its last message: announcements end with it.
    last: MessageId,
    /// The time.
    pub at: Mono,
    /// From whom; `None`: it was submitted here.
    pub from: Option<Slot>,
    /// True if it had been asked for.
    pub was_pulled: bool,
}

/// By which way a batch came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::core::dissemination) struct Came {
    /// From whom; `None`: it was submitted here.
    pub from: Option<Slot>,
    /// True if it had been asked for.
    pub was_pulled: bool,
    /// True if it had been missed for so long that it is not pushed on.
    pub is_backlog: bool,
}

/// The batches that came last.
///
/// Bounds: the first copies of at most 1024 batches, in places by their last number: a stream's last batches do not push each
/// other out as long as they are short. At most 1024 wait to be announced.
#[derive(Debug)]
pub(super) struct Recent {
    firsts: Vec<First>,
    /// By place, which of them is there; [`NOBODY`]: none.
    places: Vec<u16>,
    waiting: Vec<Unannounced>,
    due: Option<Mono>,
    /// The time when the last announcements were made.
    announced: Option<Mono>,
    delay: Duration,
}

/// News for neighbours of the messages that have come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct News {
    /// Those that were pushed along their trees, for neighbours that know trees.
    pub announced: Vec<Announcement>,
    /// Those that were not, because they had been missed for so long that most neighbours have them or ask for them; for
    /// neighbours that fetch what they lack.
    pub caught_up: Vec<StreamRanges>,
}

#[derive(Debug)]
struct Unannounced {
    /// The first message.
    id: MessageId,
    last: u64,
    at: Mono,
    is_backlog: bool,
    /// Neighbours that have it, as far as that is known, or will be told otherwise.
    told: Slots,
    /// Neighbours that it was pushed to.
    pushed: Slots,
}

impl Recent {
    /// Nothing yet; announcements wait for `delay`, and four times as long where the last ones were made a moment ago.
    pub(super) fn new(delay: Duration) -> Self {
        let (firsts, places, waiting) = (Vec::new(), Vec::new(), Vec::new());
        Self { firsts, places, waiting, due: None, announced: None, delay }
    }

    /// A batch came for the first time, from `from` or from a client, and was passed on unless `is_backlog`. `told` are
    /// those who need no announcement, `pushed` those that it was sent to.
    pub(super) fn note(&mut self, now: Mono, id: &MessageId, last: u64, came: Came, told: Slots, pushed: Slots) {
        let Came { from, was_pulled, is_backlog } = came;
        let first = First { last: MessageId { sequence: last, ..id.clone() }, at: now, from, was_pulled };
        // A node that has seen few messages holds few.
        self.places.resize(REMEMBERED, NOBODY);
        let index = &mut self.places[place(&first.last)];
        match self.firsts.get_mut(usize::from(*index)) {
            Some(former) => *former = first,
            None => {
                *index = self.firsts.len() as u16;
                self.firsts.push(first);
            }
        }
        self.waiting.push(Unannounced { id: id.clone(), last, at: now, is_backlog, told, pushed });
        let spaced = self.announced.map_or(now, |last| last + self.delay * SPACING);
        let due = self.due.unwrap_or_else(|| spaced.max(now + self.delay));
        self.due = Some(if self.waiting.len() >= WAITING_MAX { now } else { due });
    }

    /// The first arrival of the batch that ended with a message, if that is still known.
    pub(super) fn first(&self, last: &MessageId) -> Option<&First> {
        let index = *self.places.get(place(last))?;
        self.firsts.get(usize::from(index)).filter(|first| first.last == *last)
    }

    /// A neighbour has announced these: it need not be told of them.
    pub(super) fn known_to(&mut self, slot: Slot, held: &StreamRanges) {
        let StreamRanges { stream: StreamId { origin, incarnation }, ranges } = held;
        for waiting in &mut self.waiting {
            let is_held = |&(first, last): &(u64, u64)| first <= waiting.id.sequence && waiting.last <= last;
            if waiting.id.is_of(origin, *incarnation) && ranges.iter().any(is_held) {
                waiting.told.insert(slot);
            }
        }
    }

    /// The time when announcements are due.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// Says, if it is time, what to tell whom of those that know `trees` or `repair`, equal news together. Then nothing waits.
    pub(super) fn announce(&mut self, now: Mono, trees: &Slots, repair: &Slots) -> Vec<(News, Vec<Slot>)> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        (self.due, self.announced) = (None, Some(now));
        let mut links = trees.clone();
        links.extend(repair.iter());
        let mut told: Vec<(News, Vec<Slot>)> = Vec::new();
        for slot in links.iter() {
            let is_meant = |waiting: &&Unannounced| {
                let knows = if waiting.is_backlog { repair } else { trees };
                knows.contains(slot) && !waiting.told.contains(slot)
            };
            // What was pushed needs no frame of its own, unless it is of several streams: in one stream the next message shows
            // that one was lost.
            let mut meant = self.waiting.iter().filter(is_meant);
            let Some(Unannounced { id: MessageId { origin, incarnation, .. }, .. }) = meant.next() else { continue };
            let is_alike = |other: &Unannounced| other.pushed.contains(slot) && other.id.is_of(origin, *incarnation);
            if self.waiting.iter().filter(is_meant).all(is_alike) {
                continue;
            }
            let news = news(now, slot, self.waiting.iter().filter(is_meant));
            match told.iter_mut().find(|(same, _)| *same == news) {
                Some((_, slots)) => slots.push(slot),
                None => told.push((news, vec![slot])),
            }
        }
        self.waiting.clear();
        told
    }

    /// A slot is another peer's from now on.
    pub(super) fn forget(&mut self, slot: Slot) {
        for waiting in &mut self.waiting {
            waiting.told.remove(slot);
            waiting.pushed.remove(slot);
        }
        for first in self.firsts.iter_mut().filter(|first| first.from == Some(slot)) {
            first.from = None;
        }
    }
}

/// Numbers of one stream are neighbours; streams begin anywhere.
fn place(id: &MessageId) -> usize {
    let name =
        id.origin.as_str().bytes().fold(0_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let start = (name ^ id.incarnation.0).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (start.wrapping_add(id.sequence) % REMEMBERED as u64) as usize
}

/// Messages of one stream.
struct Run {
    stream: StreamId,
    is_backlog: bool,
    was_pushed: bool,
    ranges: Ranges,
    /// The highest number, and when it came.
    last: (u64, Mono),
}

/// The messages by stream, as ranges, for one neighbour; each announcement with the age of its last.
fn news<'a>(now: Mono, slot: Slot, batches: impl Iterator<Item = &'a Unannounced>) -> News {
    let mut runs: Vec<Run> = Vec::new();
    for &Unannounced { ref id, last, at, is_backlog, ref pushed, .. } in batches {
        let was_pushed = pushed.contains(slot);
        let is_same = |run: &Run| {
            let is_kind = (run.is_backlog, run.was_pushed) == (is_backlog, was_pushed);
            is_kind && id.is_of(&run.stream.origin, run.stream.incarnation)
        };
        let index = runs.iter().rposition(is_same).unwrap_or_else(|| {
            runs.push(Run { stream: id.stream(), is_backlog, was_pushed, ranges: Ranges::default(), last: (0, at) });
            runs.len() - 1
        });
        let run = &mut runs[index];
        run.ranges.insert(id.sequence, last);
        if last > run.last.0 {
            run.last = (last, at);
        }
    }
    let mut news = News::default();
    for Run { stream, is_backlog, was_pushed, ranges, last } in runs {
        let held = StreamRanges { stream, ranges: ranges.into_vec() };
        if is_backlog {
            news.caught_up.push(held);
        } else {
            news.announced.push(Announcement { held, age: now.since(last.1), was_pushed });
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Incarnation, NodeId};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    const DELAY: Duration = Duration::from_millis(5);

    fn id(origin: u32, sequence: u64) -> MessageId {
        MessageId { origin: NodeId::numbered(origin), incarnation: Incarnation(1), sequence }
    }

    fn slots(numbers: &[u16]) -> Slots {
        numbers.iter().map(|&number| Slot(number)).collect()
    }

    fn at(millis: u64) -> Mono {
        Mono(millis * 1_000_000)
    }

    fn pushed(from: u16) -> Came {
        Came { from: Some(Slot(from)), ..Came::default() }
    }

    impl Recent {
        /// Announcements and who gets them, if nothing was caught up with.
        fn tell(&mut self, now: Mono, links: &[u16]) -> Vec<(Vec<Announcement>, Vec<Slot>)> {
            let told = self.announce(now, &slots(links), &slots(links)).into_iter();
            told.map(|(news, slots)| {
                assert_eq!(news.caught_up, []);
                (news.announced, slots)
            })
            .collect()
        }
    }

    #[test]
    fn what_was_not_pushed_is_told_apart_and_to_whom_fetches() {
        let mut recent = Recent::new(DELAY);
        recent.note(at(0), &id(4, 9), 9, pushed(0), slots(&[0]), Slots::default());
        for sequence in 1..=3 {
            let came = Came { was_pulled: true, is_backlog: true, ..pushed(0) };
            recent.note(at(0), &id(4, sequence), sequence, came, slots(&[0]), Slots::default());
        }
        let told = recent.announce(at(5), &slots(&[0, 1, 2]), &slots(&[0, 2, 3]));
        let ranges = |held: &[StreamRanges]| held.iter().flat_map(|held| held.ranges.clone()).collect::<Vec<_>>();
        let told: Vec<_> = told
            .iter()
            .map(|(news, slots)| {
                let announced: Vec<_> = news.announced.iter().map(|announced| announced.held.clone()).collect();
                (slots[0].0, ranges(&announced), ranges(&news.caught_up))
            })
            .collect();
        assert_eq!(told, [(1, vec![(9, 9)], vec![]), (2, vec![(9, 9)], vec![(1, 3)]), (3, vec![], vec![(1, 3)])]);
    }

    #[test]
    fn announcements_wait_for_each_other_and_become_ranges() {
        let mut recent = Recent::new(DELAY);
        for sequence in [1, 2, 3, 7] {
            recent.note(at(sequence), &id(4, sequence), sequence, pushed(0), slots(&[0]), Slots::default());
        }
        recent.note(at(7), &id(5, 1), 1, Came::default(), slots(&[0, 2]), Slots::default());
        assert_eq!(recent.deadline(), Some(at(6)), "the first of them does not wait longer");
        assert!(recent.tell(at(5), &[0, 1, 2]).is_empty());
        let frames = recent.tell(at(8), &[0, 1, 2, 3]);
        let told: Vec<_> = frames.iter().map(|(_, slots)| slots.clone()).collect();
        assert_eq!(told, [vec![Slot(1), Slot(3)], vec![Slot(2)]]);
        let (first, _) = &frames[0];
        assert_eq!((&first[0].held.ranges, first[0].age), (&vec![(1, 3), (7, 7)], Duration::from_millis(1)));
        assert_eq!(first[1].held.stream, id(5, 1).stream());
        assert_eq!((recent.deadline(), recent.tell(at(9), &[1]).len()), (None, 0));
    }

    #[test]
    fn a_steady_stream_is_announced_less_often() {
        let mut recent = Recent::new(DELAY);
        let note = |recent: &mut Recent, millis| {
            recent.note(at(millis), &id(4, millis), millis, Came::default(), Slots::default(), Slots::default())
        };
        note(&mut recent, 1);
        assert_eq!((recent.deadline(), recent.tell(at(6), &[1]).len()), (Some(at(6)), 1));
        note(&mut recent, 7);
        assert_eq!(
            (recent.deadline(), recent.tell(at(25), &[1]).len()),
            (Some(at(26)), 0),
            "20 ms after the last time"
        );
        assert_eq!(recent.tell(at(26), &[1]).len(), 1);
        note(&mut recent, 100);
        assert_eq!(recent.deadline(), Some(at(105)), "what comes after a quiet time does not wait");
    }

    #[test]
    fn what_was_pushed_is_told_where_a_frame_goes_anyway_or_of_several_streams() {
        let mut recent = Recent::new(DELAY);
        recent.note(at(0), &id(4, 1), 1, pushed(0), slots(&[0]), slots(&[1]));
        assert!(recent.tell(at(5), &[0, 1]).is_empty(), "no frame goes for that alone");
        recent.note(at(100), &id(4, 2), 2, pushed(0), slots(&[0]), slots(&[1, 2]));
        recent.note(at(100), &id(5, 1), 1, Came::default(), slots(&[0, 2]), Slots::default());
        let told = recent.tell(at(105), &[0, 1, 2]);
        let told: Vec<_> = told.iter().map(|(told, slots)| (told.len(), slots[0].0)).collect();
        assert_eq!(told, [(2, 1)], "the one was pushed, the other is news");
        for sequence in [3, 4] {
            recent.note(at(200), &id(4, sequence), sequence, pushed(0), slots(&[0]), slots(&[1]));
        }
        assert!(recent.tell(at(205), &[0, 1]).is_empty(), "the next of the stream shows what was lost");
        for origin in [4, 5] {
            recent.note(at(300), &id(origin, 5), 5, pushed(0), slots(&[0]), slots(&[1]));
        }
        let told = recent.tell(at(305), &[0, 1]);
        assert!(told.len() == 1 && told[0].0.len() == 2 && told[0].0.iter().all(|told| told.was_pushed));
    }

    #[test]
    fn whoever_has_announced_is_not_told() {
        let mut recent = Recent::new(DELAY);
        for sequence in 1..=3 {
            recent.note(at(0), &id(4, sequence), sequence, Came::default(), Slots::default(), Slots::default());
        }
        recent.known_to(Slot(1), &StreamRanges { stream: id(4, 1).stream(), ranges: vec![(1, 1), (3, 9)] });
        recent.known_to(Slot(1), &StreamRanges { stream: id(5, 1).stream(), ranges: vec![(2, 2)] });
        let frames = recent.tell(at(5), &[1]);
        assert_eq!(frames[0].0[0].held.ranges, [(2, 2)]);
    }

    #[test]
    fn a_batch_is_known_by_its_last_message_and_announced_as_a_whole() {
        let mut recent = Recent::new(DELAY);
        recent.note(at(0), &id(4, 1), 600, pushed(0), Slots::default(), Slots::default());
        recent.note(at(0), &id(4, 601), 700, pushed(0), Slots::default(), Slots::default());
        assert_eq!([1, 600, 601, 700].map(|last| recent.first(&id(4, last)).is_some()), [false, true, false, true]);
        recent.known_to(Slot(1), &StreamRanges { stream: id(4, 1).stream(), ranges: vec![(1, 650)] });
        let told = recent.tell(at(5), &[1, 2]);
        let told: Vec<_> = told.into_iter().map(|(told, slots)| (told[0].held.ranges.clone(), slots)).collect();
        assert_eq!(told, [(vec![(601, 700)], vec![Slot(1)]), (vec![(1, 700)], vec![Slot(2)])]);
    }

    #[test]
    fn a_full_queue_is_announced_at_once_and_the_first_copies_are_known_for_a_while() {
        let mut recent = Recent::new(DELAY);
        for sequence in 1..=1024 {
            let came = Came { was_pulled: sequence == 9, ..pushed(2) };
            recent.note(at(1), &id(4, sequence), sequence, came, Slots::default(), Slots::default());
        }
        assert_eq!(recent.deadline(), Some(at(1)));
        let first = recent.first(&id(4, 9)).unwrap();
        assert_eq!((first.at, first.from, first.was_pulled), (at(1), Some(Slot(2)), true));
        recent.note(at(2), &id(4, 1033), 1033, Came::default(), Slots::default(), Slots::default());
        assert_eq!(recent.first(&id(4, 9)), None, "a later one has its place");
        recent.forget(Slot(2));
        assert_eq!(recent.first(&id(4, 10)).unwrap().from, None);
    }

    /// Numbers by origin.
    fn numbers<'a>(held: impl Iterator<Item = &'a StreamRanges>) -> BTreeSet<(NodeId, u64)> {
        let each = |held: &'a StreamRanges| held.ranges.iter().map(move |&range| (&held.stream.origin, range));
        held.flat_map(each)
            .flat_map(|(origin, (first, last))| (first..=last).map(|number| (origin.clone(), number)))
            .collect()
    }

    proptest! {
        /// However batches follow each other: each neighbour is told once of all messages of those that it may lack, and of no
        /// others; and each batch that is remembered is so as it came.
        #[test]
        fn each_is_told_of_what_it_may_lack(
            batches in prop::collection::vec((1..4_u32, 1..300_u64, 1..9_u64, 0..5_u16, any::<bool>()), 1..60),
            known in prop::collection::vec((0..5_u16, 1..4_u32, 1..300_u64, 0..40_u64), 0..9),
        ) {
            let (mut recent, mut came_last) = (Recent::new(DELAY), BTreeMap::new());
            for (at_ms, &(origin, first, count, from, is_backlog)) in batches.iter().enumerate() {
                let (last, now) = (first + count - 1, at(at_ms as u64));
                recent.note(now, &id(origin, first), last, Came { is_backlog, ..pushed(from) }, slots(&[from]), Slots::default());
                came_last.insert(id(origin, last), (now, Some(Slot(from))));
            }
            for &(slot, origin, first, more) in &known {
                let held = StreamRanges { stream: id(origin, 1).stream(), ranges: vec![(first, first + more)] };
                recent.known_to(Slot(slot), &held);
            }
            for (last, came) in &came_last {
                prop_assert!(recent.first(last).is_none_or(|first| (first.at, first.from) == *came));
            }
            let now = at(batches.len() as u64 + 5);
            let mut told = BTreeMap::new();
            for (news, slots) in recent.announce(now, &slots(&[0, 1, 2, 3]), &slots(&[0, 1, 4])) {
                for Announcement { held, age, .. } in &news.announced {
                    let last = held.stream.message(held.ranges.last().unwrap().1);
                    prop_assert!(came_last[&last].0 >= Mono(now.0 - age.as_nanos() as u64), "the age is that of its last");
                }
                let announced = numbers(news.announced.iter().map(|announcement| &announcement.held));
                let caught_up = numbers(news.caught_up.iter());
                for slot in slots {
                    prop_assert!(told.insert(slot.0, [announced.clone(), caught_up.clone()]).is_none(), "told at one time");
                }
            }
            for slot in 0..5 {
                let mut expected = [BTreeSet::new(), BTreeSet::new()];
                for &(origin, first, count, from, is_backlog) in &batches {
                    let last = first + count - 1;
                    let is_known = known.iter().any(|&(by, of, begin, more)| {
                        (by, of) == (slot, origin) && begin <= first && last <= begin + more
                    });
                    let is_meant = if is_backlog { matches!(slot, 0 | 1 | 4) } else { slot < 4 };
                    if is_meant && !is_known && from != slot {
                        let numbers = (first..=last).map(|number| (NodeId::numbered(origin), number));
                        expected[usize::from(is_backlog)].extend(numbers);
                    }
                }
                prop_assert_eq!(told.remove(&slot).unwrap_or_default(), expected);
            }
            prop_assert_eq!((recent.deadline(), recent.announce(at(9999), &slots(&[0]), &slots(&[0]))), (None, vec![]));
        }
    }
}
