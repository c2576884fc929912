//! What all that was heard of a network amounts to: how each node is, and the word for the whole. Every command that
//! judges a network judges it by this.

use super::{
    account::count,
    overlay::Overlay,
    survey::{Heard, Outcome, Survey},
};
use crate::{
    cli::{error::CliError, text},
    core::id::NodeId,
    launcher::ranges::ranges,
    topology::Margin,
};
use serde::Serialize;

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It answers, or serves no requests, and nobody doubts it.
    Up,
    /// It answers, but a live neighbour does not hear it.
    Suspect,
    /// It runs, as far as is known, and does not answer.
    Silent,
    /// Its process has ended.
    Down,
}

impl State {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Silent => "silent",
            Self::Down => "down",
        }
    }
}

/// How a network is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Every node is up and can reach every other.
    Well,
    /// Those that answer can reach each other, but not every node is up.
    Unwell,
    /// Nodes that answer cannot reach each other.
    Split,
    /// No node answers, and some may still run.
    Silent,
    /// Every process has ended.
    Down,
}

/// How the nodes of a survey are, one by one and together.
#[derive(Debug)]
pub struct Judgement {
    nodes: Vec<(String, State)>,
    /// Of the whole.
    pub health: Health,
}

impl Judgement {
    /// Of what was heard, and of the overlay that follows from it.
    pub fn of(survey: &Survey, overlay: &Overlay) -> Self {
        let nodes: Vec<_> = survey.nodes.iter().map(|heard| (heard.name.clone(), state(heard, overlay))).collect();
        let all = |state: State| nodes.iter().all(|(_, found)| *found == state);
        let health = match overlay.margin {
            _ if !overlay.has_nodes() && all(State::Down) => Health::Down,
            _ if !overlay.has_nodes() => Health::Silent,
            Margin::Split => Health::Split,
            _ if all(State::Up) => Health::Well,
            _ => Health::Unwell,
        };
        Self { nodes, health }
    }

    /// How one node is; one of which nothing was heard is down.
    pub fn state_of(&self, node: &str) -> State {
        self.nodes.iter().find(|(name, _)| name == node).map_or(State::Down, |(_, state)| *state)
    }

    /// How many nodes are so.
    pub fn count(&self, state: State) -> usize {
        self.nodes.iter().filter(|(_, found)| *found == state).count()
    }

    /// How many nodes there are.
    pub fn all(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// The nodes that are so; those that were asked by an address and have no name are left out.
    pub fn names(&self, state: State) -> Vec<NodeId> {
        let of_state = self.nodes.iter().filter(|(_, found)| *found == state);
        of_state.filter_map(|(name, _)| NodeId::new(name).ok()).collect()
    }

    /// `all 6 nodes are up`, `4 of 6 nodes up, 1 suspect (6), 1 silent (3)`.
    pub fn told_nodes(&self) -> String {
        let (up, all) = (self.count(State::Up) as u64, self.all());
        if up == all && all > 0 {
            return if all == 1 { "its only node is up".to_owned() } else { format!("all {all} nodes are up") };
        }
        let others = [State::Suspect, State::Silent, State::Down].into_iter().filter(|&state| self.count(state) > 0);
        let told = others.map(|state| {
            let names = text::escape(&ranges(&self.names(state))).into_owned();
            format!("{} {} ({names})", self.count(state), state.name())
        });
        std::iter::once(format!("{up} of {} up", count(all, "node"))).chain(told).collect::<Vec<_>>().join(", ")
    }

    /// `5 of 6 nodes up`, as a caption has it.
    pub fn told_up(&self) -> String {
        format!("{} of {} up", self.count(State::Up), count(self.all(), "node"))
    }

    /// Why the network is not well, if it is not: split or with nodes that are down, or with nodes that do not answer.
    /// `is_whole`: whether these are all nodes; `logs`: where those of its nodes lie.
    pub fn complaint(&self, is_whole: bool, overlay: &Overlay, logs: Option<String>) -> Result<(), CliError> {
        let (down, silent) = (self.names(State::Down), self.names(State::Silent));
        let mut wrong = Vec::new();
        if is_whole && self.health == Health::Split {
            wrong.push(format!("the network is split into {} parts: {}", overlay.parts().len(), overlay.told_parts()));
        }
        let of = |nodes: &[NodeId]| format!("{} of {}", nodes.len(), count(self.all(), "node"));
        let hint = logs.map_or_else(String::new, |logs| format!("; see the logs in {logs}"));
        if !down.is_empty() {
            let verb = if down.len() == 1 { "is" } else { "are" };
            wrong.push(format!("{} {verb} down: {}", of(&down), ranges(&down)));
        }
        let is_failed = !wrong.is_empty();
        if !silent.is_empty() {
            wrong.push(format!("{} did not answer: {}", of(&silent), ranges(&silent)));
        }
        match (wrong.is_empty(), is_failed) {
            (true, _) => Ok(()),
            (false, true) => Err(CliError::Failed(format!("{}{hint}", wrong.join("; ")))),
            (false, false) => Err(CliError::Unreachable(format!("{}{hint}", wrong.join("; ")))),
        }
    }
}

fn state(heard: &Heard, overlay: &Overlay) -> State {
    let is_suspected = || NodeId::new(&heard.name).is_ok_and(|name| overlay.suspects.contains_key(&name));
    match &heard.outcome {
        Outcome::Said(_) if is_suspected() => State::Suspect,
        Outcome::Said(_) | Outcome::Deaf => State::Up,
        Outcome::Silent(_) => State::Silent,
        Outcome::Ended => State::Down,
    }
}
