//! How a root finds components that it cannot reach. Part of [`ActiveView`].
//!
//! It dials the members with lower names: whoever has a lower name and lives is in another component. Of those with higher
//! names it asks one after the other whether they follow it: most do, and refuse; one that follows another root is in another
//! component, and takes the link.

use super::{
    action::Action,
    active_view::ActiveView,
    neighbour::Means,
    search::{Cause, PATIENCE},
    seeking::SEEKS_MAX,
};
use crate::core::{
    frame::{DisconnectReason, JoinPriority, Member},
    id::NodeId,
    time::Mono,
};

/// How many members with lower names are asked in the time that the first waits before it is asked again.
const BRIDGES_PER_REDIAL: u32 = 4;
/// Most members with lower names that are sought at one time.
const BRIDGES_MAX: usize = 8;

impl ActiveView {
    /// A root looks for components that it cannot reach.
    pub(super) fn bridge(&mut self, now: Mono, means: &mut Means<'_>) {
        let Some(since) = means.election.is_root_since() else {
            self.end_lookout(means);
            self.lookout.round.renew();
            return self.abandon(|seek| seek.cause == Cause::Root, means);
        };
        if now < self.next_bridge.max(since + self.grace()) {
            return;
        }
        let first = self.protocol.timing.redial_min;
        let count = self.seeks.values().filter(|seek| seek.cause == Cause::Root).count();
        let has_room = count < BRIDGES_MAX && self.seeks.len() < SEEKS_MAX && now >= self.quiet_until;
        let below = means.passive.due_below(now, &self.me).filter(|member| self.is_stranger(&member.node));
        let below: Vec<Member> = below.collect();
        match means.rng.pick(&below).cloned() {
            Some(member) if has_room => {
                self.seek(now, member, Cause::Root, JoinPriority::Needed, means);
                self.next_bridge = now + first / BRIDGES_PER_REDIAL;
            }
            _ => {
                self.look_out(now, means);
                self.next_bridge = now + self.protocol.timing.beat_interval;
            }
        }
    }

    /// Asks the next of all that are known, one at a time. When all were asked, it pauses, longer each time.
    fn look_out(&mut self, now: Mono, means: &mut Means<'_>) {
        if self.lookout.asked.as_ref().is_some_and(|(_, until)| now < *until) {
            return;
        }
        self.unanswered(now, means);
        if now < self.quiet_until || self.lookout.round.is_paused(now) {
            return;
        }
        let is_open =
            |member: &Member| self.is_stranger(&member.node) && !self.lookout.round.asked.contains(&member.node);
        let open: Vec<Member> = means.passive.due(now).filter(is_open).collect();
        let timing = &self.protocol.timing;
        let Some(member) = means.rng.pick(&open).cloned() else {
            return self.lookout.round.end(now, timing, means.rng);
        };
        self.lookout.round.asked.insert(member.node.clone());
        self.lookout.asked = Some((member.node.clone(), now + timing.redial_min * PATIENCE));
        means.todo.push_back(Action::Seek { member, priority: JoinPriority::Bridge });
    }

    /// Who was asked, if anybody was, does not answer.
    pub(super) fn unanswered(&mut self, now: Mono, means: &mut Means<'_>) {
        if let Some((node, _)) = &self.lookout.asked {
            means.passive.missed(now, node);
        }
        self.end_lookout(means);
    }

    /// Waits for no answer any more.
    fn end_lookout(&mut self, means: &mut Means<'_>) {
        let stranger = self.lookout.asked.take().map(|(node, _)| node).filter(|node| self.is_stranger(node));
        means.todo.extend(stranger.map(|node| Action::Part { node, reason: DisconnectReason::Unlinked }));
    }

    /// Who was asked follows this root, and refuses. If it was sought meanwhile, it has yet to be asked for that.
    pub(super) fn follows(&mut self, node: &NodeId, means: &mut Means<'_>) {
        means.passive.reached(node);
        means.todo.push_back(Action::Close { node: node.clone() });
        if let (Some(seek), Some(member)) = (self.seeks.get(node), means.passive.find(node)) {
            means.todo.push_back(Action::Seek { member, priority: seek.priority });
        }
    }

    /// Whether the root of its component is taken: it is not needed where its beat arrives.
    pub(super) fn admits_bridge(&mut self, now: Mono, node: &NodeId, means: &mut Means<'_>) -> bool {
        if self.neighbours.contains_key(node) || self.is_declared(node) {
            return true;
        }
        let is_apart = means.election.is_settled(now) && means.election.root() != node;
        let is_taken = is_apart && now >= self.quiet_until && self.seeks.len() < SEEKS_MAX;
        if is_taken {
            self.expect(now, node, Cause::Wanted, JoinPriority::Needed);
        }
        is_taken
    }
}
