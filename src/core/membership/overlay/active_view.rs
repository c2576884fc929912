//! Which neighbours a node has, which of them were declared, and what becomes of the places of those that are gone. Whom
//! it asks to fill them stands in `seeking`, and from whom it parts in `surplus`. Spec: `docs/spec/gossip-bus.md`, *Overlay*.
//!
//! The declared graph is kept. A neighbour that is down is replaced for as long as it is down, first by others that lost
//! it too; one that left is replaced for good.

use super::{
    action::Action,
    beacon::{BEATS_MISSED_MAX, Election},
    neighbour::{Bond, Means, Neighbour, names},
    search::{Cause, Lookout, Round, Seeking, Trials},
};
use crate::core::{
    config::Protocol,
    frame::{DisconnectReason, JoinPriority, MEMBERS_MAX, Member},
    id::NodeId,
    time::Mono,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long after a word that the network is being stopped nobody is sought.
const STOPPING: Duration = Duration::from_secs(30);

/// The neighbours of a node. Bounds: what the node declares and meets, which `peers_max` bounds; 256 members for each of
/// them and for 128 that fell; 64 that are sought.
#[derive(Debug)]
pub struct ActiveView {
    pub(super) me: NodeId,
    pub(super) protocol: Protocol,
    /// Whether this node joined by asking somebody, so that it has the neighbours it finds.
    pub(super) joined: bool,
    /// Until when each is waited for that has not been up yet.
    pub(super) declared: BTreeMap<NodeId, Option<Mono>>,
    pub(super) neighbours: BTreeMap<NodeId, Neighbour>,
    /// Neighbours of nodes that are down or left, as they told last.
    pub(super) fallen: BTreeMap<NodeId, Vec<Member>>,
    /// Declared neighbours that left and have not been replaced.
    pub(super) places: BTreeSet<NodeId>,
    pub(super) seeks: BTreeMap<NodeId, Seeking>,
    pub(super) round: Round,
    pub(super) quiet_until: Mono,
    pub(super) next_bridge: Mono,
    pub(super) lookout: Lookout,
    pub(super) trials: Trials,
    changed: bool,
}

impl ActiveView {
    /// No neighbours yet.
    pub fn new(me: NodeId, protocol: Protocol) -> Self {
        Self {
            me,
            protocol,
            joined: false,
            declared: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            fallen: BTreeMap::new(),
            places: BTreeSet::new(),
            seeks: BTreeMap::new(),
            round: Round::default(),
            quiet_until: Mono::default(),
            next_bridge: Mono::default(),
            lookout: Lookout::default(),
            trials: Trials::default(),
            changed: false,
        }
    }

    /// The node asks others to be taken in: from now on it has as many neighbours as [`Protocol::degree`] says.
    pub fn join(&mut self) {
        self.joined = true;
    }

    /// A link is up.
    pub fn rose(&mut self, now: Mono, member: Member, means: &mut Means<'_>) {
        let Member { node, endpoint } = member;
        if node == self.me {
            return;
        }
        if let Some(neighbour) = self.neighbours.get_mut(&node) {
            (neighbour.endpoint, neighbour.is_suspect) = (endpoint, false);
            return;
        }
        means.passive.remove(&node);
        let seek = self.seeks.remove(&node);
        let is_bridge = self.lookout.ends(&node);
        let bond = match seek.as_ref().map(|seek| &seek.cause) {
            Some(Cause::Lost(lost)) => Bond::For(lost.clone()),
            Some(Cause::Root | Cause::Missed) => Bond::Bridge,
            None if is_bridge => Bond::Bridge,
            // Whom it took because it lacks one it has in place of that, as has who asked.
            Some(Cause::Room | Cause::Accepted) if !self.roams() => self.unreplaced().map_or(Bond::Met, Bond::For),
            Some(Cause::Room | Cause::Wanted | Cause::Accepted) | None => Bond::Met,
        };
        self.neighbours.insert(node.clone(), Neighbour::new(now, endpoint, bond));
        self.changed = true;
        match self.declared.get_mut(&node) {
            Some(awaited) => *awaited = None,
            None => drop(self.fallen.remove(&node)),
        }
        if seek.as_ref().is_some_and(|seek| seek.cause == Cause::Root) {
            self.abandon(|seek| seek.cause == Cause::Root, means);
            self.next_bridge = now + self.grace();
        }
        if self.wanting() == 0 {
            self.abandon(Seeking::fills, means);
            self.round.renew();
        }
        let is_for_need = |seek: Seeking| seek.fills() || seek.cause == Cause::Accepted && !self.roams();
        let is_late = seek.is_some_and(is_for_need) && self.neighbours.len() > self.target();
        if is_late && !self.declared.contains_key(&node) {
            self.part(&node, means);
        }
        self.trim(Some(&node), means);
    }

    /// A neighbour may be down.
    pub fn suspected(&mut self, node: &NodeId) {
        if let Some(neighbour) = self.neighbours.get_mut(node) {
            neighbour.is_suspect = true;
        }
    }

    /// A neighbour is down, or a node that is sought cannot be reached.
    pub fn down(&mut self, now: Mono, node: &NodeId, means: &mut Means<'_>) {
        if let Some(neighbour) = self.lose(node, means) {
            means.passive.missed(now, node);
            self.remember(node, neighbour.list);
            self.round.renew();
            return;
        }
        if self.lookout.asks(node) {
            self.unanswered(now, means);
        }
        if self.seeks.contains_key(node) {
            self.in_vain(now, node, means);
        }
    }

    /// A node has no room for us.
    pub fn refused(&mut self, now: Mono, node: &NodeId, means: &mut Means<'_>) {
        if self.declared.contains_key(node) {
            return;
        }
        if self.lookout.ends(node) {
            return self.follows(node, means);
        }
        let Some(seek) = self.seeks.remove(node) else {
            return self.parted(now, node, DisconnectReason::Unlinked, means);
        };
        means.passive.reached(node);
        means.todo.push_back(Action::Close { node: node.clone() });
        let is_in_need = self.roams() && self.neighbours.is_empty();
        let asks_again = is_in_need && seek.fills() && seek.priority == JoinPriority::Neighbour;
        match means.passive.find(node).filter(|_| asks_again) {
            // Whoever has no room lives, and takes one who has nobody.
            Some(member) => self.seek(now, member, seek.cause, JoinPriority::Needed, means),
            None => self.round.answered_no(node, &seek),
        }
    }

    /// A neighbour is one no more, and lives.
    pub fn parted(&mut self, now: Mono, node: &NodeId, reason: DisconnectReason, means: &mut Means<'_>) {
        if reason == DisconnectReason::Stopping {
            self.quiet_until = now + STOPPING;
            self.abandon(|_| true, means);
            if self.lose(node, means).is_some() {
                means.passive.missed(now, node);
            }
            return;
        }
        if self.declared.contains_key(node) {
            return;
        }
        means.todo.push_back(Action::Close { node: node.clone() });
        self.lookout.ends(node);
        if let Some(seek) = self.seeks.remove(node) {
            self.round.answered_no(node, &seek);
        } else if self.lose(node, means).is_some() {
            self.round.renew();
            self.round.asked.insert(node.clone());
        }
    }

    /// A neighbour tells who its neighbours are. Gives whether this node has only now become one of them, so that what it
    /// was told before is lost.
    pub fn listed(&mut self, from: &NodeId, mut list: Vec<Member>, means: &mut Means<'_>) -> bool {
        let Some(neighbour) = self.neighbours.get_mut(from) else { return false };
        list.truncate(MEMBERS_MAX);
        let is_known = names(&list, &self.me);
        let is_met = is_known && neighbour.is_to_be_met;
        neighbour.is_to_be_met = !is_known;
        neighbour.list.clone_from(&list);
        neighbour.has_had_others |= neighbour.has_others(&self.me);
        self.round.has_news = true;
        let its_neighbours: BTreeSet<NodeId> = list.iter().map(|member| member.node.clone()).collect();
        if !self.roams() {
            let strangers = list.into_iter().filter(|member| !self.neighbours.contains_key(&member.node));
            for member in strangers {
                if means.passive.insert(member.clone(), means.rng) {
                    means.news.push(member);
                }
            }
        }
        self.take_place(from, means);
        if self.declared.contains_key(from) {
            self.give_back(from, &its_neighbours, means);
        }
        self.trim(None, means);
        is_met
    }

    /// Says good-bye to a neighbour.
    pub(super) fn part(&mut self, node: &NodeId, means: &mut Means<'_>) {
        if self.lose(node, means).is_some() {
            means.todo.push_back(Action::Part { node: node.clone(), reason: DisconnectReason::Unlinked });
        }
    }

    /// Takes a node out of the neighbours; it stays known.
    pub(super) fn lose(&mut self, node: &NodeId, means: &mut Means<'_>) -> Option<Neighbour> {
        let neighbour = self.neighbours.remove(node)?;
        self.changed = true;
        means.election.forget(node);
        means.passive.meet(Member { node: node.clone(), endpoint: neighbour.endpoint.clone() }, means.rng);
        Some(neighbour)
    }

    /// What was declared and did not come up in time is down.
    pub(super) fn give_up_waiting(&mut self, now: Mono) {
        for awaited in self.declared.values_mut() {
            awaited.take_if(|until| *until <= now);
        }
    }

    /// How many neighbours this node is to have.
    pub fn target(&self) -> usize {
        let declared = self.declared.len() + self.places.len() - self.covered();
        if self.joined || declared == 0 { declared.max(self.protocol.degree) } else { declared }
    }

    /// How many it lacks, those aside that it still waits for.
    pub fn wanting(&self) -> usize {
        let awaited = self.declared.values().flatten().count();
        self.target().saturating_sub(self.neighbours.len() + awaited)
    }

    /// Whether it has the neighbours it finds, rather than those that were declared.
    pub(super) fn roams(&self) -> bool {
        self.joined || self.declared.is_empty() && self.places.is_empty()
    }

    pub(super) fn grace(&self) -> Duration {
        self.protocol.timing.beat_interval * BEATS_MISSED_MAX
    }

    /// Returns whether a declared neighbour is down: there is no link to it, and it is not waited for.
    pub(super) fn is_lost(&self, node: &NodeId) -> bool {
        self.declared.get(node) == Some(&None) && !self.neighbours.contains_key(node)
    }

    /// Whether a link to that node is to be kept whatever happens, until it leaves.
    pub fn is_declared(&self, node: &NodeId) -> bool {
        self.declared.contains_key(node)
    }

    /// All such nodes, up or not.
    pub fn declared(&self) -> impl Iterator<Item = &NodeId> {
        self.declared.keys()
    }

    /// All neighbours, in the order of their names as texts.
    pub fn neighbours(&self) -> impl Iterator<Item = Member> {
        let member = |(node, neighbour): (&NodeId, &Neighbour)| (node.clone(), neighbour.endpoint.clone());
        self.neighbours.iter().map(member).map(|(node, endpoint)| Member { node, endpoint })
    }

    /// Their names, without those that may be down.
    pub fn sound(&self) -> Vec<NodeId> {
        let sound = self.neighbours.iter().filter(|(_, neighbour)| !neighbour.is_suspect);
        sound.map(|(node, _)| node.clone()).collect()
    }

    /// Those of them that have other neighbours than this node: from there a walk can go on.
    pub fn settled(&self) -> Vec<NodeId> {
        let others = |node: &NodeId| self.neighbours.get(node).is_some_and(|neighbour| neighbour.has_others(&self.me));
        self.sound().into_iter().filter(others).collect()
    }

    /// Whether there is a link to that node.
    pub fn is_neighbour(&self, node: &NodeId) -> bool {
        self.neighbours.contains_key(node)
    }

    /// Whether the neighbours have changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// When something has to be done next.
    pub fn deadline(&self, election: &Election) -> Option<Mono> {
        let awaited = self.declared.values().flatten().copied();
        let fill = self.round.pause.filter(|_| self.wanting() > 0);
        let bridge = election.is_root_since().map(|since| self.next_bridge.max(since + self.grace()));
        let asks = [self.trials.next, fill, bridge].into_iter().flatten().map(|at| at.max(self.quiet_until));
        awaited.chain(self.seeks.values().map(Seeking::deadline)).chain(asks).min()
    }
}
