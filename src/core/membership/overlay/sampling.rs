//! How members become known beyond the neighbours: walks of those who join, samples of views, news. Part of [`Overlay`].

use super::{
    active_view::ActiveView,
    membership::Overlay,
    passive_view::LOWEST_KEPT,
    walk::{self, WalkAction},
};
use crate::core::{
    frame::{MEMBERS_MAX, Member, Walk, WalkKind},
    id::NodeId,
    time::Mono,
};

/// How many intervals nothing must have changed for samples of a view that has room to become rarer, and how much rarer.
const CALM: u32 = 8;

impl Overlay {
    /// Sends a node that joins on walks from some of the neighbours, so that it finds others all over the overlay.
    pub(super) fn introduce(&mut self, member: &Member) {
        let settled = self.active.settled();
        let through = if settled.is_empty() { self.active.sound() } else { settled };
        let others = through.into_iter().filter(|node| *node != member.node);
        for to in self.rng.sample(others, self.degree.saturating_sub(1)) {
            self.send(to, walk::join(member.clone()));
        }
    }

    /// News have told everybody of everybody, if views have room and nothing has changed for long; but some may get lost.
    pub(super) fn is_sample_due(&mut self) -> bool {
        self.calm = self.calm.saturating_add(1);
        self.active.roams() || !self.passive.has_room() || self.calm <= CALM || self.calm.is_multiple_of(CALM)
    }

    pub(super) fn shuffle(&mut self) {
        let sound = self.active.sound();
        let Some(to) = self.rng.pick(&sound).cloned() else { return };
        let others = self.active.neighbours().filter(|member| member.node != to);
        let mut known = self.rng.sample(others, walk::SHUFFLED_NEIGHBOURS);
        known.extend(self.passive.sample(walk::SHUFFLED_VIEW, &mut self.rng));
        self.send(to, walk::shuffle(self.me.clone(), known));
    }

    /// Tells the neighbour from which the beat comes of members with lower names than the root. Each node does, so the root
    /// comes to know of them, whatever got lost of the news; it looks for them if they are in another part.
    pub(super) fn tell_root(&mut self) {
        let Some((via, root)) = self.election.parent().filter(|_| !self.active.roams()) else { return };
        let (via, root) = (via.clone(), root.clone());
        let below: Vec<_> = self.passive.below(&root).take(LOWEST_KEPT).collect();
        if !below.is_empty() {
            self.send(via, walk::news(below));
        }
    }

    /// Tells a new neighbour whom this node knows.
    pub(super) fn tell_view(&mut self, to: &NodeId) {
        let known: Vec<_> = self.passive.iter().take(MEMBERS_MAX).collect();
        if !known.is_empty() {
            self.send(to.clone(), walk::news(known));
        }
    }

    /// Notes members that are new, to be passed on; not in an overlay of views, which are to be samples.
    fn learn(&mut self, members: Vec<Member>) {
        if self.active.roams() {
            return;
        }
        for member in members.into_iter().take(MEMBERS_MAX).filter(|member| !self.active.is_neighbour(&member.node)) {
            if self.passive.insert(member.clone(), &mut self.rng) {
                self.calm = 0;
                self.news.push(member);
            }
        }
    }

    pub(super) fn on_walk(&mut self, now: Mono, from: &NodeId, walk: Walk) {
        if walk.kind == WalkKind::News {
            return self.learn(walk.members);
        }
        let sound = self.active.sound();
        for step in walk::advance(&self.me.node, from, walk, &sound, &mut self.rng) {
            match step {
                WalkAction::Forward { to, walk } => self.send(to, walk),
                WalkAction::Take(member) => self.with(|active, means| active.take(now, member, means)),
                WalkAction::Note(members) => self.note(members),
                WalkAction::Answer { to, mut reply } => {
                    let mut known = self.passive.sample(reply.members.len().saturating_sub(1), &mut self.rng);
                    known.push(self.me.clone());
                    self.note(std::mem::replace(&mut reply.members, known));
                    self.send(to, reply);
                }
            }
        }
    }

    fn note(&mut self, members: Vec<Member>) {
        let limit = 1 + walk::SHUFFLED_NEIGHBOURS + walk::SHUFFLED_VIEW;
        for member in members.into_iter().take(limit).filter(|member| !self.active.is_neighbour(&member.node)) {
            if self.passive.insert(member, &mut self.rng) {
                self.calm = 0;
            }
        }
    }
}

/// Who has to be told again.
impl ActiveView {
    /// The link to a neighbour is not up.
    pub fn fell(&mut self, node: &NodeId) {
        if let Some(neighbour) = self.neighbours.get_mut(node) {
            neighbour.has_missed = true;
        }
    }

    /// Whether a neighbour may have missed what it was told, since this was asked last.
    pub fn take_missed(&mut self, node: &NodeId) -> bool {
        self.neighbours.get_mut(node).is_some_and(|neighbour| {
            neighbour.is_to_be_met |= neighbour.has_missed;
            std::mem::take(&mut neighbour.has_missed)
        })
    }
}
