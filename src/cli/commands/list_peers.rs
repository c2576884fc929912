//! `gossip list-peers`.

use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, numbers::whole, text::Shown},
    client::{ClientError, ask_all},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NodeId, natural_key},
        request::{PeerInfo, Reply, Request},
    },
};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, fmt, time::Duration};

/// Longest time that all nodes may take together unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(2);
/// Most nodes that are asked at a time.
const ASKED_MAX: usize = 1000;
/// Time that nodes of one distance are given to answer at least, as far as there is time.
const LEVEL_MIN: Duration = Duration::from_millis(50);

/// List the peers of a node
///
/// Peers that the node is linked to or dials; with --depth also their peers, and so on, each once, by distance over links
/// that are up. A peer that the node has not met yet has an address but no name; --json then leaves out its field "node".
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # List the peers for node 5
  gossip list-peers 5

  # List their peers, too
  gossip list-peers 5 --depth 2")]
pub struct Args {
    /// Number or name of the node, or its address host:port
    #[arg(value_name = "NODE")]
    node: NodeArgument,
    /// Hops to search
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = whole(1, u32::MAX))]
    #[arg(allow_negative_numbers = true)]
    depth: u32,
}

/// Report that is printed.
#[derive(Serialize)]
struct Report {
    node: String,
    peers: Vec<Peer>,
    #[serde(skip)]
    root: NodeId,
}

/// A node in the neighbourhood.
#[derive(Serialize)]
struct Peer {
    /// Absent if it has not been met yet.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    node: Option<NodeId>,
    #[serde(serialize_with = "endpoint_as_text")]
    endpoint: Endpoint,
    /// True if a link to it is up.
    up: bool,
    /// Hops from the node asked for.
    distance: u32,
    /// The nodes one hop nearer that are linked to it; none for a direct peer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    via: Vec<String>,
    /// True if it said who its peers are; absent if it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<bool>,
}

/// Key of a node: its name once it is known, or else its address.
type Key = Result<NodeId, Endpoint>;

/// Breadth first, over links that are up.
struct Search {
    root: NodeId,
    found: BTreeMap<Key, Peer>,
}

/// Asks the node, then its peers, and so on, and prints who they are.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let timeout = context.timeout_or(TIMEOUT);
    let deadline = Deadline::after(timeout);
    let mut client = context.connect(&args.node, TIMEOUT)?;
    let (root, peers) = client.peers()?;
    let mut search = Search { root, found: BTreeMap::new() };
    search.note(None, peers, 1);
    let mut way = NextDistance::On;
    for distance in 2..=args.depth {
        way = search.go_on(distance, &deadline)?;
        if way != NextDistance::On {
            break;
        }
    }
    out.print(&search.finish())?;
    let NextDistance::Cut(distance) = way else { return Ok(()) };
    Err(CliError::TimedOut(format!(
        "timed out after {:.1} s, before all nodes {distance} hops away were found: the list is incomplete; raise \
         --timeout or lower --depth",
        timeout.as_secs_f64()
    )))
}

/// Course of a search after the nodes of one distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextDistance {
    /// To the next distance.
    On,
    /// Nowhere: there is nobody left to ask.
    End,
    /// Nowhere: time was over before all could be asked who are next to this distance.
    Cut(u32),
}

impl Search {
    /// Asks all nodes at `distance - 1` for their peers. They have half of the time that is left, so that one that
    /// does not answer leaves enough for those farther away.
    fn go_on(&mut self, distance: u32, deadline: &Deadline) -> Result<NextDistance, ClientError> {
        let is_next = |peer: &Peer| peer.distance + 1 == distance && peer.up;
        let next: Vec<(Key, Endpoint)> = self
            .found
            .iter()
            .filter(|(_, peer)| is_next(peer))
            .map(|(key, peer)| (key.clone(), peer.endpoint.clone()))
            .collect();
        let level = deadline.at_most((deadline.remaining() / 2).max(LEVEL_MIN));
        for part in next.chunks(ASKED_MAX) {
            if level.is_over() {
                return Ok(NextDistance::Cut(distance));
            }
            let questions: Vec<_> = part.iter().map(|(_, endpoint)| (endpoint.clone(), Request::Peers)).collect();
            let answers = ask_all(&questions, level.remaining())?;
            for ((key, _), answer) in part.iter().zip(answers) {
                let peers = answer.ok().and_then(|response| match response.reply {
                    Reply::Peers(peers) => Some((response.node, peers)),
                    _ => None,
                });
                if let Some(peer) = self.found.get_mut(key) {
                    peer.answered = Some(peers.is_some());
                }
                if let Some((node, peers)) = peers {
                    self.note(Some(&node), peers, distance);
                }
            }
        }
        Ok(if next.is_empty() { NextDistance::End } else { NextDistance::On })
    }

    /// Notes what a node said of its peers; `via` is that node, unless it is the root.
    fn note(&mut self, via: Option<&NodeId>, peers: Vec<PeerInfo>, distance: u32) {
        for PeerInfo { node, endpoint, up, .. } in peers {
            if node.as_ref() == Some(&self.root) {
                continue;
            }
            let key = node.clone().ok_or_else(|| endpoint.clone());
            let is_better = |known: &Peer| up && !known.up;
            if self.found.get(&key).is_none_or(is_better) {
                let via = Vec::new();
                self.found.insert(key.clone(), Peer { node, endpoint, up, distance, via, answered: None });
            }
            if let (Some(known), Some(via)) = (self.found.get_mut(&key), via)
                && known.distance == distance
                && known.up == up
            {
                known.via.push(via.to_string());
            }
        }
    }

    fn finish(self) -> Report {
        let mut peers: Vec<_> = self.found.into_values().collect();
        for peer in &mut peers {
            peer.via.sort_by(|a, b| natural_key(a).cmp(&natural_key(b)));
        }
        peers.sort_by(|a, b| sort_key(a).cmp(&sort_key(b)));
        Report { node: self.root.to_string(), peers, root: self.root }
    }
}

/// By distance, then by number; who has no name yet comes last.
fn sort_key(peer: &Peer) -> (u32, bool, Option<(u64, &NodeId)>, &Endpoint) {
    let name = peer.node.as_ref().map(NodeId::natural_key);
    (peer.distance, name.is_none(), name, &peer.endpoint)
}

fn as_text<S: Serializer>(node: &Option<NodeId>, to: S) -> Result<S::Ok, S::Error> {
    node.as_ref().map(NodeId::as_str).serialize(to)
}

fn endpoint_as_text<S: Serializer>(endpoint: &Endpoint, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(endpoint)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.peers.is_empty() {
            return write!(f, "{} has no peers", Shown(&self.root));
        }
        write!(f, "{} has peers:", Shown(&self.root))?;
        let mut distance = 1;
        for peer in &self.peers {
            if peer.distance != distance {
                distance = peer.distance;
                write!(f, "\n{distance} hops away:")?;
            }
            write!(f, "\n* {peer}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{}", Shown(node))?,
            None => f.write_str("unknown node")?,
        }
        let mark = match (self.up, self.answered) {
            (false, _) => ", not connected",
            (true, Some(false)) => ", no answer",
            (true, _) => "",
        };
        write!(f, " ({}{mark})", self.endpoint.authority())?;
        if !self.via.is_empty() {
            write!(f, " via {}", self.via.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::neighbours::LinkRole;

    fn peer(number: u32, up: bool) -> PeerInfo {
        let endpoint = format!("127.0.0.1:{}", 7000 + number).parse().unwrap();
        PeerInfo {
            node: Some(NodeId::numbered(number)),
            endpoint,
            up,
            round_trip: None,
            state: None,
            role: LinkRole::Declared,
        }
    }

    fn searched() -> Search {
        let mut search = Search { root: NodeId::numbered(5), found: BTreeMap::new() };
        search.note(None, vec![peer(10, true), peer(9, true), peer(6, false)], 1);
        search.note(Some(&NodeId::numbered(9)), vec![peer(5, true), peer(10, true), peer(1, true), peer(6, true)], 2);
        search.note(Some(&NodeId::numbered(10)), vec![peer(5, true), peer(9, true), peer(1, true), peer(2, false)], 2);
        search
    }

    #[test]
    fn peers_read_as_they_always_did() {
        let mut search = Search { root: NodeId::numbered(5), found: BTreeMap::new() };
        search.note(None, vec![peer(6, false), peer(4, true)], 1);
        let text = "Gossip-Node-5 has peers:\n* Gossip-Node-4 (127.0.0.1:7004)\n* Gossip-Node-6 (127.0.0.1:7006, not connected)";
        assert_eq!(search.finish().to_string(), text);
        let nobody = Search { root: NodeId::numbered(5), found: BTreeMap::new() };
        assert_eq!(nobody.finish().to_string(), "Gossip-Node-5 has no peers");
    }

    #[test]
    fn each_node_stands_once_by_its_distance_over_links_that_are_up() {
        let expected = "\
Gossip-Node-5 has peers:
* Gossip-Node-9 (127.0.0.1:7009)
* Gossip-Node-10 (127.0.0.1:7010)
2 hops away:
* Gossip-Node-1 (127.0.0.1:7001) via 9, 10
* Gossip-Node-2 (127.0.0.1:7002, not connected) via 10
* Gossip-Node-6 (127.0.0.1:7006) via 9";
        assert_eq!(searched().finish().to_string(), expected);
    }

    #[test]
    fn without_time_nobody_is_asked_and_nobody_is_blamed() {
        let mut search = searched();
        assert_eq!(search.go_on(3, &Deadline::after(Duration::ZERO)).unwrap(), NextDistance::Cut(3));
        let report = search.finish();
        assert!(report.peers.iter().all(|peer| peer.answered.is_none()));
        assert!(!report.to_string().contains("no answer"), "{report}");
    }

    #[test]
    fn a_search_ends_with_the_last_node_however_little_time_is_left() {
        let mut search = Search { root: NodeId::numbered(5), found: BTreeMap::new() };
        assert_eq!(search.go_on(2, &Deadline::after(Duration::ZERO)).unwrap(), NextDistance::End);
    }

    #[test]
    fn a_peer_that_was_not_met_has_no_field_for_its_name() {
        let mut search = Search { root: NodeId::numbered(5), found: BTreeMap::new() };
        search.note(None, vec![PeerInfo { node: None, ..peer(6, false) }], 1);
        let json = serde_json::to_value(search.finish()).unwrap();
        let expected = serde_json::json!({"endpoint": "tcp://127.0.0.1:7006", "up": false, "distance": 1});
        assert_eq!(json["peers"][0], expected);
    }

    #[test]
    fn programs_read_names_addresses_and_distances() {
        let json = serde_json::to_value(searched().finish()).unwrap();
        assert_eq!(json["node"], "5");
        let first = serde_json::json!({"node": "9", "endpoint": "tcp://127.0.0.1:7009", "up": true, "distance": 1});
        assert_eq!(json["peers"][0], first);
        assert_eq!(json["peers"][2]["via"], serde_json::json!(["9", "10"]));
    }
}
