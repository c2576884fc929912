//! `gossip log`: inspect, verify and export the log of a node that does not run; have one written again that does.

use super::{account::Account, export};
use crate::{
    cli::{Context, NodeArgument, Output, error::CliError, text::Shown},
    core::id::NodeId,
    store::incarnation::running_in,
};
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Longest time that the node may take to answer unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// Inspect, verify and export the log of a stopped node
///
/// A durable node keeps its messages in a log on disk: in DIR/log of the folder that 'gossip node --data DIR' was given, or in
/// the network's state folder below data/NODE. Reading changes nothing.
#[derive(Debug, clap::Args)]
#[command(disable_help_subcommand = true, subcommand_value_name = "ORDER")]
#[command(after_long_help = "\
Examples:
  # See what a stopped node has on disk
  gossip log inspect ./data/3

  # Find out whether all of it is there; the exit code is 1 if not
  gossip log verify ./data/3

  # Print its messages, one to a line
  gossip log export ./data/3

  # Have node 3 write its log again, after its disk was mended
  gossip log reopen 3")]
pub struct Args {
    #[command(subcommand)]
    order: Order,
}

/// Tasks that can be done with a log.
#[derive(Debug, clap::Subcommand)]
enum Order {
    /// Show the segments, what they hold, and what is damaged
    Inspect {
        /// Data folder of a node that does not run
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Check that nothing that was safe is missing; if something is, name it and exit with 1
    Verify {
        /// Data folder of a node that does not run
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print the messages in the order of their arrival, one to a line; with --json a document to a line
    Export {
        /// Data folder of a node that does not run
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Have a running node write its log again, after that failed and its disk was mended
    Reopen {
        /// Number or name of the node, or its address host:port
        #[arg(value_name = "NODE")]
        node: NodeArgument,
    },
}

/// Report on a node that tries again.
#[derive(Serialize)]
struct Reopened {
    node: String,
    #[serde(skip)]
    name: NodeId,
}

/// Does what was asked for.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    match args.order {
        Order::Inspect { folder } => out.print(&Account::of(&log_in(&folder)?)?),
        Order::Verify { folder } => {
            let account = Account::of(&log_in(&folder)?)?;
            if account.holes() > 0 {
                return Err(CliError::Failed(account.complaint()));
            }
            out.print(&account)
        }
        Order::Export { folder } => export::run(&log_in(&folder)?, out),
        Order::Reopen { node } => {
            let mut client = context.connect(&node, TIMEOUT)?;
            let name = client.reopen_log()?;
            out.print(&Reopened { node: name.to_string(), name })
        }
    }
}

/// The folder with the segments of a node that does not run.
fn log_in(folder: &Path) -> Result<PathBuf, CliError> {
    if let Some(node) = running_in(folder)? {
        let text = format!("node {node} runs with the folder {}: stop it first", folder.display());
        return Err(CliError::Refused { code: "refused", text });
    }
    let log = folder.join("log");
    if log.is_dir() {
        return Ok(log);
    }
    let text = format!("{} has no log: give the data folder of a durable node", folder.display());
    Err(CliError::Usage(text))
}

impl fmt::Display for Reopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tries to write its log again; 'gossip status' says if it cannot", Shown(&self.name))
    }
}
