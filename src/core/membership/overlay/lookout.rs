//! Questions of a root to those that may follow another one. They take no place, and keep nobody from being sought.

use super::search::Round;
use crate::core::{config::Timing, id::NodeId, rng::Rng, time::Mono};

/// Questions by which a root finds other components: one at a time.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    /// The node that is asked, and until when its answer is waited for.
    asked: Option<(NodeId, Mono)>,
    round: Round,
    /// The time at which another component is looked for next.
    next: Mono,
}

impl Lookout {
    /// A node is asked; its answer is waited for `until` then.
    pub(super) fn ask(&mut self, node: NodeId, until: Mono) {
        self.round.exclude(node.clone());
        self.asked = Some((node, until));
    }

    /// Returns true if that node is being asked.
    pub(super) fn asks(&self, node: &NodeId) -> bool {
        self.asked.as_ref().is_some_and(|(asked, _)| asked == node)
    }

    /// Returns true if an answer is waited for.
    pub(super) fn is_waiting(&self, now: Mono) -> bool {
        self.asked.as_ref().is_some_and(|(_, until)| now < *until)
    }

    /// That node has answered, or will not. Returns true if it was being asked.
    pub(super) fn ends(&mut self, node: &NodeId) -> bool {
        self.asked.take_if(|(asked, _)| asked == node).is_some()
    }

    /// No answer is waited for any more. Gives the node that was asked.
    pub(super) fn end(&mut self) -> Option<NodeId> {
        self.asked.take().map(|(node, _)| node)
    }

    /// Returns true if a node was asked in this round.
    pub(super) fn has_asked(&self, node: &NodeId) -> bool {
        self.round.excludes(node)
    }

    /// Returns true if all were asked a short while ago.
    pub(super) fn is_paused(&mut self, now: Mono) -> bool {
        self.round.is_paused(now)
    }

    /// All were asked: a pause, longer each time.
    pub(super) fn end_round(&mut self, now: Mono, timing: &Timing, rng: &mut Rng) {
        self.round.end(now, timing, rng);
    }

    /// Everybody may be asked again.
    pub(super) fn renew(&mut self) {
        self.round.renew();
    }

    pub(super) fn next(&self) -> Mono {
        self.next
    }

    /// Looks for no other component until then.
    pub(super) fn wait_until(&mut self, next: Mono) {
        self.next = next;
    }
}
