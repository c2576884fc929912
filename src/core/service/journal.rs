//! The latest happenings at a node, each at a position that counts from 1 and is never used twice in one life.
//!
//! Events are always noted: they are few. Refusals, which a stranger can cause as often as it likes, have a ring of their own,
//! so that they do not push the death of a neighbour out; and so have arrivals, which are noted only while somebody watches.

use super::told::{Arrival, of_arrival, of_event};
use crate::core::{
    event::Event,
    id::Incarnation,
    request::happening::{Happening, TOLD_MAX, WatchPage},
    time::{Mono, Now, Wall},
};
use std::{collections::VecDeque, time::Duration};

/// Time for which arrivals are noted after somebody watched.
pub(super) const WATCHED_FOR: Duration = Duration::from_secs(60);

/// The latest happenings.
#[derive(Debug)]
pub(super) struct Journal {
    life: Incarnation,
    events: Ring<Event>,
    refusals: Ring<Event>,
    arrivals: Ring<Arrival>,
    next: u64,
    watched_until: Option<Mono>,
}

impl Journal {
    /// The empty journal of the life `life`. It keeps the latest `journal_max` events, as many refusals, and as many arrivals.
    pub(super) fn new(life: Incarnation, journal_max: usize) -> Self {
        let (events, refusals, arrivals) = (Ring::new(journal_max), Ring::new(journal_max), Ring::new(journal_max));
        Self { life, events, refusals, arrivals, next: 1, watched_until: None }
    }

    /// The life that its positions belong to. A node that takes up another one while it runs keeps its journal.
    pub(super) fn life(&self) -> Incarnation {
        self.life
    }

    /// Notes an event.
    pub(super) fn note(&mut self, at: Wall, event: &Event) {
        let is_refusal = matches!(event, Event::Refused { .. } | Event::RefusedBy { .. });
        let ring = if is_refusal { &mut self.refusals } else { &mut self.events };
        ring.push(self.next, at, event.clone());
        self.next += 1;
    }

    /// Somebody watches.
    pub(super) fn watched(&mut self, now: Mono) {
        self.watched_until = Some(now + WATCHED_FOR);
    }

    /// Notes the arrival that `arrival` makes, if somebody watched within [`WATCHED_FOR`]. Otherwise this costs a comparison,
    /// and the first time after it what was noted is let go.
    pub(super) fn arrive(&mut self, now: Now, arrival: impl FnOnce() -> Arrival) {
        let Some(until) = self.watched_until else { return };
        if until < now.mono {
            self.watched_until = None;
            self.arrivals.clear();
            return;
        }
        self.arrivals.push(self.next, now.wall, arrival());
        self.next += 1;
    }

    /// The position of the next happening.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Happenings kept.
    pub(super) fn len(&self) -> usize {
        self.events.entries.len() + self.refusals.entries.len() + self.arrivals.entries.len()
    }

    /// Gives what is kept from the position `from` on, at most [`TOLD_MAX`]. A position beyond [`next`](Self::next) is of another
    /// life, and means the first.
    pub(super) fn tell(&self, from: u64) -> WatchPage {
        let from = if from > self.next { 1 } else { from.max(1) };
        let events = [&self.events, &self.refusals].map(|ring| ring.happenings(from, of_event).peekable());
        let [mut events, mut refusals] = events;
        let mut arrivals = self.arrivals.happenings(from, of_arrival).peekable();
        let (mut next, mut happenings) = (from, Vec::new());
        while happenings.len() < TOLD_MAX {
            let heads =
                [events.peek(), refusals.peek(), arrivals.peek()].map(|head| head.map_or(u64::MAX, |head| head.0));
            let told = match heads.iter().min() {
                Some(first) if *first == heads[0] => events.next(),
                Some(first) if *first == heads[1] => refusals.next(),
                _ => arrivals.next(),
            };
            let Some((at, happening)) = told else {
                // All that is kept was told: what is behind it is missed, too.
                next = self.next;
                break;
            };
            next = at + 1;
            happenings.push(happening);
        }
        WatchPage { next, missed: next - from - happenings.len() as u64, happenings }
    }
}

/// The latest of some entries, with their positions and times.
#[derive(Debug)]
struct Ring<T> {
    entries: VecDeque<(u64, Wall, T)>,
    max: usize,
}

impl<T> Ring<T> {
    fn new(max: usize) -> Self {
        Self { entries: VecDeque::new(), max }
    }

    fn push(&mut self, position: u64, at: Wall, entry: T) {
        if self.entries.len() >= self.max {
            self.entries.pop_front();
        }
        if self.max > 0 {
            self.entries.push_back((position, at, entry));
        }
    }

    /// Drops all, with the memory.
    fn clear(&mut self) {
        self.entries = VecDeque::new();
    }

    /// Gives what it keeps from the position on, as watchers are told it.
    fn happenings(
        &self,
        position: u64,
        told: impl Fn(Wall, &T) -> Happening,
    ) -> impl Iterator<Item = (u64, Happening)> {
        let first = self.entries.partition_point(|&(at, ..)| at < position);
        self.entries.range(first..).map(move |(at, time, entry)| (*at, told(*time, entry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        id::{NodeId, StreamId},
        stats::Refusal,
    };
    use proptest::prelude::*;

    fn arrival(sequence: u64) -> Arrival {
        let id = StreamId { origin: NodeId::numbered(4), incarnation: Incarnation(17) }.message(sequence);
        Arrival { id, count: 1, from: None, hops: 1, latency: Duration::from_micros(5) }
    }

    fn now(seconds: u64) -> Now {
        Now { mono: Mono(seconds * 1_000_000_000), wall: Wall(seconds) }
    }

    fn refused() -> Event {
        Event::Refused { node: NodeId::numbered(5), refusal: Refusal::OtherNetwork, text: String::new() }
    }

    /// The ring that it has a place in.
    fn ring(happening: &Happening) -> usize {
        ["leaving", "refused", Happening::ARRIVED].iter().position(|kind| *kind == happening.kind).unwrap()
    }

    proptest! {
        /// Against a list that keeps all: what is told is its latest part, in order, and what is not is counted.
        #[test]
        fn a_reader_gets_all_that_is_kept_and_the_number_of_the_rest(
            steps in prop::collection::vec((0..3usize, prop::option::weighted(0.2, 0u64..12)), 0..120),
            max in 0usize..10,
        ) {
            let mut journal = Journal::new(Incarnation(17), max);
            journal.watched(now(0).mono);
            let mut all = Vec::new();
            let (mut next, mut told, mut missed) = (1, 0, 0);
            for (number, (kind, read)) in steps.into_iter().enumerate() {
                let at = now(number as u64 / 4);
                all.push(kind);
                match kind {
                    0 => journal.note(at.wall, &Event::Leaving),
                    1 => journal.note(at.wall, &refused()),
                    _ => journal.arrive(at, || arrival(1)),
                }
                let kept = [0, 1, 2].map(|kind| all.iter().filter(|is| **is == kind).count().min(max));
                prop_assert_eq!(journal.len(), kept.iter().sum::<usize>());
                if let Some(back) = read {
                    let answer = journal.tell(next);
                    prop_assert_eq!(answer.next, all.len() as u64 + 1);
                    told += answer.happenings.len() as u64;
                    missed += answer.missed;
                    next = answer.next;
                    prop_assert_eq!(told + missed, all.len() as u64);
                    let from = (all.len() as u64).saturating_sub(back);
                    let late = journal.tell(from);
                    let kinds: Vec<_> = late.happenings.iter().map(ring).collect();
                    let mut left = [max; 3];
                    let mut expected: Vec<_> = all[from.max(1) as usize - 1..].iter().rev().copied().filter(|&kind| {
                        let left = &mut left[kind];
                        let is_kept = *left > 0;
                        *left -= usize::from(is_kept);
                        is_kept
                    }).collect();
                    expected.reverse();
                    prop_assert_eq!(kinds, expected);
                }
            }
        }
    }

    #[test]
    fn arrivals_cost_nothing_unless_somebody_watches() {
        let mut journal = Journal::new(Incarnation(17), 8);
        journal.arrive(now(1), || panic!("nobody watches"));
        assert_eq!((journal.arrivals.entries.capacity(), journal.next()), (0, 1));
        journal.watched(now(2).mono);
        journal.arrive(now(62), || arrival(1));
        assert_eq!(journal.tell(0).happenings.len(), 1);
        journal.arrive(now(63), || panic!("nobody watches any more"));
        assert_eq!(journal.arrivals.entries.capacity(), 0, "what was noted is let go");
        assert_eq!(journal.tell(0), WatchPage { next: 2, missed: 1, happenings: Vec::new() });
    }

    #[test]
    fn messages_that_come_together_are_told_as_one_happening_with_their_number() {
        let mut journal = Journal::new(Incarnation(17), 8);
        journal.watched(now(1).mono);
        for count in [1, 4096] {
            journal.arrive(now(2), || Arrival { count, ..arrival(5) });
        }
        let told = journal.tell(0).happenings;
        let counts: Vec<_> = told.iter().map(|told| told.details.get("count")).collect();
        assert_eq!(counts, [None, Some(&4096_u64.into())]);
    }

    #[test]
    fn whoever_is_refused_again_and_again_pushes_nothing_else_out() {
        let mut journal = Journal::new(Incarnation(17), 8);
        journal.note(Wall(1), &Event::PeerDown(NodeId::numbered(4)));
        (0..100).for_each(|_| journal.note(Wall(2), &refused()));
        let told = journal.tell(1);
        assert_eq!((told.happenings.len(), told.missed, &*told.happenings[0].kind), (9, 92, "down"));
    }

    #[test]
    fn a_long_journal_is_told_in_parts() {
        let mut journal = Journal::new(Incarnation(17), 3000);
        for _ in 0..TOLD_MAX + 5 {
            journal.note(Wall(1), &Event::Leaving);
        }
        let first = journal.tell(1);
        assert_eq!((first.happenings.len(), first.next, first.missed), (TOLD_MAX, TOLD_MAX as u64 + 1, 0));
        let rest = journal.tell(first.next);
        assert_eq!((rest.happenings.len(), rest.next), (5, journal.next()));
        assert_eq!(journal.tell(rest.next), WatchPage { next: rest.next, ..WatchPage::default() });
    }

    #[test]
    fn a_position_of_another_life_means_the_first() {
        let mut journal = Journal::new(Incarnation(17), 8);
        journal.note(Wall(1), &Event::Leaving);
        assert_eq!(journal.tell(1000), journal.tell(1));
    }
}
