//! `gossip restart-node`.

use super::add_node::Report;
use crate::{
    cli::{Context, NodeArgument, Output, context::own_program, error::CliError},
    launcher::change::{Restart, Restarted, restart},
};
use std::time::Duration;

/// How long the node may take to end and to be linked again unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Start a node of a running network anew
///
/// A dead node comes back at its port with its peers, and fetches from them what they keep. One that runs is ended first:
/// it is asked, and if it does not answer, ended by signal.
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

/// Starts the node anew.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let networks =
        context.recorded("a node that was started by hand is started again as it was, with 'gossip node'")?;
    let what = Restart {
        target: context.target(&networks, &args.node)?,
        executable: own_program()?,
        timeout: context.timeout_or(TIMEOUT),
    };
    let interrupted = context.catch_interrupts()?;
    let Restarted { record, ended } = restart(&networks, context.network(), &what, &interrupted)?;
    out.print(&Report::new(record, "restarted").after(ended))
}
