//! Which life this node goes on as when somebody knows of its life what it does not. Spec: sections 6.1 and 7.

use super::Node;
use crate::core::{
    event::{Event, Output},
    frame::{LifeSeen, StreamRanges},
    id::{Incarnation, MessageId, NodeId, StreamId},
    membership::machine,
    stats::{Counter, Refusal},
    time::Now,
};
use std::time::Duration;

/// So many lives a node takes up when neighbours ask it to, and one more in each [`RENEWAL_INTERVAL`]: each is stored for
/// good, and whoever invents them must not keep it busy.
const RENEWALS_MAX: u64 = 16;
/// See [`RENEWALS_MAX`].
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

impl Node {
    /// Whether a message, or what is said of it, may go on: one that claims to be of this node's life and is not shows that
    /// somebody else uses that life. This node takes up another, so that the message is as good as all others.
    pub(super) fn bears(&mut self, now: Now, from: &NodeId, id: &MessageId) -> bool {
        if !self.origin.disowns(id) {
            return true;
        }
        let is_renewed = self.learn_life(now, LifeSeen { incarnation: id.incarnation, sequence: id.sequence });
        if !is_renewed {
            self.refuse_node(now, from, Refusal::BadRequest, format!("{id} was never published here"));
        }
        is_renewed
    }

    /// A neighbour has seen these messages. If they are of this node's `life`, and it never published them, somebody else uses
    /// that life: this node takes up another. `life` is that at the beginning of the frame, which may name many: one frame
    /// must not cost more than one of them.
    pub(super) fn compare_life(&mut self, now: Now, life: Incarnation, held: &StreamRanges) {
        let is_own = held.stream.origin == self.config.node && held.stream.incarnation == life;
        if let Some(&(_, last)) = held.ranges.last().filter(|_| is_own) {
            self.learn_life(now, LifeSeen { incarnation: life, sequence: last });
        }
    }

    /// A neighbour has seen this of our lives. If it is more than there was of this one, an earlier life was forgotten, or
    /// another node uses this one: the node goes on as a life above all. Says whether it does: not beyond the greatest life
    /// that there is, and not for ever.
    pub(super) fn learn_life(&mut self, now: Now, seen: LifeSeen) -> bool {
        if seen <= self.origin.latest() || self.is_leaving() {
            return false;
        }
        let lived = now.mono.since(self.started).as_secs() / RENEWAL_INTERVAL.as_secs();
        if self.stats.total().get(Counter::Renewed) >= RENEWALS_MAX.saturating_add(lived) {
            return false;
        }
        let last = Some(seen.incarnation);
        let Some(incarnation) = Incarnation::next(last, now.wall, self.rng.bits()) else { return false };
        self.stats.count(Counter::Renewed, None);
        self.outbox.push_back(Output::Renew(incarnation));
        self.notify(now, Event::Renewed(incarnation));
        self.origin.renew(incarnation);
        self.seen.renew(StreamId { origin: self.config.node.clone(), incarnation });
        self.on_membership(now, machine::Input::Renewed(incarnation));
        true
    }
}
