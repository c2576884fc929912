//! Digests: what each neighbour was told of all that this node has seen, and what it is told next (anti-entropy with version
//! vectors). What changed is told a little later, all of it when a link comes up and when hashes differ in a quiet moment:
//! so a digest that was lost is made up for.

use crate::core::{
    dissemination::seen::{self, Seen},
    frame::{Hashes, RANGES_MAX, STREAMS_MAX},
    id::StreamId,
    slots::Slot,
    time::{Mono, memo::Memo},
};
use std::{collections::BTreeMap, time::Duration};

/// Shortest time between two full digests to one neighbour because of hashes.
const FULL_INTERVAL: Duration = Duration::from_secs(5);
/// Full digests to one neighbour because the two have given up different messages: the second after twice that time, and so on.
/// Whatever one can send the other is found by the first that arrives.
const GAPS_TOLD_MAX: u32 = 3;
/// Most frames to one neighbour at one time, and the pause before the next of them: so that other frames get between.
const FRAMES_MAX: usize = 4;
/// See [`FRAMES_MAX`].
const PAUSE: Duration = Duration::from_millis(20);

/// A DIGEST to be sent: over which links, and what it says.
pub(super) type Due = (Vec<Slot>, seen::telling::DigestPage);

/// Digests of each neighbour. A few dozen bytes a neighbour.
#[derive(Debug)]
pub(super) struct Digests {
    links: BTreeMap<Slot, ToldTo>,
    interval: Duration,
    /// The time when the next digests of what changed are due.
    changes_due: Option<Mono>,
    changed: Option<Mono>,
    /// The answer of [`deadline`](Self::deadline); cleared by all that changes anything.
    deadline: Memo<Option<Mono>>,
}

#[derive(Debug, Default)]
struct ToldTo {
    /// The time when the link came up.
    rose: Mono,
    /// All changes up to this one were told.
    version: u64,
    wants_full: bool,
    /// The time when a full digest was sent because of hashes.
    full: Option<Mono>,
    /// The hashes of what the two have given up when they last differed, theirs first; and how many digests were sent since.
    gaps: ((u64, u64), u32),
    telling: Option<Telling>,
    /// The time when the next frames may be sent.
    next: Mono,
}

/// Frames under way to one neighbour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Telling {
    /// The streams that changed after this one,
    since: u64,
    /// from here on;
    after: Option<StreamId>,
    /// then all changes up to this one are told.
    upto: u64,
}

impl Digests {
    /// No neighbours. What changed is told `interval` later.
    pub(super) fn new(interval: Duration) -> Self {
        Self { links: BTreeMap::new(), interval, changes_due: None, changed: None, deadline: Memo::default() }
    }

    /// A link came up: the neighbour is told everything.
    pub(super) fn rose(&mut self, now: Mono, slot: Slot) {
        self.links.insert(slot, ToldTo { rose: now, wants_full: true, next: now, ..ToldTo::default() });
        self.deadline.clear();
    }

    /// A link is gone.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.links.remove(&slot);
        self.deadline.clear();
    }

    /// Says whether a link came up so lately that what its peer tells is what was missed before.
    pub(super) fn is_fresh(&self, now: Mono, slot: Slot) -> bool {
        self.links.get(&slot).is_some_and(|told| now.since(told.rose) < self.interval)
    }

    /// Something has changed of what this node has seen.
    pub(super) fn changed(&mut self, now: Mono) {
        self.changed = Some(now);
        if self.changes_due.is_none() {
            self.changes_due = Some(now + self.interval);
            self.deadline.clear();
        }
    }

    /// Says whether nothing has changed here for a while: then the hash of all that this node has seen can be compared.
    pub(super) fn is_quiet(&self, now: Mono) -> bool {
        self.changed.is_none_or(|at| at + self.interval <= now)
    }

    /// A neighbour told the hashes of what it has seen; `ours` are those of this node. If they differ although nothing
    /// has changed here for a while, it is told everything, at most once in five seconds; and where both have seen the same but
    /// given up different messages, three times at growing distances. Says whether it is: then it should learn that the hashes
    /// differ, for it may be that it does not lack anything and this node does.
    pub(super) fn on_ping_digest(&mut self, now: Mono, slot: Slot, theirs: Hashes, ours: Hashes) -> bool {
        let is_quiet = self.is_quiet(now);
        let Some(told) = self.links.get_mut(&slot) else { return false };
        if theirs == ours || !is_quiet || told.wants_full || told.telling.is_some() {
            return false;
        }
        let mut pause = FULL_INTERVAL;
        if theirs.seen == ours.seen {
            let pair = (theirs.given_up, ours.given_up);
            if told.gaps.0 != pair {
                told.gaps = (pair, 0);
            }
            if told.gaps.1 >= GAPS_TOLD_MAX {
                return false;
            }
            pause *= 1 << told.gaps.1;
        }
        if told.full.is_some_and(|at| now < at + pause) {
            return false;
        }
        if theirs.seen == ours.seen {
            told.gaps.1 += 1;
        }
        self.deadline.clear();
        told.full = Some(now);
        told.wants_full = true;
        told.next = told.next.max(now);
        true
    }

    /// The digests that are due. Neighbours who are told the same get the same frame.
    pub(super) fn on_tick(&mut self, now: Mono, seen: &Seen) -> Vec<Due> {
        let tells_changes = self.changes_due.is_some_and(|at| at <= now);
        if !tells_changes && self.deadline().is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.deadline.clear();
        if tells_changes {
            self.changes_due = None;
        }
        let version = seen.version();
        let mut groups: BTreeMap<Telling, Vec<Slot>> = BTreeMap::new();
        for (&slot, told) in &mut self.links {
            if told.telling.is_none() {
                let since = if told.wants_full { 0 } else { told.version };
                let is_due = if told.wants_full { told.next <= now } else { tells_changes && told.version < version };
                told.telling = is_due.then_some(Telling { since, after: None, upto: version });
                told.wants_full &= !is_due;
            }
            if told.next <= now
                && let Some(telling) = &told.telling
            {
                groups.entry(telling.clone()).or_default().push(slot);
            }
        }
        let mut dues = Vec::new();
        for (telling, slots) in groups {
            let rest = tell(telling.clone(), &slots, seen, &mut dues);
            for slot in slots {
                let Some(told) = self.links.get_mut(&slot) else { continue };
                told.next = now + PAUSE;
                if rest.is_none() {
                    told.version = told.version.max(telling.upto);
                }
                told.telling.clone_from(&rest);
            }
        }
        // A neighbour that was still being told the last changes is told the next ones when they are due again.
        let is_behind = |told: &ToldTo| told.telling.is_some() && told.version < version;
        if tells_changes && self.links.values().any(is_behind) {
            self.changes_due = Some(now + self.interval);
        }
        dues
    }

    /// The time when [`on_tick`](Self::on_tick) has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.deadline.get(|| {
            let telling = self.links.values().filter(|told| told.wants_full || told.telling.is_some());
            let changes = self.changes_due.filter(|_| !self.links.is_empty());
            telling.map(|told| told.next).chain(changes).min()
        })
    }
}

/// The next frames of a digest for these neighbours, and what is left of it.
fn tell(mut telling: Telling, slots: &[Slot], seen: &Seen, dues: &mut Vec<Due>) -> Option<Telling> {
    for _ in 0..FRAMES_MAX {
        let after = telling.after.as_ref();
        let told = match telling.since {
            0 => seen.account(after, STREAMS_MAX, RANGES_MAX),
            since => seen.changed_since(since, after, STREAMS_MAX, RANGES_MAX),
        };
        telling.after = Some(told.streams.last()?.stream.clone());
        dues.push((slots.to_vec(), told));
    }
    Some(telling)
}

#[cfg(test)]
#[path = "digests/tests.rs"]
mod tests;
