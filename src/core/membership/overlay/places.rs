//! Places of declared neighbours that left, and the neighbours of nodes that are gone: these lost them, too.

use crate::core::{frame::Member, id::NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// Most nodes whose lists are kept after they fell.
const FALLEN_MAX: usize = 128;
/// Most places that are kept for others after declared neighbours left.
const PLACES_MAX: usize = 64;

/// Places by the names of those that left them. Bounds: 64 places, 256 members for each of 128 nodes that fell.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Declared neighbours that left and have not been replaced.
    open: BTreeSet<NodeId>,
    /// Neighbours of nodes that are down or left, as they told last.
    fallen: BTreeMap<NodeId, Vec<Member>>,
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.open.iter()
    }

    /// Keeps the place of a node that left for another.
    pub(super) fn keep(&mut self, left: NodeId) {
        if self.open.len() >= PLACES_MAX {
            let is_told = |place: &&NodeId| !self.fallen.contains_key(*place);
            let victim = self.open.iter().find(is_told).or_else(|| self.open.first()).cloned();
            victim.iter().for_each(|victim| self.fill(victim));
        }
        self.open.insert(left);
    }

    /// Closes the place of a node; who lost it stays known.
    pub(super) fn close(&mut self, node: &NodeId) {
        self.open.remove(node);
    }

    /// Closes the place of a node that is replaced for good, or is to have none.
    pub(super) fn fill(&mut self, lost: &NodeId) {
        self.open.remove(lost);
        self.fallen.remove(lost);
    }

    /// Keeps the list of a node that fell. If there are too many, one goes that was not declared.
    pub(super) fn remember(&mut self, fallen: NodeId, list: Vec<Member>, is_declared: impl Fn(&NodeId) -> bool) {
        if self.fallen.len() >= FALLEN_MAX && !self.fallen.contains_key(&fallen) {
            let is_met = |node: &&NodeId| !is_declared(node) && !self.open.contains(*node);
            let victim = self.fallen.keys().find(is_met).or_else(|| self.fallen.keys().next()).cloned();
            victim.map(|victim| self.fallen.remove(&victim));
        }
        self.fallen.insert(fallen, list);
    }

    /// Forgets who lost a node that is up again.
    pub(super) fn forget(&mut self, node: &NodeId) {
        self.fallen.remove(node);
    }

    pub(super) fn is_fallen(&self, node: &NodeId) -> bool {
        self.fallen.contains_key(node)
    }

    /// The nodes that lost `lost`, as it told last.
    pub(super) fn orphans(&self, lost: &NodeId) -> &[Member] {
        self.fallen.get(lost).map_or(&[], Vec::as_slice)
    }

    /// The nodes that lost any of those that fell.
    pub(super) fn all_orphans(&self) -> impl Iterator<Item = &Member> {
        self.fallen.values().flatten()
    }
}
