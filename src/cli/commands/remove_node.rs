//! `gossip remove-node`.

use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, text::Shown},
    core::id::NodeId,
    launcher::remove,
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// How long the node may take to leave unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Stop a single node in the network
///
/// The node takes leave of its neighbours, which forget it, and ends.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Stop node 9
  gossip remove-node 9")]
pub struct Args {
    /// Number or name of the node, or its address host:port
    #[arg(value_name = "NODE")]
    node: NodeArgument,
}

/// What is printed of a node that has left.
#[derive(Serialize)]
struct Report {
    node: String,
    endpoint: String,
    #[serde(skip)]
    name: NodeId,
}

/// Removes the node.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let networks = context.networks()?;
    let target = context.target(&networks, &args.node)?;
    if let Some(node) = target.node.as_ref().filter(|_| target.has_ended) {
        return Err(CliError::Unreachable(format!(
            "node {node} cannot be removed: its process has ended; 'gossip restart-node {node}' brings it back"
        )));
    }
    let removed = remove(&networks, context.network(), &target, context.timeout_or(TIMEOUT))?;
    out.print(&Report { node: removed.node.to_string(), endpoint: removed.endpoint.to_string(), name: removed.node })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} removed", Shown(&self.name))
    }
}
