//! Judgement of all that was heard of a network: the state of each node, and the word for the whole. Every command that
//! judges a network judges it by this.

use super::{
    heard::{Heard, Outcome, Survey},
    overlay::Overlay,
};
use crate::{core::id::NodeId, topology::Margin};
use serde::Serialize;

/// State of a node.
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

/// Health of a network as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
    #[default]
    Down,
}

/// States of the nodes of a survey, and the health of the whole.
#[derive(Debug, Clone, Default)]
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

    /// State of one node; one of which nothing was heard is down.
    pub fn state_of(&self, node: &str) -> State {
        self.nodes.iter().find(|(name, _)| name == node).map_or(State::Down, |(_, state)| *state)
    }

    /// Number of nodes in this state.
    pub fn count(&self, state: State) -> usize {
        self.nodes.iter().filter(|(_, found)| *found == state).count()
    }

    /// Number of nodes.
    pub fn all(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// The nodes that are so; those that were asked by an address and have no name are left out.
    pub fn names(&self, state: State) -> Vec<NodeId> {
        let of_state = self.nodes.iter().filter(|(_, found)| *found == state);
        of_state.filter_map(|(name, _)| NodeId::new(name).ok()).collect()
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
