//! `gossip stop-network`.

use crate::{
    cli::{Context, Output, change::by_hand, error::CliError, health::survey},
    core::{endpoint::Endpoint, request::NodeStatus},
    launcher::{Ended, Stopped, StoppedNode, ranges::ranges, stop},
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Longest time that it may take, with the wait for another command that starts or stops the same network, unless told
/// otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The network whose name goes without saying.
const DEFAULT: &str = "default";

/// Stop all nodes of a network
///
/// Each node is asked to stop, and terminated by signal if it does not answer. Processes are identified by number and start
/// time, so no other process is signalled. Of a network that was started by hand, all nodes that can be reached from one
/// address are asked to stop.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Stop the default network
  gossip stop-network

  # Stop another network
  gossip stop-network --network two

  # Stop a network that was started by hand, through one of its nodes
  gossip stop-network 10.0.0.7:7004")]
pub struct Args {
    /// Address of a node whose network was not started here [default: the network of --network]
    #[arg(value_name = "HOST:PORT")]
    node: Option<Endpoint>,
}

/// Report on a network that was stopped.
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
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    if let Some(via) = args.node
        && !by_hand::is_recorded(context, &via)?
    {
        return stop_by_hand(&via, context, out);
    }
    let stopped = stop(&context.networks()?, context.network(), None, context.timeout_or(TIMEOUT));
    let remedy = "stop nodes started by hand with 'gossip stop-network HOST:PORT', by the address of one of them";
    let stopped = stopped.map_err(|error| CliError::without_record(error, remedy))?;
    print(&stopped, out)
}

fn print(stopped: &Stopped, out: &mut Output) -> Result<(), CliError> {
    let node = |StoppedNode { node, endpoint, process, ended }: &'_ StoppedNode| Node {
        node: node.to_string(),
        endpoint: endpoint.to_string(),
        pid: process.map(|process| process.pid),
        ended: ended.name(),
    };
    let nodes = stopped.nodes.iter().map(node).collect();
    out.print(&Report { network: stopped.network.as_str(), nodes, stopped })
}

/// Stops nodes that no record has, and says who did not answer.
fn stop_by_hand(via: &Endpoint, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let survey = by_hand::stop(context, via, context.timeout_or(TIMEOUT))?;
    let stopped = |status: &NodeStatus| StoppedNode {
        node: status.node.clone(),
        endpoint: status.endpoint.clone(),
        process: None,
        ended: Ended::Stopped,
    };
    let network = survey::network(&survey, context).clone();
    let stopped = Stopped { network, nodes: survey.said().map(stopped).collect() };
    print(&stopped, out)?;
    let others: Vec<_> = survey.silent().into_iter().chain(survey.deaf()).collect();
    if others.is_empty() {
        return Ok(());
    }
    let text =
        format!("did not answer and may still run: {}; stop them on their machines with SIGTERM", ranges(&others));
    Err(CliError::Unreachable(text))
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
