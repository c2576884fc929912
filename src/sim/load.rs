//! Who publishes how many messages of what size when.

use super::units::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The messages of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// How many; with all nodes as senders, how many each. Default 20.
    pub messages: u32,
    /// Bytes of each payload. Default 100.
    pub size: usize,
    /// Who hands them in. Default random nodes.
    pub senders: Senders,
    /// From one message to the next; with all nodes as senders, from one round to the next. Default 100 ms.
    pub interval: Time,
    /// Whether paths are recorded.
    pub trace: bool,
    /// Copies of a traced message that a node passes to each neighbour, 1 to 16.
    pub relays: u64,
}

/// Who hands in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Senders {
    /// One node, drawn by the seed; if it is not there, nobody.
    One,
    /// For each message one of the nodes that are there.
    Random,
    /// All nodes, each at the same moment.
    All,
}

impl Default for Load {
    fn default() -> Self {
        let (messages, size, relays) = (20, 100, 1);
        Self { messages, size, senders: Senders::Random, interval: Time::millis(100), trace: false, relays }
    }
}

impl fmt::Display for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one node",
            Self::Random => "random nodes",
            Self::All => "all nodes at once",
        })
    }
}
