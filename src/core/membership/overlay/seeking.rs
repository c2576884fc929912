//! Whom a node asks to be its neighbour, and whom it takes. Part of [`ActiveView`].
//!
//! Two nodes that lack a neighbour find each other without a coordinator: each asks those that should lack one too, in an
//! order that makes pairs; a place for which somebody was asked just now is taken, unless a lower name asks for it. Whoever
//! still lacks one when all it knows were asked asks for need, and gets one from a node that has enough: so no place stays
//! free for longer than it takes to ask, and nobody need know who else has one.

use super::{
    action::Action,
    active_view::ActiveView,
    neighbour::{Bond, Means},
    passive_view::Rank,
    search::{Cause, PATIENCE, Seeking},
};
use crate::core::{
    frame::{DisconnectReason, JoinPriority, Member},
    id::NodeId,
    time::Mono,
};
use std::collections::BTreeSet;

/// Most nodes that are sought at one time.
pub(super) const SEEKS_MAX: usize = 64;
/// Most of them that did not answer soon, and so do not count for what is lacking.
const STALE_MAX: usize = 8;
/// Most nodes that are asked in one round.
const ASKED_MAX: usize = 64;
/// Rounds in which another that lacks a neighbour, too, is to be found, which may notice later; then whoever is asked is to
/// take this node.
const ROUNDS_IN_HOPE: u32 = 6;
/// The same for a node that lacks more than one.
const ROUNDS_IN_HASTE: u32 = 1;
impl ActiveView {
    /// Time passes, or something has changed: seeks whom it needs.
    pub fn tick(&mut self, now: Mono, means: &mut Means<'_>) {
        self.give_up_waiting(now);
        let late: Vec<NodeId> =
            self.seeks.iter().filter(|(_, seek)| seek.until <= now).map(|(node, _)| node.clone()).collect();
        for node in late {
            self.in_vain(now, &node, means);
        }
        self.seeks.values_mut().for_each(|seek| seek.is_fresh &= now < seek.fresh_until);
        if now < self.quiet_until {
            return;
        }
        self.fill(now, means);
        self.bridge(now, means);
        self.try_spares(now, means);
    }

    /// Whether a node that greets is taken; if so, it counts as a neighbour-to-be.
    pub fn admits(&mut self, now: Mono, member: &Member, priority: JoinPriority, means: &mut Means<'_>) -> bool {
        let node = &member.node;
        if priority == JoinPriority::Bridge {
            return self.admits_bridge(now, node, means);
        }
        let is_ours = self.neighbours.contains_key(node) || self.seeks.contains_key(node) || self.is_declared(node);
        if is_ours || priority != JoinPriority::Neighbour {
            return true;
        }
        let has_room = self.holding() < self.wanting() || self.make_way(node, means);
        let is_quiet = now < self.quiet_until || self.seeks.len() >= SEEKS_MAX;
        if has_room && !is_quiet {
            self.expect(now, node, Cause::Accepted, priority);
            return true;
        }
        // Maybe it is of another part, and nobody here has heard of it.
        if !self.roams() && means.passive.insert(member.clone(), means.rng) {
            means.news.push(member.clone());
        }
        false
    }

    /// Gives up a node that was asked for the sake of one that lost the same neighbour, or else has a lower name, so that
    /// not all wait for each other.
    fn make_way(&mut self, asker: &NodeId, means: &mut Means<'_>) -> bool {
        if self.wanting() == 0 {
            return false;
        }
        let rank = |node: &NodeId| {
            let shares = |list: &Vec<Member>| list.iter().any(|orphan| orphan.node == *node);
            (u8::from(!self.fallen.values().any(shares)), Rank::from(node))
        };
        let asked = self.seeks.iter().filter(|(_, seek)| seek.fills() && seek.is_fresh).map(|(node, _)| node);
        let Some((highest, given_up)) = asked.map(|node| (rank(node), node)).max() else { return false };
        let asking = rank(asker);
        let gives_way = asking.0 < highest.0 || asking.0 == highest.0 && asking.1 < Rank::from(&self.me);
        if gives_way {
            let node = given_up.clone();
            self.seeks.remove(&node);
            means.todo.push_back(Action::Part { node, reason: DisconnectReason::Unlinked });
        }
        gives_way
    }

    /// A walk has brought a node that is to be a neighbour.
    pub fn take(&mut self, now: Mono, member: Member, means: &mut Means<'_>) {
        let is_ours = self.neighbours.contains_key(&member.node) || self.seeks.contains_key(&member.node);
        // A walk may name one that nobody reaches, again and again.
        let is_due = means.passive.may_try(now, &member.node);
        if is_due && !is_ours && member.node != self.me && self.seeks.len() < SEEKS_MAX && self.quiet_until <= now {
            means.passive.insert(member.clone(), means.rng);
            self.seek(now, member, Cause::Wanted, JoinPriority::Needed, means);
        }
    }

    /// Asks one of those that were not there whether it is back: it may have forgotten all who knew it, and all who knew
    /// it may be gone but this node. If it has no room for a neighbour, each side has still heard of the other.
    pub fn ask_missed(&mut self, now: Mono, means: &mut Means<'_>) {
        if now < self.quiet_until || self.seeks.len() >= SEEKS_MAX {
            return;
        }
        let missed: Vec<Member> =
            means.passive.missed_due(now).filter(|member| self.is_stranger(&member.node)).collect();
        if let Some(member) = means.rng.pick(&missed).cloned() {
            self.seek(now, member, Cause::Missed, JoinPriority::Neighbour, means);
        }
    }

    /// What goes into a greeting of that node.
    pub fn priority(&self, node: &NodeId) -> JoinPriority {
        match self.seeks.get(node) {
            _ if self.is_declared(node) => JoinPriority::Declared,
            Some(seek) => seek.priority,
            None => JoinPriority::Neighbour,
        }
    }

    fn fill(&mut self, now: Mono, means: &mut Means<'_>) {
        let is_paused = self.round.is_paused(now);
        if is_paused && !std::mem::take(&mut self.round.has_news) {
            return;
        }
        loop {
            let (wanting, holding) = (self.wanting(), self.holding());
            let pending = self.seeks.values().filter(|seek| seek.fills()).count();
            if wanting <= holding || pending >= holding + STALE_MAX || self.seeks.len() >= SEEKS_MAX {
                return;
            }
            let Some((member, cause)) = self.candidate(now, means) else {
                return if holding == 0 && !is_paused {
                    self.end_round(now, means)
                };
            };
            let rounds = if wanting > 1 { ROUNDS_IN_HASTE } else { ROUNDS_IN_HOPE };
            let in_need = self.neighbours.is_empty() || self.round.number >= rounds;
            let is_alone_to_need =
                !self.seeks.values().any(|seek| seek.is_fresh && seek.priority == JoinPriority::Needed);
            let priority = if in_need && is_alone_to_need { JoinPriority::Needed } else { JoinPriority::Neighbour };
            self.seek(now, member, cause, priority, means);
        }
    }

    /// All that could be asked were: waits before it asks again, longer each time.
    fn end_round(&mut self, now: Mono, means: &mut Means<'_>) {
        self.round.end(now, &self.protocol.timing, means.rng);
    }

    /// Whom to ask next, and in whose place.
    fn candidate(&mut self, now: Mono, means: &mut Means<'_>) -> Option<(Member, Cause)> {
        let vacant = self.vacant();
        let place = vacant.first().map_or(Cause::Room, |lost| Cause::Lost(lost.clone()));
        if self.round.asked.len() >= ASKED_MAX {
            return None;
        }
        for lost in vacant {
            if let Some(orphan) = self.orphan_of(&lost) {
                return Some((orphan, Cause::Lost(lost)));
            }
        }
        self.acquaintance(now, means).map(|member| (member, place))
    }

    /// One of all that this node has heard of.
    fn acquaintance(&self, now: Mono, means: &mut Means<'_>) -> Option<Member> {
        let open = |members: &mut dyn Iterator<Item = &Member>| -> Vec<Member> {
            members.filter(|member| self.is_candidate(&member.node)).cloned().collect()
        };
        let known: Vec<Member> = means.passive.due(now).filter(|member| self.is_candidate(&member.node)).collect();
        let near = open(&mut self.neighbours.values().flat_map(|neighbour| neighbour.list.iter()));
        if !self.roams() {
            return [near, known].iter().find_map(|members| means.rng.pick(members).cloned());
        }
        // Neighbours of neighbours would make clusters: walks and samples of views come from farther away, if later.
        let near = if self.round.number >= ROUNDS_IN_HOPE { near } else { Vec::new() };
        let orphans = open(&mut self.fallen.values().flatten());
        [orphans, known, near].iter().find_map(|members| means.rng.pick(members).cloned())
    }

    /// Declared neighbours that are gone and have nobody in their place.
    pub(super) fn vacant(&self) -> Vec<NodeId> {
        let sought = self.seeks.values().filter(|seek| seek.is_fresh);
        let sought = sought.filter_map(|seek| if let Cause::Lost(lost) = &seek.cause { Some(lost) } else { None });
        let taken: BTreeSet<&NodeId> = self.replaced().chain(sought).collect();
        self.lost().chain(&self.places).filter(|node| !taken.contains(node)).cloned().collect()
    }

    /// A declared neighbour that is down, in whose place there is no link.
    pub(super) fn unreplaced(&self) -> Option<NodeId> {
        let replaced: BTreeSet<&NodeId> = self.replaced().collect();
        self.lost().find(|node| !replaced.contains(node)).cloned()
    }

    fn lost(&self) -> impl Iterator<Item = &NodeId> {
        self.declared().filter(|node| self.is_lost(node))
    }

    /// Those in whose places there are links.
    fn replaced(&self) -> impl Iterator<Item = &NodeId> {
        let bonds = self.neighbours.values().map(|neighbour| &neighbour.bond);
        bonds.filter_map(|bond| if let Bond::For(lost) = bond { Some(lost) } else { None })
    }

    /// Another node that lost `lost`: the one that makes a pair with this one in the order of all of them, else the first.
    fn orphan_of(&self, lost: &NodeId) -> Option<Member> {
        let mut orphans: Vec<&Member> = self.fallen.get(lost)?.iter().filter(|orphan| orphan.node != *lost).collect();
        orphans.sort_by(|a, b| a.node.natural_key().cmp(&b.node.natural_key()));
        let place = orphans.iter().position(|orphan| orphan.node == self.me);
        let partner = place.and_then(|place| orphans.get(place ^ 1).copied());
        partner.into_iter().chain(orphans).find(|orphan| self.is_candidate(&orphan.node)).cloned()
    }

    pub(super) fn is_stranger(&self, node: &NodeId) -> bool {
        let is_ours = self.neighbours.contains_key(node) || self.seeks.contains_key(node) || self.is_declared(node);
        !is_ours && *node != self.me
    }

    fn is_candidate(&self, node: &NodeId) -> bool {
        let is_likely = self.neighbours.is_empty() || !self.fallen.contains_key(node);
        is_likely && self.is_stranger(node) && !self.round.asked.contains(node)
    }

    pub(super) fn seek(
        &mut self,
        now: Mono,
        member: Member,
        cause: Cause,
        priority: JoinPriority,
        means: &mut Means<'_>,
    ) {
        self.expect(now, &member.node, cause, priority);
        // Who is asked already is asked for more once it has answered.
        if !self.lookout.asks(&member.node) {
            means.todo.push_back(Action::Seek { member, priority });
        }
    }

    pub(super) fn expect(&mut self, now: Mono, node: &NodeId, cause: Cause, priority: JoinPriority) {
        let patience = self.protocol.timing.redial_min;
        let (fresh_until, until) = (now + patience, now + patience * PATIENCE);
        self.seeks.insert(node.clone(), Seeking { cause, priority, is_fresh: true, fresh_until, until });
    }

    /// A node that was sought does not answer.
    pub(super) fn in_vain(&mut self, now: Mono, node: &NodeId, means: &mut Means<'_>) {
        if let Some(seek) = self.seeks.remove(node) {
            self.round.answered_no(node, &seek);
            means.passive.missed(now, node);
            if !self.is_declared(node) {
                means.todo.push_back(Action::Part { node: node.clone(), reason: DisconnectReason::Unlinked });
            }
        }
    }

    /// Seeks some nodes no longer.
    pub(super) fn abandon(&mut self, which: impl Fn(&Seeking) -> bool, means: &mut Means<'_>) {
        let nodes: Vec<NodeId> =
            self.seeks.iter().filter(|(_, seek)| which(seek)).map(|(node, _)| node.clone()).collect();
        for node in nodes {
            self.seeks.remove(&node);
            if !self.is_declared(&node) {
                means.todo.push_back(Action::Part { node, reason: DisconnectReason::Unlinked });
            }
        }
    }

    /// Places that are spoken for.
    fn holding(&self) -> usize {
        self.seeks.values().filter(|seek| seek.holds_place()).count()
    }
}
