//! Arguments of `gossip chaos`, and what is done about them.

use super::{
    report::{Fault, Summary},
    script,
    typed::{Meant, Typed},
};
use crate::{
    chaos::{ChaosError, Drill, Executor, Happening, Kind, Order, ScheduledOrder, drill, schedule::draw},
    cli::{
        Context, NodeArgument, Output,
        error::CliError,
        numbers::{lasting, whole},
    },
    clock::{self, Deadline},
    core::id::NodeId,
    launcher::resolve,
};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

/// Longest time that one order may take, and that nodes may take to agree, unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Interval at which it is seen whether a pause is to end early.
const GLANCE: Duration = Duration::from_millis(50);

/// Inject faults into a local network, then check that nothing was lost
///
/// By hand: kill, pause and restart nodes; cut, delay and drop traffic on links. As a schedule: random faults from a seed
/// while messages are submitted. At the end all faults are removed and dead nodes restarted. Then every message that any
/// node holds, and every message acknowledged by a node that stayed up for a second afterwards, must be on all live nodes
/// exactly once; if not, the exit code is 1 and the nodes and messages are named. Link faults need a network started with --chaos; a link has one fault at a time, the latest.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true, subcommand_value_name = "ORDER")]
#[command(override_usage = "gossip chaos <ORDER>\n       gossip chaos --for TIME [OPTIONS]")]
#[command(after_long_help = "\
Examples:
  # Start a network that accepts link faults
  gossip start-network --chaos

  # Kill two nodes, then restart them
  gossip chaos kill 3 4
  gossip chaos restart 3-4

  # Cut three nodes off, then mend all links
  gossip chaos partition 1,2,3
  gossip chaos heal

  # A minute of random faults under 100 messages a second; the same seed gives the same faults
  gossip chaos --for 60s --seed 7

  # Print that schedule only
  gossip chaos --for 60s --seed 7 --dry-run

  # Faults from a file with lines such as '1.5s kill 3'
  gossip chaos --script faults.txt --rate 500")]
pub struct Args {
    #[command(subcommand)]
    order: Option<Typed>,
    /// Inject random faults for this long, such as 60s or 10min; with --script, submit messages for at least this long
    #[arg(long = "for", value_name = "TIME", value_parser = lasting())]
    span: Option<Duration>,
    /// Seed of the random faults [default: random]
    #[arg(long, value_name = "S", value_parser = whole(0, u64::MAX), allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Messages submitted per second, 0 to 100000
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = whole(0_u64, 100_000))]
    rate: u64,
    /// Faults to inject: kill, pause, restart, cut, delay, drop, partition [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = kind, conflicts_with = "script")]
    faults: Vec<Kind>,
    /// How long a node must live on for its acknowledgements to count
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = lasting())]
    keep: Duration,
    /// Read the faults from a file in the format of --dry-run; '-' reads stdin
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print the schedule and exit
    #[arg(long)]
    dry_run: bool,
    /// Do not restart dead nodes at the end
    #[arg(long)]
    leave_dead: bool,
}

/// Does what was ordered, or runs the schedule.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let networks = context.recorded("start it with 'gossip start-network --chaos' to accept link faults")?;
    let executable =
        std::env::current_exe().map_err(|error| CliError::Failed(format!("cannot find this program: {error}")))?;
    let timeout = context.timeout_or(TIMEOUT);
    let mut executor = Executor::new(&networks, context.network(), executable, timeout)?;
    let find = |argument: &NodeArgument| find(argument, context, &executor);
    match args.order {
        Some(typed) => match typed.meant(find)? {
            Some(meant) => by_hand(&meant, &mut executor, context, out),
            None => {
                let (steps, span, keep) = (Vec::new(), Duration::ZERO, Duration::ZERO);
                let check = Drill { steps, span, rate: 0, seed: 0, keep, timeout, leave_dead: true, only_looks: true };
                carry_out(&check, &mut executor, context, out)
            }
        },
        None => {
            let seed = args.seed.unwrap_or_else(|| clock::seed() >> 32);
            let kinds = if args.faults.is_empty() { &Kind::ALL[..] } else { &args.faults };
            let (steps, span) = match (&args.script, args.span) {
                (Some(file), span) => (script::read(&contents(file)?, find)?, span.unwrap_or_default()),
                (None, Some(span)) => (draw(seed, &executor.places(), span, kinds), span),
                (None, None) => {
                    let text = "give an order, such as 'kill 3', or a duration, such as '--for 60s'";
                    return Err(CliError::Usage(format!("{text}; see 'gossip chaos --help'")));
                }
            };
            if args.dry_run {
                return steps
                    .iter()
                    .try_for_each(|ScheduledOrder { at, order }| out.print(&Fault::new(*at, order, None)));
            }
            let may_be_drawn = args.script.is_none() && kinds.iter().any(|kind| kind.is_of_links());
            if may_be_drawn || steps.iter().any(|step| step.order.is_of_links()) {
                executor.require_orders().map_err(with_other_faults)?;
            }
            let Args { rate, keep, leave_dead, .. } = args;
            carry_out(
                &Drill { steps, span, rate, seed, keep, timeout, leave_dead, only_looks: false },
                &mut executor,
                context,
                out,
            )
        }
    }
}

/// A schedule can do without faults of links.
fn with_other_faults(error: ChaosError) -> CliError {
    match CliError::from(error) {
        CliError::Refused { code, text } => {
            CliError::Refused { code, text: format!("{text}; or choose --faults kill,pause,restart") }
        }
        other => other,
    }
}

fn by_hand(meant: &Meant, executor: &mut Executor, context: &Context, out: &mut Output) -> Result<(), CliError> {
    // Neither a node that is being started nor one that is to go on may be left as it is.
    let interrupted = context.catch_interrupts()?;
    let Meant { order, lasting } = meant;
    if let Order::Cut { from: a, to: b, .. }
    | Order::Delay { a, b, .. }
    | Order::Drop { a, b, .. }
    | Order::Mend { a, b } = order
        && a == b
    {
        return Err(CliError::Usage(format!("node {a} is named twice; give two nodes")));
    }
    executor.perform(order, &interrupted)?;
    out.print(&Fault::new(Duration::ZERO, order, None).done())?;
    let (Some(lasting), Order::Pause(nodes)) = (lasting, order) else { return Ok(()) };
    out.flush()?;
    let deadline = Deadline::after(*lasting);
    while !interrupted.load(Relaxed) && deadline.pause(GLANCE) {}
    let resume = Order::Resume(nodes.clone());
    executor.perform(&resume, &interrupted)?;
    out.print(&Fault::new(*lasting, &resume, None).done())?;
    if interrupted.load(Relaxed) { Err(ChaosError::Interrupted.into()) } else { Ok(()) }
}

fn carry_out(plan: &Drill, executor: &mut Executor, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let interrupted = context.catch_interrupts()?;
    let broken = AtomicBool::new(false);
    let mut tell = |happening: &Happening| {
        // Whoever reads no more does not keep the network from being mended.
        if out.print(&Fault::from(happening)).and_then(|()| out.flush()).is_err() {
            broken.store(true, Relaxed);
            interrupted.store(true, Relaxed);
        }
    };
    let told = drill(executor, plan, &interrupted, &mut tell);
    if broken.load(Relaxed) {
        return Err(CliError::BrokenPipe);
    }
    let summary = Summary::new(context.network().as_str(), plan.seed, &told?);
    out.print(&summary)?;
    summary.complaint().map_or(Ok(()), |complaint| Err(CliError::Failed(complaint)))
}

/// The node of the network that is meant.
fn find(argument: &NodeArgument, context: &Context, executor: &Executor) -> Result<NodeId, CliError> {
    match argument {
        NodeArgument::Name(name) => {
            let target = resolve::find(&context.networks()?, context.network(), name)?;
            Ok(target.node.unwrap_or_else(|| name.clone()))
        }
        NodeArgument::Address(endpoint) => {
            let record = executor.manifest().nodes.iter().find(|record| record.endpoint == *endpoint);
            record.map(|record| record.node.clone()).ok_or_else(|| CliError::Refused {
                code: "refused",
                text: format!("network '{}' has no node at {}", context.network(), endpoint.authority()),
            })
        }
    }
}

fn contents(file: &PathBuf) -> Result<String, CliError> {
    let text =
        if file.as_os_str() == "-" { std::io::read_to_string(std::io::stdin()) } else { fs::read_to_string(file) };
    text.map_err(|error| CliError::Failed(format!("cannot read {}: {error}", file.display())))
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        format!("not a fault; choose from {names}")
    })
}
