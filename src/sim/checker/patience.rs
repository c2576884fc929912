//! Times that nodes have to come to rest.

use super::steps::Checker;
use crate::{
    core::config::Timing,
    sim::{
        network::transmission,
        scenario::{Retention, Scenario},
    },
};
use std::time::Duration;

/// Time that nodes have to come to rest, at least; where they look for news less often than once a second, longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A queue that does not hold what nodes tell each other at one time.
const QUEUE_SMALL: usize = 16 << 10;

impl Checker {
    /// Time in which nobody speaks of messages when nodes are at rest; and the time that they have to come to rest after the
    /// last thing that happened to them.
    pub(in crate::sim) fn patience(&self, scenario: &Scenario) -> (Duration, Duration) {
        let Timing { digest_interval: beat, lost_after, redial_max, .. } = scenario.protocol().timing;
        let bytes: usize = self.messages.iter().map(|told| told.payload.len() + 64).sum();
        // A payload is passed on when it is there.
        let largest = self.messages.iter().map(|told| told.payload.len()).max().unwrap_or(0);
        let slowly = |bytes| Duration::from_nanos(transmission(scenario.least_bandwidth(), bytes));
        let narrow = slowly(4 * bytes) + slowly(largest * self.names.len());
        // That something is nowhere any more is found out by one node after the other, and each asks for one after the other.
        let is_forgetful = scenario.limits != Retention::default();
        let asking = scenario.network.latency.most.0 * 2 * self.messages.len() as u32;
        let hop = beat + lost_after + asking;
        let forgotten = if is_forgetful { hop * self.names.len() as u32 } else { Duration::ZERO };
        // What does not fit into a queue is asked for again.
        let often = if scenario.network.queue < QUEUE_SMALL { 2 } else { 1 };
        // Two nodes that could not reach each other for long rest between attempts.
        let redial = 2 * redial_max;
        (3 * beat, often * PATIENCE.max(60 * beat) + redial + narrow + forgotten)
    }
}
