//! The root of a component: the lowest name, in natural order, that can be reached. It gives signs of life; who hears
//! none for a while takes itself for the root until it hears of a lower one. So each component has one node that knows
//! that it has to look for the others.

use crate::core::{
    frame::Beacon,
    id::{Incarnation, NodeId},
    time::Mono,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Beats that must stay out before the root is taken for gone, and its followers for roots of some standing.
pub const BEATS_MISSED_MAX: u32 = 4;
/// What each link between may add to that.
const HOP_ALLOWANCE: Duration = Duration::from_millis(250);
/// More links than this add no more.
const HOPS_MAX: u32 = 4096;
/// How many former roots are remembered.
const FORMER_MAX: usize = 64;
/// How long a link is left out of the beat to see whether it can be spared, in halves of a beat: shorter than any node
/// takes to despair of the root.
const TRIAL_HALF_BEATS: u32 = 5;

/// A beat: the life of the root and the number of its sign.
type Stamp = (Incarnation, u64);

/// Whom this node follows. Bounds: one stamp for each neighbour and for 64 former roots.
#[derive(Debug)]
pub struct Election {
    me: NodeId,
    /// Of our own latest beat.
    stamp: Stamp,
    beat_interval: Duration,
    heard: Option<Heard>,
    root_since: Mono,
    next_beat: Mono,
    /// The latest beats of roots that we followed, so that what is left of them in the overlay does not bring them back.
    former: VecDeque<(NodeId, Stamp)>,
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
    pub fn new(me: NodeId, incarnation: Incarnation, beat_interval: Duration, now: Mono) -> Self {
        Self {
            me,
            stamp: (incarnation, 0),
            beat_interval,
            heard: None,
            root_since: now,
            next_beat: now + beat_interval,
            former: VecDeque::new(),
            copies: BTreeMap::new(),
            trial: None,
        }
    }

    /// The lowest name that is known to be reachable.
    pub fn root(&self) -> &NodeId {
        self.heard.as_ref().map_or(&self.me, |heard| &heard.root)
    }

    /// Since when this node is the root, if it is.
    pub fn is_root_since(&self) -> Option<Mono> {
        self.heard.is_none().then_some(self.root_since)
    }

    /// Links to the root, 0 if that is this node.
    pub fn hops(&self) -> u32 {
        self.heard.as_ref().map_or(0, |heard| heard.hops)
    }

    /// What a new neighbour is told.
    pub fn current(&self) -> Option<Beacon> {
        let (root, (incarnation, beat), hops) = match &self.heard {
            Some(heard) => (&heard.root, heard.stamp, heard.hops),
            None if self.stamp.1 == 0 => return None,
            None => (&self.me, self.stamp, 0),
        };
        Some(Beacon { root: root.clone(), incarnation, beat, hops: hops + 1 })
    }

    /// A neighbour passes a beat on; gives what is to be passed on to all others.
    pub fn on_beat(&mut self, now: Mono, from: &NodeId, beacon: &Beacon) -> Option<Beacon> {
        let stamp = (beacon.incarnation, beacon.beat);
        self.copies.insert(from.clone(), (beacon.root.clone(), stamp));
        if beacon.root == self.me {
            self.stamp = self.stamp.max(stamp);
            return None;
        }
        if self.tried() == Some(from)
            || beacon.root.natural_key() > self.root().natural_key()
            || self.latest(&beacon.root).is_some_and(|latest| stamp <= latest)
        {
            return None;
        }
        if *self.root() != beacon.root {
            self.retire();
        }
        let hops = beacon.hops.clamp(1, HOPS_MAX);
        self.heard = Some(Heard { root: beacon.root.clone(), stamp, hops, at: now, via: from.clone() });
        self.current()
    }

    /// Time passes; gives the beat of this node if one is due.
    pub fn on_tick(&mut self, now: Mono) -> Option<Beacon> {
        if self.heard.as_ref().is_some_and(|heard| self.timeout(heard) <= now) {
            self.retire();
            (self.root_since, self.next_beat) = (now, now);
        }
        self.trial.take_if(|trial| trial.until <= now);
        if self.heard.is_some() || now < self.next_beat {
            return None;
        }
        self.stamp.1 = self.stamp.1.saturating_add(1);
        self.next_beat = now + self.beat_interval;
        self.current()
    }

    /// When the next tick is due.
    pub fn deadline(&self) -> Mono {
        let next = self.heard.as_ref().map_or(self.next_beat, |heard| self.timeout(heard));
        self.trial.as_ref().map_or(next, |trial| trial.until.min(next))
    }

    /// A neighbour is one no more.
    pub fn forget(&mut self, node: &NodeId) {
        self.copies.remove(node);
        self.trial.take_if(|trial| trial.node == *node);
    }

    /// Whether the latest beat would have reached both ends of the link to `node` without it: each had it from another.
    pub fn is_spare(&self, node: &NodeId) -> bool {
        let (root, stamp) = self.now_following();
        let is_parent = self.heard.as_ref().is_some_and(|heard| heard.via == *node);
        let newest = self.copies.get(node).filter(|(of, _)| of == root).map(|&(_, copy)| copy);
        !is_parent && newest.is_some_and(|copy| copy.0 == stamp.0 && copy.1.saturating_add(1) >= stamp.1)
    }

    /// Leaves the link to `node` out of the beat for a while: see [`spared`](Self::spared). One at a time.
    pub fn try_without(&mut self, now: Mono, node: &NodeId) {
        let (root, stamp) = self.now_following();
        let (root, until) = (root.clone(), now + self.beat_interval * TRIAL_HALF_BEATS / 2);
        self.trial.get_or_insert_with(|| Trial { node: node.clone(), root, stamp, until });
    }

    /// The neighbour whose link is left out of the beat: no beat is to be passed on to it.
    pub fn tried(&self) -> Option<&NodeId> {
        self.trial.as_ref().map(|trial| &trial.node)
    }

    /// The neighbour whose link was left out and is not missed: newer beats of the same root came to both of its ends.
    pub fn spared(&mut self) -> Option<NodeId> {
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
        heard.at + self.beat_interval * BEATS_MISSED_MAX + HOP_ALLOWANCE * heard.hops
    }

    fn latest(&self, root: &NodeId) -> Option<Stamp> {
        let followed = self.heard.as_ref().filter(|heard| heard.root == *root).map(|heard| heard.stamp);
        followed.or_else(|| self.former.iter().find(|(node, _)| node == root).map(|&(_, stamp)| stamp))
    }

    /// Follows its root no more.
    fn retire(&mut self) {
        let Some(heard) = self.heard.take() else { return };
        self.former.retain(|(node, _)| *node != heard.root);
        self.former.push_back((heard.root, heard.stamp));
        if self.former.len() > FORMER_MAX {
            self.former.pop_front();
        }
        self.trial = None;
    }
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

    fn election() -> Election {
        Election::new(node(50), Incarnation(1), BEAT, ms(0))
    }

    #[test]
    fn a_late_starter_listens_before_it_beats() {
        let mut election = election();
        assert_eq!((election.on_tick(ms(999)), election.deadline()), (None, ms(1000)));
        assert_eq!(election.on_tick(ms(1000)), Some(beat(50, 1, 1, 1)));
        assert_eq!(election.is_root_since(), Some(ms(0)));
        assert_eq!(election.on_beat(ms(1001), &node(3), &beat(7, 4, 2, 2)), Some(beat(7, 4, 2, 3)));
        assert_eq!((election.root(), election.is_root_since(), election.hops()), (&node(7), None, 2));
    }

    #[test]
    fn a_dead_root_is_not_brought_back_by_what_is_left_of_it() {
        let mut election = election();
        election.on_beat(ms(0), &node(3), &beat(7, 4, 20, 2));
        assert_eq!(election.deadline(), ms(4500));
        assert_eq!(election.on_tick(ms(4499)), None);
        assert_eq!(election.on_tick(ms(4500)), Some(beat(50, 1, 1, 1)));
        assert_eq!(election.on_beat(ms(4600), &node(4), &beat(7, 4, 20, 5)), None);
        assert_eq!(election.on_beat(ms(4600), &node(4), &beat(7, 4, 21, 5)), Some(beat(7, 4, 21, 6)));
        assert_eq!(election.on_beat(ms(4700), &node(4), &beat(7, 3, 99, 5)), None);
        assert_eq!(election.on_beat(ms(4700), &node(4), &beat(7, 5, 1, 5)), Some(beat(7, 5, 1, 6)));
    }

    #[test]
    fn a_root_that_forgot_its_beats_goes_on_after_them() {
        let mut election = election();
        assert_eq!(election.on_beat(ms(1), &node(3), &beat(50, 9, 70, 3)), None);
        assert_eq!(election.on_tick(ms(1000)), Some(beat(50, 9, 71, 1)));
    }

    #[test]
    fn a_link_is_spare_if_both_ends_had_the_beat_from_others() {
        let mut election = election();
        election.on_beat(ms(0), &node(3), &beat(7, 1, 1, 2));
        assert!(!election.is_spare(&node(3)) && !election.is_spare(&node(4)));
        election.on_beat(ms(1), &node(4), &beat(7, 1, 1, 2));
        assert!(!election.is_spare(&node(3)) && election.is_spare(&node(4)));
        election.forget(&node(4));
        assert!(!election.is_spare(&node(4)));
    }

    #[test]
    fn a_trial_shows_whether_a_link_is_missed() {
        let mut election = election();
        election.on_beat(ms(0), &node(3), &beat(7, 1, 1, 2));
        election.try_without(ms(10), &node(3));
        assert_eq!(election.on_beat(ms(1000), &node(3), &beat(7, 1, 2, 2)), None);
        assert_eq!(election.spared(), None, "nobody else has told of it");
        assert!(election.on_beat(ms(1001), &node(4), &beat(7, 1, 2, 9)).is_some());
        assert_eq!(election.spared(), Some(node(3)));
        assert_eq!(election.tried(), None);
        election.try_without(ms(1100), &node(4));
        election.on_tick(ms(3600));
        assert_eq!(election.spared(), None);
        assert_eq!(election.tried(), None);
        assert!(election.on_beat(ms(3700), &node(4), &beat(7, 1, 4, 9)).is_some());
    }

    proptest! {
        /// Whatever comes: the root is never higher than this node, no beat is passed on twice, and none makes it follow
        /// a higher root before the lower one has been silent for long enough.
        #[test]
        fn the_root_only_sinks_until_it_is_silent(
            steps in prop::collection::vec((0u64..600, 1u32..6, 40u32..60, 1u64..3, 0u64..9, 0u32..5), 0..200),
        ) {
            let (mut election, mut now) = (election(), 0);
            let mut passed = std::collections::BTreeSet::new();
            for (wait, from, root, incarnation, number, hops) in steps {
                now += wait;
                let before = election.root().clone();
                let was_due = election.deadline() <= ms(now);
                election.on_tick(ms(now));
                prop_assert!(was_due || *election.root() == before);
                let before = election.root().clone();
                if let Some(next) = election.on_beat(ms(now), &node(from), &beat(root, incarnation, number, hops)) {
                    prop_assert!(passed.insert((next.root.clone(), next.incarnation, next.beat)));
                    prop_assert_eq!(election.root(), &next.root);
                }
                prop_assert!(election.root().natural_key() <= before.natural_key());
                prop_assert!(election.root().natural_key() <= node(50).natural_key());
                prop_assert!(election.deadline() > ms(now));
            }
        }
    }
}
