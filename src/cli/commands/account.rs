//! How nodes' accounts of themselves look: as text for people, as a document for programs.

use crate::{
    cli::{
        error::{CliError, ErrorBody},
        text::{self, Shown},
    },
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId, natural_key},
        request::{NodeStatus, PeerInfo},
    },
    launcher::error::no_node_left,
};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, fmt};

/// What several nodes say of themselves.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(serialize_with = "as_text")]
    network: NetworkName,
    nodes: Vec<Account>,
    #[serde(skip)]
    with_peers: bool,
}

/// What one node says, or why it says nothing.
#[derive(Debug, Serialize)]
pub struct Account {
    node: String,
    endpoint: String,
    up: bool,
    #[serde(flatten)]
    details: Option<Box<Details>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

/// [`NodeStatus`] as programs read it.
#[derive(Debug, Serialize)]
struct Details {
    network: String,
    instance: String,
    incarnation: u64,
    version: String,
    uptime_ms: u64,
    payload_len_max: u64,
    retained_messages: u64,
    retained_bytes: u64,
    unread: u64,
    peers: Vec<Peer>,
    counters: Counters,
    peer_counters: BTreeMap<String, Counters>,
}

type Counters = BTreeMap<String, u64>;

#[derive(Debug, Serialize)]
struct Peer {
    node: Option<String>,
    endpoint: String,
    up: bool,
    round_trip_us: Option<u64>,
}

impl Report {
    /// Of nodes of `network`; `with_peers`: as text, too, it shows what was counted at each peer.
    pub fn new(network: &NetworkName, nodes: Vec<Account>, with_peers: bool) -> Self {
        Self { network: network.clone(), nodes, with_peers }
    }

    /// Names of the nodes that did not answer, or their addresses.
    pub fn silent(&self) -> Vec<NodeId> {
        self.nodes.iter().filter(|account| !account.up).filter_map(|account| NodeId::new(&account.node).ok()).collect()
    }
}

impl Account {
    /// Of the node known as `name` at `endpoint`.
    pub fn new(name: &str, endpoint: &Endpoint, outcome: Result<NodeStatus, CliError>) -> Self {
        let (node, endpoint) = (name.to_owned(), endpoint.to_string());
        match outcome {
            Ok(status) => {
                let node = status.node.to_string();
                Self { node, endpoint, up: true, details: Some(Box::new(status.into())), error: None }
            }
            Err(error) => Self { node, endpoint, up: false, details: None, error: Some(error.body()) },
        }
    }
}

impl From<NodeStatus> for Details {
    fn from(status: NodeStatus) -> Self {
        Self {
            network: status.network.to_string(),
            instance: status.instance.as_str().to_owned(),
            incarnation: status.incarnation.0,
            version: status.version,
            uptime_ms: u64::try_from(status.uptime.as_millis()).unwrap_or(u64::MAX),
            payload_len_max: status.payload_len_max,
            retained_messages: status.retained_messages,
            retained_bytes: status.retained_bytes,
            unread: status.unread,
            peers: status.peers.into_iter().map(Peer::from).collect(),
            counters: status.counters,
            peer_counters: status.peer_counters,
        }
    }
}

impl From<PeerInfo> for Peer {
    fn from(peer: PeerInfo) -> Self {
        Self {
            node: peer.node.as_ref().map(NodeId::to_string),
            endpoint: peer.endpoint.to_string(),
            up: peer.up,
            round_trip_us: peer.round_trip.and_then(|time| u64::try_from(time.as_micros()).ok()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes.is_empty() {
            return write!(f, "Network '{}': {}", self.network, no_node_left(&self.network));
        }
        for (place, account) in self.nodes.iter().enumerate() {
            f.write_str(if place > 0 { "\n" } else { "" })?;
            match (&account.details, &account.error) {
                (Some(details), _) => details.show(f, &account.node, self.with_peers)?,
                (None, error) => {
                    let why = error.as_ref().map_or("", |error| &error.message);
                    write!(f, "{} is unreachable: {why}", name(&account.node))?;
                }
            }
        }
        Ok(())
    }
}

impl Details {
    /// A line on the node, and one of its counters, and one for each peer if wanted.
    fn show(&self, f: &mut fmt::Formatter<'_>, node: &str, with_peers: bool) -> fmt::Result {
        let (up, all) = (self.peers.iter().filter(|peer| peer.up).count(), self.peers.len());
        let (messages, bytes) = (self.retained_messages, text::bytes(self.retained_bytes));
        write!(f, "{} is up: {up}/{all} peers, {messages} messages ({bytes}), {} unread", name(node), self.unread)?;
        if !self.counters.is_empty() {
            write!(f, "\n  {}", Counts(&self.counters))?;
        }
        let peers = self.peer_counters.iter().filter(|(_, counters)| with_peers && !counters.is_empty());
        let mut peers: Vec<_> = peers.collect();
        peers.sort_by_key(|(peer, _)| natural_key(peer));
        for (peer, counters) in peers {
            write!(f, "\n  {}: {}", name(peer), Counts(counters))?;
        }
        Ok(())
    }
}

fn as_text<S: Serializer>(network: &NetworkName, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(network)
}

/// The node as people see it; an address as it is.
fn name(node: &str) -> String {
    match NodeId::new(node) {
        Ok(id) if !node.contains(':') => Shown(&id).to_string(),
        _ => text::escape(node).into_owned(),
    }
}

/// Counters on one line.
struct Counts<'a>(&'a Counters);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(|(name, count)| format!("{} {count}", text::escape(name))).collect();
        f.write_str(&texts.join(", "))
    }
}
