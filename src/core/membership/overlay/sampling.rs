//! Sampling: members become known beyond the neighbours by walks of those who join, samples of views, and news.

use super::{
    passive_view::LOWEST_KEPT,
    seeking,
    views::Views,
    walk::{self, WalkAction},
};
use crate::core::{
    config::Protocol,
    frame::{Frame, MEMBERS_MAX, Member, Walk, WalkKind},
    id::NodeId,
    rng::Rng,
    time::Mono,
};
use std::time::Duration;

/// Intervals in which nothing must have changed for samples of a view that has room to become rarer, and by what factor.
const CALM: u32 = 8;

/// Samples of what this node knows, sent now and then.
#[derive(Debug)]
pub(super) struct Sampling {
    me: Member,
    /// Walks on which a node is sent that joins through this one, but one.
    degree: usize,
    interval: Duration,
    next: Mono,
    /// Intervals since neighbours changed or somebody became known.
    calm: u32,
}

impl Sampling {
    pub(super) fn new(me: Member, protocol: &Protocol, now: Mono, rng: &mut Rng) -> Self {
        let interval = protocol.timing.shuffle_interval;
        // Not all at once.
        let next = now + interval.mul_f64(rng.below(1 << 16) as f64 / f64::from(1 << 16));
        Self { me, degree: protocol.degree, interval, next, calm: 0 }
    }

    pub(super) fn deadline(&self) -> Mono {
        self.next
    }

    /// Neighbours have changed.
    pub(super) fn stir(&mut self) {
        self.calm = 0;
    }

    /// Sends a sample if it is time. Returns true if an interval is over.
    pub(super) fn tick(&mut self, views: &mut Views, now: Mono) -> bool {
        let is_due = self.next <= now;
        if is_due {
            self.next = now + self.interval;
            if self.is_sample_due(views) {
                self.shuffle(views);
            }
            tell_root(views);
        }
        is_due
    }

    /// News have told everybody of everybody, if views have room and nothing has changed for long; but some may get lost.
    fn is_sample_due(&mut self, views: &Views) -> bool {
        self.calm = self.calm.saturating_add(1);
        let is_calm = self.calm > CALM && !self.calm.is_multiple_of(CALM);
        views.active().roams() || !views.passive().has_room() || !is_calm
    }

    fn shuffle(&self, views: &mut Views) {
        let sound = views.active().sound();
        let Some(to) = views.rng().pick(&sound).cloned() else { return };
        let others: Vec<Member> = views.active().neighbours().filter(|member| member.node != to).collect();
        let mut known = views.rng().sample(others, walk::SHUFFLED_NEIGHBOURS);
        known.extend(views.sample(walk::SHUFFLED_VIEW));
        send(views, to, walk::shuffle(self.me.clone(), known));
    }

    /// Sends a node that joins on walks from some of the neighbours, so that it finds others all over the overlay.
    pub(super) fn introduce(&self, views: &mut Views, member: &Member) {
        let settled = views.active().settled();
        let through = if settled.is_empty() { views.active().sound() } else { settled };
        let others = through.into_iter().filter(|node| *node != member.node);
        for to in views.rng().sample(others, self.degree.saturating_sub(1)) {
            send(views, to, walk::join(member.clone()));
        }
    }

    /// A walk has come to this node.
    pub(super) fn on_walk(&mut self, views: &mut Views, now: Mono, from: &NodeId, walk: Walk) {
        if walk.kind == WalkKind::News {
            if views.learn(walk.members.into_iter().take(MEMBERS_MAX)) {
                self.stir();
            }
            return;
        }
        let sound = views.active().sound();
        for step in walk::advance(&self.me.node, from, walk, &sound, views.rng()) {
            match step {
                WalkAction::Forward { to, walk } => send(views, to, walk),
                WalkAction::Take(member) => seeking::take(views, now, member),
                WalkAction::Note(members) => self.note(views, members),
                WalkAction::Answer { to, mut reply } => {
                    let mut known = views.sample(reply.members.len().saturating_sub(1));
                    known.push(self.me.clone());
                    self.note(views, std::mem::replace(&mut reply.members, known));
                    send(views, to, reply);
                }
            }
        }
    }

    fn note(&mut self, views: &mut Views, members: Vec<Member>) {
        let limit = 1 + walk::SHUFFLED_NEIGHBOURS + walk::SHUFFLED_VIEW;
        for member in members.into_iter().take(limit) {
            if views.note(member) {
                self.stir();
            }
        }
    }
}

/// Tells a new neighbour whom this node knows; not in an overlay of views.
pub(super) fn tell_view(views: &mut Views, to: &NodeId) {
    let known: Vec<Member> = views.passive().iter().take(MEMBERS_MAX).collect();
    if !views.active().roams() && !known.is_empty() {
        send(views, to.clone(), walk::news(known));
    }
}

/// Tells the neighbour from which the beat comes of members with lower names than the root. Each node does, so the root
/// comes to know of them, whatever got lost of the news; it looks for them if they are in another part.
fn tell_root(views: &mut Views) {
    let Some((via, root)) = views.election().parent().filter(|_| !views.active().roams()) else { return };
    let (via, below): (_, Vec<Member>) = (via.clone(), views.passive().below(root).take(LOWEST_KEPT).collect());
    if !below.is_empty() {
        send(views, via, walk::news(below));
    }
}

fn send(views: &mut Views, to: NodeId, walk: Walk) {
    debug_assert!(!walk.members.is_empty(), "a walk of nobody");
    views.actions().send(to, Frame::Walk(walk));
}
