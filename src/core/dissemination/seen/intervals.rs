//! A set of sequence numbers as intervals: one, nearly always, and then it takes no memory but its own.

use super::digest::Digest;
use std::iter;

/// First and last number of an interval.
type Interval = (u64, u64);

/// Room for so many further intervals is kept whether it is used or not.
const SPARE_MAX: usize = 8;

/// Numbers from 1 as disjoint closed intervals, ascending, never touching.
#[derive(Debug, Default)]
pub(super) struct Intervals {
    /// The lowest; begins with 0 in an empty set.
    lowest: Interval,
    /// The others. Boxed, because there are hardly ever any.
    #[expect(clippy::box_collection, reason = "8 bytes instead of 24 in each stream")]
    others: Option<Box<Vec<Interval>>>,
}

impl Intervals {
    /// Number of intervals.
    pub(super) fn len(&self) -> usize {
        usize::from(!self.is_empty()) + self.others().len()
    }

    /// Says whether no number is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.lowest.0 == 0
    }

    /// Number of gaps below the highest number.
    pub(super) fn gaps(&self) -> usize {
        self.others().len() + usize::from(self.lowest.0 > 1)
    }

    /// The highest number; 0 if there is none.
    pub(super) fn highest(&self) -> u64 {
        self.others().last().unwrap_or(&self.lowest).1
    }

    /// The intervals, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = Interval> {
        let lowest = iter::once(self.lowest).filter(|_| !self.is_empty());
        lowest.chain(self.others().iter().copied())
    }

    /// Number of numbers in it.
    pub(super) fn count_numbers(&self) -> u64 {
        self.iter().map(|(first, last)| (last - first).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// The same, but for those above `last`.
    pub(super) fn count_up_to(&self, last: u64) -> u64 {
        let below = self.iter().take_while(|interval| interval.0 <= last);
        below.map(|(first, end)| (end.min(last) - first).saturating_add(1)).fold(0, u64::saturating_add)
    }

    /// Says whether `number` is in the set.
    pub(super) fn contains(&self, number: u64) -> bool {
        let (from, to) = self.touching(number, number).unwrap_or_default();
        self.iter().take(to).skip(from).any(|(first, last)| first <= number && number <= last)
    }

    /// Adds the numbers from `first`, at least 1, to `last`; says how many of them are new.
    pub(super) fn insert(&mut self, first: u64, last: u64, digest: &mut Digest<'_>) -> u64 {
        debug_assert!(1 <= first && first <= last, "{first} to {last} is no interval");
        let Some((from, to)) = self.touching(first, last) else {
            self.lowest = (first, last);
            digest.add(self.lowest);
            return last - first + 1;
        };
        if from == to {
            digest.add((first, last));
            self.put(from, (first, last));
            return last - first + 1;
        }
        let merged = (first.min(self.at(from).0), last.max(self.at(to - 1).1));
        let known: u64 = (from..to).map(|index| self.at(index)).map(|(first, last)| last - first + 1).sum();
        let new = merged.1 - merged.0 + 1 - known;
        if new > 0 {
            self.replace(from, to, merged, digest);
        }
        new
    }

    /// Adds to `missing`, as long as that is shorter than `ranges_max`, what is not in the set of the numbers from `first`
    /// to `last`.
    pub(super) fn missing(&self, first: u64, last: u64, missing: &mut Vec<Interval>, ranges_max: usize) {
        let mut next = first;
        let (from, to) = self.touching(first, last).unwrap_or_default();
        for (begin, end) in self.iter().take(to).skip(from).take_while(|&(begin, _)| begin <= last) {
            if missing.len() >= ranges_max {
                return;
            }
            if next < begin {
                missing.push((next, begin - 1));
            }
            if end >= last {
                return;
            }
            next = next.max(end + 1);
        }
        if missing.len() < ranges_max {
            missing.push((next, last));
        }
    }

    /// Takes the numbers from `first` to `last` out; says how many of them were there.
    pub(super) fn take_out(&mut self, first: u64, last: u64, digest: &mut Digest<'_>) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let (from, to) = (self.count(|&(_, end)| end < first), self.count(|&(begin, _)| begin <= last));
        if from >= to {
            return 0;
        }
        let (low, high) = (self.at(from).0, self.at(to - 1).1);
        let left = Some((low, first.saturating_sub(1))).filter(|_| low < first);
        let right = Some((last.saturating_add(1), high)).filter(|_| high > last);
        let rest: Vec<Interval> = left.into_iter().chain(right).collect();
        let cut: u64 = (from..to).map(|index| self.at(index)).map(|(first, last)| last - first + 1).sum();
        (from..to).for_each(|index| digest.remove(self.at(index)));
        rest.iter().for_each(|&interval| digest.add(interval));
        let kept: u64 = rest.iter().map(|(first, last)| last - first + 1).sum();
        self.splice(from, to, rest);
        cut - kept
    }

    /// Adds to `found`, as long as that is shorter than `ranges_max`, what is in the set of the numbers from `first` to `last`.
    pub(super) fn common(&self, first: u64, last: u64, found: &mut Vec<Interval>, ranges_max: usize) {
        if self.is_empty() {
            return;
        }
        let (from, to) = (self.count(|&(_, end)| end < first), self.count(|&(begin, _)| begin <= last));
        let room = ranges_max.saturating_sub(found.len());
        let common = self.iter().take(to).skip(from).map(|(begin, end)| (begin.max(first), end.min(last)));
        found.extend(common.take(room));
    }

    /// The lowest number that is not in the set.
    pub(super) fn lowest_missing(&self) -> u64 {
        if self.lowest.0 == 1 { self.lowest.1.saturating_add(1) } else { 1 }
    }

    /// The gap between the two lowest intervals, if there are two.
    pub(super) fn lowest_gap(&self) -> Option<Interval> {
        self.others().first().map(|&(begin, _)| (self.lowest.1 + 1, begin - 1))
    }

    /// The places of the intervals that share a number with `first` to `last` or touch it, from the first to behind the
    /// last; nothing if the set is empty.
    fn touching(&self, first: u64, last: u64) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        let from = self.count(|&(_, end)| end < first.saturating_sub(1));
        let to = self.count(|&(begin, _)| begin <= last.saturating_add(1));
        Some((from, to))
    }

    /// Number of intervals that `is_below` something that lies between two of them.
    fn count(&self, is_below: impl Fn(&Interval) -> bool) -> usize {
        if is_below(&self.lowest) { 1 + self.others().partition_point(is_below) } else { 0 }
    }

    fn at(&self, index: usize) -> Interval {
        index.checked_sub(1).map_or(self.lowest, |index| self.others()[index])
    }

    /// Puts an interval that touches no other where it belongs.
    fn put(&mut self, index: usize, interval: Interval) {
        let others = self.others.get_or_insert_default();
        match index.checked_sub(1) {
            Some(index) => others.insert(index, interval),
            None => others.insert(0, std::mem::replace(&mut self.lowest, interval)),
        }
    }

    /// Puts one interval in the place of those from `from` to before `to`, of which there is at least one.
    fn replace(&mut self, from: usize, to: usize, merged: Interval, digest: &mut Digest<'_>) {
        for index in from..to {
            digest.remove(self.at(index));
        }
        digest.add(merged);
        match (from.checked_sub(1), &mut self.others) {
            (Some(index), Some(others)) => others[index] = merged,
            _ => self.lowest = merged,
        }
        if to - from > 1 {
            self.remove(from, to - 1);
        }
    }

    /// Puts other intervals, ascending, in the place of those from `from` to before `to`.
    fn splice(&mut self, from: usize, to: usize, rest: Vec<Interval>) {
        let others = self.others.get_or_insert_default();
        match from.checked_sub(1) {
            Some(index) => drop(others.splice(index..to - 1, rest)),
            None => {
                drop(others.splice(..to - 1, rest));
                self.lowest = if others.is_empty() { Interval::default() } else { others.remove(0) };
            }
        }
        self.remove(0, 0);
    }

    /// Takes the other intervals from `from` to before `to` out, and gives back room that stays unused.
    fn remove(&mut self, from: usize, to: usize) {
        let Some(others) = &mut self.others else { return };
        others.drain(from..to);
        if others.is_empty() {
            self.others = None;
        } else if others.capacity() > SPARE_MAX.max(4 * others.len()) {
            others.shrink_to(2 * others.len());
        }
    }

    /// For how many intervals there is room beside the first.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.others.as_ref().map_or(0, |others| others.capacity())
    }

    fn others(&self) -> &[Interval] {
        self.others.as_deref().map_or(&[], Vec::as_slice)
    }
}
