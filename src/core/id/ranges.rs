//! Sets of sequence numbers as closed intervals: what is offered, wanted, asked for and lost.

/// A set of numbers from 1 as disjoint closed intervals, ascending, never touching. 16 bytes an interval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds all of `first..=last`.
    pub fn insert(&mut self, first: u64, last: u64) {
        let from = self.0.partition_point(|&(_, end)| end.saturating_add(1) < first);
        let upto = self.0.partition_point(|&(start, _)| start <= last.saturating_add(1));
        let first = self.0.get(from).map_or(first, |&(start, _)| start.min(first));
        let last = upto.checked_sub(1).map_or(last, |index| self.0[index].1.max(last));
        self.0.splice(from..upto.max(from), [(first, last)]);
    }

    /// Takes all of `first..=last` out.
    pub fn remove(&mut self, first: u64, last: u64) {
        let from = self.0.partition_point(|&(_, end)| end < first);
        let upto = self.0.partition_point(|&(start, _)| start <= last);
        if from >= upto {
            return;
        }
        let left = Some((self.0[from].0, first.saturating_sub(1))).filter(|_| self.0[from].0 < first);
        let right = Some((last.saturating_add(1), self.0[upto - 1].1)).filter(|&(_, end)| end > last);
        self.0.splice(from..upto, left.into_iter().chain(right));
    }

    /// Returns whether `number` is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let index = self.0.partition_point(|&(_, last)| last < number);
        self.0.get(index).is_some_and(|&(first, _)| first <= number)
    }

    /// Numbers that are in both.
    pub fn intersection(&self, other: &[(u64, u64)]) -> Self {
        let mut both = Vec::new();
        let (mut ours, mut theirs) = (self.0.as_slice(), other);
        while let ([a, ..], [b, ..]) = (ours, theirs) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                both.push((first, last));
            }
            if a.1 <= b.1 {
                ours = &ours[1..];
            } else {
                theirs = &theirs[1..];
            }
        }
        Self(both)
    }

    /// Takes out all that is in `other`.
    pub fn subtract(&mut self, other: &[(u64, u64)]) {
        for &(first, last) in other {
            self.remove(first, last);
        }
    }

    /// Adds all that is in `other`.
    pub fn extend(&mut self, other: &[(u64, u64)]) {
        for &(first, last) in other {
            self.insert(first, last);
        }
    }

    /// Keeps the lowest `count` numbers.
    pub fn keep_first(&mut self, mut count: u64) {
        self.0.retain_mut(|(first, last)| {
            let keeps = count > 0;
            *last = (*last).min(first.saturating_add(count.saturating_sub(1)));
            count = count.saturating_sub(*last - *first + 1);
            keeps
        });
    }

    /// Keeps the lowest `intervals_max` intervals; says whether there were more.
    pub fn truncate(&mut self, intervals_max: usize) -> bool {
        let has_more = self.0.len() > intervals_max;
        self.0.truncate(intervals_max);
        has_more
    }

    /// Number of numbers in the set.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&(first, last)| last - first + 1).sum()
    }

    /// Returns whether no number is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The intervals, ascending, both ends included.
    pub fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// The same as a list.
    pub fn into_vec(self) -> Vec<(u64, u64)> {
        self.0
    }
}

impl From<&[(u64, u64)]> for Ranges {
    /// Takes intervals in any order.
    fn from(intervals: &[(u64, u64)]) -> Self {
        let mut ranges = Self::default();
        ranges.extend(intervals);
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(ranges: &Ranges) -> BTreeSet<u64> {
        ranges.as_slice().iter().flat_map(|&(first, last)| first..=last).collect()
    }

    #[test]
    fn the_ends_of_all_numbers_are_numbers() {
        let mut all = Ranges::default();
        all.insert(1, u64::MAX);
        assert_eq!(all.count(), u64::MAX);
        all.remove(1, 1);
        all.remove(u64::MAX, u64::MAX);
        assert_eq!(all.as_slice(), [(2, u64::MAX - 1)]);
        all.insert(u64::MAX, u64::MAX);
        all.keep_first(u64::MAX);
        assert_eq!(all.as_slice(), [(2, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn ranges_are_a_set(
            steps in prop::collection::vec((any::<bool>(), 1..60_u64, 0..9_u64), 0..60),
            others in prop::collection::vec((1..60_u64, 0..9_u64), 0..12),
            count in 0..70_u64,
        ) {
            let (mut ranges, mut expected) = (Ranges::default(), BTreeSet::new());
            for (adds, first, more) in steps {
                let last = first + more;
                if adds {
                    ranges.insert(first, last);
                    expected.extend(first..=last);
                } else {
                    ranges.remove(first, last);
                    expected.retain(|number| !(first..=last).contains(number));
                }
                prop_assert!(ranges.as_slice().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
                prop_assert_eq!(set(&ranges), expected.clone());
                prop_assert_eq!(ranges.count(), expected.len() as u64);
            }
            for number in 0..80 {
                prop_assert_eq!(ranges.contains(number), expected.contains(&number));
            }
            let others: Vec<_> = others.into_iter().map(|(first, more)| (first, first + more)).collect();
            let other = Ranges::from(&others[..]);
            let both: BTreeSet<_> = expected.intersection(&set(&other)).copied().collect();
            prop_assert_eq!(set(&ranges.intersection(other.as_slice())), both);
            let mut less = ranges.clone();
            less.subtract(other.as_slice());
            prop_assert_eq!(set(&less), &expected - &set(&other));
            ranges.keep_first(count);
            prop_assert_eq!(set(&ranges), expected.into_iter().take(count as usize).collect::<BTreeSet<_>>());
        }
    }
}
