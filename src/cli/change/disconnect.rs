//! `gossip disconnect`.

use super::by_hand;
use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, text::Shown},
    core::id::NodeId,
    launcher::change,
};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Longest time that the two may take unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Remove the link between two nodes
///
/// The link leaves the declared topology and is not replaced. A link that alone holds the network together is not removed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Remove the link between nodes 3 and 12
  gossip disconnect 3 12

  # Remove the link between two nodes started by hand
  gossip disconnect 10.0.0.7:7004 10.0.0.8:7004")]
pub struct Args {
    /// Number or name of one node, or its address host:port
    #[arg(value_name = "A")]
    a: NodeArgument,
    /// The other node
    #[arg(value_name = "B")]
    b: NodeArgument,
}

/// Report on two nodes that are disconnected.
#[derive(Serialize)]
struct Report {
    disconnected: [String; 2],
    #[serde(skip)]
    names: (NodeId, NodeId),
}

/// Disconnects the two.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let timeout = context.timeout_or(TIMEOUT);
    let names = match by_hand::ends(context, [&args.a, &args.b])? {
        Some(ends) => by_hand::disconnect(context, ends, timeout)?,
        None => {
            let networks = context.networks()?;
            let (a, b) = (context.target(&networks, &args.a)?, context.target(&networks, &args.b)?);
            change::disconnect(&networks, context.network(), [&a, &b], timeout)?
        }
    };
    out.print(&Report { disconnected: [names.0.to_string(), names.1.to_string()], names })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = &self.names;
        write!(f, "{} and {} disconnected", Shown(a), Shown(b))
    }
}
