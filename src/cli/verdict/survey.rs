//! All nodes of a network are asked how they are, at once: those in its record, and those that they have for peers.

use super::account::count;
use crate::{
    cli::{
        Context, NodeArgument,
        error::{CliError, ErrorBody},
    },
    client::{ClientError, ask_all},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId, natural_key},
        links::detector::Verdict,
        request::{NodeStatus, Reply, Request},
    },
    launcher::{Manifest, resolve},
    quantity::Time,
    wire::Response,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long to wait for all nodes together unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// Most nodes that are asked at a time.
const ASKED_MAX: usize = 1000;
/// What nodes that are found on the way are given to answer at least.
const FOUND_MIN: Duration = Duration::from_millis(100);

/// What was heard of each node, in the natural order of names.
#[derive(Debug)]
pub struct Survey {
    /// The nodes.
    pub nodes: Vec<Heard>,
    /// Whether these are all that there are, as far as anybody knows: only then the whole can be judged.
    pub is_whole: bool,
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
    Silent(CliError),
    /// Nothing: its process has ended.
    Ended,
}

impl Survey {
    /// Asks the nodes named, or all of the network if none is. Nodes that are named by their addresses alone stand for the
    /// network that they belong to: the others are found through their peers. A node that does not answer keeps the others
    /// waiting until `timeout`, and no longer.
    pub fn take(nodes: &[NodeArgument], context: &Context, timeout: Duration) -> Result<Self, CliError> {
        let deadline = Deadline::after(timeout);
        let by_address = !nodes.is_empty() && nodes.iter().all(|node| matches!(node, NodeArgument::Address(_)));
        let is_all = nodes.is_empty();
        let targets = if is_all { recorded(context)? } else { named(nodes, context)? };
        context.detail(format_args!(
            "asking {} at once, waiting up to {}",
            count(targets.len() as u64, "node"),
            Time(timeout)
        ));
        let mut nodes = ask(targets, &deadline)?;
        if !is_all {
            nodes.iter().filter_map(Heard::status).try_for_each(|status| context.check_network(status))?;
        }
        let is_whole = is_all || by_address && nodes.iter().any(|heard| heard.status().is_some());
        if is_whole {
            // Who joined by hand is in no record, but somebody's peer.
            loop {
                let found = unknown_peers(&nodes, by_address);
                if found.is_empty() {
                    break;
                }
                nodes.extend(ask(found, &deadline)?);
            }
            note_deaf(&mut nodes);
        }
        nodes.sort_by(|a, b| natural_key(&a.name).cmp(&natural_key(&b.name)));
        nodes.dedup_by(|a, b| a.name == b.name);
        Ok(Self { nodes, is_whole })
    }

    /// The network that the nodes belong to.
    pub fn network<'a>(&'a self, context: &'a Context) -> &'a NetworkName {
        self.said().next().map_or_else(|| context.network(), |status| &status.network)
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
        self.nodes
            .iter()
            .filter(|heard| which(&heard.outcome))
            .filter_map(|heard| NodeId::new(&heard.name).ok())
            .collect()
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

    /// Why it said nothing, if it did not answer.
    pub fn error(&self) -> Option<ErrorBody> {
        match &self.outcome {
            Outcome::Said(_) => None,
            Outcome::Deaf => Some(CliError::Unreachable("it serves no requests".into()).body()),
            Outcome::Silent(error) => Some(error.body()),
            Outcome::Ended => Some(CliError::Unreachable("its process has ended".into()).body()),
        }
    }
}

/// A node to ask, and whether its process has ended.
type Target = (Heard, bool);

fn target(name: String, endpoint: Endpoint, is_ours: bool, has_ended: bool) -> Target {
    (Heard { name, endpoint, is_ours, outcome: Outcome::Ended }, has_ended)
}

/// The nodes in the record of the network.
fn recorded(context: &Context) -> Result<Vec<Target>, CliError> {
    let manifest = record(context)?;
    let alive: BTreeSet<_> = manifest.alive().map(|node| node.node.clone()).collect();
    let all = manifest.nodes.iter();
    Ok(all
        .map(|node| target(node.node.to_string(), node.endpoint.clone(), true, !alive.contains(&node.node)))
        .collect())
}

/// The record of the network that commands are about.
pub fn record(context: &Context) -> Result<Manifest, CliError> {
    let networks = context.networks()?;
    let folder = networks.folder(context.network());
    context.detail(format_args!("reading {}", folder.record().display()));
    Ok(folder.require_record(&networks)?)
}

fn named(arguments: &[NodeArgument], context: &Context) -> Result<Vec<Target>, CliError> {
    let find = |argument: &NodeArgument| match argument {
        NodeArgument::Address(endpoint) => Ok(target(argument.to_string(), endpoint.clone(), false, false)),
        NodeArgument::Name(name) => {
            let found = resolve::find(&context.networks()?, context.network(), name)?;
            let name = found.node.as_ref().unwrap_or(name);
            Ok(target(name.to_string(), found.endpoint, true, found.has_ended))
        }
    };
    arguments.iter().map(find).collect()
}

/// Peers with a link that is up, of whom nothing was heard yet; the others, too, where no record knows them.
fn unknown_peers(nodes: &[Heard], with_dead: bool) -> Vec<Target> {
    let known: BTreeSet<&str> = nodes.iter().map(|heard| heard.name.as_str()).collect();
    let peers = nodes.iter().filter_map(Heard::status).flat_map(|status| &status.peers);
    let lives = peers.filter(|peer| with_dead || peer.up && peer.verdict != Some(Verdict::Down));
    let found: BTreeMap<&str, &Endpoint> =
        lives.filter_map(|peer| Some((peer.node.as_ref()?.as_str(), &peer.endpoint))).collect();
    let unknown = found.into_iter().filter(|(name, _)| !known.contains(name));
    unknown.map(|(name, endpoint)| target(name.to_owned(), endpoint.clone(), false, false)).collect()
}

/// Notes of those that were not started here and did not answer which ones all their neighbours hear. One that hangs is
/// suspected within seconds.
fn note_deaf(nodes: &mut [Heard]) {
    let mut is_heard: BTreeMap<String, bool> = BTreeMap::new();
    for peer in nodes.iter().filter_map(Heard::status).flat_map(|status| &status.peers) {
        let Some(node) = &peer.node else { continue };
        let is_sound = peer.up && !matches!(peer.verdict, Some(Verdict::Suspect | Verdict::Down));
        *is_heard.entry(node.to_string()).or_insert(true) &= is_sound;
    }
    for heard in nodes.iter_mut().filter(|heard| !heard.is_ours && is_heard.get(&heard.name) == Some(&true)) {
        if matches!(heard.outcome, Outcome::Silent(_)) {
            heard.outcome = Outcome::Deaf;
        }
    }
}

fn ask(targets: Vec<Target>, deadline: &Deadline) -> Result<Vec<Heard>, CliError> {
    let alive: Vec<_> = targets.iter().filter(|(_, has_ended)| !has_ended).collect();
    let questions: Vec<_> = alive.iter().map(|(heard, _)| (heard.endpoint.clone(), Request::Status)).collect();
    let mut answers = Vec::with_capacity(questions.len());
    for part in questions.chunks(ASKED_MAX) {
        answers.extend(ask_all(part, deadline.remaining().max(FOUND_MIN))?);
    }
    let mut answers = answers.into_iter();
    let heard = |(mut heard, has_ended): Target| {
        let answer = if has_ended { None } else { answers.next() };
        heard.outcome = answer.map_or(Outcome::Ended, understand);
        // Who was asked by its address has a name by now.
        if let Some(status) = heard.status() {
            heard.name = status.node.to_string();
        }
        heard
    };
    Ok(targets.into_iter().map(heard).collect())
}

fn understand(answer: Result<Response, ClientError>) -> Outcome {
    match answer.map(|response| response.reply) {
        Ok(Reply::Status(status)) => Outcome::Said(status),
        Ok(_) => Outcome::Silent(no_gossip_node()),
        Err(error) => Outcome::Silent(error.into()),
    }
}

/// Of an answer that no question has.
pub(super) fn no_gossip_node() -> CliError {
    CliError::Failed("it does not answer like a gossip node".into())
}
