//! What nodes have seen, laid side by side: who misses what, and what is gone for good.

use super::{
    survey::Survey,
    vectors::{Holding, ask_holdings, union},
};
use crate::{
    cli::error::CliError,
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NodeId, StreamId},
        repair::ranges::Ranges,
        request::{Gap, NodeStatus},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// How long to wait before those that differ are asked again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));

/// What was found out about the nodes that answered.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Those that were compared, in the order of the survey.
    pub nodes: Vec<Compared>,
    /// Why nodes that said how they are did not say what they have seen.
    pub mute: Vec<(NodeId, CliError)>,
    /// Messages that at least one of them had seen in the beginning.
    pub messages: u64,
    /// Lives of origins that these come from; 0 if no list had to be looked at.
    pub streams: usize,
}

/// One node beside the others.
#[derive(Debug)]
pub struct Compared {
    /// Its name.
    pub node: NodeId,
    endpoint: Endpoint,
    /// The hash of all that it had seen in the beginning.
    digest: u64,
    /// What another had seen in the beginning, and this one has not by now.
    pub missing: BTreeMap<StreamId, Ranges>,
    /// What it has given up.
    pub gaps: Vec<Gap>,
    /// Messages given up beyond those that it lists.
    pub unlisted: u64,
    given_up: u64,
}

impl Comparison {
    /// Compares those that answered. Nodes that differ are asked again until each has seen what any of them had seen in the
    /// beginning, or until `deadline`: what is just spreading, and what is published meanwhile, is no finding.
    ///
    /// Nodes of equal hashes have seen the same, so one of them speaks for all: on a network at rest nobody is asked for a
    /// list but those with gaps.
    pub fn of(survey: &Survey, deadline: &Deadline) -> Result<Self, CliError> {
        let mut comparison = Self::default();
        for heard in &survey.nodes {
            let Some(status) = heard.status() else { continue };
            match status.digest {
                Some(digest) => comparison.nodes.push(Compared::new(status, digest, &heard.endpoint)),
                None => comparison.mute.push((status.node.clone(), no_digest())),
            }
        }
        comparison.messages = survey.said().filter_map(|status| status.seen_messages).max().unwrap_or(0);
        // Of equal ones the first speaks; whoever has gaps speaks for itself.
        let mut speakers: BTreeMap<u64, usize> = BTreeMap::new();
        for (at, compared) in comparison.nodes.iter().enumerate() {
            speakers.entry(compared.digest).or_insert(at);
        }
        let differ = speakers.len() > 1;
        let is_asked = |(at, compared): &(usize, &Compared)| {
            compared.given_up > 0 || (differ && speakers.get(&compared.digest) == Some(at))
        };
        let asked: Vec<usize> = comparison.nodes.iter().enumerate().filter(is_asked).map(|(at, _)| at).collect();
        let holdings = comparison.ask(&asked, deadline)?;
        if differ {
            let all = union(holdings.values());
            comparison.messages = all.values().map(Ranges::count).fold(0, u64::saturating_add);
            comparison.streams = all.len();
            let by_digest: BTreeMap<u64, &Holding> =
                holdings.iter().map(|(&at, holding)| (comparison.nodes[at].digest, holding)).collect();
            for compared in &mut comparison.nodes {
                let held = by_digest.get(&compared.digest);
                compared.missing = held.map_or_else(BTreeMap::new, |held| held.missing_of(&all));
            }
            comparison.wait(&all, deadline)?;
        }
        Ok(comparison)
    }

    /// Asks those that miss something again, until none does.
    fn wait(&mut self, all: &BTreeMap<StreamId, Ranges>, deadline: &Deadline) -> Result<(), CliError> {
        let mut pause = PAUSE.0;
        loop {
            let late: Vec<usize> = (0..self.nodes.len()).filter(|&at| !self.nodes[at].missing.is_empty()).collect();
            if late.is_empty() || !deadline.pause(pause) {
                return Ok(());
            }
            for (at, holding) in self.ask(&late, deadline)? {
                self.nodes[at].missing = holding.missing_of(all);
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Asks nodes by their places for all that they have seen, and notes their gaps.
    fn ask(&mut self, places: &[usize], deadline: &Deadline) -> Result<BTreeMap<usize, Holding>, CliError> {
        let targets: Vec<_> = places.iter().map(|&at| self.nodes[at].endpoint.clone()).collect();
        let mut holdings = BTreeMap::new();
        for (&at, answer) in places.iter().zip(ask_holdings(&targets, deadline)?) {
            let compared = &mut self.nodes[at];
            match answer {
                Ok(holding) => {
                    compared.note(&holding.gaps);
                    holdings.insert(at, holding);
                }
                Err(error) if !self.mute.iter().any(|(node, _)| *node == compared.node) => {
                    self.mute.push((compared.node.clone(), error));
                }
                Err(_) => {}
            }
        }
        Ok(holdings)
    }

    /// Whether somebody misses something, or never will have it.
    pub fn has_findings(&self) -> bool {
        self.nodes.iter().any(Compared::is_finding)
    }
}

impl Compared {
    fn new(status: &NodeStatus, digest: u64, endpoint: &Endpoint) -> Self {
        Self {
            node: status.node.clone(),
            endpoint: endpoint.clone(),
            digest,
            missing: BTreeMap::new(),
            gaps: Vec::new(),
            unlisted: status.given_up,
            given_up: status.given_up,
        }
    }

    fn note(&mut self, gaps: &[Gap]) {
        self.gaps = gaps.to_vec();
        let listed = gaps.iter().map(Gap::count).fold(0, u64::saturating_add);
        self.unlisted = self.given_up.saturating_sub(listed);
    }

    /// Whether it misses something, or never will have it.
    pub fn is_finding(&self) -> bool {
        !self.missing.is_empty() || !self.gaps.is_empty() || self.unlisted > 0
    }

    /// How many messages it misses that may still come.
    pub fn missing_count(&self) -> u64 {
        self.missing.values().map(Ranges::count).fold(0, u64::saturating_add)
    }

    /// How many messages it will never have.
    pub fn gap_count(&self) -> u64 {
        self.gaps.iter().map(Gap::count).fold(self.unlisted, u64::saturating_add)
    }
}

fn no_digest() -> CliError {
    CliError::Failed("it does not say what it has seen: its program is older".into())
}
