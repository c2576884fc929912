//! Which life this node goes on as when somebody knows of its life what it does not. Spec: sections 6.1 and 7.

use super::Machines;
use crate::core::{
    dissemination,
    event::{Event, Output},
    frame::{Frame, LifeSeen},
    id::Incarnation,
    membership,
    stats::Counter,
    time::Now,
};
use std::time::Duration;

/// So many lives a node takes up when neighbours ask it to, and one more in each [`RENEWAL_INTERVAL`]: each is stored for
/// good, and whoever invents them must not keep it busy.
const RENEWALS_MAX: u64 = 16;
/// See [`RENEWALS_MAX`].
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

impl Machines {
    /// A neighbour has seen messages. If they are of this node's life, and it never published them, somebody else uses that
    /// life: this node takes up another, so that those messages are as good as all others.
    pub(super) fn compare_life(&mut self, now: Now, frame: &Frame) {
        let incarnation = self.dissemination.latest().incarnation;
        if let Some(sequence) = frame.latest_of(&self.config.node, incarnation) {
            self.learn_life(now, LifeSeen { incarnation, sequence });
        }
    }

    /// A neighbour has seen this of our lives. If it is more than there was of this one, an earlier life was forgotten, or
    /// another node uses this one: the node goes on as a life above all, but not beyond the greatest life that there is, and not
    /// for ever.
    pub(super) fn learn_life(&mut self, now: Now, seen: LifeSeen) {
        if seen <= self.dissemination.latest() || self.is_leaving() {
            return;
        }
        let lived = now.mono.since(self.started).as_secs() / RENEWAL_INTERVAL.as_secs();
        if self.stats.total().get(Counter::Renewed) >= RENEWALS_MAX.saturating_add(lived) {
            return;
        }
        let last = Some(seen.incarnation);
        let Some(incarnation) = Incarnation::next(last, now.wall, self.rng.bits()) else { return };
        self.stats.count(Counter::Renewed, None);
        self.ask(Output::Renew(incarnation));
        self.notify(now, Event::Renewed(incarnation));
        self.disseminate(now, dissemination::Input::Renewed(incarnation));
        self.on_membership(now, membership::Input::Renewed(incarnation));
    }
}
