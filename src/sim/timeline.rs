//! The time of a cluster: what has been observed at this moment, and what is to happen later.

use super::{host::Event, observation::Observation, queue::Queue};
use crate::core::time::Mono;

/// The present, the events to come, and the observations that nobody has taken yet, each of a node.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) now: Mono,
    queue: Queue<Event>,
    /// Number of nodes that are observed; hosts of higher numbers are namesakes.
    nodes: usize,
    observations: Vec<(usize, Observation)>,
}

impl Timeline {
    pub(super) fn new(nodes: usize) -> Self {
        Self { now: Mono(0), queue: Queue::new(), nodes, observations: Vec::new() }
    }

    /// Lets an event happen at `at`.
    pub(super) fn schedule(&mut self, at: Mono, event: Event) {
        self.queue.push(at, event);
    }

    /// The next event, and its time, which is not yet now.
    pub(super) fn next(&mut self) -> Option<(Mono, Event)> {
        self.queue.pop()
    }

    /// Notes what a node did.
    pub(super) fn observe(&mut self, host: usize, observation: Observation) {
        if host < self.nodes {
            self.observations.push((host, observation));
        }
    }

    /// Takes all observations, in the order in which they were made.
    pub(super) fn observations(&mut self) -> impl Iterator<Item = (usize, Observation)> + '_ {
        self.observations.drain(..)
    }
}
