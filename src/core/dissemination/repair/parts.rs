//! Parts of what is missing of one stream, by their fate.

use super::ask::How;
use crate::core::{ranges::Ranges, time::Mono};

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

    /// Takes one message out.
    pub(super) fn take(&mut self, sequence: u64) -> Option<Part> {
        let index = self.0.partition_point(|part| part.last < sequence);
        let part = self.0.get_mut(index).filter(|part| part.first <= sequence)?;
        let whole = *part;
        match (whole.first == sequence, whole.last == sequence) {
            (true, true) => {
                self.0.remove(index);
            }
            (true, false) => part.first += 1,
            (false, true) => part.last -= 1,
            (false, false) => {
                part.last = sequence - 1;
                self.0.insert(index + 1, Part { first: sequence + 1, ..whole });
                self.compact();
            }
        }
        Some(whole)
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
