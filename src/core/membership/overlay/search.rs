//! The search of a node for neighbours: whom it has asked or told to come, and who answered no.

use crate::core::{config::Timing, frame::JoinPriority, id::NodeId, rng::Rng, time::Mono};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Time for which a node is sought, in times of that for which it counts for what is lacking.
pub(super) const PATIENCE: u32 = 4;
/// Most nodes that are sought at one time.
const SEEKS_MAX: usize = 64;
/// Most of them that did not answer soon, and so do not count for what is lacking.
const STALE_MAX: usize = 8;
/// Most nodes that are asked in one round.
const ASKED_MAX: usize = 64;
/// Time after a word that the network is being stopped in which nobody is sought.
const STOPPING: Duration = Duration::from_secs(30);

/// The nodes that are sought. Bound: 64 of them.
#[derive(Debug)]
pub(super) struct Search {
    seeks: BTreeMap<NodeId, Seeking>,
    /// Time for which a node that was asked counts for what is lacking.
    fresh_for: Duration,
    /// Until when nobody is sought.
    quiet_until: Mono,
}

/// A node that was asked, or that was told to come.
#[derive(Debug)]
pub(super) struct Seeking {
    purpose: SearchPurpose,
    priority: JoinPriority,
    /// True if it is likely that it answers: it was asked a short while ago.
    is_fresh: bool,
    fresh_until: Mono,
    until: Mono,
}

/// The purpose for which a node is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SearchPurpose {
    /// It is to replace a declared neighbour.
    Replacement(NodeId),
    /// There is room.
    Vacancy,
    /// This node is a root, and that one has a lower name.
    Bridge,
    /// It needs this node: its walk ended here, or it is the root of another component.
    Wanted,
    /// It has asked, and has been told to come.
    Accepted,
    /// It was not there once, and may be back; or it may be in another component.
    Missed,
}

impl Seeking {
    /// Returns true if it is to fill a place.
    pub(super) fn fills(&self) -> bool {
        matches!(self.purpose, SearchPurpose::Replacement(_) | SearchPurpose::Vacancy)
    }

    pub(super) fn is_for(&self, purpose: &SearchPurpose) -> bool {
        self.purpose == *purpose
    }

    pub(super) fn purpose(&self) -> &SearchPurpose {
        &self.purpose
    }

    pub(super) fn priority(&self) -> JoinPriority {
        self.priority
    }

    fn replaces(&self) -> Option<&NodeId> {
        if let SearchPurpose::Replacement(lost) = &self.purpose { Some(lost) } else { None }
    }

    fn holds_place(&self) -> bool {
        self.is_fresh && (self.fills() || self.purpose == SearchPurpose::Accepted)
    }

    fn deadline(&self) -> Mono {
        if self.is_fresh { self.fresh_until } else { self.until }
    }
}

impl Search {
    pub(super) fn new(timing: &Timing) -> Self {
        Self { seeks: BTreeMap::new(), fresh_for: timing.redial_min, quiet_until: Mono::default() }
    }

    /// A node is sought from now on.
    pub(super) fn begin(&mut self, now: Mono, node: NodeId, purpose: SearchPurpose, priority: JoinPriority) {
        let (fresh_until, until) = (now + self.fresh_for, now + self.fresh_for * PATIENCE);
        self.seeks.insert(node, Seeking { purpose, priority, is_fresh: true, fresh_until, until });
    }

    /// A node is sought no more.
    pub(super) fn end(&mut self, node: &NodeId) -> Option<Seeking> {
        self.seeks.remove(node)
    }

    /// The same for all that are sought like this.
    pub(super) fn end_all(&mut self, is_over: impl Fn(&Seeking) -> bool) -> Vec<NodeId> {
        let over: Vec<NodeId> =
            self.seeks.iter().filter(|(_, seek)| is_over(seek)).map(|(node, _)| node.clone()).collect();
        over.iter().for_each(|node| drop(self.end(node)));
        over
    }

    /// The nodes that were sought for long enough.
    pub(super) fn late(&self, now: Mono) -> Vec<NodeId> {
        self.seeks.iter().filter(|(_, seek)| seek.until <= now).map(|(node, _)| node.clone()).collect()
    }

    /// Nodes that were asked long ago count for what is lacking no more.
    pub(super) fn age(&mut self, now: Mono) {
        self.seeks.values_mut().for_each(|seek| seek.is_fresh &= now < seek.fresh_until);
    }

    /// The network is being stopped: nobody is sought for a while.
    pub(super) fn rest(&mut self, now: Mono) {
        self.quiet_until = now + STOPPING;
    }

    /// It was not the whole network that was being stopped.
    pub(super) fn resume(&mut self, now: Mono) {
        self.quiet_until = self.quiet_until.min(now);
    }

    pub(super) fn quiet_until(&self) -> Mono {
        self.quiet_until
    }

    pub(super) fn is_quiet(&self, now: Mono) -> bool {
        now < self.quiet_until
    }

    /// Returns true if another node may be sought.
    pub(super) fn has_room(&self, now: Mono) -> bool {
        !self.is_quiet(now) && self.seeks.len() < SEEKS_MAX
    }

    /// Returns true if another node may be asked to fill a place.
    pub(super) fn may_fill(&self) -> bool {
        self.count(Seeking::fills) < self.holding() + STALE_MAX && self.seeks.len() < SEEKS_MAX
    }

    pub(super) fn get(&self, node: &NodeId) -> Option<&Seeking> {
        self.seeks.get(node)
    }

    pub(super) fn contains(&self, node: &NodeId) -> bool {
        self.seeks.contains_key(node)
    }

    /// The number of nodes that are sought like this.
    pub(super) fn count(&self, is_counted: impl Fn(&Seeking) -> bool) -> usize {
        self.seeks.values().filter(|seek| is_counted(seek)).count()
    }

    /// Places that are spoken for.
    pub(super) fn holding(&self) -> usize {
        self.count(Seeking::holds_place)
    }

    /// The nodes that were asked a short while ago to fill a place.
    pub(super) fn asked(&self) -> impl Iterator<Item = &NodeId> {
        self.seeks.iter().filter(|(_, seek)| seek.fills() && seek.is_fresh).map(|(node, _)| node)
    }

    /// Returns true if a node was asked for need a short while ago.
    pub(super) fn is_in_need(&self) -> bool {
        self.seeks.values().any(|seek| seek.is_fresh && seek.priority == JoinPriority::Needed)
    }

    /// The declared neighbour that a node is to replace.
    pub(super) fn replaced_by(&self, node: &NodeId) -> Option<&NodeId> {
        self.get(node)?.replaces()
    }

    /// The declared neighbours that nodes asked a short while ago are to replace.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &NodeId> {
        self.seeks.values().filter(|seek| seek.is_fresh).filter_map(Seeking::replaces)
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.seeks.values().map(Seeking::deadline).min()
    }
}

/// Questions since the last time that a place became free.
#[derive(Debug, Default)]
pub(super) struct Round {
    number: u32,
    /// Nodes that answered no, or not at all.
    asked: BTreeSet<NodeId>,
    /// Until when nobody is asked.
    pause: Option<Mono>,
    /// True if there may be others to ask before that.
    has_news: bool,
}

impl Round {
    /// A place has become free, or all are taken: everybody may be asked again.
    pub(super) fn renew(&mut self) {
        *self = Self::default();
    }

    /// All that could be asked were: a pause, longer each time.
    pub(super) fn end(&mut self, now: Mono, timing: &Timing, rng: &mut Rng) {
        let wait = timing.redial_min.saturating_mul(1 << self.number.min(16)).min(timing.redial_max);
        self.number = self.number.saturating_add(1);
        self.pause = Some(now + rng.about(wait));
    }

    /// Returns true if there is a pause. When it ends, everybody may be asked again.
    pub(super) fn is_paused(&mut self, now: Mono) -> bool {
        let is_paused = self.pause.is_some_and(|pause| now < pause);
        if !is_paused && self.pause.take().is_some() {
            self.asked.clear();
        }
        is_paused
    }

    /// A node is not to be asked in this round, or not again.
    pub(super) fn exclude(&mut self, node: NodeId) {
        self.asked.insert(node);
    }

    pub(super) fn excludes(&self, node: &NodeId) -> bool {
        self.asked.contains(node)
    }

    /// There may be others to ask.
    pub(super) fn note_news(&mut self) {
        self.has_news = true;
    }

    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Returns true if no more nodes may be asked.
    pub(super) fn is_full(&self) -> bool {
        self.asked.len() >= ASKED_MAX
    }

    /// The number of pauses so far.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn pause(&self) -> Option<Mono> {
        self.pause
    }
}
