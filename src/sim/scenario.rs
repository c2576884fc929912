//! A scenario as data: which network, on which links, who publishes what, and what goes wrong when. TOML, or made in
//! code; each part has defaults, so a scenario says only what matters to it.

pub mod chaos;
mod fault;
mod manner;

pub use fault::{Disk, Fault, Selection, Silence};
pub use manner::{Contact, Join, Spread, TimingPreset};

use super::network::Model;
use crate::{
    core::{
        config::{Limits, Protocol},
        message::Relays,
    },
    quantity::{Size, Time, share::percent, size},
    topology::{Shape, ShapeError},
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// Most nodes of a simulated network: they take some 50 KiB each.
pub const NODES_MAX: u32 = 131_072;
/// Longest time that a scenario may name.
const LONGEST: Time = Time::millis(3_600_000);
/// Largest loss: the waits of nodes, and of the checker, are made for no worse.
const LOSS_MAX: f64 = 0.2;
/// Largest latency, for the same reason.
pub const LATENCY_MAX: Time = Time::millis(250);
/// Most messages that are handed in at one moment.
const BURST_MAX: u32 = 4096;
/// Most messages of one run; in a network of that many nodes memory will not last for as many.
const MESSAGES_MAX: u32 = 1_000_000;

/// All that a run depends on, but for the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// `random`, `circular` or `powerlaw`.
    pub topology: String,
    /// Neighbours of each node of a random network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub degree: Option<u32>,
    /// Number of nodes, 2 to 131,072.
    pub nodes: u32,
    /// Time that the run goes on after all has come to rest.
    pub settle: Time,
    /// Dissemination of messages: `tree` or `flood`.
    pub dissemination: Spread,
    /// True if nodes replace neighbours that are gone.
    pub heal: bool,
    /// Timing of nodes: `local`, `lan` or `wan`.
    pub timing: TimingPreset,
    /// Joining of nodes if nobody tells them their neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
    /// Share of nodes that take each message by itself. Default none.
    #[serde(skip_serializing_if = "is_default")]
    pub single: f64,
    /// Model of the links.
    pub network: Model,
    /// Messages that are published, by whom and when.
    pub load: Load,
    /// Retention of messages by nodes.
    pub limits: Retention,
    /// Faults; times count from the moment when all links are up.
    #[serde(rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// The messages of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Load {
    /// Number of messages; with all nodes as senders, of each. Default 20.
    pub messages: u32,
    /// Number of messages, counted in the same way, that come before them and in none of the figures. Default 0.
    pub warmup: u32,
    /// Bytes of each payload. Default 100.
    #[serde(deserialize_with = "size::in_memory")]
    pub size: usize,
    /// Senders. Default random nodes.
    pub senders: Senders,
    /// From one message to the next; with all nodes as senders, from one round to the next. Default 100 ms.
    pub interval: Time,
    /// Messages that a sender is handed at one moment, where not all nodes send. Default 1.
    #[serde(skip_serializing_if = "is_one")]
    pub burst: u32,
    /// True if paths are recorded.
    pub trace: bool,
    /// Copies of a traced message that a node passes to each neighbour, 1 to 16.
    pub relays: u64,
}

/// Nodes that hand in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Senders {
    /// One node, drawn by the seed; if it is not there, nobody.
    One,
    /// For each message one of the nodes that are there.
    Random,
    /// All nodes, each at the same moment.
    All,
    /// For each message another node, one that has sent none before.
    Fresh,
}

/// Retention of messages for reading; smaller than in a process, so that many nodes fit into one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Messages; default 100,000.
    pub messages: usize,
    /// Bytes; default 64 MiB.
    #[serde(deserialize_with = "size::in_memory")]
    pub bytes: usize,
}

/// Reason why there is no such scenario.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// Not TOML, an unknown word, or a value of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// No such network.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A number out of its range.
    #[error("{what} must be {range}, not {found}")]
    Range {
        /// Which number.
        what: &'static str,
        /// From where to where.
        range: &'static str,
        /// Value that was found.
        found: String,
    },
    /// A fault names a node that is not there.
    #[error("a fault names node {node}; the nodes are 1 to {nodes}")]
    Node {
        /// The number found.
        node: u32,
        /// Number of nodes.
        nodes: u32,
    },
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            topology: "random".into(),
            degree: None,
            nodes: 16,
            settle: Time::default(),
            dissemination: Spread::default(),
            heal: true,
            timing: TimingPreset::default(),
            join: None,
            single: 0.0,
            network: Model::default(),
            load: Load::default(),
            limits: Retention::default(),
            faults: Vec::new(),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        let limits = Limits::default();
        Self { messages: limits.retained_messages_max, bytes: limits.retained_bytes_max }
    }
}

impl Default for Load {
    fn default() -> Self {
        let (messages, warmup, size, relays) = (20, 0, 100, 1);
        Self {
            messages,
            warmup,
            size,
            senders: Senders::Random,
            interval: Time::millis(100),
            burst: 1,
            trace: false,
            relays,
        }
    }
}

fn is_default(share: &f64) -> bool {
    *share == 0.0
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

impl fmt::Display for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "one node",
            Self::Random => "random nodes",
            Self::All => "all nodes at once",
            Self::Fresh => "a new node each",
        })
    }
}

impl Scenario {
    /// Reads a scenario file. What it says is checked by [`check`](Self::check).
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        toml::from_str(text).map_err(|error| ScenarioError::Syntax(describe(&error, text)))
    }

    /// The shape of its network.
    pub fn shape(&self) -> Result<Shape, ScenarioError> {
        Ok(Shape::parse(&self.topology, self.degree, self.nodes)?)
    }

    /// Checks that it can be run: every number is in its range, every node there.
    pub fn check(&self) -> Result<(), ScenarioError> {
        self.shape()?.check_within(self.nodes, NODES_MAX)?;
        let Self { network, load, limits, .. } = self;
        within("loss", "a share from 0% to 20%", percent(network.loss), (0.0..=LOSS_MAX).contains(&network.loss))?;
        let latency = network.latency.most;
        within("latency", "at most 250ms", latency, latency <= LATENCY_MAX)?;
        within("bandwidth", "at least 1 B a second", "0 B", network.bandwidth != Some(0))?;
        within("queue", "at least 1 B", "0 B", network.queue > 0)?;
        within("messages", "1 to 1000000", load.messages, (1..=MESSAGES_MAX).contains(&load.messages))?;
        within("warmup", "at most 1000000", load.warmup, load.warmup <= MESSAGES_MAX)?;
        let senders = load.messages + load.warmup;
        let suffice = load.senders != Senders::Fresh || senders <= self.nodes;
        within("messages from a new node each", "as many as there are nodes at most", senders, suffice)?;
        let size_max = Limits::default().payload_len_max;
        within("size", "at most 1 MiB", Size(load.size as u64).exact(), load.size <= size_max)?;
        within("burst", "1 to 4096", load.burst, (1..=BURST_MAX).contains(&load.burst))?;
        within("single", "a share from 0% to 100%", percent(self.single), (0.0..=1.0).contains(&self.single))?;
        within("relays", "1 to 16", load.relays, Relays::try_from(load.relays).is_ok())?;
        self.times().into_iter().try_for_each(|(what, time)| within(what, "at most 1h", time, time <= LONGEST))?;
        within("limits", "at least 1", 0, limits.messages > 0 && limits.bytes > 0)?;
        self.faults.iter().try_for_each(|fault| self.check_fault(fault))
    }

    /// All times, which virtual time must hold in any number.
    fn times(&self) -> Vec<(&'static str, Time)> {
        let Self { settle, network, load, join, faults, .. } = self;
        let fixed = [("settle", *settle), ("break_after", network.break_after), ("interval", load.interval)];
        let joined = join.iter().flat_map(|join| [("interval", join.interval), ("settle", join.settle)]);
        let faults = faults.iter().flat_map(Fault::times).map(|time| ("the times of a fault", time));
        fixed.into_iter().chain(joined).chain(faults).collect()
    }

    fn check_fault(&self, fault: &Fault) -> Result<(), ScenarioError> {
        let spares = matches!(fault, Fault::Crash { spare_sender: true, .. });
        let is_one = self.load.senders == Senders::One;
        within("senders", "'one' where a crash spares the sender", "several", !spares || is_one)?;
        for who in fault.who() {
            match who {
                Selection::Share(share) => {
                    within("a share of nodes", "0% to 100%", percent(*share), (0.0..=1.0).contains(share))?
                }
                Selection::Nodes(nodes) => {
                    if let Some(&node) = nodes.iter().find(|node| !(1..=self.nodes).contains(node)) {
                        return Err(ScenarioError::Node { node, nodes: self.nodes });
                    }
                }
            }
        }
        match fault {
            Fault::Churn { every, .. } => within("every", "at least 1ms", every, *every >= Time::millis(1)),
            Fault::Narrow { bandwidth, .. } => {
                within("bandwidth", "at least 1 B a second", "0 B", *bandwidth != Some(0))
            }
            _ => Ok(()),
        }
    }

    /// Protocol of each node.
    pub(super) fn protocol(&self) -> Protocol {
        let usual = Protocol::default();
        let degree = self.degree.map_or(usual.degree, |degree| degree as usize);
        let (dissemination, timing) = (self.dissemination.into(), self.timing.into());
        Protocol { dissemination, heal: self.heal, degree, timing, ..usual }
    }

    /// Says whether a node takes each message by itself: the same nodes in each run.
    pub(super) fn is_single(&self, host: usize) -> bool {
        let lot = (host as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (lot as f64) < self.single * f64::from(u32::MAX)
    }

    /// Time that nodes have, once their links are up, to hear of each other, before anything goes wrong: who never heard of
    /// anybody beyond its neighbours cannot find the rest of a network in pieces.
    pub(super) fn acquaintance(&self) -> Duration {
        let needs_it = self.heal && self.join.is_none() && !self.faults.is_empty();
        if needs_it { Duration::from_secs(1) + Duration::from_millis(40) * self.nodes.min(100) } else { Duration::ZERO }
    }

    /// The bounds of each node.
    pub(super) fn node_limits(&self) -> Limits {
        Limits {
            retained_messages_max: self.limits.messages,
            retained_bytes_max: self.limits.bytes,
            ..Limits::default()
        }
    }

    /// Bandwidth of the links that carry least at any time.
    pub(super) fn least_bandwidth(&self) -> Option<u64> {
        let narrow = self.faults.iter().filter_map(|fault| match fault {
            Fault::Narrow { bandwidth, .. } => *bandwidth,
            _ => None,
        });
        narrow.chain(self.network.bandwidth).min()
    }

    /// Returns whether each node that delivers a message must send it to all its neighbours at once, as long as it has not had to
    /// ask for any: on slow links it may, though nothing goes wrong.
    pub(super) fn is_relayed(&self) -> bool {
        self.dissemination == Spread::Flood && self.is_faultless()
    }

    /// Returns whether nothing is meant to go wrong: every message must then reach every node by the exact number of frames.
    pub(super) fn is_faultless(&self) -> bool {
        self.network.loss == 0.0 && self.faults.iter().all(Fault::is_harmless)
    }
}

fn within(what: &'static str, range: &'static str, found: impl fmt::Display, holds: bool) -> Result<(), ScenarioError> {
    if holds { Ok(()) } else { Err(ScenarioError::Range { what, range, found: found.to_string() }) }
}

/// Message of a TOML error, with the line that it is about, on one line.
pub(super) fn describe(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_matters_to_it() {
        let text = "
            topology = 'powerlaw'
            nodes = 64
            dissemination = 'tree'
            timing = 'wan'
            [join]
            contact = 'earlier'
            interval = '50ms'
            [network]
            latency = '10-50ms'
            loss = 0.02
            [load]
            messages = 60
            warmup = 5
            senders = 'all'
            trace = true
            [[fault]]
            kind = 'crash'
            at = '1s'
            who = '10%'
            silent = true
            [[fault]]
            kind = 'restart'
            at = '2s'
            [[fault]]
            kind = 'partition'
            at = '3s'
            who = [1, 2, 3]
        ";
        let scenario = Scenario::from_toml(text).unwrap();
        scenario.check().unwrap();
        assert_eq!((scenario.load.senders, scenario.load.size), (Senders::All, 100));
        assert_eq!(
            scenario.faults[0],
            Fault::Crash { at: Time::millis(1000), who: Selection::Share(0.1), silent: true, spare_sender: false }
        );
        assert_eq!(
            scenario.faults[1],
            Fault::Restart { at: Time::millis(2000), who: None, disk: Disk::Kept, memory: false }
        );
        let written = toml::to_string(&scenario).unwrap();
        assert_eq!(Scenario::from_toml(&written), Ok(scenario), "{written}");
    }

    #[test]
    fn errors_name_the_line_and_the_way_out() {
        for (text, says) in [
            ("nodes = 3\ntopolgy = 'x'", "line 2: unknown field `topolgy`"),
            ("[network]\nlatency = '5 parsecs'", "line 2: '5 parsecs' is not a time; write it like 250us, 50ms"),
            ("[[fault]]\nkind = 'meteor'\nat = '1s'", "unknown variant `meteor`"),
        ] {
            let error = Scenario::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{error}");
        }
        for (text, says) in [
            ("nodes = 1", "1 nodes cannot form a network; choose from 2 to 131072 nodes"),
            ("topology = 'star'", "unknown topology 'star'"),
            ("[network]\nloss = 1.0", "loss must be a share from 0% to 20%, not 100%"),
            ("[network]\nloss = '95%'", "loss must be a share from 0% to 20%, not 95%"),
            ("[network]\nlatency = '2h'", "latency must be at most 250ms, not 2h"),
            ("[[fault]]\nkind = 'heal'\nat = '61min'", "the times of a fault must be at most 1h, not 61min"),
            ("[load]\nsize = '1.5 MiB'", "size must be at most 1 MiB, not 1.5 MiB"),
            (
                "[load]\nsenders = 'fresh'\nwarmup = 1\nmessages = 16",
                "a new node each must be as many as there are nodes",
            ),
            ("[load]\nrelays = 17", "relays must be 1 to 16, not 17"),
            ("[[fault]]\nkind = 'crash'\nat = '0ms'\nwho = [17]", "a fault names node 17; the nodes are 1 to 16"),
            (
                "[[fault]]\nkind = 'crash'\nat = '0ms'\nwho = 0.5\nspare_sender = true",
                "senders must be 'one' where a crash spares the sender, not several",
            ),
            ("[[fault]]\nkind = 'pause'\nat = '0ms'\nwho = 2.0", "a share of nodes must be 0% to 100%, not 200%"),
        ] {
            let error = Scenario::from_toml(text).unwrap().check().unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
