//! The clients that wait for something to happen, each with a deadline of its own; bounded.

use super::caller::Caller;
use crate::core::time::Mono;

/// Clients that wait for the journal to grow.
#[derive(Debug)]
pub(super) struct Watchers {
    waiting: Vec<Watcher>,
    waiting_max: usize,
    per_client_max: usize,
}

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Watcher {
    /// The first position that it wants to know.
    pub(super) from: u64,
    /// The time at which it is answered, whatever happens.
    pub(super) due: Mono,
    /// The client.
    pub(super) caller: Caller,
}

impl Watchers {
    /// Nobody; at most `waiting_max`, and of one connection `per_client_max`.
    pub(super) fn new(waiting_max: usize, per_client_max: usize) -> Self {
        Self { waiting: Vec::new(), waiting_max, per_client_max }
    }

    /// Lets a watcher wait, or gives it back if too many do. One that asks again under a unique id waits once. Where all places
    /// are taken, the one that has waited longest of the connection with most gives its own to one of a connection with at
    /// least two fewer, and is returned: it is to be answered now.
    pub(super) fn push(&mut self, watcher: Watcher) -> Result<Option<Watcher>, Watcher> {
        if let Some(same) = self.waiting.iter_mut().find(|other| watcher.caller.repeats(&other.caller)) {
            *same = watcher;
            return Ok(None);
        }
        let own = self.count_of(&watcher);
        if own >= self.per_client_max {
            return Err(watcher);
        }
        let mut gives_way = None;
        if self.waiting.len() >= self.waiting_max {
            let counts = self.waiting.iter().enumerate().map(|(at, other)| (self.count_of(other), at));
            match counts.max_by_key(|&(count, at)| (count, std::cmp::Reverse(at))) {
                Some((most, at)) if most > own + 1 => gives_way = Some(self.waiting.remove(at)),
                _ => return Err(watcher),
            }
        }
        self.waiting.push(watcher);
        Ok(gives_way)
    }

    /// Counts those of the same connection.
    fn count_of(&self, watcher: &Watcher) -> usize {
        let is_own = |other: &&Watcher| other.caller.connection() == watcher.caller.connection();
        self.waiting.iter().filter(is_own).count()
    }

    /// Takes one that has something to be told: the next position is beyond the one that it waits for.
    pub(super) fn take_ready(&mut self, next: u64) -> Option<Watcher> {
        let index = self.waiting.iter().position(|watcher| watcher.from < next)?;
        Some(self.waiting.remove(index))
    }

    /// Takes one whose time is over.
    pub(super) fn take_due(&mut self, now: Mono) -> Option<Watcher> {
        let index = self.waiting.iter().position(|watcher| watcher.due <= now)?;
        Some(self.waiting.remove(index))
    }

    /// Takes all, in the order in which they came.
    pub(super) fn take_all(&mut self) -> Vec<Watcher> {
        std::mem::take(&mut self.waiting)
    }

    /// Watchers that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Says whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The time at which the first of them has waited long enough.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.waiting.iter().map(|watcher| watcher.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{event::ReturnAddress, request::RequestId};
    use proptest::prelude::*;

    fn watcher(client: u8, from: u64, due: u64, id: RequestId) -> Watcher {
        Watcher { from, due: Mono(due), caller: Caller { address: ReturnAddress([client].into()), id } }
    }

    proptest! {
        #[test]
        fn nobody_waits_beyond_a_deadline_or_a_happening(
            steps in prop::collection::vec((0u64..8, 0u64..8, any::<bool>()), 0..60),
        ) {
            let (mut watchers, mut taken, mut pushed, mut refused) = (Watchers::new(3, 3), 0, 0, 0);
            for (number, (from, due, is_time)) in steps.into_iter().enumerate() {
                match watchers.push(watcher(number as u8, from, due, RequestId::None)) {
                    Ok(_) => pushed += 1,
                    Err(back) => {
                        prop_assert_eq!((watchers.len(), back.from), (3, from));
                        refused += 1;
                    }
                }
                let one = if is_time { watchers.take_due(Mono(due)) } else { watchers.take_ready(from + 1) };
                if let Some(one) = one {
                    let fits = if is_time { one.due <= Mono(due) } else { one.from <= from };
                    prop_assert!(fits, "{:?}", one);
                    taken += 1;
                } else {
                    let waits = |one: &Watcher| if is_time { one.due > Mono(due) } else { one.from > from };
                    let all_wait = watchers.waiting.iter().all(waits);
                    prop_assert!(all_wait, "{:?}", watchers);
                }
                prop_assert_eq!(watchers.deadline(), watchers.waiting.iter().map(|one| one.due).min());
            }
            prop_assert_eq!(watchers.len() + taken + refused, pushed + refused);
            prop_assert_eq!(watchers.take_all().len(), pushed - taken);
            prop_assert_eq!(watchers.deadline(), None);
        }
    }

    #[test]
    fn one_client_keeps_nobody_out() {
        let mut watchers = Watchers::new(8, 2);
        let from = |connection: u8, rest: u8| ReturnAddress([0, 1, connection, 0, 1, rest].into());
        let watcher = |address| {
            let caller = Caller { address, id: RequestId::None };
            Watcher { from: 1, due: Mono(5), caller }
        };
        let taken = (0..100).filter(|&rest| watchers.push(watcher(from(7, rest))).is_ok()).count();
        assert_eq!(taken, 2, "whatever it calls itself");
        assert!(watchers.push(watcher(from(8, 0))).is_ok());
        // Four connections take all the places, and one more comes.
        let taken = (0..100).filter(|&rest| watchers.push(watcher(from(9 + rest % 3, rest))).is_ok()).count();
        assert_eq!((taken, watchers.len()), (5, 8));
        let given_way = [0, 1].map(|rest| watchers_push(&mut watchers, watcher(from(77, rest))));
        assert_eq!(
            given_way,
            [Ok(Some(from(7, 0))), Err(())],
            "of those with most the first, and nobody for one of as many"
        );
    }

    fn watchers_push(watchers: &mut Watchers, watcher: Watcher) -> Result<Option<ReturnAddress>, ()> {
        watchers.push(watcher).map(|other| other.map(|other| other.caller.address)).map_err(drop)
    }

    #[test]
    fn who_asks_again_under_a_unique_id_waits_once() {
        let mut watchers = Watchers::new(1, 1);
        let id = || RequestId::Unique([7; 16].as_slice().into());
        watchers.push(watcher(1, 1, 5, id())).unwrap();
        watchers.push(watcher(2, 3, 9, id())).unwrap();
        assert_eq!((watchers.len(), watchers.deadline()), (1, Some(Mono(9))));
        assert!(watchers.push(watcher(3, 1, 5, RequestId::Number(1))).is_err());
    }
}
