//! All nodes of a network are asked how they are, at once: those that are given, and those that they have for peers. Whoever
//! answers at the address of a node is that node only if its name, network and instance are the ones expected.

use super::error::SurveyError;
use crate::{
    client::{ClientError, ask_all},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{Instance, NetworkName, NodeId, natural_key},
        neighbours::MemberState,
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
/// Time that all nodes that are found on the way are given together at least, and those of one round.
const WIDEN_MIN: Duration = Duration::from_secs(1);
const FOUND_MIN: Duration = Duration::from_millis(100);
/// Longest time that a node whose process has ended is given to answer: it was on this machine, and so is whoever took its place.
const ENDED_MAX: Duration = Duration::from_millis(250);

/// Answers of the nodes, in the natural order of names.
#[derive(Debug)]
pub struct Survey {
    /// The nodes.
    pub nodes: Vec<Heard>,
    /// True if these are all that there are, as far as anybody knows: only then the whole can be judged.
    pub is_whole: bool,
}

/// A node to ask.
#[derive(Debug, Clone)]
pub struct Target {
    /// Node that must answer; `None`: any.
    pub node: Option<NodeId>,
    /// Network where it must belong; `None`: any.
    pub home: Option<Home>,
    /// Address to ask.
    pub endpoint: Endpoint,
    /// True if it was started here.
    pub is_ours: bool,
    /// True if its process, as far as it is recorded, has ended. It is asked nevertheless: somebody may have started it by
    /// other means.
    pub has_ended: bool,
}

/// A network, and the start of it, that a node belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its name.
    pub network: NetworkName,
    /// Which start of it; empty: unknown.
    pub instance: Instance,
}

/// Answer of one node.
#[derive(Debug)]
pub struct Heard {
    /// Its name, or the address that was asked.
    pub name: String,
    /// Address that it listens on.
    pub endpoint: Endpoint,
    /// True if it was started here, so that there is a log of it.
    pub is_ours: bool,
    /// Outcome of the question.
    pub outcome: Outcome,
}

/// Outcome of the question to a node.
#[derive(Debug)]
pub enum Outcome {
    /// Status of the node.
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
        Self { node, home: None, endpoint, is_ours: false, has_ended: false }
    }

    /// A peer of a node that answered: it belongs where that one does.
    fn found(node: &NodeId, endpoint: &Endpoint, by: &NodeStatus) -> Self {
        Self { home: Some(Home::of(by)), ..Self::strange(Some(node.clone()), endpoint.clone()) }
    }

    /// Node that answers in place of the one meant, if another does.
    fn stranger(&self, status: &NodeStatus) -> Option<String> {
        let NodeStatus { node, network, instance, .. } = status;
        let home = self.home.as_ref();
        if home.is_some_and(|home| home.network != *network) {
            return Some(format!("node {node} of network '{network}'"));
        }
        if home.is_some_and(|home| !home.instance.admits(instance)) {
            return Some(format!("node {node} of another network '{network}' (instance {})", instance.as_str()));
        }
        self.node.as_ref().is_some_and(|meant| meant != node).then(|| format!("node {node}"))
    }
}

impl Home {
    /// Home that a node names.
    pub fn of(status: &NodeStatus) -> Self {
        Self { network: status.network.clone(), instance: status.instance.clone() }
    }

    /// Returns whether both may be one.
    pub fn admits(&self, other: &Self) -> bool {
        self.network == other.network && self.instance.admits(&other.instance)
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
    /// those with whom no link is up. It ends at `deadline`, or a second from now if that is later; whoever was not asked by
    /// then counts as silent.
    pub fn widen(&mut self, with_dead: bool, deadline: &Deadline) -> Result<(), SurveyError> {
        let grace = Deadline::after(WIDEN_MIN);
        let end = if deadline.remaining() < grace.remaining() { grace } else { *deadline };
        loop {
            let found = self.unknown_peers(with_dead);
            if found.is_empty() {
                break;
            }
            if end.is_over() {
                self.nodes.extend(found.into_iter().map(Heard::late));
                break;
            }
            // One that does not answer leaves time for those that are found after it.
            let round = end.at_most((end.remaining() / 2).max(FOUND_MIN));
            self.nodes.extend(ask(found, &round)?);
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
        let mut found: BTreeMap<&NodeId, (bool, Target)> = BTreeMap::new();
        for (status, peer) in self.said().flat_map(|status| status.peers.iter().map(move |peer| (status, peer))) {
            let lives = peer.up && peer.state != Some(MemberState::Down);
            let Some(node) = peer.node.as_ref().filter(|node| !known.contains(node.as_str())) else { continue };
            // Where a link leads that is up is a better address than any other.
            if (with_dead || lives) && found.get(node).is_none_or(|(is_live, _)| lives && !is_live) {
                found.insert(node, (lives, Target::found(node, &peer.endpoint, status)));
            }
        }
        found.into_values().map(|(_, target)| target).collect()
    }

    /// Notes of those that were not started here and did not answer which ones all their neighbours hear. One that hangs is
    /// suspected within seconds.
    fn note_deaf(&mut self) {
        let mut is_heard: BTreeMap<String, bool> = BTreeMap::new();
        for peer in self.said().flat_map(|status| &status.peers) {
            let Some(node) = &peer.node else { continue };
            let is_sound = peer.up && !matches!(peer.state, Some(MemberState::Suspect | MemberState::Down));
            *is_heard.entry(node.to_string()).or_insert(true) &= is_sound;
        }
        for heard in self.nodes.iter_mut().filter(|heard| !heard.is_ours && is_heard.get(&heard.name) == Some(&true)) {
            if matches!(heard.outcome, Outcome::Silent(_)) && !heard.is_elsewhere() {
                heard.outcome = Outcome::Deaf;
            }
        }
    }

    /// Those that answered.
    pub fn said(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().filter_map(Heard::status)
    }

    /// Returns whether all that answered have had the same messages; `None` if one does not say. Equal hashes alone do not show
    /// it: a node that has given up what others had has seen the same.
    pub fn is_equal(&self) -> Option<bool> {
        let all: Vec<_> = self.said().map(had).collect::<Option<_>>()?;
        Some(all.windows(2).all(|pair| pair[0] == pair[1]))
    }

    /// Number of messages that a node lacks of what the other has had that has had most; `None` if that cannot be told.
    pub fn lag(&self, status: &NodeStatus) -> Option<u64> {
        let (most, own) = (self.said().filter_map(had).max()?, had(status)?);
        // Two nodes that have had equally many different messages both lack some; how many, an audit tells.
        match (most == own, most.0 - own.0) {
            (true, _) => Some(0),
            (false, 0) => None,
            (false, lag) => Some(lag),
        }
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

/// Number of the messages that a node has had, and the hash of those that it has seen, given up or not.
fn had(status: &NodeStatus) -> Option<(u64, u64)> {
    Some((status.seen_messages?.saturating_sub(status.given_up), status.digest?))
}

impl Heard {
    /// Status, if it answered.
    pub fn status(&self) -> Option<&NodeStatus> {
        match &self.outcome {
            Outcome::Said(status) => Some(status),
            Outcome::Deaf | Outcome::Silent(_) | Outcome::Ended => None,
        }
    }

    /// Returns whether somebody else answers where it should be.
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self.outcome, Outcome::Silent(ClientError::Stranger { .. }))
    }

    /// Somebody whom there was no time to ask.
    fn late(target: Target) -> Self {
        let Target { node, endpoint, is_ours, .. } = target;
        let outcome = Outcome::Silent(ClientError::TimedOut { endpoint: endpoint.clone(), after: Duration::ZERO });
        let name = node.map_or_else(|| endpoint.authority().to_string(), |node| node.to_string());
        Self { name, endpoint, is_ours, outcome }
    }
}

fn ask(targets: Vec<Target>, deadline: &Deadline) -> Result<Vec<Heard>, SurveyError> {
    let (ended, running): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.has_ended);
    let mut heard = ask_within(running, deadline)?;
    let short = Deadline::after(ENDED_MAX.min(deadline.remaining().max(FOUND_MIN)));
    heard.extend(ask_within(ended, &short)?);
    Ok(heard)
}

fn ask_within(targets: Vec<Target>, deadline: &Deadline) -> Result<Vec<Heard>, SurveyError> {
    let questions: Vec<_> = targets.iter().map(|target| (target.endpoint.clone(), Request::Status)).collect();
    let mut answers = Vec::with_capacity(questions.len());
    for part in questions.chunks(ASKED_MAX) {
        answers.extend(ask_all(part, deadline.remaining().max(FOUND_MIN))?);
    }
    Ok(targets.into_iter().zip(answers).map(|(target, answer)| understand(target, answer)).collect())
}

fn understand(target: Target, answer: Result<Response, ClientError>) -> Heard {
    let endpoint = target.endpoint.clone();
    let outcome = match answer.map(|response| response.reply) {
        Ok(Reply::Status(status)) => match target.stranger(&status) {
            // Somebody else has taken the address of a node that has ended or moved.
            Some(who) => Outcome::Silent(ClientError::Stranger { endpoint, who }),
            None => Outcome::Said(status),
        },
        Ok(_) => Outcome::Silent(ClientError::Protocol { endpoint, text: "it replied something else".to_owned() }),
        Err(error) => Outcome::Silent(error),
    };
    let Target { node, endpoint, is_ours, has_ended, .. } = target;
    // Who was asked by its address has a name by now.
    let name = match (&outcome, node) {
        (Outcome::Said(status), _) => status.node.to_string(),
        (_, Some(node)) => node.to_string(),
        (_, None) => endpoint.authority().to_string(),
    };
    let outcome = if has_ended && matches!(outcome, Outcome::Silent(_)) { Outcome::Ended } else { outcome };
    Heard { name, endpoint, is_ours, outcome }
}
