//! Timeline of faults: so that the checker knows whether a message that is nowhere could have been heard.

use super::active_faults::ActiveFaults;
use crate::core::{id::NodeId, time::Mono};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Time that links may take to come back after something was mended: before, nobody counts on them.
const RECOVERY: Duration = Duration::from_secs(3);

/// States of a network, by when they began; and when nodes lost their memory.
#[derive(Debug, Default)]
pub struct Timeline {
    states: Vec<(Mono, ActiveFaults)>,
    deaths: BTreeMap<NodeId, Vec<Death>>,
}

/// A node was killed between these times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// It lived at least so long.
    pub begin: Mono,
    /// And not longer.
    pub end: Mono,
}

impl Timeline {
    /// From `at` on this is the state. Times do not go back.
    pub fn add(&mut self, at: Mono, state: &ActiveFaults) {
        self.states.push((at, state.clone()));
    }

    /// These nodes were killed, and their memory with them.
    pub fn note_deaths<'n>(&mut self, death: Death, nodes: impl IntoIterator<Item = &'n NodeId>) {
        for node in nodes {
            self.deaths.entry(node.clone()).or_default().push(death);
        }
    }

    /// The first death of a node that was not over at `at`.
    pub fn death_after(&self, node: &NodeId, at: Mono) -> Option<Death> {
        self.deaths.get(node)?.iter().copied().find(|death| death.end >= at)
    }

    /// Nodes that must have had a message that `origin` had at `at`, `keep` later: those that were within reach all the time, over
    /// links that had been so for a while. The origin itself in any case.
    pub fn company(
        &self,
        origin: &NodeId,
        at: Mono,
        keep: Duration,
        peers: &BTreeMap<NodeId, Vec<NodeId>>,
    ) -> BTreeSet<NodeId> {
        let end = at + keep;
        let (first, last) = (at.0.saturating_sub(RECOVERY.as_nanos() as u64), end.0);
        let ends = self.states.iter().skip(1).map(|(begin, _)| begin.0).chain([u64::MAX]);
        let during = self.states.iter().zip(ends).filter(|((begin, _), end)| begin.0 <= last && *end > first);
        let mut company: Option<BTreeSet<NodeId>> = None;
        for ((_, state), _) in during {
            let reached = state.company(origin, peers);
            company = Some(company.map_or_else(|| reached.clone(), |company| &company & &reached));
        }
        let mut company = company.unwrap_or_default();
        company.insert(origin.clone());
        company
    }
}
