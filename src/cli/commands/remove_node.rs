//! `gossip remove-node`.

use crate::{
    cli::{Context, NodeArgument, Output, change::by_hand, error::CliError, text::Shown},
    client::ClientError,
    core::{endpoint::Endpoint, id::NodeId},
    launcher::{
        LaunchError,
        change::{Removal, remove},
    },
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Longest time that the node may take to leave unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The same with `--force`: it may have to be ended, and others linked in its place.
const FORCED: Duration = Duration::from_secs(30);

/// Remove a node from the network for good
///
/// The node tells its neighbours that it leaves, and stops; they drop it and link to each other instead. A dead node needs
/// --force.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Stop node 9
  gossip remove-node 9

  # Remove node 9 even if it is dead or does not answer
  gossip remove-node 9 --force

  # Remove the dead node c of a network started by hand
  gossip remove-node c --force --via 10.0.0.7:7004")]
pub struct Args {
    /// Number or name of the node, or its address host:port
    #[arg(value_name = "NODE")]
    node: NodeArgument,
    /// Remove it even if it is dead; a node that does not answer within 5 s is terminated by signal, within 30 s in all
    #[arg(short, long)]
    force: bool,
    /// Live node of a network that was not started here; the node is found through it
    #[arg(long, value_name = "HOST:PORT")]
    via: Option<Endpoint>,
}

/// Report on a node that has left.
#[derive(Serialize)]
struct Report {
    node: String,
    endpoint: String,
    #[serde(skip)]
    name: NodeId,
}

/// Removes the node.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let timeout = context.timeout_or(if args.force { FORCED } else { TIMEOUT });
    if let Some(via) = &args.via {
        let (name, endpoint) = by_hand::remove(context, &args.node, via, args.force, timeout)?;
        return out.print(&Report { node: name.to_string(), endpoint: endpoint.to_string(), name });
    }
    context.check_address(&args.node, timeout)?;
    let networks = context.networks()?;
    let target = context.target(&networks, &args.node)?;
    let removal = Removal { timeout, force: args.force };
    let removed = remove(&networks, context.network(), &target, removal).map_err(|error| match error {
        LaunchError::Ended { node } => CliError::Unreachable(format!(
            "node {node} is down: its process has ended; restart it with 'gossip restart-node {node}', or remove it with \
             'gossip remove-node {node} --force'"
        )),
        LaunchError::Client(error) if matches!(args.node, NodeArgument::Address(_)) => with_remedy(&error, &args.node),
        error => error.into(),
    })?;
    out.print(&Report { node: removed.node.to_string(), endpoint: removed.endpoint.to_string(), name: removed.node })
}

/// Remedy against a node that nobody answers for, where that is why it was not removed.
fn with_remedy(error: &ClientError, node: &NodeArgument) -> CliError {
    let told = |text: String| {
        format!("{text} Remove a dead node through a live one: 'gossip remove-node {node} --force --via HOST:PORT'")
    };
    match error.into() {
        CliError::Unreachable(text) => CliError::Unreachable(told(text)),
        CliError::TimedOut(text) => CliError::TimedOut(told(format!("{text}."))),
        error => error,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} removed", Shown(&self.name))
    }
}
