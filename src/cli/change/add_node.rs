//! `gossip add-node`.

use crate::{
    cli::{Context, NodeArgument, Output, context::own_program, error::CliError, node_argument::new_name, text::Shown},
    core::id::NodeId,
    launcher::{
        Ended, NodeRecord,
        change::{Added, Addition, add},
    },
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Longest time that the node may take to be linked unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Add a node to a running network
///
/// Starts the node with the settings of the others and links it to its peers; it fetches the messages that they keep.
/// Without --peers it gets as many as the topology prescribes, nodes with the fewest links first; in a ring it goes between
/// two neighbours.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Add a node with the lowest free number
  gossip add-node

  # Add a node named east, linked to nodes 2 and 5
  gossip add-node east --peers 2,5")]
pub struct Args {
    /// Number or name of the new node: N listens on port base + N, a name on the first free port [default: the lowest
    /// free number]
    #[arg(value_name = "NAME", value_parser = new_name)]
    name: Option<NodeId>,
    /// Peers of the new node, by number, name or address
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    peers: Option<Vec<NodeArgument>>,
}

/// Report on a node that runs.
#[derive(Serialize)]
pub struct Report {
    node: String,
    endpoint: String,
    pid: Option<u32>,
    peers: Vec<String>,
    /// End of the process before it, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'static str>,
    /// Peers that are none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<(String, String)>,
    #[serde(skip)]
    name: NodeId,
    #[serde(skip)]
    authority: String,
    #[serde(skip)]
    verb: &'static str,
}

/// Adds the node.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let networks = context.recorded(
        "start it with 'gossip start-network'; to extend one started by hand, run 'gossip node --join HOST:PORT'",
    )?;
    let peers = args.peers.map(|peers| peers.iter().map(|peer| context.target(&networks, peer)).collect());
    let addition = Addition {
        node: args.name,
        peers: peers.transpose()?,
        executable: own_program()?,
        timeout: context.timeout_or(TIMEOUT),
    };
    let interrupted = context.catch_interrupts()?;
    let Added { record, split } = add(&networks, context.network(), &addition, &interrupted)?;
    let dropped = split.map(|(a, b)| (a.to_string(), b.to_string()));
    out.print(&Report { dropped, ..Report::new(record, "added") })
}

impl Report {
    /// Of a node that was `verb`, as its record says.
    pub fn new(record: NodeRecord, verb: &'static str) -> Self {
        Self {
            node: record.node.to_string(),
            endpoint: record.endpoint.to_string(),
            pid: record.process.map(|process| process.pid),
            peers: record.peers.iter().map(NodeId::to_string).collect(),
            ended: None,
            dropped: None,
            name: record.node,
            authority: record.endpoint.authority(),
            verb,
        }
    }

    /// And how its former process ended.
    pub fn after(self, ended: Ended) -> Self {
        Self { ended: Some(ended.name()), ..self }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} on {}", Shown(&self.name), self.verb, self.authority)?;
        if !self.peers.is_empty() {
            write!(f, ", peers {}", self.peers.join(", "))?;
        }
        if let Some((a, b)) = &self.dropped {
            write!(f, "\nThe link between nodes {a} and {b} was dropped: the new node is between them")?;
        }
        Ok(())
    }
}
