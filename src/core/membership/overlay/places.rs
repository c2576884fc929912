//! Which neighbours were declared, and whose places are free since they left. Part of [`ActiveView`].

use super::{
    action::Action,
    active_view::ActiveView,
    neighbour::{Bond, Means, Neighbour, names},
    search::Cause,
};
use crate::core::{frame::Member, id::NodeId, time::Mono};

/// Most nodes whose lists are kept after they fell.
const FALLEN_MAX: usize = 128;
/// Most places that are kept for others after declared neighbours left.
const PLACES_MAX: usize = 64;

impl ActiveView {
    /// A neighbour is declared, by this node's operator or by the neighbour.
    pub fn declare(&mut self, now: Mono, member: Member, means: &mut Means<'_>) {
        if member.node == self.me {
            return;
        }
        let is_up = self.neighbours.contains_key(&member.node);
        let awaited = (!is_up).then(|| now + self.grace());
        self.places.remove(&member.node);
        if !self.declared.contains_key(&member.node) {
            match self.place_of(&member.node).or_else(|| self.untold_place()) {
                Some(lost) => self.fill_place(&lost),
                None => self.cover(&member.node),
            }
            self.declared.insert(member.node.clone(), awaited);
            self.settle_bonds(&member.node);
        }
        if !self.neighbours.contains_key(&member.node) {
            means.passive.meet(member, means.rng);
        }
    }

    /// A node has left, or is to be forgotten: what replaces it stays. Its place is kept for another,
    /// unless nobody else can miss it.
    pub fn left(&mut self, now: Mono, node: &NodeId, means: &mut Means<'_>) {
        let mut is_leaf = false;
        if let Some(neighbour) = self.lose(node, means) {
            is_leaf = neighbour.is_leaf(now);
            self.remember(node, neighbour.list);
        }
        self.seeks.remove(node);
        means.passive.forget(node);
        let is_replaced = self.settle_bonds(node);
        if self.declared.remove(node).is_some() && !is_replaced && !is_leaf {
            self.keep_place(node);
        }
        let names: Vec<NodeId> = self.neighbours.keys().cloned().collect();
        for name in names {
            self.take_place(&name, means);
        }
        self.round.renew();
    }

    /// There is no link that is kept for a node: another node has its address or its name. It is not waited for.
    pub fn undeclare(&mut self, node: &NodeId) {
        self.declared.remove(node);
    }

    /// Keeps the place of a node that left for another.
    fn keep_place(&mut self, left: &NodeId) {
        if self.places.len() >= PLACES_MAX {
            let told = |place: &&NodeId| !self.fallen.contains_key(*place);
            let victim = self.places.iter().find(told).or_else(|| self.places.first()).cloned();
            victim.iter().for_each(|victim| self.fill_place(victim));
        }
        self.places.insert(left.clone());
    }

    fn fill_place(&mut self, lost: &NodeId) {
        self.places.remove(lost);
        self.fallen.remove(lost);
    }

    /// What is declared in the place of a node that is gone for good, or declared anew, is no longer there for its sake. Says
    /// whether there was any.
    fn settle_bonds(&mut self, lost: &NodeId) -> bool {
        let declared = &self.declared;
        let replaces = |(node, neighbour): &(&NodeId, &mut Neighbour)| {
            neighbour.bond == Bond::For(lost.clone()) && declared.contains_key(*node)
        };
        self.neighbours.iter_mut().filter(replaces).map(|(_, neighbour)| neighbour.bond = Bond::Met).count() > 0
    }

    /// The place that a link to `node` takes: of one that left for good, and that it was made for or that `node` lost too.
    fn place_of(&self, node: &NodeId) -> Option<NodeId> {
        let bond = self.neighbours.get(node).map(|neighbour| &neighbour.bond);
        let sought = self.seeks.get(node).map(|seek| &seek.cause);
        let replaces = |lost: &&NodeId| {
            let orphans = self.fallen.get(*lost).map_or(&[][..], Vec::as_slice);
            bond.is_some_and(|bond| *bond == Bond::For((*lost).clone()))
                || sought.is_some_and(|cause| *cause == Cause::Lost((*lost).clone()))
                || bond.is_none_or(|bond| *bond == Bond::Met) && names(orphans, node)
        };
        self.places.iter().find(replaces).cloned()
    }

    /// A node declares a link that there is already: for its end, it replaces for good what it had lost. If that is down
    /// here, which may be because nobody told that it left, the link has its place.
    fn cover(&mut self, node: &NodeId) {
        let has_lost = |lost: &&NodeId| self.fallen.get(*lost).is_none_or(|list| list.is_empty() || names(list, node));
        let lost = self.vacant().iter().find(has_lost).cloned();
        if let Some(neighbour) = self.neighbours.get_mut(node)
            && neighbour.bond == Bond::Met
        {
            neighbour.bond = lost.map_or(Bond::Met, Bond::For);
        }
    }

    /// How many declared neighbours are down and have others in their places that are declared, too.
    pub(super) fn covered(&self) -> usize {
        let covers = |(node, neighbour): &(&NodeId, &Neighbour)| {
            matches!(&neighbour.bond, Bond::For(lost) if self.is_lost(lost)) && self.declared.contains_key(*node)
        };
        self.neighbours.iter().filter(covers).count()
    }

    /// A place of a node that has not told who else lost it.
    fn untold_place(&self) -> Option<NodeId> {
        self.places.iter().find(|lost| self.fallen.get(*lost).is_none_or(Vec::is_empty)).cloned()
    }

    /// A link to a node that lost what left for good takes its place, and is declared from now on, on both of its ends:
    /// once the far end has said that it has this node for a neighbour, so that none is declared that is parted just now.
    pub(super) fn take_place(&mut self, node: &NodeId, means: &mut Means<'_>) {
        let has_agreed = self.neighbours.get(node).is_some_and(|neighbour| names(&neighbour.list, &self.me));
        if !has_agreed || self.declared.contains_key(node) {
            return;
        }
        if let Some(lost) = self.place_of(node) {
            self.fill_place(&lost);
            self.declared.insert(node.clone(), None);
            self.settle_bonds(&lost);
            means.todo.push_back(Action::Adopt { node: node.clone() });
        }
    }

    pub(super) fn remember(&mut self, fallen: &NodeId, list: Vec<Member>) {
        if self.fallen.len() >= FALLEN_MAX && !self.fallen.contains_key(fallen) {
            let is_met = |node: &&NodeId| !self.declared.contains_key(*node) && !self.places.contains(*node);
            let victim = self.fallen.keys().find(is_met).or_else(|| self.fallen.keys().next()).cloned();
            victim.map(|victim| self.fallen.remove(&victim));
        }
        self.fallen.insert(fallen.clone(), list);
    }
}
