//! Addresses by which a node joins: tried one after the other, with growing waits, for as long as it has no neighbour.

use crate::core::{config::Timing, endpoint::Endpoint, time::Mono};
use std::time::Duration;

/// Most seed nodes that are kept.
const SEEDS_MAX: usize = 64;

/// The seed nodes of a node that joins.
#[derive(Debug)]
pub(super) struct Seeds {
    endpoints: Vec<Endpoint>,
    next: usize,
    /// The time at which the next is tried; `None`: there is a neighbour.
    due: Option<Mono>,
    wait: Duration,
    redial_min: Duration,
    redial_max: Duration,
}

impl Seeds {
    /// None yet; `timing` bounds the wait between two attempts.
    pub(super) fn new(timing: &Timing) -> Self {
        let &Timing { redial_min, redial_max, .. } = timing;
        Self { endpoints: Vec::new(), next: 0, due: None, wait: redial_min, redial_min, redial_max }
    }

    /// Adds a seed node, to be tried at once; a 65th is not kept.
    pub(super) fn add(&mut self, now: Mono, endpoint: Endpoint) {
        if self.endpoints.len() < SEEDS_MAX && !self.endpoints.contains(&endpoint) {
            self.endpoints.push(endpoint);
        }
        self.due = Some(now);
    }

    /// Notes whether the node has neighbours: seed nodes are tried as long as it has none.
    pub(super) fn note(&mut self, now: Mono, has_neighbours: bool) {
        if has_neighbours {
            (self.due, self.wait) = (None, self.redial_min);
        } else if self.due.is_none() && !self.endpoints.is_empty() {
            self.due = Some(now + self.wait);
        }
    }

    /// The time at which a seed node is to be tried.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// The seed node to be tried now, if it is time.
    pub(super) fn on_tick(&mut self, now: Mono) -> Option<Endpoint> {
        self.due.take_if(|due| *due <= now)?;
        let endpoint = self.endpoints.get(self.next % self.endpoints.len().max(1))?.clone();
        self.next += 1;
        self.due = Some(now + self.wait);
        self.wait = (2 * self.wait).min(self.redial_max);
        Some(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing =
        Timing { redial_min: Duration::from_millis(100), redial_max: Duration::from_millis(300), ..Timing::LOCAL };

    fn at(millis: u64) -> Mono {
        Mono(millis * 1_000_000)
    }

    #[test]
    fn seed_nodes_are_tried_in_turn_until_one_has_brought_a_neighbour() {
        let mut seeds = Seeds::new(&TIMING);
        assert_eq!((seeds.deadline(), seeds.on_tick(at(0))), (None, None));
        seeds.note(at(0), false);
        assert_eq!(seeds.deadline(), None, "nobody to turn to");
        let [a, b]: [Endpoint; 2] = ["10.0.0.1:1", "10.0.0.2:2"].map(|text| text.parse().unwrap());
        seeds.add(at(0), a.clone());
        seeds.add(at(0), b.clone());
        seeds.add(at(0), a.clone());
        let mut tried = Vec::new();
        while tried.len() < 4 {
            let due = seeds.deadline().unwrap();
            assert_eq!(seeds.on_tick(Mono(due.0 - u64::from(due.0 > 0))).is_some(), due.0 == 0, "not too early");
            tried.extend(seeds.on_tick(due).map(|endpoint| (due.0 / 1_000_000, endpoint)));
            if due.0 == 0 {
                tried = vec![(0, a.clone())];
            }
        }
        assert_eq!(tried, [(0, a.clone()), (100, b), (300, a.clone()), (600, tried[3].1.clone())]);
        seeds.note(at(700), true);
        assert_eq!(seeds.deadline(), None);
        seeds.note(at(800), false);
        assert_eq!(seeds.deadline(), Some(at(900)), "the waits begin anew");
    }
}
