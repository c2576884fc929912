//! Parts of what is missing of one stream, by their fate.

use super::ask::How;
use crate::core::{id::ranges::Ranges, time::Mono};

/// Most intervals kept of one stream, and of what one source offers of it. Beyond it the highest are dropped: the next
/// digest brings them again.
pub(super) const INTERVALS_MAX: usize = 256;

/// Missing messages that share a fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) last: u64,
    /// The time when it was offered first.
    pub(super) since: Mono,
    /// The time when it is asked for.
    pub(super) due: Mono,
    pub(super) how: How,
    /// Since when nobody offers it, because all who did have lost it.
    pub(super) bare: Option<Mono>,
}

/// Missing messages of one stream: parts that ascend and do not overlap. Bounds: [`INTERVALS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<Part>);

impl Parts {
    /// All that is missing and known to exist.
    pub(super) fn sought(&self) -> Ranges {
        Ranges::from(&self.0.iter().map(|part| (part.first, part.last)).collect::<Vec<_>>()[..])
    }

    /// Adds the numbers of `fresh` that are in no part yet.
    pub(super) fn add(&mut self, mut fresh: Ranges, part: impl Fn((u64, u64)) -> Part) {
        for part in &self.0 {
            fresh.remove(part.first, part.last);
        }
        self.0.extend(fresh.as_slice().iter().map(|&range| part(range)));
        self.0.sort_unstable_by_key(|part| part.first);
    }

    /// Takes messages out; gives the first part that any of them was in, as it was.
    pub(super) fn take(&mut self, first: u64, last: u64) -> Option<Part> {
        let from = self.0.partition_point(|part| part.last < first);
        let upto = self.0.partition_point(|part| part.first <= last);
        let (&left, &right) = (self.0.get(from).filter(|_| from < upto)?, self.0.get(upto - 1)?);
        let before = Some(Part { last: first.saturating_sub(1), ..left }).filter(|_| left.first < first);
        let behind = Some(Part { first: last.saturating_add(1), ..right }).filter(|_| right.last > last);
        let is_cut = before.is_some() && behind.is_some();
        self.0.splice(from..upto, before.into_iter().chain(behind));
        if is_cut {
            self.compact();
        }
        Some(left)
    }

    /// The time when a message was told of first.
    pub(super) fn since(&self, sequence: u64) -> Option<Mono> {
        let part = self.0.get(self.0.partition_point(|part| part.last < sequence))?;
        (part.first <= sequence).then_some(part.since)
    }

    /// Puts off until `due` what was not offered by need and comes after `sequence`.
    pub(super) fn put_off(&mut self, sequence: u64, due: Mono) {
        for part in &mut self.0 {
            if part.first > sequence && part.bare.is_none() && matches!(part.how, How::Announced | How::Digest) {
                part.due = part.due.max(due);
            }
        }
    }

    /// Takes what nobody has offered since `before`.
    pub(super) fn give_up(&mut self, before: impl Fn(Mono) -> bool) -> Vec<(u64, u64)> {
        let given_up = self.0.extract_if(.., |part| part.bare.is_some_and(&before));
        Ranges::from(&given_up.map(|part| (part.first, part.last)).collect::<Vec<_>>()[..]).into_vec()
    }

    /// The parts, ascending.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Part> {
        self.0.iter()
    }

    /// The same as a slice.
    #[cfg(test)]
    pub(super) fn as_slice(&self) -> &[Part] {
        &self.0
    }

    /// Says whether nothing is missing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Changes the parts that are within `ranges`, cutting them where these end; drops those that `change` denies.
    pub(super) fn revise(&mut self, ranges: &[(u64, u64)], mut change: impl FnMut(&mut Part) -> bool) {
        if ranges.is_empty() {
            return;
        }
        for part in std::mem::take(&mut self.0) {
            let mut outside = Ranges::from(&[(part.first, part.last)][..]);
            let inside = outside.intersection(ranges);
            outside.subtract(inside.as_slice());
            let kept = outside.as_slice().iter().map(|&(first, last)| Part { first, last, ..part });
            self.0.extend(kept);
            for &(first, last) in inside.as_slice() {
                let mut piece = Part { first, last, ..part };
                if change(&mut piece) {
                    self.0.push(piece);
                }
            }
        }
        self.0.sort_unstable_by_key(|part| part.first);
        self.compact();
    }

    /// Joins parts that differ in nothing, and if they are too many those that differ in time. Drops the highest if
    /// that is not enough, and says so.
    pub(super) fn compact(&mut self) -> bool {
        let touch = |a: &Part, b: &Part| a.last + 1 == b.first && (a.how, a.bare) == (b.how, b.bare);
        self.0.dedup_by(|b, a| {
            let joins = touch(a, b) && (a.since, a.due) == (b.since, b.due);
            a.last = if joins { b.last } else { a.last };
            joins
        });
        if self.0.len() <= INTERVALS_MAX {
            return false;
        }
        self.0.dedup_by(|b, a| {
            let joins = touch(a, b);
            if joins {
                (a.last, a.since, a.due) = (b.last, a.since.min(b.since), a.due.min(b.due));
            }
            joins
        });
        let is_cut = self.0.len() > INTERVALS_MAX;
        self.0.truncate(INTERVALS_MAX);
        is_cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn of(part: &Part) -> (Mono, How, Option<Mono>) {
        (part.since, part.how, part.bare)
    }

    proptest! {
        /// Whatever is added and taken, in ranges that end anywhere: each number that is left has the fate that it was given.
        #[test]
        fn parts_are_a_map_of_numbers(
            steps in prop::collection::vec((any::<bool>(), 1..60_u64, 0..12_u64, 0..4_u64), 0..60),
        ) {
            let (mut parts, mut expected) = (Parts::default(), BTreeMap::new());
            for (adds, first, more, kind) in steps {
                let (last, at) = (first + more, Mono(kind));
                let how = [How::Announced, How::Backlog][kind as usize % 2];
                if adds {
                    let part = |(first, last)| {
                        Part { first, last, since: at, due: at, how, bare: (kind > 1).then_some(at) }
                    };
                    parts.add(Ranges::from(&[(first, last)][..]), part);
                    parts.compact();
                    (first..=last).for_each(|number| _ = expected.entry(number).or_insert_with(|| of(&part((first, last)))));
                } else {
                    let lowest = expected.range(first..=last).next().map(|(&number, &fate)| (number, fate));
                    let taken = parts.take(first, last);
                    prop_assert_eq!(taken.map(|part| of(&part)), lowest.map(|(_, fate)| fate));
                    let has_it = |(number, _)| taken.is_some_and(|part| (part.first..=part.last).contains(&number));
                    prop_assert!(lowest.is_none_or(has_it), "it is given as it was");
                    expected.retain(|number, _| !(first..=last).contains(number));
                }
                prop_assert!(parts.iter().all(|part| part.first <= part.last));
                prop_assert!(parts.as_slice().windows(2).all(|pair| pair[0].last < pair[1].first));
                let numbers = parts.iter().flat_map(|part| (part.first..=part.last).map(|number| (number, of(part))));
                prop_assert_eq!(numbers.collect::<BTreeMap<_, _>>(), expected.clone());
            }
        }
    }

    #[test]
    fn the_ends_of_all_numbers_are_taken_as_any_others() {
        let mut parts = Parts::default();
        let part = |(first, last)| Part { first, last, since: Mono(1), due: Mono(1), how: How::Digest, bare: None };
        parts.add(Ranges::from(&[(1, u64::MAX)][..]), part);
        assert_eq!(parts.take(1, 5), Some(part((1, u64::MAX))));
        assert_eq!(parts.take(u64::MAX, u64::MAX), Some(part((6, u64::MAX))));
        assert_eq!(parts.sought().as_slice(), [(6, u64::MAX - 1)]);
        assert_eq!((parts.take(1, u64::MAX), parts.is_empty()), (Some(part((6, u64::MAX - 1))), true));
    }

    #[test]
    fn a_part_that_is_cut_leaves_no_more_than_there_is_room_for() {
        let mut parts = Parts::default();
        let ranges: Vec<_> = (1..=INTERVALS_MAX as u64).map(|number| (10 * number, 10 * number + 5)).collect();
        let part = |(first, last)| Part { first, last, since: Mono(1), due: Mono(1), how: How::Digest, bare: None };
        parts.add(Ranges::from(&ranges[..]), part);
        parts.take(12, 13);
        assert_eq!(parts.as_slice().len(), INTERVALS_MAX);
        assert_eq!(parts.sought().as_slice().last(), Some(&(2550, 2555)), "the highest gives way");
        parts.take(23, 41);
        assert_eq!(parts.as_slice().len(), INTERVALS_MAX - 1, "many are taken as one");
    }
}
