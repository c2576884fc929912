//! What will happen, in the order in which it will: by time, and at one time by who was first to be scheduled. So the
//! order never depends on chance.

use crate::core::time::Mono;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Events to come.
///
/// The heap moves small keys; events lie still in slots that are used again.
#[derive(Debug)]
pub(super) struct Queue<E> {
    heap: BinaryHeap<Reverse<(Mono, u64, u32)>>,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
    scheduled: u64,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), scheduled: 0 }
    }

    /// Lets `event` happen at `at`.
    pub(super) fn push(&mut self, at: Mono, event: E) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 events are under way")
        });
        self.slots[slot as usize] = Some(event);
        self.heap.push(Reverse((at, self.scheduled, slot)));
        self.scheduled += 1;
    }

    /// Takes the next event and its time.
    pub(super) fn pop(&mut self) -> Option<(Mono, E)> {
        let Reverse((at, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        Some((at, self.slots[slot as usize].take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
