//! `gossip restart-node`.

use super::{add_node::Report, by_hand};
use crate::{
    cli::{Context, NodeArgument, Output, context::own_program, error::CliError},
    launcher::change::{Restart, Restarted, restart},
};
use std::time::Duration;

/// Longest time that the node may take to end and to be linked again unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time that a node that was started by hand may take to say who it is.
const FOUND: Duration = Duration::from_secs(2);

/// Restart a node of a running network
///
/// A dead node comes back on its port with its peers, and fetches the messages that they keep. A running node is stopped
/// first: it is asked to stop, and terminated by signal if it does not answer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Bring node 9 back
  gossip restart-node 9")]
pub struct Args {
    /// Number or name of the node, or its address host:port
    #[arg(value_name = "NODE")]
    node: NodeArgument,
}

/// Restarts the node.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    if let NodeArgument::Address(endpoint) = &args.node
        && !by_hand::is_recorded(context, endpoint)?
        && let Some(error) = by_hand::no_restart(context, endpoint, context.timeout_or(FOUND))
    {
        return Err(error);
    }
    let networks = context.recorded("restart a node that was started by hand with 'gossip node'")?;
    let what = Restart {
        target: context.target(&networks, &args.node)?,
        executable: own_program()?,
        timeout: context.timeout_or(TIMEOUT),
    };
    let interrupted = context.catch_interrupts()?;
    let Restarted { record, ended } = restart(&networks, context.network(), &what, &interrupted)?;
    out.print(&Report::new(record, "restarted").after(ended))
}
