//! Comparison of what nodes have seen: who misses what, and what is gone for good.

use super::{
    error::SurveyError,
    heard::Survey,
    vectors::{Holding, Numbers, ask_holdings, ask_kept, common, count, union, without},
};
use crate::{
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::NodeId,
        request::{Gap, NodeStatus},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Pause before those that differ are asked again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));

/// Comparison of the nodes that answered.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Those that were compared, in the order of the survey.
    pub nodes: Vec<Compared>,
    /// Nodes that said how they are and did not say what they have seen, each with the error.
    pub mute: Vec<(NodeId, SurveyError)>,
    /// Messages that at least one of them had seen in the beginning, and those below them.
    pub messages: u64,
    /// Lives of origins that these come from; 0 if no list had to be looked at.
    pub streams: usize,
    /// Of what some of them have given up, what others keep: by node, those that keep anything.
    pub keepers: Vec<(NodeId, Numbers)>,
}

/// One node beside the others.
#[derive(Debug)]
pub struct Compared {
    /// Its name.
    pub node: NodeId,
    endpoint: Endpoint,
    /// The hash of all that it had seen in the beginning.
    digest: u64,
    /// Messages that existed in the beginning, and this one has neither had by now nor given up.
    pub missing: Numbers,
    /// Messages that existed in the beginning, and this one has given up.
    pub given_up: Numbers,
    /// Gaps that it has given up and cannot tell apart from what it had.
    pub joined: Vec<Gap>,
    /// Messages that it has only heard of, and no node has had.
    pub unproven: Numbers,
    /// Messages given up beyond those that it lists.
    pub unlisted: u64,
    /// Counts of its own: messages given up, only heard of, and streams with missing ones.
    counts: [u64; 3],
}

impl Comparison {
    /// Compares those that answered. Nodes that differ are asked again until each has seen what any of them had seen in the
    /// beginning, or until `deadline`: what is just spreading, and what is published meanwhile, is no finding.
    ///
    /// Nodes of equal hashes have seen the same, so one of them speaks for all: on a network at rest nobody is asked for a
    /// list but those with gaps.
    pub fn of(survey: &Survey, deadline: &Deadline) -> Result<Self, SurveyError> {
        let mut comparison = Self::default();
        for heard in &survey.nodes {
            let Some(status) = heard.status() else { continue };
            match status.digest {
                Some(digest) => comparison.nodes.push(Compared::new(status, digest, &heard.endpoint)),
                None => comparison.mute.push((status.node.clone(), SurveyError::NoDigest)),
            }
        }
        comparison.messages = survey.said().filter_map(|status| status.seen_messages).max().unwrap_or(0);
        // Of equal ones the first speaks; whoever says that it lacks something speaks for itself.
        let mut speakers: BTreeMap<u64, usize> = BTreeMap::new();
        for (at, compared) in comparison.nodes.iter().enumerate() {
            speakers.entry(compared.digest).or_insert(at);
        }
        let differ = speakers.len() > 1;
        let is_asked = |(at, compared): &(usize, &Compared)| {
            compared.counts != [0; 3] || (differ && speakers.get(&compared.digest) == Some(at))
        };
        let asked: Vec<usize> = comparison.nodes.iter().enumerate().filter(is_asked).map(|(at, _)| at).collect();
        if !asked.is_empty() {
            let holdings = comparison.ask(&asked, deadline)?;
            let all = comparison.existing(&holdings);
            comparison.messages = count(&all);
            comparison.streams = all.len();
            let by_digest: BTreeMap<u64, &Holding> =
                holdings.iter().map(|(&at, holding)| (comparison.nodes[at].digest, holding)).collect();
            for (at, compared) in comparison.nodes.iter_mut().enumerate() {
                if let Some(holding) = holdings.get(&at) {
                    compared.note(holding, &all);
                } else if let Some(equal) = by_digest.get(&compared.digest) {
                    compared.missing = equal.missing_of(&all);
                }
            }
            comparison.wait(&all, deadline)?;
            comparison.find_keepers(deadline)?;
        }
        Ok(comparison)
    }

    /// All that exists, as far as one of the nodes can tell.
    fn existing(&self, holdings: &BTreeMap<usize, Holding>) -> Numbers {
        union(holdings.iter().map(|(&at, holding)| {
            // A node that has seen the same and only heard of nothing has had what another of that hash only heard of.
            let digest = self.nodes[at].digest;
            let is_proven = self.nodes.iter().any(|node| node.digest == digest && node.counts[1] == 0);
            holding.proven(is_proven)
        }))
    }

    /// Asks those that miss something again, until none does.
    fn wait(&mut self, all: &Numbers, deadline: &Deadline) -> Result<(), SurveyError> {
        let mut pause = PAUSE.0;
        loop {
            let late: Vec<usize> = (0..self.nodes.len()).filter(|&at| !self.nodes[at].missing.is_empty()).collect();
            if late.is_empty() || !deadline.pause(pause) {
                return Ok(());
            }
            for (at, holding) in self.ask(&late, deadline)? {
                self.nodes[at].note(&holding, all);
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Asks all nodes for what some of them have given up.
    fn find_keepers(&mut self, deadline: &Deadline) -> Result<(), SurveyError> {
        let mut gone = Numbers::new();
        for (stream, numbers) in self.nodes.iter().flat_map(|node| &node.given_up) {
            gone.entry(stream.clone()).or_default().extend(numbers.as_slice());
        }
        if gone.is_empty() {
            return Ok(());
        }
        let targets: Vec<_> = self.nodes.iter().map(|node| node.endpoint.clone()).collect();
        let kept = ask_kept(&targets, &gone, deadline)?;
        let keepers = self.nodes.iter().map(|node| node.node.clone()).zip(kept);
        self.keepers = keepers.filter(|(_, kept)| !kept.is_empty()).collect();
        Ok(())
    }

    /// Of what a node has given up: what none of the nodes keeps, and what some of them do.
    pub fn divide(&self, compared: &Compared) -> (Numbers, Numbers) {
        let mut kept = Numbers::new();
        for (_, of) in &self.keepers {
            let of = common(&compared.given_up, of);
            of.iter().for_each(|(stream, numbers)| kept.entry(stream.clone()).or_default().extend(numbers.as_slice()));
        }
        (without(&compared.given_up, &kept), kept)
    }

    /// Asks nodes by their places for all that they have seen.
    fn ask(&mut self, places: &[usize], deadline: &Deadline) -> Result<BTreeMap<usize, Holding>, SurveyError> {
        let targets: Vec<_> = places.iter().map(|&at| self.nodes[at].endpoint.clone()).collect();
        let mut holdings = BTreeMap::new();
        for (&at, answer) in places.iter().zip(ask_holdings(&targets, deadline)?) {
            let compared = &self.nodes[at];
            match answer {
                Ok(holding) => drop(holdings.insert(at, holding)),
                Err(error) if !self.mute.iter().any(|(node, _)| *node == compared.node) => {
                    self.mute.push((compared.node.clone(), error));
                }
                Err(_) => {}
            }
        }
        Ok(holdings)
    }

    /// Returns whether somebody misses something, or never will have it.
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
            missing: Numbers::new(),
            given_up: Numbers::new(),
            joined: Vec::new(),
            unproven: Numbers::new(),
            unlisted: status.given_up,
            counts: [status.given_up, status.unproven, status.missing],
        }
    }

    /// Notes what it says that it has seen, beside what exists.
    fn note(&mut self, holding: &Holding, all: &Numbers) {
        self.missing = holding.missing_of(all);
        self.given_up = holding.given_up_of(all);
        self.unproven = without(&holding.unproven, all);
        self.joined = holding.gaps.iter().filter(|gap| !gap.is_whole()).cloned().collect();
        let listed = holding.gaps.iter().map(|gap| gap.count).fold(0, u64::saturating_add);
        self.unlisted = self.counts[0].saturating_sub(listed);
    }

    /// Returns whether it lacks anything that exists.
    pub fn is_finding(&self) -> bool {
        !self.missing.is_empty() || self.given_up_count() > 0
    }

    /// Number of messages that it misses and that may still come.
    pub fn missing_count(&self) -> u64 {
        count(&self.missing)
    }

    /// Number of messages that it has given up.
    pub fn given_up_count(&self) -> u64 {
        let joined = self.joined.iter().map(|gap| gap.count).fold(self.unlisted, u64::saturating_add);
        count(&self.given_up).saturating_add(joined)
    }
}
