//! How what is missing of one stream is divided by its fate.

use super::missing_of::{INTERVALS_MAX, MissingOf, Part, Source};
use crate::core::{ranges::Ranges, time::Mono};

impl MissingOf {
    /// All that is missing and known to exist.
    pub(super) fn sought(&self) -> Ranges {
        Ranges::from(&self.parts.iter().map(|part| (part.first, part.last)).collect::<Vec<_>>()[..])
    }

    /// Adds to what a source offers. Without room first what has come since gives way, then the highest; says whether that did.
    pub(super) fn add_offer(&mut self, index: usize, offer: &Ranges) -> bool {
        self.sources[index].offers.extend(offer.as_slice());
        if self.sources[index].offers.as_slice().len() > INTERVALS_MAX {
            let mut missing = self.sought();
            missing.extend(offer.as_slice());
            self.sources[index].offers = self.sources[index].offers.intersection(missing.as_slice());
        }
        self.sources[index].offers.truncate(INTERVALS_MAX)
    }

    /// What is due and was not asked for.
    pub(super) fn due(&self, now: Mono) -> Ranges {
        let mut due = Ranges::default();
        for part in self.parts.iter().filter(|part| part.bare.is_none() && part.due <= now) {
            due.insert(part.first, part.last);
        }
        for question in &self.questions {
            due.subtract(question.open.as_slice());
        }
        due
    }

    /// The sources that may be asked now, each with what it has of `due`.
    pub(super) fn useful(&self, now: Mono, due: &Ranges) -> impl Iterator<Item = (&Source, Ranges)> {
        let ready = self.sources.iter().filter(move |source| source.not_before <= now);
        ready
            .map(|source| (source, source.offers.intersection(due.as_slice())))
            .filter(|(_, ranges)| !ranges.is_empty())
    }

    /// What no source offers is bare since `lost`, or forgotten.
    pub(super) fn reconcile(&mut self, lost: Option<Mono>) {
        let mut orphaned = Ranges::default();
        for part in self.parts.iter().filter(|part| part.bare.is_none()) {
            orphaned.insert(part.first, part.last);
        }
        for source in &self.sources {
            orphaned.subtract(source.offers.as_slice());
        }
        self.revise(orphaned.as_slice(), |part| {
            part.bare = lost;
            lost.is_some()
        });
    }

    /// Changes the parts that are within `ranges`, cutting them where these end; drops those that `change` denies.
    pub(super) fn revise(&mut self, ranges: &[(u64, u64)], mut change: impl FnMut(&mut Part) -> bool) {
        if ranges.is_empty() {
            return;
        }
        for part in std::mem::take(&mut self.parts) {
            let mut outside = Ranges::from(&[(part.first, part.last)][..]);
            let inside = outside.intersection(ranges);
            outside.subtract(inside.as_slice());
            let kept = outside.as_slice().iter().map(|&(first, last)| Part { first, last, ..part });
            self.parts.extend(kept);
            for &(first, last) in inside.as_slice() {
                let mut piece = Part { first, last, ..part };
                if change(&mut piece) {
                    self.parts.push(piece);
                }
            }
        }
        self.parts.sort_unstable_by_key(|part| part.first);
        self.compact();
    }

    /// Joins parts that differ in nothing, and if they are too many those that differ in time. Drops the highest if
    /// that is not enough, and says so.
    pub(super) fn compact(&mut self) -> bool {
        let touch = |a: &Part, b: &Part| a.last + 1 == b.first && (a.how, a.bare) == (b.how, b.bare);
        self.parts.dedup_by(|b, a| {
            let joins = touch(a, b) && (a.since, a.due) == (b.since, b.due);
            a.last = if joins { b.last } else { a.last };
            joins
        });
        if self.parts.len() <= INTERVALS_MAX {
            return false;
        }
        self.parts.dedup_by(|b, a| {
            let joins = touch(a, b);
            if joins {
                (a.last, a.since, a.due) = (b.last, a.since.min(b.since), a.due.min(b.due));
            }
            joins
        });
        let is_cut = self.parts.len() > INTERVALS_MAX;
        self.parts.truncate(INTERVALS_MAX);
        is_cut
    }
}
