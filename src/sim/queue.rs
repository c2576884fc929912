//! Queue of events, by time, and at one time by the order in which they were scheduled. So the
//! order never depends on chance.

use crate::core::time::Mono;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Nanoseconds of a day of the calendar, as a power of two: 131 µs.
const DAY: u32 = 17;
/// Days that the calendar covers: half a second. Nearly all that is scheduled, a frame's arrival, happens before.
const DAYS: usize = 4096;

/// Time of an event, its place among the events of that time, and its slot.
type Key = Reverse<(Mono, u64, u32)>;

/// Events to come.
///
/// A calendar (Brown, *Calendar Queues*, CACM 1988): only the events of the day that has come are put into order. What lies
/// beyond the calendar waits in a heap of its own. Keys are small; events lie still in slots that are used again.
#[derive(Debug)]
pub(super) struct Queue<E> {
    /// The number of the day that has come, and its events.
    day: u64,
    today: BinaryHeap<Key>,
    /// The events of the days after it, by the day's number modulo their count.
    days: Vec<Vec<Key>>,
    /// Number of keys in `days`.
    waiting: usize,
    later: BinaryHeap<Key>,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
    scheduled: u64,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Self {
            day: 0,
            today: BinaryHeap::new(),
            days: (0..DAYS).map(|_| Vec::new()).collect(),
            waiting: 0,
            later: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            scheduled: 0,
        }
    }

    /// Lets `event` happen at `at`.
    pub(super) fn push(&mut self, at: Mono, event: E) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 events are under way")
        });
        self.slots[slot as usize] = Some(event);
        self.enter(Reverse((at, self.scheduled, slot)));
        self.scheduled += 1;
    }

    /// Takes the next event and its time.
    pub(super) fn pop(&mut self) -> Option<(Mono, E)> {
        while self.today.is_empty() {
            self.turn_over()?;
        }
        let Reverse((at, _, slot)) = self.today.pop()?;
        self.free.push(slot);
        Some((at, self.slots[slot as usize].take()?))
    }

    fn enter(&mut self, key: Key) {
        let day = day_of(&key);
        if day <= self.day {
            self.today.push(key);
        } else if day - self.day < DAYS as u64 {
            self.days[day as usize % DAYS].push(key);
            self.waiting += 1;
        } else {
            self.later.push(key);
        }
    }

    /// Goes on to the next day, or if nothing is left in the calendar to the first day of what lies beyond it; `None` if that
    /// is nothing, either.
    fn turn_over(&mut self) -> Option<()> {
        self.day = if self.waiting > 0 { self.day + 1 } else { day_of(self.later.peek()?) };
        let events = &mut self.days[self.day as usize % DAYS];
        self.waiting -= events.len();
        self.today.extend(events.drain(..));
        while let Some(key) = self.later.peek()
            && day_of(key).saturating_sub(self.day) < DAYS as u64
        {
            let key = self.later.pop()?;
            self.enter(key);
        }
        Some(())
    }
}

fn day_of(Reverse((at, ..)): &Key) -> u64 {
    at.0 >> DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn earlier_first_and_at_one_time_in_the_order_of_scheduling() {
        let mut queue = Queue::new();
        for (at, event) in [(5, 'd'), (3, 'a'), (5, 'e'), (3, 'b'), (4, 'c')] {
            queue.push(Mono(at), event);
        }
        let taken: String = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(taken, "abcde");
        queue.push(Mono(1), 'x');
        assert_eq!((queue.slots.len(), queue.pop()), (5, Some((Mono(1), 'x'))));
    }

    proptest! {
        #[test]
        fn whatever_is_scheduled_when_comes_in_order(
            steps in prop::collection::vec((0_u64..u64::MAX, 0_u32..64, any::<bool>()), 0..300),
        ) {
            let (mut queue, mut all, mut now) = (Queue::new(), std::collections::BTreeSet::new(), 0);
            for (number, (delay, shift, takes)) in steps.into_iter().enumerate() {
                if takes {
                    let expected = all.pop_first();
                    prop_assert_eq!(queue.pop(), expected.map(|(at, number)| (Mono(at), number)));
                    now = expected.map_or(now, |(at, _)| at);
                } else {
                    let at = now.saturating_add(delay >> shift);
                    queue.push(Mono(at), number);
                    all.insert((at, number));
                }
            }
            while let Some((at, number)) = all.pop_first() {
                prop_assert_eq!(queue.pop(), Some((Mono(at), number)));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}
