//! Gaps that were filled after all: told in ranges, a moment later, for their messages come one by one.

use crate::core::{
    id::{MessageId, StreamId, ranges::Ranges},
    time::Mono,
};
use std::{collections::BTreeMap, time::Duration};

/// Ranges that wait to be told; that many are told at once.
const RANGES_MAX: usize = 256;

/// Messages that were given up and have come lately.
#[derive(Debug)]
pub(super) struct Filled {
    streams: BTreeMap<StreamId, Ranges>,
    due: Option<Mono>,
    delay: Duration,
}

impl Filled {
    /// Nothing; it is told after `delay`.
    pub(super) fn new(delay: Duration) -> Self {
        Self { streams: BTreeMap::new(), due: None, delay }
    }

    /// Messages of the stream of `id` came that had been given up.
    pub(super) fn note(&mut self, now: Mono, id: &MessageId, filled: &[(u64, u64)]) {
        if filled.is_empty() {
            return;
        }
        self.streams.entry(id.stream()).or_default().extend(filled);
        let len: usize = self.streams.values().map(|ranges| ranges.as_slice().len()).sum();
        let due = self.due.unwrap_or(now + self.delay);
        self.due = Some(if len >= RANGES_MAX { now } else { due });
    }

    /// The time when there is something to tell.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// Takes the ranges, by stream, if it is time. Then nothing waits.
    pub(super) fn take(&mut self, now: Mono) -> Vec<(StreamId, u64, u64)> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = None;
        let streams = std::mem::take(&mut self.streams).into_iter();
        streams
            .flat_map(|(stream, ranges)| {
                ranges.into_vec().into_iter().map(move |(first, last)| (stream.clone(), first, last))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Incarnation, NodeId};

    #[test]
    fn what_comes_one_by_one_is_told_in_ranges() {
        let stream = StreamId { origin: NodeId::numbered(4), incarnation: Incarnation(1) };
        let mut filled = Filled::new(Duration::from_nanos(10));
        for number in [1, 2, 3, 7] {
            filled.note(Mono(number), &stream.message(number), &[(number, number)]);
        }
        assert_eq!((filled.deadline(), filled.take(Mono(10))), (Some(Mono(11)), vec![]));
        assert_eq!(filled.take(Mono(11)), [(stream.clone(), 1, 3), (stream.clone(), 7, 7)]);
        assert_eq!((filled.deadline(), filled.take(Mono(99))), (None, vec![]));
        (0..RANGES_MAX as u64)
            .for_each(|number| filled.note(Mono(20), &stream.message(1), &[(2 * number + 1, 2 * number + 1)]));
        assert_eq!(filled.deadline(), Some(Mono(20)), "many do not wait");
    }
}
