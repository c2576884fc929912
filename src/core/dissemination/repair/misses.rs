//! Streams that had to be asked for lately: so that a repetition is told from a single loss.

use crate::core::{id::StreamId, time::Mono};
use std::{collections::BTreeMap, time::Duration};

/// An ask for the same stream within this time is a repetition.
const REPEAT_WITHIN: Duration = Duration::from_secs(10);
/// Time between two looks for what is older, which is forgotten.
const PRUNE_INTERVAL: Duration = Duration::from_secs(1);

/// The time when announced messages of a stream were asked for last; at most `streams_max` streams, of more nothing is noted.
#[derive(Debug)]
pub(super) struct Misses {
    last: BTreeMap<StreamId, Mono>,
    pruned: Mono,
    streams_max: usize,
}

impl Misses {
    /// None so far.
    pub(super) fn new(streams_max: usize) -> Self {
        Self { last: BTreeMap::new(), pruned: Mono::default(), streams_max }
    }

    /// Notes one, and says whether it is a repetition.
    pub(super) fn note(&mut self, now: Mono, stream: &StreamId) -> bool {
        if now.since(self.pruned) >= PRUNE_INTERVAL {
            self.pruned = now;
            self.last.retain(|_, at| now.since(*at) < REPEAT_WITHIN);
        }
        if let Some(at) = self.last.get_mut(stream) {
            return now.since(std::mem::replace(at, now)) < REPEAT_WITHIN;
        }
        if self.last.len() < self.streams_max {
            self.last.insert(stream.clone(), now);
        }
        false
    }

    /// Number of streams that are noted.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }
}
