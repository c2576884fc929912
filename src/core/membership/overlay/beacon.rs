//! The root of a component: the lowest name, in natural order, that can be reached. It gives signs of life; who hears
//! none for a while takes itself for the root until it hears of a lower one. So each component has one node that knows
//! that it has to look for the others.
//!
//! Beats come from strangers, so nothing that a single one says has a lasting hold: a root is followed once its beat has
//! gone on at the pace of a beat, and only for as long as it does. How large its numbers are does not matter.

use crate::core::{
    frame::Beacon,
    id::{Incarnation, NodeId},
    time::Mono,
};
use std::{collections::BTreeMap, time::Duration};

/// Beats that must stay out before the root is taken for gone, and its followers for roots of some standing.
const BEATS_MISSED_MAX: u32 = 4;
/// Beats more than the time allows that a root may be ahead: some were under way together.
const BEATS_AHEAD: u64 = 3;
/// Silence of a root that each link between may add.
const HOP_ALLOWANCE: Duration = Duration::from_millis(250);
/// More links than this add no more.
const HOPS_ALLOWED: u32 = 64;
/// A beat that has come over more links than this goes no further.
const HOPS_MAX: u32 = 4096;
/// Most claims that are remembered.
const CLAIMS_MAX: usize = 64;
/// Time that a link is left out of the beat to see whether it can be spared, in halves of a beat: shorter than any node
/// takes to despair of the root.
const TRIAL_HALF_BEATS: u32 = 5;

/// A beat: the life of the root and the number of its sign.
type Stamp = (Incarnation, u64);

/// Whom this node follows. Bounds: one stamp for each neighbour, and 64 claims.
#[derive(Debug)]
pub(super) struct Election {
    me: NodeId,
    /// Of our own latest beat.
    stamp: Stamp,
    beat_interval: Duration,
    heard: Option<Heard>,
    /// Since when it has the root that it has.
    since: Mono,
    next_beat: Mono,
    /// Roots that we do not follow, or not in that life: those that we followed once, so that what is left of their beats
    /// does not bring them back, and those that have yet to go on.
    claims: Vec<Claim>,
    /// The latest beat that came from each neighbour.
    copies: BTreeMap<NodeId, (NodeId, Stamp)>,
    trial: Option<Trial>,
}

/// The root that we follow, and its latest beat.
#[derive(Debug)]
struct Heard {
    root: NodeId,
    stamp: Stamp,
    hops: u32,
    at: Mono,
    via: NodeId,
}

/// A beat that was heard of a root that we do not follow in that life.
#[derive(Debug)]
struct Claim {
    root: NodeId,
    /// The latest of its beats.
    stamp: Stamp,
    since: Mono,
    at: Mono,
}

/// A link that is left out of the beat.
#[derive(Debug)]
struct Trial {
    node: NodeId,
    root: NodeId,
    stamp: Stamp,
    until: Mono,
}

impl Election {
    /// A node that starts: its own root, which waits for one interval in case there is another.
    pub(super) fn new(me: NodeId, incarnation: Incarnation, beat_interval: Duration, now: Mono) -> Self {
        Self {
            me,
            stamp: (incarnation, 0),
            beat_interval,
            heard: None,
            since: now,
            next_beat: now + beat_interval,
            claims: Vec::new(),
            copies: BTreeMap::new(),
            trial: None,
        }
    }

    /// The lowest name that is known to be reachable.
    pub(super) fn root(&self) -> &NodeId {
        self.heard.as_ref().map_or(&self.me, |heard| &heard.root)
    }

    /// Since when this node is the root, if it is.
    pub(super) fn is_root_since(&self) -> Option<Mono> {
        self.heard.is_none().then_some(self.since)
    }

    /// Returns true if the root has been the same for a while and lives: who has only just begun, or hears no beats any more, may
    /// soon have another.
    pub(super) fn is_settled(&self, now: Mono) -> bool {
        let is_heard = self.heard.as_ref().is_none_or(|heard| now.since(heard.at) <= 2 * self.beat_interval);
        is_heard && now.since(self.since) >= self.beat_interval * BEATS_MISSED_MAX
    }

    /// The silence after which a root is taken for gone, and the standing that its followers then have to have.
    pub(super) fn grace(&self) -> Duration {
        self.beat_interval * BEATS_MISSED_MAX
    }

    /// The neighbour from which the latest beat came, and whose beat it is; nobody if this node is the root.
    pub(super) fn parent(&self) -> Option<(&NodeId, &NodeId)> {
        self.heard.as_ref().map(|heard| (&heard.via, &heard.root))
    }

    /// The beat that a new neighbour is told.
    pub(super) fn current(&self) -> Option<Beacon> {
        let (root, (incarnation, beat), hops) = match &self.heard {
            Some(heard) => (&heard.root, heard.stamp, heard.hops),
            None if self.stamp.1 == 0 => return None,
            None => (&self.me, self.stamp, 0),
        };
        Some(Beacon { root: root.clone(), incarnation, beat, hops: hops + 1 })
    }

    /// A neighbour passes a beat on; gives what is to be passed on to all others. What others say of this node's own beat
    /// changes nothing: it counts its own.
    pub(super) fn on_beat(&mut self, now: Mono, from: &NodeId, beacon: &Beacon) -> Option<Beacon> {
        let Beacon { root, hops, .. } = beacon;
        let stamp = (beacon.incarnation, beacon.beat);
        self.copies.insert(from.clone(), (root.clone(), stamp));
        let is_higher = root.natural_key() > self.root().natural_key();
        if *root == self.me || is_higher || *hops > HOPS_MAX || self.tried() == Some(from) {
            return None;
        }
        let followed = self.heard.as_ref().filter(|heard| heard.root == *root && heard.stamp.0 == stamp.0);
        let is_next = followed.is_some_and(|heard| self.goes_on((heard.stamp, heard.at), (stamp, now)));
        let is_echo = followed.is_some_and(|heard| stamp <= heard.stamp);
        if !is_next {
            let is_to_be_followed = self.claim(now, root, stamp, is_echo)?;
            if !is_to_be_followed {
                return Some(passed_on(beacon));
            }
            self.claims.retain(|claim| claim.root != *root);
            if root != self.root() {
                self.since = now;
            }
            self.retire(now);
        }
        self.heard = Some(Heard { root: root.clone(), stamp, hops: (*hops).max(1), at: now, via: from.clone() });
        Some(passed_on(beacon))
    }

    /// Notes a beat that does not go on from the one that is followed, and may be an echo of that. Gives whether it is to be
    /// followed instead: its own beats have gone on for long enough. Nothing if it is to be dropped: what was claimed in
    /// that name a short while ago must go on or be silent before another claim is heard.
    fn claim(&mut self, now: Mono, root: &NodeId, stamp: Stamp, is_echo: bool) -> Option<bool> {
        let former = self.claims.iter().find(|claim| claim.root == *root);
        let is_next = former.is_some_and(|claim| self.goes_on((claim.stamp, claim.at), (stamp, now)));
        let is_silent = former.is_none_or(|claim| now.since(claim.at) >= self.beat_interval * BEATS_MISSED_MAX);
        if !is_next && (is_echo || !is_silent) {
            return None;
        }
        let since = former.filter(|_| is_next).map_or(now, |claim| claim.since);
        let is_noted = self.note(now, Claim { root: root.clone(), stamp, since, at: now });
        is_noted.then(|| now.since(since) >= self.beat_interval / 2)
    }

    /// Returns true if the second beat, heard at its time, can be a later one of the life that the first belongs to.
    fn goes_on(&self, (first, heard): (Stamp, Mono), (second, now): (Stamp, Mono)) -> bool {
        let beats = now.since(heard).as_nanos() / self.beat_interval.as_nanos().max(1);
        let most = u64::try_from(beats).unwrap_or(u64::MAX).saturating_add(BEATS_AHEAD);
        first.0 == second.0 && second.1.checked_sub(first.1).is_some_and(|ahead| (1..=most).contains(&ahead))
    }

    /// Remembers a claim in the place of a former one of that root. Says whether it does: where there are too many, one gives
    /// way that was not heard for long, or else the one of the highest name, which may be this one.
    fn note(&mut self, now: Mono, claim: Claim) -> bool {
        let root = claim.root.clone();
        self.claims.retain(|other| other.root != root);
        self.claims.push(claim);
        if self.claims.len() > CLAIMS_MAX {
            let is_silent = |claim: &Claim| now.since(claim.at) >= self.beat_interval * BEATS_MISSED_MAX;
            let silent = self.claims.iter().position(is_silent);
            let highest = || (0..self.claims.len()).max_by_key(|&place| self.claims[place].root.natural_key());
            if let Some(place) = silent.or_else(highest) {
                return self.claims.swap_remove(place).root != root;
            }
        }
        true
    }

    /// Time passes; gives the beat of this node if one is due.
    pub(super) fn on_tick(&mut self, now: Mono) -> Option<Beacon> {
        if self.heard.as_ref().is_some_and(|heard| self.timeout(heard) <= now) {
            self.retire(now);
            (self.since, self.next_beat) = (now, now);
        }
        self.trial.take_if(|trial| trial.until <= now);
        if self.heard.is_some() || now < self.next_beat {
            return None;
        }
        self.stamp.1 = self.stamp.1.saturating_add(1);
        self.next_beat = now + self.beat_interval;
        self.current()
    }

    /// The time at which the next tick is due.
    pub(super) fn deadline(&self) -> Mono {
        let next = self.heard.as_ref().map_or(self.next_beat, |heard| self.timeout(heard));
        self.trial.as_ref().map_or(next, |trial| trial.until.min(next))
    }

    /// A neighbour is one no more.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.copies.remove(node);
        self.trial.take_if(|trial| trial.node == *node);
    }

    /// Returns true if the latest beat would have reached both ends of the link to `node` without it: each had it from another.
    pub(super) fn is_spare(&self, node: &NodeId) -> bool {
        let (root, stamp) = self.now_following();
        let is_parent = self.heard.as_ref().is_some_and(|heard| heard.via == *node);
        let newest = self.copies.get(node).filter(|(of, _)| of == root).map(|&(_, copy)| copy);
        !is_parent && newest.is_some_and(|copy| copy.0 == stamp.0 && copy.1.saturating_add(1) >= stamp.1)
    }

    /// Leaves the link to `node` out of the beat for a while: see [`spared`](Self::spared). One at a time.
    pub(super) fn try_without(&mut self, now: Mono, node: &NodeId) {
        let (root, stamp) = self.now_following();
        let (root, until) = (root.clone(), now + self.beat_interval * TRIAL_HALF_BEATS / 2);
        self.trial.get_or_insert_with(|| Trial { node: node.clone(), root, stamp, until });
    }

    /// The neighbour whose link is left out of the beat: no beat is to be passed on to it.
    pub(super) fn tried(&self) -> Option<&NodeId> {
        self.trial.as_ref().map(|trial| &trial.node)
    }

    /// The neighbour whose link was left out and is not missed: newer beats of the same root came to both of its ends.
    pub(super) fn spared(&mut self) -> Option<NodeId> {
        let (root, stamp) = self.now_following();
        let trial = self.trial.as_ref()?;
        let (of, copy) = self.copies.get(&trial.node)?;
        let is_spared = trial.root == *root && trial.root == *of && trial.stamp < stamp && trial.stamp < *copy;
        is_spared.then(|| trial.node.clone()).inspect(|_| self.trial = None)
    }

    fn now_following(&self) -> (&NodeId, Stamp) {
        self.heard.as_ref().map_or((&self.me, self.stamp), |heard| (&heard.root, heard.stamp))
    }

    fn timeout(&self, heard: &Heard) -> Mono {
        heard.at + self.beat_interval * BEATS_MISSED_MAX + HOP_ALLOWANCE * heard.hops.min(HOPS_ALLOWED)
    }

    /// Follows its root no more.
    fn retire(&mut self, now: Mono) {
        self.trial = None;
        if let Some(Heard { root, stamp, at, .. }) = self.heard.take() {
            self.note(now, Claim { root, stamp, since: at, at });
        }
    }
}

/// The beat as the next node is told it.
fn passed_on(beacon: &Beacon) -> Beacon {
    Beacon { hops: beacon.hops.max(1) + 1, ..beacon.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEAT: Duration = Duration::from_secs(1);

    fn node(number: u32) -> NodeId {
        NodeId::numbered(number)
    }

    fn beat(root: u32, incarnation: u64, beat: u64, hops: u32) -> Beacon {
        Beacon { root: node(root), incarnation: Incarnation(incarnation), beat, hops }
    }

    fn ms(millis: u64) -> Mono {
        Mono(millis * 1_000_000)
    }

    /// Links to the root, 0 if that is this node.
    fn hops(election: &Election) -> u32 {
        election.heard.as_ref().map_or(0, |heard| heard.hops)
    }

    fn election() -> Election {
        Election::new(node(50), Incarnation(1), BEAT, ms(0))
    }

    /// An election that follows node 7 in its life 4 since `at`, by the beats 19 and 20.
    fn following(at: u64) -> Election {
        let mut election = election();
        assert!(election.on_beat(ms(at), &node(3), &beat(7, 4, 19, 2)).is_some());
        assert!(election.on_beat(ms(at + 1000), &node(3), &beat(7, 4, 20, 2)).is_some());
        assert_eq!(election.root(), &node(7));
        election
    }

    #[test]
    fn a_late_starter_listens_before_it_beats() {
        let mut election = election();
        assert_eq!((election.on_tick(ms(999)), election.deadline()), (None, ms(1000)));
        assert_eq!(election.on_tick(ms(1000)), Some(beat(50, 1, 1, 1)));
        assert_eq!(election.is_root_since(), Some(ms(0)));
        assert_eq!(election.on_beat(ms(1001), &node(3), &beat(7, 4, 2, 2)), Some(beat(7, 4, 2, 3)));
        assert_eq!(election.root(), &node(50), "one beat makes no root");
        assert_eq!(election.on_beat(ms(1400), &node(3), &beat(7, 4, 3, 2)), Some(beat(7, 4, 3, 3)));
        assert_eq!(election.root(), &node(50), "nor do two at once");
        assert_eq!(election.on_beat(ms(2001), &node(3), &beat(7, 4, 4, 2)), Some(beat(7, 4, 4, 3)));
        assert_eq!((election.root(), election.is_root_since(), hops(&election)), (&node(7), None, 2));
    }

    #[test]
    fn a_dead_root_is_not_brought_back_by_what_is_left_of_it() {
        let mut election = following(0);
        assert_eq!(election.deadline(), ms(5500));
        assert_eq!(election.on_tick(ms(5499)), None);
        assert_eq!(election.on_tick(ms(5500)), Some(beat(50, 1, 1, 1)));
        for at in [5600, 6700, 12_000] {
            election.on_beat(ms(at), &node(4), &beat(7, 4, 20, 5));
            assert_eq!(election.root(), &node(50));
        }
    }

    #[test]
    fn a_root_that_was_out_of_reach_is_followed_at_once() {
        let mut election = following(0);
        election.on_tick(ms(5500));
        assert_eq!(election.on_beat(ms(60_000), &node(4), &beat(7, 4, 79, 5)), Some(beat(7, 4, 79, 6)));
        assert_eq!(election.root(), &node(7));
    }

    #[test]
    fn a_root_that_begins_another_life_is_followed_whatever_its_number() {
        for life in [1, 9] {
            let mut election = following(0);
            assert_eq!(election.on_beat(ms(2500), &node(4), &beat(7, life, 1, 5)), Some(beat(7, life, 1, 6)));
            assert_eq!(election.on_beat(ms(3500), &node(4), &beat(7, life, 2, 5)), Some(beat(7, life, 2, 6)));
            assert_eq!((election.root(), hops(&election)), (&node(7), 5));
        }
    }

    /// The largest numbers hold nobody: the real root's beats go on, and are passed on.
    #[test]
    fn a_claim_that_does_not_go_on_changes_nothing() {
        for claim in [beat(7, u64::MAX, u64::MAX, 1), beat(7, 4, u64::MAX, 1), beat(7, 4, 1000, 1), beat(3, 1, 1, 64)] {
            let mut election = following(0);
            election.on_beat(ms(1500), &node(9), &claim);
            for number in 21..40 {
                let at = ms(1000 * (number - 19));
                assert_eq!(election.on_tick(at), None, "{claim:?}");
                let next = election.on_beat(at, &node(3), &beat(7, 4, number, 2));
                assert_eq!(next, Some(beat(7, 4, number, 3)), "{claim:?}");
            }
        }
    }

    /// However many roots there are, none of their beats goes round for ever.
    #[test]
    fn a_beat_is_passed_on_once_though_there_are_more_roots_than_are_remembered() {
        let mut election = Election::new(node(1000), Incarnation(1), BEAT, ms(0));
        let passed_on = |election: &mut Election, at: u64, root: u32| {
            election.on_beat(ms(at), &node(2000), &beat(root, 1, 1, 3)).is_some()
        };
        let roots: Vec<u32> = (1..=200).map(|root| root * 7 % 211).collect();
        for &root in &roots {
            passed_on(&mut election, 10, root);
        }
        let again: Vec<u32> = roots.iter().copied().filter(|&root| passed_on(&mut election, 20, root)).collect();
        assert!(again.is_empty(), "{again:?}");
        // Those with the lowest names are remembered; any other is heard when they are silent.
        assert!(election.on_beat(ms(1100), &node(2000), &beat(5, 1, 2, 3)).is_some());
        assert_eq!(election.root(), &node(5));
        assert!(passed_on(&mut election, 5000, 4));
    }

    /// One that is close to what is true is followed, and is out of the way when the root has come so far.
    #[test]
    fn a_claim_that_runs_ahead_is_soon_caught_up_with() {
        let mut election = following(0);
        election.on_beat(ms(1001), &node(9), &beat(7, 4, 23, 1));
        assert_eq!(election.on_beat(ms(1002), &node(9), &beat(7, 4, 30, 1)), Some(beat(7, 4, 30, 2)), "passed on");
        for number in 21..40 {
            let at = ms(1000 * (number - 19));
            assert_eq!(election.on_tick(at), None);
            let is_new = election.on_beat(at, &node(3), &beat(7, 4, number, 2)).is_some();
            assert_eq!(is_new, number > 23);
        }
        assert_eq!(election.root(), &node(7));
    }

    #[test]
    fn a_false_root_is_left_as_soon_as_a_true_one_would_be() {
        let mut election = following(0);
        for (at, number) in [(1100, u64::MAX - 1), (2100, u64::MAX)] {
            election.on_beat(ms(at), &node(9), &beat(2, u64::MAX, number, HOPS_MAX));
        }
        assert_eq!(election.root(), &node(2));
        let end = 2100 + 4000 + 250 * u64::from(HOPS_ALLOWED);
        assert_eq!(election.deadline(), ms(end));
        election.on_tick(ms(end));
        assert_eq!(election.root(), &node(50));
        let number = 20 + (end - 1000) / 1000;
        assert!(election.on_beat(ms(end + 1), &node(3), &beat(7, 4, number, 2)).is_some());
        assert_eq!(election.root(), &node(7));
    }

    #[test]
    fn a_beat_that_has_come_too_far_goes_no_further() {
        let mut election = election();
        assert!(election.on_beat(ms(0), &node(3), &beat(7, 4, 1, HOPS_MAX)).is_some());
        assert_eq!(election.on_beat(ms(0), &node(3), &beat(6, 4, 1, HOPS_MAX + 1)), None);
    }

    #[test]
    fn a_root_counts_its_own_beats_whatever_others_say_of_them() {
        let mut election = election();
        assert!(election.on_tick(ms(1000)).is_some());
        for claim in [beat(50, 9, 70, 3), beat(50, 1, u64::MAX, 3)] {
            assert_eq!(election.on_beat(ms(1001), &node(3), &claim), None);
        }
        assert_eq!(election.on_tick(ms(2000)), Some(beat(50, 1, 2, 1)));
    }

    #[test]
    fn a_link_is_spare_if_both_ends_had_the_beat_from_others() {
        let mut election = following(0);
        assert!(!election.is_spare(&node(3)) && !election.is_spare(&node(4)));
        election.on_beat(ms(1001), &node(4), &beat(7, 4, 20, 2));
        assert!(!election.is_spare(&node(3)) && election.is_spare(&node(4)));
        election.forget(&node(4));
        assert!(!election.is_spare(&node(4)));
    }

    #[test]
    fn a_trial_shows_whether_a_link_is_missed() {
        let mut election = following(0);
        election.try_without(ms(1010), &node(3));
        assert_eq!(election.on_beat(ms(2000), &node(3), &beat(7, 4, 21, 2)), None);
        assert_eq!(election.spared(), None, "nobody else has told of it");
        assert!(election.on_beat(ms(2001), &node(4), &beat(7, 4, 21, 9)).is_some());
        assert_eq!(election.spared(), Some(node(3)));
        assert_eq!(election.tried(), None);
        election.try_without(ms(2100), &node(4));
        election.on_tick(ms(4600));
        assert_eq!(election.spared(), None);
        assert_eq!(election.tried(), None);
        assert!(election.on_beat(ms(4700), &node(4), &beat(7, 4, 23, 9)).is_some());
    }

    proptest! {
        /// Whatever comes: the root is never higher than this node, none makes it follow a higher root before the lower one
        /// has been silent for long enough, and no beat goes round for good: it is passed on as a claim and as one that is
        /// followed, and again only after the silence in which its root would be given up.
        #[test]
        fn the_root_only_sinks_until_it_is_silent(
            steps in prop::collection::vec((0u64..600, 1u32..6, 40u32..60, 1u64..3, 0u64..9, 0u32..5), 0..200),
        ) {
            let (mut election, mut now) = (election(), 0);
            let mut passed = BTreeMap::new();
            for (wait, from, root, incarnation, number, hops) in steps {
                now += wait;
                let before = election.root().clone();
                let was_due = election.deadline() <= ms(now);
                election.on_tick(ms(now));
                prop_assert!(was_due || *election.root() == before);
                let before = election.root().clone();
                if let Some(next) = election.on_beat(ms(now), &node(from), &beat(root, incarnation, number, hops)) {
                    let times: &mut Vec<u64> =
                        passed.entry((next.root.clone(), next.incarnation, next.beat)).or_default();
                    times.push(now);
                    prop_assert!(times.iter().rev().nth(2).is_none_or(|at| now - at >= 4000), "{:?} {:?}", next, times);
                    prop_assert_eq!(next.hops, hops.max(1) + 1);
                }
                prop_assert!(election.root().natural_key() <= before.natural_key());
                prop_assert!(election.root().natural_key() <= node(50).natural_key());
                prop_assert!(election.deadline() > ms(now));
            }
        }
    }
}
