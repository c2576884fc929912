//! The record of a network: which processes it consists of. Written before the first of them starts, so that a
//! network can be stopped whatever became of its starter.

use super::process::{Life, Process, find};
use crate::{
    core::{
        endpoint::Endpoint,
        id::{Instance, NetworkName, NodeId},
    },
    topology::Graph,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    fs,
    path::PathBuf,
    str::FromStr,
};

/// The form of the record that this program reads and writes.
const FORMAT: u32 = 1;

/// Record of a network, as `network.json` holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Form of the record.
    #[serde(deserialize_with = "known_format")]
    format: u32,
    /// The network's name.
    #[serde(with = "text")]
    pub network: NetworkName,
    /// Which start of it; nodes carry it in their arguments.
    #[serde(with = "instance")]
    pub instance: Instance,
    /// The topology as a user types it: `random 3`, `circular`.
    pub topology: String,
    /// Seed of the topology.
    pub seed: u64,
    /// Node N listens on this plus N.
    pub port_base: u32,
    /// Time of the start: RFC 3339, UTC.
    pub started_at: String,
    /// Which boot of the machine: after another one no process of ours is left, whatever the pids say.
    pub boot: String,
    /// Arguments of each node, beside its name, address, network and instance.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// The folder with its data, if it is durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Its nodes, in the order of their start.
    pub nodes: Vec<NodeRecord>,
    /// The change that made this record of the one before it; none at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
}

/// Change that a command makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of which kind.
    pub kind: ChangeKind,
    /// Nodes that come, go or are started anew; none for a change of links.
    #[serde(with = "texts")]
    pub nodes: Vec<NodeId>,
}

/// Kinds of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A node more.
    Add,
    /// A node less.
    Remove,
    /// Nodes that get new processes.
    Restart,
    /// Other links between the same nodes.
    Links,
}

/// Two nodes with a link, the lower name first in natural order.
pub type Pair = (NodeId, NodeId);

/// The two in natural order.
pub(super) fn pair(a: &NodeId, b: &NodeId) -> Pair {
    let (a, b) = if a.natural_key() <= b.natural_key() { (a, b) } else { (b, a) };
    (a.clone(), b.clone())
}

/// Each node with the far ends of its links.
pub(super) fn by_end(pairs: &BTreeSet<Pair>) -> BTreeMap<NodeId, Vec<NodeId>> {
    let mut ends: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
    for (a, b) in pairs {
        ends.entry(a.clone()).or_default().push(b.clone());
        ends.entry(b.clone()).or_default().push(a.clone());
    }
    ends
}

/// One node of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its name.
    #[serde(with = "text")]
    pub node: NodeId,
    /// Address that it listens on.
    #[serde(with = "text")]
    pub endpoint: Endpoint,
    /// Its process; absent if the starter was cut off before it could note it.
    #[serde(flatten)]
    pub process: Option<Process>,
    /// Its declared peers.
    #[serde(with = "texts")]
    pub peers: Vec<NodeId>,
    /// Peers that were removed and in whose places others may have stepped since.
    #[serde(with = "texts", default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<NodeId>,
}

impl Manifest {
    /// A record of a network on this boot of the machine.
    pub fn new(network: NetworkName, instance: Instance, topology: String, seed: u64, port_base: u32) -> Self {
        let (started_at, boot, nodes) = (String::new(), current_boot(), Vec::new());
        let arguments = Vec::new();
        let change = None;
        Self {
            format: FORMAT,
            network,
            instance,
            topology,
            seed,
            port_base,
            started_at,
            boot,
            arguments,
            data: None,
            nodes,
            change,
        }
    }

    /// Reads a record.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The declared links between these nodes.
    pub fn graph(&self, nodes: &[NodeId]) -> Graph {
        let index: BTreeMap<&NodeId, usize> = nodes.iter().enumerate().map(|(index, node)| (node, index)).collect();
        let edges = self.nodes.iter().flat_map(|record| {
            let ends = record.peers.iter().filter_map(|peer| Some((*index.get(&record.node)?, *index.get(peer)?)));
            ends.filter(|(a, b)| a != b).collect::<Vec<_>>()
        });
        let edges: Vec<_> = edges.collect();
        Graph::new(nodes.to_vec(), edges).unwrap_or_else(|_| unreachable!("a record names each node once"))
    }

    /// The record as a file holds it: one JSON document on one line.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The node of this name.
    pub fn node(&self, name: &NodeId) -> Option<&NodeRecord> {
        self.nodes.iter().find(|record| record.node == *name)
    }

    /// The node of this name, to be changed.
    pub fn node_mut(&mut self, name: &NodeId) -> Option<&mut NodeRecord> {
        self.nodes.iter_mut().find(|record| record.node == *name)
    }

    /// Returns whether two nodes are declared peers.
    pub fn are_peers(&self, a: &NodeId, b: &NodeId) -> bool {
        let names = |one: &NodeId, other| self.node(one).is_some_and(|record| record.peers.contains(other));
        names(a, b) || names(b, a)
    }

    /// Two nodes are declared peers from now on; `false` if they were before, or one of them is not there.
    pub fn link(&mut self, a: &NodeId, b: &NodeId) -> bool {
        if self.are_peers(a, b) || a == b || self.node(a).is_none() || self.node(b).is_none() {
            return false;
        }
        for (one, other) in [(a, b), (b, a)] {
            if let Some(record) = self.node_mut(one) {
                record.peers.push(other.clone());
                record.peers.sort_by(|x, y| x.natural_key().cmp(&y.natural_key()));
            }
        }
        true
    }

    /// Two nodes are declared peers no more; says whether they were.
    pub fn unlink(&mut self, a: &NodeId, b: &NodeId) -> bool {
        let were_peers = self.are_peers(a, b);
        for (one, other) in [(a, b), (b, a)] {
            if let Some(record) = self.node_mut(one) {
                record.peers.retain(|peer| peer != other);
            }
        }
        were_peers
    }

    /// Takes a node out: of the list, and of the peers of the others.
    pub fn forget(&mut self, name: &NodeId) {
        self.nodes.retain(|record| record.node != *name);
        for record in self.nodes.iter_mut().filter(|record| record.peers.contains(name)) {
            record.peers.retain(|peer| peer != name);
            record.lost.push(name.clone());
        }
    }

    /// Takes a node out whose neighbours are told to forget it: nobody is to take its place.
    pub fn erase(&mut self, name: &NodeId) {
        self.nodes.retain(|record| record.node != *name);
        self.nodes.iter_mut().for_each(|record| record.peers.retain(|peer| peer != name));
    }

    /// All declared links.
    pub fn links(&self) -> BTreeSet<Pair> {
        self.nodes.iter().flat_map(|record| record.peers.iter().map(|peer| pair(&record.node, peer))).collect()
    }

    /// Finds processes that are not noted: of nodes that are being started, or whose starter could not note them any more.
    pub(super) fn complete(&mut self) {
        if self.is_of_this_boot() && self.nodes.iter().any(|record| record.process.is_none()) {
            let found = find(&self.instance);
            for record in &mut self.nodes {
                record.process = record.process.or_else(|| found.get(&record.node).copied());
            }
        }
    }

    /// Returns whether the machine has not been booted since: only then do pids mean anything.
    pub fn is_of_this_boot(&self) -> bool {
        self.boot == current_boot()
    }

    /// From now on pids are those of this boot of the machine; those of another one are forgotten.
    pub fn renew_boot(&mut self) {
        if !self.is_of_this_boot() {
            self.boot = current_boot();
            self.nodes.iter_mut().for_each(|record| record.process = None);
        }
    }

    /// Nodes whose process runs now, as far as they are recorded.
    pub fn alive(&self) -> impl Iterator<Item = &NodeRecord> {
        let same_boot = self.is_of_this_boot();
        let runs = |record: &NodeRecord| record.process.is_some_and(|process| process.life() == Life::Running);
        self.nodes.iter().filter(move |record| same_boot && runs(record))
    }
}

/// The kernel's name for the time since the machine was started; empty where it has none.
fn current_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn known_format<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        FORMAT => Ok(FORMAT),
        other => Err(D::Error::custom(format!("it has format {other}, this program knows {FORMAT}"))),
    }
}

/// Values that stand in the record as text.
mod text {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Lists of them.
mod texts {
    use super::*;

    pub(super) fn serialize<T: Display, S: Serializer>(values: &[T], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(T::to_string))
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

/// An instance, which is shown nowhere else.
mod instance {
    use super::*;

    pub(super) fn serialize<S: Serializer>(value: &Instance, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Instance, D::Error> {
        text::deserialize(from)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Three nodes in a row; the last without a process.
    pub(in super::super) fn sample() -> Manifest {
        let [network, instance] = ["net", "5eed"];
        let mut manifest =
            Manifest::new(network.parse().unwrap(), instance.parse().unwrap(), "random 3".into(), 42, 7000);
        manifest.started_at = "2026-11-23T12:00:00.000000000Z".into();
        for (number, peers) in [(1, vec![2]), (2, vec![1, 3]), (3, vec![2])] {
            manifest.nodes.push(NodeRecord {
                node: NodeId::numbered(number),
                endpoint: format!("127.0.0.1:{}", 7000 + number).parse().unwrap(),
                process: (number < 3).then_some(Process { pid: u32::MAX >> 2, start_time: 5 }),
                peers: peers.into_iter().map(NodeId::numbered).collect(),
                lost: Vec::new(),
            });
        }
        manifest
    }

    #[test]
    fn a_record_reads_back_as_written() {
        let manifest = sample();
        let json: serde_json::Value = serde_json::from_slice(&manifest.to_json()).unwrap();
        assert_eq!(json["nodes"][1]["endpoint"], "tcp://127.0.0.1:7002");
        assert_eq!(json["nodes"][1]["peers"], serde_json::json!(["1", "3"]));
        assert_eq!(json["nodes"][1]["start_time"], 5);
        assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
    }

    #[test]
    fn what_is_no_record_is_refused_with_a_reason() {
        let good = String::from_utf8(sample().to_json()).unwrap();
        for (from, to, why) in [
            ("\"format\":1", "\"format\":2", "it has format 2, this program knows 1"),
            ("127.0.0.1:7002", "127.0.0.1:70020", "the port '70020' is not"),
            ("\"net\"", "\"../net\"", "is not a network name"),
        ] {
            let text = Manifest::from_json(good.replace(from, to).as_bytes()).unwrap_err().to_string();
            assert!(text.contains(why), "{text}");
        }
    }

    #[test]
    fn a_forgotten_node_is_nobodys_peer() {
        let mut manifest = sample();
        manifest.forget(&NodeId::numbered(2));
        assert_eq!(manifest.nodes.len(), 2);
        assert!(manifest.nodes.iter().all(|record| record.peers.is_empty()));
    }

    #[test]
    fn links_come_and_go_at_both_ends() {
        let mut manifest = sample();
        let [one, two, three, nobody] = [1, 2, 3, 17].map(NodeId::numbered);
        assert!(manifest.link(&three, &one) && !manifest.link(&one, &three));
        assert!(!manifest.link(&one, &one) && !manifest.link(&one, &nobody));
        assert_eq!(manifest.node(&three).unwrap().peers, [one.clone(), two.clone()], "in order");
        assert!(manifest.unlink(&one, &two) && !manifest.unlink(&two, &one));
        assert_eq!((manifest.are_peers(&one, &two), manifest.are_peers(&two, &three)), (false, true));
        manifest.forget(&two);
        assert_eq!(manifest.node(&three).unwrap().lost, [two]);
        assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
    }

    #[test]
    fn a_record_of_an_older_program_is_read() {
        let text = String::from_utf8(sample().to_json()).unwrap().replace("\"arguments\":[],", "");
        assert_eq!(Manifest::from_json(text.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn nothing_is_alive_after_another_boot() {
        let mut manifest = sample();
        manifest.nodes[0].process = Process::of(std::process::id()).unwrap();
        assert_eq!(manifest.alive().count(), 1);
        manifest.boot = "another".into();
        assert_eq!(manifest.alive().count(), 0);
    }
}
