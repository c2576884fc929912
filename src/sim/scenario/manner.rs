//! Manners of nodes, as scenario files name them.

use crate::{
    core::config::{Broadcast, Timing},
    quantity::Time,
};
use serde::{Deserialize, Serialize};

/// Ways in which messages spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Along a tree for each origin.
    #[default]
    Tree,
    /// Over every link.
    Flood,
}

impl From<Spread> for Broadcast {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Tree => Self::Tree,
            Spread::Flood => Self::Flood,
        }
    }
}

/// Speed at which nodes notice things: a preset of [`Timing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimingPreset {
    /// As on one machine.
    Local,
    /// As in one place.
    #[default]
    Lan,
    /// As on several continents.
    Wan,
}

impl From<TimingPreset> for Timing {
    fn from(pace: TimingPreset) -> Self {
        match pace {
            TimingPreset::Local => Self::LOCAL,
            TimingPreset::Lan => Self::LAN,
            TimingPreset::Wan => Self::WAN,
        }
    }
}

/// Nodes that are told one address each, and find their neighbours themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Join {
    /// Whose address.
    pub contact: Contact,
    /// From one node's start to the next one's; 0: all at once.
    pub interval: Time,
    /// Time from the last node's start to the first message.
    pub settle: Time,
}

/// Whose address a node is told that joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contact {
    /// That of node 1.
    #[default]
    First,
    /// That of a node with a lower number, drawn by the seed.
    Earlier,
}
