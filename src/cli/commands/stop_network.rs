//! `gossip stop-network`.

use crate::{
    cli::{Context, Output, error::CliError},
    launcher::{Ended, Stopped, StoppedNode, ranges::ranges, stop},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// How long it may take, with the wait for another command that starts or stops the same network, unless told
/// otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The network whose name goes without saying.
const DEFAULT: &str = "default";

/// Stop all nodes of a network
///
/// Each node is asked to stop, and terminated by signal if it does not answer. Processes are identified by number and start
/// time, so no other process is signalled.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Stop the default network
  gossip stop-network

  # Stop another network
  gossip stop-network --network two")]
pub struct Args {}

/// What is printed of a network that was stopped.
#[derive(Serialize)]
struct Report<'a> {
    network: &'a str,
    nodes: Vec<Node>,
    #[serde(skip)]
    stopped: &'a Stopped,
}

#[derive(Serialize)]
struct Node {
    node: String,
    endpoint: String,
    pid: Option<u32>,
    ended: &'static str,
}

/// Stops the network and says how its nodes ended.
pub fn run(_: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let stopped = stop(&context.networks()?, context.network(), None, context.timeout_or(TIMEOUT));
    let remedy = "stop nodes started by hand with Ctrl-C, SIGTERM or \
                  'gossip remove-node HOST:PORT'";
    let stopped = stopped.map_err(|error| CliError::without_record(error, remedy))?;
    let node = |StoppedNode { node, endpoint, process, ended }: &'_ StoppedNode| Node {
        node: node.to_string(),
        endpoint: endpoint.to_string(),
        pid: process.map(|process| process.pid),
        ended: ended.name(),
    };
    let nodes = stopped.nodes.iter().map(node).collect();
    out.print(&Report { network: stopped.network.as_str(), nodes, stopped: &stopped })
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network {
            DEFAULT => f.write_str("Gossip network stopped")?,
            other => write!(f, "Gossip network '{other}' stopped")?,
        }
        f.write_str(&told(self.stopped))
    }
}

/// A line for each way in which nodes ended that is not the usual one, each begun by a line end.
pub fn told(stopped: &Stopped) -> String {
    let mut lines = String::new();
    for (ended, one, many) in [
        (Ended::Unborn, "had not started", "had not started"),
        (Ended::Gone, "had exited already", "had exited already"),
        (Ended::Terminated, "did not answer and was terminated", "did not answer and were terminated"),
        (Ended::Killed, "was killed", "were killed"),
    ] {
        let such: Vec<_> = stopped.nodes.iter().filter(|node| node.ended == ended).map(|node| &node.node).collect();
        let (noun, verb) = if such.len() == 1 { ("Node", one) } else { ("Nodes", many) };
        if !such.is_empty() {
            lines.push_str(&format!("\n{noun} {} {verb}", ranges(such)));
        }
    }
    lines
}
