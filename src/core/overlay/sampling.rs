//! How members become known beyond the neighbours: walks of those who join, samples of views, news. Part of [`Overlay`].

use super::{
    healing::Healing,
    membership::Overlay,
    view::LOWEST_KEPT,
    walk::{self, Step},
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
        let settled = self.healing.settled();
        let through = if settled.is_empty() { self.healing.sound() } else { settled };
        let others = through.into_iter().filter(|node| *node != member.node);
        for to in self.chance.sample(others, self.degree.saturating_sub(1)) {
            self.send(to, walk::join(member.clone()));
        }
    }

    /// News have told everybody of everybody, if views have room and nothing has changed for long; but some may get lost.
    pub(super) fn is_sample_due(&mut self) -> bool {
        self.calm = self.calm.saturating_add(1);
        self.healing.roams() || !self.view.has_room() || self.calm <= CALM || self.calm.is_multiple_of(CALM)
    }

    pub(super) fn shuffle(&mut self) {
        let sound = self.healing.sound();
        let Some(to) = self.chance.pick(&sound).cloned() else { return };
        let others = self.healing.neighbours().filter(|member| member.node != to);
        let mut known = self.chance.sample(others, walk::SHUFFLED_NEIGHBOURS);
        known.extend(self.view.sample(walk::SHUFFLED_VIEW, &mut self.chance));
        self.send(to, walk::shuffle(self.me.clone(), known));
    }

    /// Tells the neighbour from which the beat comes of members with lower names than the root. Each node does, so the root
    /// comes to know of them, whatever got lost of the news; it looks for them if they are in another part.
    pub(super) fn tell_root(&mut self) {
        let Some((via, root)) = self.election.parent().filter(|_| !self.healing.roams()) else { return };
        let (via, root) = (via.clone(), root.clone());
        let below: Vec<_> = self.view.below(&root).take(LOWEST_KEPT).collect();
        if !below.is_empty() {
            self.send(via, walk::news(below));
        }
    }

    /// Tells a new neighbour whom this node knows.
    pub(super) fn tell_view(&mut self, to: &NodeId) {
        let known: Vec<_> = self.view.iter().take(MEMBERS_MAX).collect();
        if !known.is_empty() {
            self.send(to.clone(), walk::news(known));
        }
    }

    /// Notes members that are new, to be passed on; not in an overlay of views, which are to be samples.
    fn learn(&mut self, members: Vec<Member>) {
        if self.healing.roams() {
            return;
        }
        for member in members.into_iter().take(MEMBERS_MAX).filter(|member| !self.healing.is_neighbour(&member.node)) {
            if self.view.insert(member.clone(), &mut self.chance) {
                self.calm = 0;
                self.news.push(member);
            }
        }
    }

    pub(super) fn on_walk(&mut self, now: Mono, from: &NodeId, walk: Walk) {
        if walk.kind == WalkKind::News {
            return self.learn(walk.members);
        }
        let sound = self.healing.sound();
        for step in walk::advance(&self.me.node, from, walk, &sound, &mut self.chance) {
            match step {
                Step::Forward { to, walk } => self.send(to, walk),
                Step::Take(member) => self.with(|healing, means| healing.take(now, member, means)),
                Step::Note(members) => self.note(members),
                Step::Answer { to, mut reply } => {
                    let mut known = self.view.sample(reply.members.len().saturating_sub(1), &mut self.chance);
                    known.push(self.me.clone());
                    self.note(std::mem::replace(&mut reply.members, known));
                    self.send(to, reply);
                }
            }
        }
    }

    fn note(&mut self, members: Vec<Member>) {
        let limit = 1 + walk::SHUFFLED_NEIGHBOURS + walk::SHUFFLED_VIEW;
        for member in members.into_iter().take(limit).filter(|member| !self.healing.is_neighbour(&member.node)) {
            if self.view.insert(member, &mut self.chance) {
                self.calm = 0;
            }
        }
    }
}

/// Who has to be told again.
impl Healing {
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
