//! What was given up because nobody keeps it any more, to be shown.

use super::ranges::Ranges;
use crate::core::{id::StreamId, request::Gap};
use std::collections::BTreeMap;

/// The gaps of a node, merged, at most `gaps_max`; of those beyond, the messages are counted only.
#[derive(Debug)]
pub struct Gaps {
    streams: BTreeMap<StreamId, Ranges>,
    len: usize,
    messages: u64,
    unlisted: u64,
    gaps_max: usize,
}

impl Gaps {
    /// None, with the bound.
    pub fn new(gaps_max: usize) -> Self {
        Self { streams: BTreeMap::new(), len: 0, messages: 0, unlisted: 0, gaps_max }
    }

    /// Adds a gap: messages that were not given up before.
    pub fn add(&mut self, gap: Gap) {
        self.messages = self.messages.saturating_add(gap.last - gap.first + 1);
        let known = self.streams.get(&gap.stream);
        let extends = known.is_some_and(|ranges| {
            ranges.contains(gap.first.saturating_sub(1)) || ranges.contains(gap.last.saturating_add(1))
        });
        if self.len >= self.gaps_max && !extends {
            self.unlisted = self.unlisted.saturating_add(gap.last - gap.first + 1);
            return;
        }
        let ranges = self.streams.entry(gap.stream).or_default();
        let before = ranges.as_slice().len();
        ranges.insert(gap.first, gap.last);
        self.len = self.len + ranges.as_slice().len() - before;
    }

    /// Those that are kept: by stream, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Gap> {
        self.streams.iter().flat_map(|(stream, ranges)| {
            ranges.as_slice().iter().map(|&(first, last)| Gap { stream: stream.clone(), first, last })
        })
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Messages given up in all.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Of these, the ones in gaps that are not kept.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Incarnation, NodeId};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn gap(origin: u32, first: u64, last: u64) -> Gap {
        let stream = StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(1) };
        Gap { stream, first, last }
    }

    #[test]
    fn what_touches_is_one_gap_and_takes_no_room() {
        let mut gaps = Gaps::new(2);
        for (first, last) in [(4, 6), (10, 10), (1, 3), (20, 29), (7, 9), (30, 30)] {
            gaps.add(gap(1, first, last));
        }
        assert_eq!(gaps.iter().collect::<Vec<_>>(), [gap(1, 1, 10), gap(1, 30, 30)]);
        assert_eq!((gaps.messages(), gaps.unlisted(), gaps.len()), (21, 10, 2));
    }

    proptest! {
        #[test]
        fn every_message_given_up_is_listed_or_counted(
            steps in prop::collection::vec((0..4_u32, 1..60_u64), 0..150),
            gaps_max in 0..12_usize,
        ) {
            let (mut gaps, mut given_up) = (Gaps::new(gaps_max), BTreeSet::new());
            for (origin, number) in steps {
                if given_up.insert((origin, number)) {
                    gaps.add(gap(origin, number, number));
                }
                prop_assert!(gaps.len() <= gaps_max);
                prop_assert_eq!(gaps.iter().count(), gaps.len());
                let listed: u64 = gaps.iter().map(|gap| gap.last - gap.first + 1).sum();
                prop_assert_eq!(listed + gaps.unlisted(), given_up.len() as u64);
                prop_assert_eq!(gaps.messages(), given_up.len() as u64);
            }
        }
    }
}
