//! One spanning tree for each origin (Plumtree: Leitão, Pereira, Rodrigues, *Epidemic Broadcast Trees*, SRDS 2007; a tree
//! for each origin as Riak has it): payloads are pushed along it, announcements go over the other links.
//!
//! A link is *eager* for an origin on both its sides or on neither: so the edges of a tree have no direction, and the
//! tree of one origin serves another that has none yet. Spec: section 7.3.

use crate::core::{
    config::Timing,
    id::NodeId,
    slots::{Slot, Slots},
    time::Mono,
};
use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

/// In how many batches in a row a neighbour must have been quicker before it becomes the parent.
const CHALLENGES: u8 = 3;
/// Batches of a tree before what it has measured counts.
const YOUNG: u32 = 3;
/// Before that: round trips to wait for the payload of what was announced, and one where something that was pushed was lost lately.
const PATIENCE: u32 = 7;
/// Time for which such a loss counts.
const LOSSY_FOR: Duration = Duration::from_secs(10);

/// The trees of a node by origin.
///
/// Bounds: `trees_max` trees, each of a few words and two bits a neighbour.
#[derive(Debug)]
pub(in crate::core::dissemination) struct Trees {
    /// This node: its own tree has no parent.
    own: NodeId,
    by_origin: BTreeMap<NodeId, Tree>,
    trees_max: usize,
    pull_delay_min: Duration,
    pull_delay_max: Duration,
    uses: u64,
    /// The time when something that was pushed here was last seen to be lost.
    lost: Option<Mono>,
}

#[derive(Debug, Clone, Default)]
struct Tree {
    /// Links over which payloads are pushed, both ways.
    eager: Slots,
    /// The neighbour that pushes to us.
    parent: Option<Slot>,
    /// A neighbour that had some batches in a row before the parent brought them, and how many.
    challenger: Option<(Slot, u8)>,
    /// Number of batches that came.
    batches: u32,
    /// The time when a link was last grafted or pruned.
    changed: Mono,
    /// Longest time for which payloads come after their first announcement; forgets slowly.
    late: Duration,
    used: u64,
}

/// Way by which a payload got here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core::dissemination) enum Source {
    /// It was submitted to this node.
    Here,
    /// A neighbour pushed it.
    Pushed(Slot),
    /// A neighbour sent it because it was asked for.
    Pulled(Slot),
}

/// Another parent: graft the one, prune the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core::dissemination) struct Swap {
    /// The new parent.
    pub graft: Slot,
    /// The old one, if there was one.
    pub prune: Option<Slot>,
}

impl Trees {
    /// No trees yet of the node `own`; `timing` bounds the time to wait for a payload that was announced.
    pub(super) fn new(own: NodeId, trees_max: usize, timing: &Timing) -> Self {
        let &Timing { pull_delay_min, pull_delay_max, .. } = timing;
        Self { own, by_origin: BTreeMap::new(), trees_max, pull_delay_min, pull_delay_max, uses: 0, lost: None }
    }

    /// A batch of `origin` is here for the first time. Gives the links to push it to. `model` is the tree that the
    /// batch names, `links` all links that are up and know trees.
    ///
    /// Never to the parent: it has the batch, or will hear of it.
    pub(super) fn spread(
        &mut self,
        now: Mono,
        origin: &NodeId,
        source: Source,
        model: Option<&NodeId>,
        links: &Slots,
    ) -> Slots {
        let is_own = *origin == self.own;
        let tree = self.tree(now, origin, model, links);
        tree.batches = tree.batches.saturating_add(1);
        let mut targets = tree.eager.clone();
        match source {
            Source::Here => {}
            Source::Pushed(from) => {
                tree.eager.insert(from);
                if !is_own && tree.parent.is_none_or(|parent| parent != from && tree.challenge(from)) {
                    tree.parent = Some(from);
                }
                targets.remove(from);
            }
            Source::Pulled(from) => _ = targets.remove(from),
        }
        if let Some(parent) = tree.parent {
            targets.remove(parent);
        }
        targets
    }

    /// A second copy of a batch of `origin` was pushed by `from`; the first one came from `first`, if that is known.
    /// Gives the link to prune: of two that push, the one that is not the parent.
    pub(super) fn duplicate(&mut self, now: Mono, origin: &NodeId, from: Slot, first: Option<Slot>) -> Option<Slot> {
        let again_after = self.pull_delay_min;
        let tree = self.by_origin.get_mut(origin)?;
        // What was asked for came from nobody's parent: this is who would have brought it.
        if tree.parent.is_none() && *origin != self.own {
            tree.parent = Some(from);
        }
        let pruned = if tree.parent == Some(from) { first.filter(|&first| first != from)? } else { from };
        // What is under way when a link is pruned must not prune it again and again; a prune that was lost must.
        let is_meant = tree.prune(now, pruned) || now.since(tree.changed) >= again_after;
        if is_meant {
            tree.changed = now;
        }
        is_meant.then_some(pruned)
    }

    /// `by` has announced a batch of `origin` that is here; it had it `lead` before the payload would have come from it,
    /// or was not quicker (`None`).
    pub(super) fn announced(
        &mut self,
        now: Mono,
        origin: &NodeId,
        by: Slot,
        lead: Option<Duration>,
        least: Duration,
    ) -> Option<Swap> {
        let tree = self.by_origin.get_mut(origin)?;
        if tree.parent == Some(by) || tree.eager.contains(by) {
            return None;
        }
        if lead.is_none_or(|lead| lead <= least) {
            tree.challenger.take_if(|(challenger, _)| *challenger == by);
            return None;
        }
        if !tree.challenge(by) {
            return None;
        }
        Some(tree.adopt(now, by))
    }

    /// An eager neighbour spares us the payload of a message, because it knows that we have it or get it: it would have
    /// pushed it.
    pub(in crate::core::dissemination) fn spared(&mut self, origin: &NodeId, by: Slot) {
        let tree = self.by_origin.get_mut(origin).filter(|_| *origin != self.own);
        if let Some(tree) = tree.filter(|tree| tree.parent.is_none() && tree.eager.contains(by)) {
            tree.parent = Some(by);
        }
    }

    /// Says whether messages of `origin` cannot be expected from anybody: nobody pushes them, nor those of another origin whose
    /// tree they could come by.
    pub(in crate::core::dissemination) fn is_orphan(&self, origin: &NodeId) -> bool {
        match self.by_origin.get(origin) {
            _ if *origin == self.own => false,
            Some(tree) => tree.parent.is_none(),
            None => self.by_origin.is_empty(),
        }
    }

    /// Says whether messages of `origin` are pushed by this neighbour.
    pub(in crate::core::dissemination) fn is_parent(&self, origin: &NodeId, slot: Slot) -> bool {
        self.by_origin.get(origin).is_some_and(|tree| tree.parent == Some(slot))
    }

    /// Makes `slot` the parent: it is to be told so (GRAFT), and the old one, too (PRUNE). The node's own tree has none.
    pub(super) fn adopt(&mut self, now: Mono, origin: &NodeId, slot: Slot, links: &Slots) -> Option<Swap> {
        (*origin != self.own && links.contains(slot)).then(|| self.tree(now, origin, None, links).adopt(now, slot))
    }

    /// A payload was pushed here, or came too late after it had been asked for, `late` after its first announcement.
    pub(in crate::core::dissemination) fn learn(&mut self, origin: &NodeId, late: Duration) {
        if let Some(tree) = self.by_origin.get_mut(origin) {
            tree.late = late.max(tree.late - tree.late / 8);
        }
    }

    /// Something that was pushed here was lost.
    pub(in crate::core::dissemination) fn note_loss(&mut self, now: Mono) {
        self.lost = Some(now);
    }

    /// Time to wait for a payload of `origin` that was announced, where a link's round trip is `round_trip` on average.
    pub(in crate::core::dissemination) fn pull_delay(
        &self,
        now: Mono,
        origin: &NodeId,
        round_trip: Duration,
    ) -> Duration {
        let is_lossy = self.lost.is_some_and(|lost| now.since(lost) < LOSSY_FOR);
        let young = if is_lossy { round_trip } else { round_trip * PATIENCE };
        let tree = self.by_origin.get(origin).filter(|tree| tree.batches >= YOUNG);
        let wait = tree.map_or(young, |tree| (tree.late * 3 / 2).max(round_trip));
        wait.clamp(self.pull_delay_min, self.pull_delay_max)
    }

    /// A neighbour wants messages of `origin` pushed.
    pub(in crate::core::dissemination) fn on_graft(&mut self, now: Mono, origin: &NodeId, by: Slot, links: &Slots) {
        let tree = self.tree(now, origin, None, links);
        tree.graft(now, by);
        // Whoever asks us has nobody else: it cannot be the one that we get them from.
        tree.parent.take_if(|parent| *parent == by);
    }

    /// A neighbour wants no messages of `origin` pushed.
    pub(in crate::core::dissemination) fn on_prune(&mut self, now: Mono, origin: &NodeId, by: Slot) {
        if let Some(tree) = self.by_origin.get_mut(origin) {
            tree.prune(now, by);
            tree.parent.take_if(|parent| *parent == by);
        }
    }

    /// A link is down, or its slot is another's from now on.
    pub(super) fn forget(&mut self, slot: Slot) {
        for tree in self.by_origin.values_mut() {
            tree.eager.remove(slot);
            tree.parent.take_if(|parent| *parent == slot);
            tree.challenger.take_if(|(challenger, _)| *challenger == slot);
        }
    }

    /// The tree that a batch submitted here names, as long as others may have none for this node: one that all are to copy
    /// alike, or its own, which says that there is none and that all links are to be taken.
    pub(crate) fn model_for_own(&self, now: Mono) -> Option<&NodeId> {
        let is_young = self.by_origin.get(&self.own).is_none_or(|tree| tree.batches < YOUNG);
        is_young.then(|| self.model(now, &self.own).unwrap_or(&self.own))
    }

    /// Number of trees.
    pub(in crate::core::dissemination) fn len(&self) -> usize {
        self.by_origin.len()
    }

    /// The links that are eager for `origin`, if it has a tree.
    pub(super) fn eager(&self, origin: &NodeId) -> Option<&Slots> {
        self.by_origin.get(origin).map(|tree| &tree.eager)
    }

    fn tree(&mut self, now: Mono, origin: &NodeId, model: Option<&NodeId>, links: &Slots) -> &mut Tree {
        self.uses += 1;
        if !self.by_origin.contains_key(origin) {
            if self.by_origin.len() >= self.trees_max {
                self.forget_oldest();
            }
            let named = model.filter(|&model| model == origin || self.by_origin.contains_key(model));
            let model = named.or_else(|| self.model(now, origin)).and_then(|model| self.by_origin.get(model));
            let eager = model.map_or_else(|| links.clone(), |model| model.eager.clone());
            let tree = Tree { eager, changed: now, ..Tree::default() };
            self.by_origin.insert(origin.clone(), tree);
        }
        let tree = self.by_origin.get_mut(origin).expect("it was inserted if it was missing");
        tree.used = self.uses;
        tree
    }

    /// A linear search, but only when there are more origins than trees.
    fn forget_oldest(&mut self) {
        let oldest = self.by_origin.iter().min_by_key(|(_, tree)| tree.used).map(|(origin, _)| origin.clone());
        if let Some(origin) = oldest {
            self.by_origin.remove(&origin);
        }
    }

    /// The tree to copy, of those that bring messages and have not changed for a while: the one that was used last, or as long
    /// as none has brought a few, that of the lowest name, which others choose, too. Copies of different trees do not fit
    /// together where a node lacks the one that is named.
    /// A linear search, but only when an origin is new.
    fn model(&self, now: Mono, origin: &NodeId) -> Option<&NodeId> {
        let settled_for = 3 * self.pull_delay_min;
        let is_settled = |tree: &Tree| tree.batches > 0 && now.since(tree.changed) >= settled_for;
        let settled = self.by_origin.iter().filter(|&(other, tree)| other != origin && is_settled(tree));
        let last_use = |tree: &Tree| Some(tree.used).filter(|_| tree.batches >= YOUNG);
        settled.max_by_key(|&(other, tree)| (last_use(tree), Reverse(other))).map(|(other, _)| other)
    }
}

impl Tree {
    /// Makes `slot` the parent.
    fn adopt(&mut self, now: Mono, slot: Slot) -> Swap {
        let prune = self.parent.replace(slot).filter(|&old| old != slot);
        self.graft(now, slot);
        if let Some(old) = prune {
            self.prune(now, old);
        }
        Swap { graft: slot, prune }
    }

    fn graft(&mut self, now: Mono, slot: Slot) -> bool {
        let is_new = self.eager.insert(slot);
        if is_new {
            self.changed = now;
        }
        self.challenger.take_if(|(challenger, _)| *challenger == slot);
        is_new
    }

    fn prune(&mut self, now: Mono, slot: Slot) -> bool {
        let was_eager = self.eager.remove(slot);
        if was_eager {
            self.changed = now;
        }
        was_eager
    }

    /// Counts a batch that `slot` had first; says whether it has been quicker often enough.
    fn challenge(&mut self, slot: Slot) -> bool {
        let count = match &mut self.challenger {
            Some((challenger, count)) if *challenger == slot => {
                *count += 1;
                *count
            }
            Some(_) => return false,
            None => {
                self.challenger = Some((slot, 1));
                1
            }
        };
        if count >= CHALLENGES {
            self.challenger = None;
        }
        count >= CHALLENGES
    }
}

#[cfg(test)]
#[path = "tree/tests.rs"]
mod tests;
