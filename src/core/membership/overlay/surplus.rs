//! Neighbours that a node has beside those it should have, and when it parts from them. Part of [`ActiveView`].

use super::{
    active_view::ActiveView,
    neighbour::{Bond, Means, Neighbour},
    search::{Cause, Trials},
};
use crate::core::{id::NodeId, time::Mono};
use std::collections::BTreeSet;

/// How far above its target a node's degree may stay.
const SPARE_PLACES: usize = 1;
/// How far above that it may stay for the sake of links without which the overlay might fall apart.
const BRIDGE_PLACES: usize = 2;
/// The first wait, in beats, before a link that seems superfluous is tried for being so; doubled each time it is not.
const TRIAL_BEATS: u32 = 4;
/// How often it is doubled.
const DOUBLINGS_MAX: u32 = 6;

impl ActiveView {
    /// `lost` is up again: what this node made in its place is given up, once those that lost it too have it again.
    pub(super) fn give_back(&mut self, lost: &NodeId, its_neighbours: &BTreeSet<NodeId>, means: &mut Means<'_>) {
        let orphans = self.fallen.get(lost).map_or(&[][..], Vec::as_slice);
        let is_orphan = |node: &NodeId| orphans.iter().any(|orphan| orphan.node == *node);
        let made = |(node, neighbour): &(&NodeId, &Neighbour)| {
            neighbour.bond == Bond::For(lost.clone()) && !self.declared.contains_key(*node)
        };
        let made: Vec<NodeId> = self.neighbours.iter().filter(made).map(|(node, _)| node.clone()).collect();
        let (over, kept): (Vec<_>, Vec<_>) =
            made.into_iter().partition(|node| its_neighbours.contains(node) || !is_orphan(node));
        over.iter().for_each(|node| self.part(node, means));
        if kept.is_empty() {
            self.fallen.remove(lost);
        }
    }

    /// A node is to be no neighbour, declared or not: its place is gone, and with it what was made or is sought for its sake.
    pub fn sever(&mut self, node: &NodeId, means: &mut Means<'_>) {
        let is_for_it = |cause: &Cause| *cause == Cause::Lost(node.clone());
        self.seeks.remove(node);
        self.lose(node, means);
        self.declared.remove(node);
        self.places.remove(node);
        self.fallen.remove(node);
        self.abandon(|seek| is_for_it(&seek.cause), means);
        let made = self.neighbours.iter().filter(|(_, neighbour)| neighbour.bond == Bond::For(node.clone()));
        let made: Vec<NodeId> = made.map(|(made, _)| made.clone()).collect();
        for made in made {
            if !self.declared.contains_key(&made) {
                self.part(&made, means);
            }
        }
        // It is not asked in the place of another, as far as there are others.
        self.round.asked.insert(node.clone());
        self.trim(None, means);
    }

    /// A declared neighbour that was down is up: it was not the whole network that was being stopped.
    pub fn resume(&mut self, now: Mono, node: &NodeId) {
        if self.is_lost(node) {
            self.quiet_until = self.quiet_until.min(now);
        }
    }

    /// Parts from neighbours that are too many: who has others, and who is not needed to pass the beat on, first.
    /// Not from the `latest`.
    pub(super) fn trim(&mut self, latest: Option<&NodeId>, means: &mut Means<'_>) {
        let most = self.target() + SPARE_PLACES;
        while self.protocol.heal && self.neighbours.len() > most {
            if self.roams() && self.settled().len() <= self.target() {
                // A crowd that joins through this node: its walks need ways to all the others.
                return;
            }
            let can_go = |(node, neighbour): &(&NodeId, &Neighbour)| {
                let is_latest = Some(*node) == latest;
                neighbour.has_others(&self.me) && !is_latest && !self.declared.contains_key(*node)
            };
            let weight = |(node, neighbour): (&NodeId, &Neighbour)| {
                (means.election.is_spare(node), neighbour.list.len(), node.clone())
            };
            let is_dense = self.roams() || self.neighbours.len() > most + BRIDGE_PLACES;
            let superfluous = self.neighbours.iter().filter(can_go).map(weight).max();
            match superfluous.filter(|&(is_spare, ..)| is_spare || is_dense) {
                Some((.., node)) => self.part(&node, means),
                None => return,
            }
        }
    }

    /// When all that was declared is there, a link that this node made beside it is left out of the beat for a while;
    /// who is not missed is parted from.
    pub(super) fn try_spares(&mut self, now: Mono, means: &mut Means<'_>) {
        if let Some(node) = means.election.spared().filter(|node| !self.declared.contains_key(node)) {
            self.part(&node, means);
            self.trials.count = 0;
        }
        let is_whole = !self.declared.is_empty() && self.declared.keys().all(|node| self.neighbours.contains_key(node));
        let spares = self.neighbours.iter().filter(|(node, neighbour)| {
            matches!(neighbour.bond, Bond::Bridge | Bond::For(_)) && !self.declared.contains_key(*node)
        });
        let spares: Vec<&NodeId> = spares.map(|(node, _)| node).collect();
        if self.joined || !is_whole || spares.is_empty() {
            self.trials = Trials::default();
            return;
        }
        if self.trials.next.take_if(|next| *next <= now).is_some()
            && let Some(&node) = means.rng.pick(&spares)
        {
            means.election.try_without(now, node);
            self.trials.count += 1;
        }
        let wait = self.protocol.timing.beat_interval * (TRIAL_BEATS << self.trials.count.min(DOUBLINGS_MAX));
        self.trials.next.get_or_insert_with(|| now + means.rng.about(wait));
    }
}
