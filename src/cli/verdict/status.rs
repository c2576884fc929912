//! `gossip status`.

use super::{
    judgement::Judgement,
    overlay::Overlay,
    report::Report,
    survey::{Survey, TIMEOUT},
};
use crate::{
    cli::{
        Context, NodeArgument, Output,
        error::CliError,
        screen::{self, Screen},
    },
    clock::Deadline,
};
use std::{
    env,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How often `--watch` looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often it looks whether somebody pressed Ctrl-C.
const STEP: Duration = Duration::from_millis(50);

/// Show how a network is: a verdict, and a line on each node
///
/// All nodes are asked at once. The verdict says which of them are up, which are suspect (a live neighbour does not hear
/// them) and which are down (their process has ended), whether the overlay is whole, which nodes and links hold it
/// together alone, and how many nodes must fail until it is split. A node is behind by the messages that another has
/// seen and it has not. Nothing is dropped, refused, sent again or given up without a counter; --peers and --json
/// show them by node, peer and reason. With nodes named, only these are asked, and there is no verdict.
///
/// Exit code 1 if the network is split or a node is down, 3 if a node that runs does not answer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # The network at a glance
  gossip status

  # Look again each second, until Ctrl-C
  gossip status --watch

  # Nodes 3 and 4, with what they counted at each peer
  gossip status 3 4 --peers

  # A network that was not started here, by one of its nodes
  gossip status 10.0.0.7:7004")]
pub struct Args {
    /// Numbers or names of nodes; or the address host:port of one: all nodes of its network [default: all of the network]
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeArgument>,
    /// Show the counters of each peer, too
    #[arg(long)]
    peers: bool,
    /// Show it anew each second until Ctrl-C: on a terminal in place, the worst nodes first, else a block or a JSON object
    /// each second
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
    Judgement::of(&survey, &overlay).complaint(survey.is_whole, &overlay, logs)
}

/// Asks, and shows what was heard: on a screen if there is one.
fn show(
    args: &Args,
    context: &Context,
    screen: Option<&Screen>,
    out: &mut Output,
) -> Result<(Survey, Overlay), CliError> {
    let survey = Survey::take(&args.nodes, context, context.timeout_or(TIMEOUT))?;
    let overlay = Overlay::of(&survey)?;
    let report = Report::new(survey.network(context), &survey, &overlay, args.peers, out.has_colour());
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
