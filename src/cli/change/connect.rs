//! `gossip connect`.

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

/// Link two nodes of a running network
///
/// The link becomes part of the declared topology: repair keeps it, and replaces it while one of the two nodes is dead.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Link nodes 3 and 12
  gossip connect 3 12

  # Link two nodes started by hand
  gossip connect 10.0.0.7:7004 10.0.0.8:7004")]
pub struct Args {
    /// Number or name of one node, or its address host:port
    #[arg(value_name = "A")]
    a: NodeArgument,
    /// The other node
    #[arg(value_name = "B")]
    b: NodeArgument,
}

/// Report on two nodes that are connected.
#[derive(Serialize)]
struct Report {
    connected: [String; 2],
    #[serde(skip)]
    names: (NodeId, NodeId),
}

/// Connects the two.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let timeout = context.timeout_or(TIMEOUT);
    let names = match by_hand::ends(context, [&args.a, &args.b])? {
        Some(ends) => by_hand::connect(context, ends, timeout)?,
        None => {
            let networks = context.networks()?;
            let (a, b) = (context.target(&networks, &args.a)?, context.target(&networks, &args.b)?);
            change::connect(&networks, context.network(), [&a, &b], timeout)?
        }
    };
    out.print(&Report { connected: [names.0.to_string(), names.1.to_string()], names })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = &self.names;
        write!(f, "{} and {} connected", Shown(a), Shown(b))
    }
}
