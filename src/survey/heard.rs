//! All nodes of a network are asked how they are, at once: those that are given, and those that they have for peers.

use super::error::SurveyError;
use crate::{
    client::{ClientError, ask_all},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NodeId, natural_key},
        links::detector::Verdict,
        request::{NodeStatus, Reply, Request},
    },
    wire::Response,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Most nodes that are asked at a time.
const ASKED_MAX: usize = 1000;
/// What nodes that are found on the way are given to answer at least.
const FOUND_MIN: Duration = Duration::from_millis(100);
/// What a node whose process has ended is given to answer at most: it was on this machine, and so is whoever took its place.
const ENDED_MAX: Duration = Duration::from_millis(250);

/// What was heard of each node, in the natural order of names.
#[derive(Debug)]
pub struct Survey {
    /// The nodes.
    pub nodes: Vec<Heard>,
    /// Whether these are all that there are, as far as anybody knows: only then the whole can be judged.
    pub is_whole: bool,
}

/// A node to ask.
#[derive(Debug, Clone)]
pub struct Target {
    /// Who must answer; `None`: whoever does.
    pub node: Option<NodeId>,
    /// Where.
    pub endpoint: Endpoint,
    /// Whether it was started here.
    pub is_ours: bool,
    /// Whether its process, as far as it is recorded, has ended. It is asked nevertheless: somebody may have started it by
    /// other means.
    pub has_ended: bool,
}

/// What was heard of one node.
#[derive(Debug)]
pub struct Heard {
    /// Its name, or the address that was asked.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Whether it was started here, so that there is a log of it.
    pub is_ours: bool,
    /// What it said.
    pub outcome: Outcome,
}

/// What a node said.
#[derive(Debug)]
pub enum Outcome {
    /// How it is.
    Said(Box<NodeStatus>),
    /// Nothing, but its neighbours hear it: it was written for the bus, and serves no requests.
    Deaf,
    /// Nothing in time, or nothing that can be understood.
    Silent(ClientError),
    /// Nothing: its process has ended.
    Ended,
}

impl Target {
    /// Somebody who was not started here.
    pub fn strange(node: Option<NodeId>, endpoint: Endpoint) -> Self {
        Self { node, endpoint, is_ours: false, has_ended: false }
    }
}

impl Survey {
    /// Asks these nodes, and only them. One that does not answer keeps the others waiting until `deadline`, and no longer.
    pub fn of(targets: Vec<Target>, deadline: &Deadline) -> Result<Self, SurveyError> {
        let mut survey = Self { nodes: ask(targets, deadline)?, is_whole: false };
        survey.sort();
        Ok(survey)
    }

    /// Asks, beside them, all that they have for peers, and so on: nobody is left then that anybody knows. `with_dead`: also
    /// those with whom no link is up.
    pub fn widen(&mut self, with_dead: bool, deadline: &Deadline) -> Result<(), SurveyError> {
        loop {
            let found = self.unknown_peers(with_dead);
            if found.is_empty() {
                break;
            }
            self.nodes.extend(ask(found, deadline)?);
        }
        self.note_deaf();
        self.sort();
        self.is_whole = true;
        Ok(())
    }

    fn sort(&mut self) {
        self.nodes.sort_by(|a, b| natural_key(&a.name).cmp(&natural_key(&b.name)));
        self.nodes.dedup_by(|a, b| a.name == b.name);
    }

    /// Peers with a link that is up, of whom nothing was heard yet; the others, too, `with_dead`.
    fn unknown_peers(&self, with_dead: bool) -> Vec<Target> {
        let known: BTreeSet<&str> = self.nodes.iter().map(|heard| heard.name.as_str()).collect();
        let peers = self.said().flat_map(|status| &status.peers);
        let lives = peers.filter(|peer| with_dead || peer.up && peer.verdict != Some(Verdict::Down));
        let found: BTreeMap<&NodeId, &Endpoint> =
            lives.filter_map(|peer| Some((peer.node.as_ref()?, &peer.endpoint))).collect();
        let unknown = found.into_iter().filter(|(name, _)| !known.contains(name.as_str()));
        unknown.map(|(name, endpoint)| Target::strange(Some(name.clone()), endpoint.clone())).collect()
    }

    /// Notes of those that were not started here and did not answer which ones all their neighbours hear. One that hangs is
    /// suspected within seconds.
    fn note_deaf(&mut self) {
        let mut is_heard: BTreeMap<String, bool> = BTreeMap::new();
        for peer in self.said().flat_map(|status| &status.peers) {
            let Some(node) = &peer.node else { continue };
            let is_sound = peer.up && !matches!(peer.verdict, Some(Verdict::Suspect | Verdict::Down));
            *is_heard.entry(node.to_string()).or_insert(true) &= is_sound;
        }
        for heard in self.nodes.iter_mut().filter(|heard| !heard.is_ours && is_heard.get(&heard.name) == Some(&true)) {
            if matches!(heard.outcome, Outcome::Silent(_)) {
                heard.outcome = Outcome::Deaf;
            }
        }
    }

    /// Those that answered.
    pub fn said(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().filter_map(Heard::status)
    }

    /// Names of those that serve no requests.
    pub fn deaf(&self) -> Vec<NodeId> {
        self.names(|outcome| matches!(outcome, Outcome::Deaf))
    }

    /// Names of those that run, as far as is known, and did not answer.
    pub fn silent(&self) -> Vec<NodeId> {
        self.names(|outcome| matches!(outcome, Outcome::Silent(_)))
    }

    /// Names of those whose process has ended.
    pub fn ended(&self) -> Vec<NodeId> {
        self.names(|outcome| matches!(outcome, Outcome::Ended))
    }

    fn names(&self, which: impl Fn(&Outcome) -> bool) -> Vec<NodeId> {
        let such = self.nodes.iter().filter(|heard| which(&heard.outcome));
        such.filter_map(|heard| NodeId::new(&heard.name).ok()).collect()
    }
}

impl Heard {
    /// What it said, if it answered.
    pub fn status(&self) -> Option<&NodeStatus> {
        match &self.outcome {
            Outcome::Said(status) => Some(status),
            Outcome::Deaf | Outcome::Silent(_) | Outcome::Ended => None,
        }
    }
}

fn ask(targets: Vec<Target>, deadline: &Deadline) -> Result<Vec<Heard>, SurveyError> {
    let (ended, running): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.has_ended);
    let mut heard = ask_within(running, deadline.remaining().max(FOUND_MIN))?;
    heard.extend(ask_within(ended, ENDED_MAX.min(deadline.remaining().max(FOUND_MIN)))?);
    Ok(heard)
}

fn ask_within(targets: Vec<Target>, timeout: Duration) -> Result<Vec<Heard>, SurveyError> {
    let questions: Vec<_> = targets.iter().map(|target| (target.endpoint.clone(), Request::Status)).collect();
    let mut answers = Vec::with_capacity(questions.len());
    for part in questions.chunks(ASKED_MAX) {
        answers.extend(ask_all(part, timeout)?);
    }
    Ok(targets.into_iter().zip(answers).map(|(target, answer)| understand(target, answer)).collect())
}

fn understand(target: Target, answer: Result<Response, ClientError>) -> Heard {
    let Target { node, endpoint, is_ours, has_ended } = target;
    let strange = |text: String| Outcome::Silent(ClientError::Protocol { endpoint: endpoint.clone(), text });
    let outcome = match answer.map(|response| response.reply) {
        // Somebody else may have taken the port of a node that has ended.
        Ok(Reply::Status(status)) if node.as_ref().is_some_and(|node| *node != status.node) => {
            strange(format!("node {} answers there", status.node))
        }
        Ok(Reply::Status(status)) => Outcome::Said(status),
        Ok(_) => strange("it replied something else".to_owned()),
        Err(error) => Outcome::Silent(error),
    };
    // Who was asked by its address has a name by now.
    let name = match (&outcome, node) {
        (Outcome::Said(status), _) => status.node.to_string(),
        (_, Some(node)) => node.to_string(),
        (_, None) => endpoint.authority().to_string(),
    };
    let outcome = if has_ended && matches!(outcome, Outcome::Silent(_)) { Outcome::Ended } else { outcome };
    Heard { name, endpoint, is_ours, outcome }
}
