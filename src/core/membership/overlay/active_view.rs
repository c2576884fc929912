//! The active view: the neighbours of a node, those that were declared, and the places of those that are gone.
//! Spec: `docs/spec/gossip-bus.md`, *Overlay*.
//!
//! The declared graph is kept. A neighbour that is down is replaced for as long as it is down, first by others that lost
//! it too; one that left is replaced for good.

use super::{
    neighbour::{Neighbour, OverlayRole, names},
    places::Places,
    search::Search,
};
use crate::core::{frame::Member, id::NodeId, neighbours::NeighbourTable, time::Mono};
use std::collections::{BTreeMap, BTreeSet};

/// Neighbours above its target that a node may keep.
const SPARE_PLACES: usize = 1;
/// Neighbours above that which it may keep for the sake of links without which the overlay might fall apart.
const BRIDGE_PLACES: usize = 2;

/// The neighbours of a node. Bounds: the nodes that it declares and meets, which `peers_max` bounds; 256 members for each
/// of them; its places.
#[derive(Debug)]
pub(super) struct ActiveView {
    me: NodeId,
    /// The number of neighbours of a node for which none are declared.
    degree: usize,
    /// True if this node joined by asking somebody, so that it has the neighbours it finds.
    joined: bool,
    /// Until when each is waited for that has not been up yet.
    declared: BTreeMap<NodeId, Option<Mono>>,
    neighbours: BTreeMap<NodeId, Neighbour>,
    places: Places,
    changed: bool,
}

/// Numbers, and who is a neighbour.
impl ActiveView {
    /// No neighbours yet.
    pub(super) fn new(me: NodeId, degree: usize) -> Self {
        Self {
            me,
            degree,
            joined: false,
            declared: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            places: Places::default(),
            changed: false,
        }
    }

    /// The node asks others to be taken in: from now on it has as many neighbours as `degree` says.
    pub(super) fn join(&mut self) {
        self.joined = true;
    }

    pub(super) fn me(&self) -> &NodeId {
        &self.me
    }

    /// The number of neighbours that this node is to have.
    pub(super) fn target(&self) -> usize {
        let declared = self.declared.len() + self.places.len() - self.covered();
        if self.joined || declared == 0 { declared.max(self.degree) } else { declared }
    }

    /// The number of neighbours that it lacks, those aside that it still waits for.
    pub(super) fn wanting(&self) -> usize {
        self.target().saturating_sub(self.neighbours.len() + self.awaited().count())
    }

    /// Returns true if it has more neighbours than it is to have.
    pub(super) fn is_over(&self) -> bool {
        self.neighbours.len() > self.target()
    }

    /// Returns true if it has the neighbours it finds, rather than those that were declared.
    pub(super) fn roams(&self) -> bool {
        self.joined || self.declared.is_empty() && self.places.len() == 0
    }

    /// Until when declared neighbours are waited for that have not been up yet.
    pub(super) fn awaited(&self) -> impl Iterator<Item = Mono> {
        self.declared.values().flatten().copied()
    }

    /// Returns true if a link to that node is to be kept whatever happens, until it leaves.
    pub(super) fn is_declared(&self, node: &NodeId) -> bool {
        self.declared.contains_key(node)
    }

    /// All such nodes, up or not.
    pub(super) fn declared(&self) -> impl Iterator<Item = &NodeId> {
        self.declared.keys()
    }

    /// Returns true if a declared neighbour is down: there is no link to it, and it is not waited for.
    pub(super) fn is_lost(&self, node: &NodeId) -> bool {
        self.declared.get(node) == Some(&None) && !self.is_neighbour(node)
    }

    /// Returns true if there is a link to that node.
    pub(super) fn is_neighbour(&self, node: &NodeId) -> bool {
        self.neighbours.contains_key(node)
    }

    /// Returns true if that node is a neighbour, or is to be one.
    pub(super) fn contains(&self, node: &NodeId) -> bool {
        self.is_neighbour(node) || self.is_declared(node)
    }

    /// All neighbours, in the order of their names as texts.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = Member> {
        self.neighbours.iter().map(|(node, neighbour)| neighbour.member(node))
    }

    /// Returns true if there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.neighbours.is_empty()
    }

    /// The role of a neighbour, for tests.
    #[cfg(test)]
    pub(super) fn role(&self, node: &NodeId) -> Option<&OverlayRole> {
        self.neighbours.get(node).map(Neighbour::role)
    }

    /// The neighbours of all neighbours, as these told last.
    pub(super) fn second_degree(&self) -> impl Iterator<Item = &Member> {
        self.neighbours.values().flat_map(Neighbour::list)
    }

    /// The names of the neighbours, without those that may be down.
    pub(super) fn sound(&self) -> Vec<NodeId> {
        self.neighbours.iter().filter(|(_, neighbour)| neighbour.is_sound()).map(|(node, _)| node.clone()).collect()
    }

    /// Those of them that have other neighbours than this node: from there a walk can go on.
    pub(super) fn settled(&self) -> Vec<NodeId> {
        let is_settled = |neighbour: &Neighbour| neighbour.is_sound() && neighbour.has_others(&self.me);
        self.neighbours.iter().filter(|(_, neighbour)| is_settled(neighbour)).map(|(node, _)| node.clone()).collect()
    }

    /// The neighbour that can be parted from with the least loss, if there are too many: one that has others, and first one
    /// that is not needed to pass the beat on. Not the `latest`.
    pub(super) fn superfluous(&self, latest: Option<&NodeId>, is_spare: impl Fn(&NodeId) -> bool) -> Option<NodeId> {
        let most = self.target() + SPARE_PLACES;
        // A crowd that joins through this node: its walks need ways to all the others.
        let is_crowd = || self.roams() && self.settled().len() <= self.target();
        if self.neighbours.len() <= most || is_crowd() {
            return None;
        }
        let can_go = |(node, neighbour): &(&NodeId, &Neighbour)| {
            neighbour.has_others(&self.me) && Some(*node) != latest && !self.is_declared(node)
        };
        let weight = |(node, neighbour): (&NodeId, &Neighbour)| (is_spare(node), neighbour.list().len(), node.clone());
        let is_dense = self.roams() || self.neighbours.len() > most + BRIDGE_PLACES;
        let superfluous = self.neighbours.iter().filter(can_go).map(weight).max();
        superfluous.filter(|&(is_spare, ..)| is_spare || is_dense).map(|(.., node)| node)
    }

    /// The neighbours that this node found beside those that were declared, once all of these are there.
    pub(super) fn spares(&self) -> Vec<NodeId> {
        let is_whole = !self.declared.is_empty() && self.declared().all(|node| self.is_neighbour(node));
        if self.joined || !is_whole {
            return Vec::new();
        }
        let is_spare = |(node, neighbour): &(&NodeId, &Neighbour)| {
            *neighbour.role() != OverlayRole::Ordinary && !self.is_declared(node)
        };
        self.neighbours.iter().filter(is_spare).map(|(node, _)| node.clone()).collect()
    }

    /// Returns true if the neighbours have changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

/// Events of neighbours.
impl ActiveView {
    /// A node is a neighbour. Nothing more happens if it was one before: returns true.
    pub(super) fn refresh(&mut self, member: &Member) -> bool {
        let neighbour = self.neighbours.get_mut(&member.node);
        neighbour.map(|neighbour| neighbour.rise(member.endpoint.clone())).is_some()
    }

    /// A node becomes a neighbour.
    pub(super) fn enter(&mut self, member: Member, role: OverlayRole) {
        let Member { node, endpoint } = member;
        match self.declared.get_mut(&node) {
            Some(awaited) => *awaited = None,
            None => self.places.forget(&node),
        }
        self.neighbours.insert(node, Neighbour::new(endpoint, role));
        self.changed = true;
    }

    /// A node is no neighbour any more.
    pub(super) fn remove(&mut self, node: &NodeId) -> Option<Neighbour> {
        let neighbour = self.neighbours.remove(node)?;
        self.changed = true;
        Some(neighbour)
    }

    pub(super) fn get_mut(&mut self, node: &NodeId) -> Option<&mut Neighbour> {
        self.neighbours.get_mut(node)
    }

    /// A neighbour tells who its neighbours are. Returns true if this node has only now become one of them; `None` if it is
    /// no neighbour itself.
    pub(super) fn tell(&mut self, from: &NodeId, list: &[Member]) -> Option<bool> {
        self.neighbours.get_mut(from).map(|neighbour| neighbour.tell(list, &self.me))
    }

    /// Keeps the list of a node that fell.
    pub(super) fn remember(&mut self, fallen: &NodeId, list: Vec<Member>) {
        let declared = &self.declared;
        self.places.remember(fallen.clone(), list, |node| declared.contains_key(node));
    }

    /// A neighbour is declared. It is waited for until `until` if it is not up.
    pub(super) fn declare(&mut self, node: &NodeId, until: Mono, search: &Search) {
        self.places.close(node);
        if !self.is_declared(node) {
            self.place_of(node, search).iter().for_each(|lost| self.places.fill(lost));
            let awaited = (!self.is_neighbour(node)).then_some(until);
            self.declared.insert(node.clone(), awaited);
            self.settle_roles(node);
        }
    }

    /// Nodes to which there is no link are not declared, nor waited for. Gives those that are still neighbours.
    pub(super) fn follow_links(&mut self, table: &NeighbourTable) -> Vec<NodeId> {
        let has_link = |node: &NodeId| table.slot_of(node).is_some();
        self.declared.retain(|node, _| has_link(node));
        self.neighbours.keys().filter(|node| !has_link(node)).cloned().collect()
    }

    /// Declared neighbours that did not come up in time are down.
    pub(super) fn give_up_waiting(&mut self, now: Mono) {
        for awaited in self.declared.values_mut() {
            awaited.take_if(|until| *until <= now);
        }
    }

    /// A node has left: what replaces it stays. If nothing does, its place is kept for another.
    pub(super) fn vacate(&mut self, node: &NodeId) {
        let is_replaced = self.settle_roles(node);
        if self.declared.remove(node).is_some() && !is_replaced {
            self.places.keep(node.clone());
        }
    }

    /// A node is to be no neighbour, declared or not: its place is gone. Gives the neighbours that replace it.
    pub(super) fn sever(&mut self, node: &NodeId) -> Vec<NodeId> {
        self.declared.remove(node);
        self.places.fill(node);
        self.made_for(node)
    }

    /// `lost` is up again: gives the neighbours that this node made in its place and needs no more, as those that lost it too
    /// have it again.
    pub(super) fn give_back(&mut self, lost: &NodeId, its_neighbours: &BTreeSet<NodeId>) -> Vec<NodeId> {
        let orphans = self.places.orphans(lost);
        let (over, kept): (Vec<_>, Vec<_>) =
            self.made_for(lost).into_iter().partition(|node| its_neighbours.contains(node) || !names(orphans, node));
        if kept.is_empty() {
            self.places.forget(lost);
        }
        over
    }

    /// A link to a node that lost what left for good takes its place, and is declared from now on, on both of its ends.
    /// Returns true if so.
    pub(super) fn take_place(&mut self, node: &NodeId, search: &Search) -> bool {
        if self.is_declared(node) {
            return false;
        }
        let Some(lost) = self.place_of(node, search) else { return false };
        self.places.fill(&lost);
        self.declared.insert(node.clone(), None);
        self.settle_roles(&lost);
        true
    }
}

/// Places of neighbours that are gone.
impl ActiveView {
    /// Declared neighbours that are gone and have nobody in their place.
    pub(super) fn vacant(&self, search: &Search) -> Vec<NodeId> {
        let taken: BTreeSet<&NodeId> = self.replaced().chain(search.replaced()).collect();
        self.lost().chain(self.places.iter()).filter(|node| !taken.contains(node)).cloned().collect()
    }

    /// A declared neighbour that is down, in whose place there is no link.
    pub(super) fn unreplaced(&self) -> Option<NodeId> {
        let replaced: BTreeSet<&NodeId> = self.replaced().collect();
        self.lost().find(|node| !replaced.contains(node)).cloned()
    }

    /// Returns true if a node fell and is not back.
    pub(super) fn is_fallen(&self, node: &NodeId) -> bool {
        self.places.is_fallen(node)
    }

    /// All other nodes that lost what this node lost.
    pub(super) fn orphans(&self) -> impl Iterator<Item = &Member> {
        self.places.all_orphans()
    }

    /// Another node that lost `lost`: the first that `is_candidate`.
    pub(super) fn orphan_of(&self, lost: &NodeId, is_candidate: impl Fn(&NodeId) -> bool) -> Option<Member> {
        self.places.orphans(lost).iter().find(|orphan| orphan.node != *lost && is_candidate(&orphan.node)).cloned()
    }

    fn lost(&self) -> impl Iterator<Item = &NodeId> {
        self.declared().filter(|node| self.is_lost(node))
    }

    /// Those in whose places there are links.
    fn replaced(&self) -> impl Iterator<Item = &NodeId> {
        self.neighbours.values().filter_map(Neighbour::replaces)
    }

    /// The neighbours that nobody declared and that are there in place of a node.
    fn made_for(&self, lost: &NodeId) -> Vec<NodeId> {
        let is_made =
            |(node, neighbour): &(&NodeId, &Neighbour)| neighbour.replaces() == Some(lost) && !self.is_declared(node);
        self.neighbours.iter().filter(is_made).map(|(node, _)| node.clone()).collect()
    }

    /// The number of declared neighbours that are down and have others in their places that are declared, too.
    fn covered(&self) -> usize {
        let covers = |(node, neighbour): &(&NodeId, &Neighbour)| {
            neighbour.replaces().is_some_and(|lost| self.is_lost(lost)) && self.is_declared(node)
        };
        self.neighbours.iter().filter(covers).count()
    }

    /// The place that a link to `node` takes: of one that left for good, and that it was made for or that `node` lost too.
    fn place_of(&self, node: &NodeId, search: &Search) -> Option<NodeId> {
        let neighbour = self.neighbours.get(node);
        let replaces = |lost: &&NodeId| {
            neighbour.is_some_and(|neighbour| neighbour.replaces() == Some(*lost))
                || search.replaced_by(node) == Some(*lost)
                || neighbour.is_none_or(|neighbour| *neighbour.role() == OverlayRole::Ordinary)
                    && names(self.places.orphans(lost), node)
        };
        self.places.iter().find(replaces).cloned()
    }

    /// A declared neighbour in the place of a node that is gone for good, or declared anew, is no longer there for its sake.
    /// Returns true if there was any.
    fn settle_roles(&mut self, lost: &NodeId) -> bool {
        let declared = &self.declared;
        let replaces = |(node, neighbour): &(&NodeId, &mut Neighbour)| {
            neighbour.replaces() == Some(lost) && declared.contains_key(*node)
        };
        self.neighbours.iter_mut().filter(replaces).map(|(_, neighbour)| neighbour.settle()).count() > 0
    }
}
