//! The members that a node knows beside its neighbours: the lowest names, so that what fell apart agrees on whom to look for, and a
//! random sample of all others (HyParView's passive view, DSN 2007).

use crate::core::{config::Timing, endpoint::Endpoint, frame::Member, id::NodeId, rng::Rng, time::Mono};
use std::{collections::VecDeque, time::Duration};

/// Lowest names, which are always kept.
pub const LOWEST_KEPT: usize = 16;

/// The longest wait between two attempts to reach a member with a lower name: it may be in another part of a broken network.
const ROOT_REDIAL_MAX: Duration = Duration::from_secs(8);

/// Known members. Bounds: [`LOWEST_KEPT`] and `view_max` members, and as many names of nodes that left as
/// `view_max`, at least [`LOWEST_KEPT`].
#[derive(Debug)]
pub(crate) struct PassiveView {
    me: NodeId,
    /// In the order of their ranks.
    known: Vec<Known>,
    /// The number of those that were tried in vain.
    in_vain: usize,
    /// Nodes that left: not taken in again because somebody else has not heard of it. The latest last.
    left: VecDeque<NodeId>,
    view_max: usize,
    redial_min: Duration,
    redial_max: Duration,
}

/// A name in natural order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u64, NodeId);

impl From<&NodeId> for Rank {
    fn from(node: &NodeId) -> Self {
        Self(node.natural_key().0, node.clone())
    }
}

/// A member, as far as it is known.
#[derive(Debug)]
struct Known {
    rank: Rank,
    endpoint: Endpoint,
    /// Times in a row that it was tried in vain.
    attempts: u32,
    /// The time from which it may be tried again.
    next_try: Mono,
}

impl PassiveView {
    /// Knows nobody. `timing` bounds the wait between two attempts to reach a member.
    pub(crate) fn new(me: NodeId, view_max: usize, timing: &Timing) -> Self {
        let &Timing { redial_min, redial_max, .. } = timing;
        Self { me, known: Vec::new(), in_vain: 0, left: VecDeque::new(), view_max, redial_min, redial_max }
    }

    /// Somebody tells of a member. What we know ourselves counts more: its word changes an address only if we tried the
    /// old one in vain, and does not bring back a node that left.
    /// Says whether it is new, and there was room for it without forgetting another.
    pub(crate) fn insert(&mut self, member: Member, rng: &mut Rng) -> bool {
        if member.node == self.me || self.left.contains(&member.node) {
            return false;
        }
        match self.place(&member.node) {
            Ok(place) => {
                let known = &self.known[place];
                if known.attempts > 0 && known.endpoint != member.endpoint {
                    self.change(place, |known| *known = Known::new(member));
                }
                false
            }
            Err(place) => {
                let has_room = self.has_room();
                self.add(place, member, rng);
                has_room
            }
        }
    }

    /// We have dealt with a member ourselves: it is, or was until now, at this address.
    pub(crate) fn meet(&mut self, member: Member, rng: &mut Rng) {
        if member.node == self.me {
            return;
        }
        self.left.retain(|node| *node != member.node);
        match self.place(&member.node) {
            Ok(place) => self.change(place, |known| *known = Known::new(member)),
            Err(place) => self.add(place, member, rng),
        }
    }

    fn add(&mut self, place: usize, member: Member, rng: &mut Rng) {
        self.known.insert(place, Known::new(member));
        if self.known.len() <= LOWEST_KEPT + self.view_max {
            return;
        }
        let others = || (LOWEST_KEPT..self.known.len()).filter(|&other| other != place);
        let in_vain = || others().filter(|&other| self.known[other].attempts > 0);
        // Nearly always nobody was: then nobody need be looked at.
        let count = if self.in_vain == 0 { 0 } else { in_vain().count() };
        let victim = match count {
            0 => others().nth(rng.below(others().count())),
            count => in_vain().nth(rng.below(count)),
        };
        self.take(victim.unwrap_or(place));
    }

    /// The place of a member among the others, or the one that it would have.
    fn place(&self, node: &NodeId) -> Result<usize, usize> {
        let rank = (node.natural_key().0, node);
        self.known.binary_search_by(|Known { rank: Rank(number, name), .. }| (*number, name).cmp(&rank))
    }

    fn change(&mut self, place: usize, change: impl FnOnce(&mut Known)) {
        let known = &mut self.known[place];
        let was_in_vain = known.attempts > 0;
        change(known);
        self.in_vain = self.in_vain - usize::from(was_in_vain) + usize::from(known.attempts > 0);
        debug_assert_eq!(self.in_vain, self.known.iter().filter(|known| known.attempts > 0).count());
    }

    fn take(&mut self, place: usize) {
        self.in_vain -= usize::from(self.known.remove(place).attempts > 0);
    }

    /// A member is a neighbour now, which is kept elsewhere; it is no node that left.
    pub(crate) fn remove(&mut self, node: &NodeId) {
        self.left.retain(|left| left != node);
        if let Ok(place) = self.place(node) {
            self.take(place);
        }
    }

    /// A member left: it is forgotten until we meet it again.
    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.remove(node);
        if *node == self.me {
            return;
        }
        self.left.push_back(node.clone());
        if self.left.len() > self.view_max.max(LOWEST_KEPT) {
            self.left.pop_front();
        }
    }

    /// A member was tried in vain: it is kept, and tried again after a wait that doubles each time.
    pub(crate) fn missed(&mut self, now: Mono, node: &NodeId) {
        // Those with lower names are looked for by roots alone.
        let is_below = Rank::from(node) < Rank::from(&self.me);
        let longest = if is_below { self.redial_max.min(ROOT_REDIAL_MAX) } else { self.redial_max };
        let first = self.redial_min;
        if let Ok(place) = self.place(node) {
            self.change(place, |known| {
                let wait = first.saturating_mul(1 << known.attempts.min(16)).min(longest);
                known.attempts = known.attempts.saturating_add(1);
                known.next_try = now + wait;
            });
        }
    }

    /// A member is alive, though it is no neighbour.
    pub(crate) fn reached(&mut self, node: &NodeId) {
        if let Ok(place) = self.place(node) {
            self.change(place, |known| (known.attempts, known.next_try) = (0, Mono::default()));
        }
    }

    /// Up to `count` members; those that were tried in vain only if there are no others.
    pub(crate) fn sample(&self, count: usize, rng: &mut Rng) -> Vec<Member> {
        let known = |in_vain| self.known.iter().filter(move |known| (known.attempts > 0) == in_vain);
        let mut sample = rng.sample(known(false), count);
        let missing = count - sample.len();
        if missing > 0 {
            sample.extend(rng.sample(known(true), missing));
        }
        sample.into_iter().map(member).collect()
    }

    /// All members that may be tried now, in natural order.
    pub(crate) fn due(&self, now: Mono) -> impl Iterator<Item = Member> {
        self.known.iter().filter(move |known| known.next_try <= now).map(member)
    }

    /// Returns true if a member may be tried now; one that is not known may.
    pub(crate) fn may_try(&self, now: Mono, node: &NodeId) -> bool {
        self.place(node).map_or(true, |place| self.known[place].next_try <= now)
    }

    /// The members with a lower name than `node` that may be tried now, in natural order.
    pub(crate) fn due_below(&self, now: Mono, node: &NodeId) -> impl Iterator<Item = Member> {
        self.known_below(node).iter().filter(move |known| known.next_try <= now).map(member)
    }

    /// The members that may be tried now and were not there when they were tried, in natural order.
    pub(crate) fn missed_due(&self, now: Mono) -> impl Iterator<Item = Member> {
        let is_missed = move |known: &&Known| known.attempts > 0 && known.next_try <= now;
        self.known.iter().filter(is_missed).map(member)
    }

    /// The members with a lower name than `node`, in natural order.
    pub(crate) fn below(&self, node: &NodeId) -> impl Iterator<Item = Member> {
        self.known_below(node).iter().map(member)
    }

    fn known_below(&self, node: &NodeId) -> &[Known] {
        let (Ok(place) | Err(place)) = self.place(node);
        &self.known[..place]
    }

    /// A member by its name.
    pub(crate) fn find(&self, node: &NodeId) -> Option<Member> {
        self.place(node).ok().map(|place| member(&self.known[place]))
    }

    /// All members in natural order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Member> {
        self.known.iter().map(member)
    }

    /// Their names, in natural order.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &NodeId> {
        self.known.iter().map(|known| &known.rank.1)
    }

    /// Returns true if another member can be kept without forgetting one.
    pub(crate) fn has_room(&self) -> bool {
        self.known.len() < LOWEST_KEPT + self.view_max
    }

    /// The number of members.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

impl Known {
    fn new(Member { node, endpoint }: Member) -> Self {
        Self { rank: Rank(node.natural_key().0, node), endpoint, attempts: 0, next_try: Mono::default() }
    }
}

fn member(known: &Known) -> Member {
    Member { node: known.rank.1.clone(), endpoint: known.endpoint.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::membership::overlay::tests::member as numbered;
    use crate::core::rng::Rng;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const TIMING: Timing = Timing { redial_max: Duration::from_secs(2), ..Timing::LOCAL };

    proptest! {
        #[test]
        fn the_lowest_names_stay(seed: u64, names in prop::collection::vec(0u32..500, 0..300), view_max in 0usize..40) {
            let mut rng = Rng::new(seed);
            let mut passive = PassiveView::new(NodeId::numbered(250), view_max, &TIMING);
            for &name in &names {
                passive.insert(numbered(name), &mut rng);
                prop_assert!(passive.len() <= LOWEST_KEPT + view_max);
            }
            let all: BTreeSet<u32> = names.into_iter().filter(|&name| name != 250).collect();
            let kept: Vec<u32> = passive.iter().map(|member| member.node.as_str().parse().unwrap()).collect();
            prop_assert!(kept.is_sorted());
            prop_assert_eq!(kept.len(), all.len().min(LOWEST_KEPT + view_max));
            prop_assert!(all.iter().take(LOWEST_KEPT).eq(kept.iter().take(LOWEST_KEPT)));
            prop_assert!(kept.iter().all(|name| all.contains(name)));
        }

        #[test]
        fn who_left_stays_away(seed: u64, told in prop::collection::vec(0u32..20, 0..100)) {
            let mut rng = Rng::new(seed);
            let mut passive = PassiveView::new(NodeId::numbered(99), 30, &TIMING);
            passive.insert(numbered(7), &mut rng);
            passive.forget(&NodeId::numbered(7));
            for name in told {
                passive.insert(numbered(name), &mut rng);
            }
            prop_assert!(passive.find(&NodeId::numbered(7)).is_none());
            passive.meet(numbered(7), &mut rng);
            prop_assert!(passive.find(&NodeId::numbered(7)).is_some());
        }

        #[test]
        fn a_sample_prefers_who_answered(seed: u64, in_vain in prop::collection::btree_set(0u32..20, 0..20)) {
            let mut rng = Rng::new(seed);
            let mut passive = PassiveView::new(NodeId::numbered(99), 30, &TIMING);
            (0..20).for_each(|name| _ = passive.insert(numbered(name), &mut rng));
            in_vain.iter().for_each(|&name| passive.missed(Mono(0), &NodeId::numbered(name)));
            let sample = passive.sample(10, &mut rng);
            prop_assert_eq!(sample.len(), 10);
            let bad = sample.iter().filter(|member| in_vain.contains(&member.node.as_str().parse().unwrap())).count();
            prop_assert_eq!(bad, 10usize.saturating_sub(20 - in_vain.len()));
        }
    }

    #[test]
    fn attempts_are_spaced_ever_wider() {
        let (mut passive, mut rng) = (PassiveView::new(NodeId::numbered(9), 8, &TIMING), Rng::new(1));
        let (node, mut now) = (NodeId::numbered(4), Mono(0));
        passive.insert(numbered(4), &mut rng);
        let waits: Vec<u128> = std::iter::repeat_with(|| {
            assert!(passive.due_below(now, &NodeId::numbered(9)).eq([numbered(4)]));
            passive.missed(now, &node);
            let next = passive.known[0].next_try;
            assert_eq!(passive.due(now).count(), 0);
            let wait = next.since(now).as_millis();
            now = next;
            wait
        })
        .take(5)
        .collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 2000]);
        passive.reached(&node);
        assert_eq!(passive.due(Mono(0)).count(), 1);
    }

    #[test]
    fn hearsay_changes_an_address_that_was_tried_in_vain() {
        let (mut passive, mut rng) = (PassiveView::new(NodeId::numbered(9), 8, &TIMING), Rng::new(1));
        let moved = Member { node: NodeId::numbered(4), endpoint: numbered(5).endpoint };
        passive.insert(numbered(4), &mut rng);
        passive.insert(moved.clone(), &mut rng);
        assert!(passive.iter().eq([numbered(4)]));
        passive.missed(Mono(0), &moved.node);
        passive.insert(moved.clone(), &mut rng);
        assert!(passive.due(Mono(0)).eq([moved]));
        passive.meet(numbered(4), &mut rng);
        assert!(passive.iter().eq([numbered(4)]));
    }
}
