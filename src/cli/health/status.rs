//! `gossip status`.

use super::{
    report::Report,
    survey::{TIMEOUT, network, take},
    wording,
};
use crate::{
    cli::{
        Context, NodeArgument, Output,
        error::CliError,
        screen::{self, Screen},
    },
    clock::Deadline,
    survey::{Judgement, Overlay, Survey},
};
use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Interval at which `--watch` looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Interval at which it is seen whether somebody pressed Ctrl-C.
const STEP: Duration = Duration::from_millis(50);

/// Show network health: a verdict and one line per node
///
/// Asks all nodes at once. The verdict says which nodes are up, suspect (a live neighbour has lost contact with them), silent
/// (no reply to this command) or down (their process has ended), whether the overlay is connected, how many node failures
/// could split it, and which single nodes and links would. 'behind' counts the messages seen by another node but not by this
/// one. Every drop, refusal, resend and message that could not be recovered is counted; --peers and --json show the counters
/// by node, peer and reason. If nodes are named, only they are queried and no verdict is printed.
///
/// Exit code 1 if the network is split or a node is down, 3 if a running node does not answer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Show the whole network
  gossip status

  # Refresh every second until Ctrl-C
  gossip status --watch

  # Show nodes 3 and 4 with their counters for each peer
  gossip status 3 4 --peers

  # Show a network that was not started here, through one of its nodes
  gossip status 10.0.0.7:7004")]
pub struct Args {
    /// Numbers or names of nodes; or one address host:port: all nodes of its network [default: all of the network]
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeArgument>,
    /// Also show the counters of each peer
    #[arg(long)]
    peers: bool,
    /// Refresh every second until Ctrl-C: in place on a terminal, the worst nodes first; else one block or JSON object a
    /// second
    #[arg(short, long)]
    watch: bool,
}

/// Asks all at once and prints what they say; then complains of what is wrong.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    if args.watch {
        let interrupted = context.catch_interrupts()?;
        return watch(&args, context, out, &interrupted);
    }
    let (survey, overlay) = show(&args, context, None, out)?;
    let is_ours = survey.nodes.iter().any(|heard| heard.is_ours && heard.status().is_none());
    let logs = context.networks().ok().filter(|_| is_ours).map(|networks| networks.folder(context.network()).nodes());
    let logs = logs.map(|logs| logs.display().to_string());
    wording::complaint(&Judgement::of(&survey, &overlay), survey.is_whole, &overlay, logs)
}

/// Asks, and shows what was heard: on a screen if there is one.
fn show(
    args: &Args,
    context: &Context,
    screen: Option<&Screen>,
    out: &mut Output,
) -> Result<(Survey, Overlay), CliError> {
    let survey = take(&args.nodes, context, context.timeout_or(TIMEOUT))?;
    let overlay = Overlay::of(&survey)?;
    let report = Report::new(network(&survey, context), &survey, &overlay, args.peers, out.has_colour());
    match screen {
        Some(screen) => {
            let (columns, rows) = screen::size();
            screen.show(&report.frame(columns, rows), out)?;
        }
        None => out.print(&report)?,
    }
    Ok((survey, overlay))
}

/// Shows it again and again. What is wrong with the network stands in what is shown; Ctrl-C is the normal end.
fn watch(args: &Args, context: &Context, out: &mut Output, interrupted: &AtomicBool) -> Result<(), CliError> {
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    let is_live = out.is_terminal() && !out.is_json() && !is_dumb;
    let screen = is_live.then(|| Screen::open(out)).transpose()?;
    let mut is_first = true;
    while !interrupted.load(Ordering::Relaxed) {
        let next = Deadline::after(INTERVAL);
        if !is_first && !is_live && !out.is_json() {
            out.line("")?;
        }
        is_first = false;
        show(args, context, screen.as_ref(), out)?;
        out.flush()?;
        while !interrupted.load(Ordering::Relaxed) && next.pause(STEP) {}
    }
    Ok(())
}
