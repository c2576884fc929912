//! `gossip simulate`.

use super::{
    plot, simulate_experiments,
    simulate_runs::{Extent, Job, Watch, run_all},
    simulated::Run,
};
use crate::{
    cli::{Context, Output, error::CliError, numbers},
    clock::Clock,
    quantity::{Share, Size, Span, Time},
    sim::{
        Report, Scenario, ScenarioError, chaos,
        scenario::{Fault, LATENCY_MAX, Senders, Spread, Who},
    },
};
use clap::ValueEnum;
use std::{fs, path::PathBuf, time::Duration};

/// Longest time from one message to the next.
const HOUR: Duration = Duration::from_secs(3600);

/// Simulate the protocol in virtual time, with faults, and check every step
///
/// Runs the program's own protocol code for all nodes in one process; links delay, drop and break as the scenario says.
/// Every step is checked against the guarantees of the protocol. The same seed gives the same run, bit for bit. Options
/// override the scenario file.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Simulate a thousand nodes with five neighbours each
  gossip simulate random 5 -n 1000

  # Crash a third of the nodes, drop frames, and average over 20 seeds
  gossip simulate random 5 -n 100 --crash 30% --loss 1% --seeds 20

  # Run a scenario file and draw a chart
  gossip simulate --scenario partition.toml --plot

  # Draw network, load and faults from each of 2000 seeds
  gossip simulate --chaos --seeds 2000

  # The same for eight hours, or until a check fails
  gossip simulate --chaos --for 8h

  # Run an experiment and compare with its expectations
  gossip simulate --experiment docs/experiments/e11.toml")]
pub struct Args {
    /// Topology: random (each node has DEGREE neighbours), circular (a ring) or powerlaw (few nodes have many links)
    #[arg(value_name = "TOPOLOGY", conflicts_with = "chaos")]
    topology: Option<String>,
    /// Neighbours of each node in a random network [default: 3, or 4 for an odd number of nodes]
    #[arg(value_name = "DEGREE")]
    degree: Option<u32>,
    /// Number of nodes, 2 to 32768 [default: 16]
    #[arg(short, long, value_name = "N", conflicts_with = "chaos")]
    num_nodes: Option<u32>,
    /// Seed of the random choices
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(super) seed: u64,
    /// Number of seeds to run, from --seed on [default: 1, or as the experiment says]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: Option<u64>,
    /// Run one seed after the other for this long, such as 10min or 8h
    #[arg(long = "for", value_name = "TIME", value_parser = numbers::lasting(), conflicts_with_all = ["seeds", "experiment"])]
    lasting: Option<Duration>,
    /// Read the scenario from a TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "chaos")]
    scenario: Option<PathBuf>,
    /// Also draw network, load and faults from the seed
    #[arg(long)]
    chaos: bool,
    /// Run the experiments of a file, or of all files in a folder, and compare with their expectations
    #[arg(long, value_name = "PATH", conflicts_with_all = OWN_SCENARIO)]
    pub(super) experiment: Vec<PathBuf>,
    /// Write the results of the experiments into a document, between its marks
    #[arg(long, value_name = "FILE", requires = "experiment")]
    pub(super) record: Option<PathBuf>,
    /// How messages spread: along trees, or over every link
    #[arg(long, value_name = "HOW", conflicts_with = "chaos")]
    dissemination: Option<Dissemination>,
    /// Do not replace dead neighbours
    #[arg(long, conflicts_with = "chaos")]
    no_heal: bool,
    /// Messages to publish; with --senders all, by each node [default: 20]
    #[arg(long, value_name = "M", conflicts_with = "chaos")]
    messages: Option<u32>,
    /// Messages published before these and left out of the figures [default: 0]
    #[arg(long, value_name = "M", conflicts_with = "chaos")]
    warmup: Option<u32>,
    /// Size of each message, such as 100 or 64KiB [default: 100 B]
    #[arg(long, value_name = "SIZE", value_parser = numbers::size(0, 1 << 20), conflicts_with = "chaos")]
    size: Option<Size>,
    /// Senders: one node, random nodes, all at once, or a new node for each message [default: random]
    #[arg(long, value_name = "WHO", conflicts_with = "chaos")]
    senders: Option<Sending>,
    /// Interval between messages, such as 5ms [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = numbers::time(Duration::ZERO, HOUR), conflicts_with = "chaos")]
    interval: Option<Duration>,
    /// Latency of a frame, at most 250ms, such as 20ms or, drawn per link, 10-50ms [default: 10-50ms]
    #[arg(long, value_name = "TIME", value_parser = numbers::span(LATENCY_MAX.0), conflicts_with = "chaos", allow_negative_numbers = true)]
    latency: Option<Span>,
    /// Share of frames lost, such as 1% or 0.01, at most 20% [default: 0%]
    #[arg(long, value_name = "SHARE", value_parser = numbers::share(Share::millionths(200_000)), conflicts_with = "chaos")]
    loss: Option<Share>,
    /// Record paths, and relay each message up to R times to each neighbour, 1 to 16
    #[arg(short, long, value_name = "R", conflicts_with = "chaos")]
    relays: Option<u64>,
    /// Share of the nodes that crash before the first message, such as 30% or 0.3 [default: 0%]
    #[arg(long, value_name = "SHARE", value_parser = numbers::share(Share::ALL), conflicts_with = "chaos")]
    crash: Option<Share>,
    /// Draw a chart of deliveries over time, to files in the network's state folder
    #[arg(short = 'P', long)]
    plot: bool,
}

/// [`Senders`] as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sending {
    One,
    Random,
    All,
    Fresh,
}

/// [`Spread`] as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dissemination {
    Tree,
    Flood,
}

/// What does not go with experiments, which bring their scenarios.
const OWN_SCENARIO: [&str; 3] = ["topology", "scenario", "chaos"];

/// Runs all seeds and prints what came of them.
pub fn run(args: &Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    if !args.experiment.is_empty() {
        return simulate_experiments::run(args, context, out);
    }
    let scenario = if args.chaos { None } else { Some(args.scenario()?) };
    let clock = Clock::new();
    let began = clock.now().mono;
    let job = |number| {
        let seed = args.seed.saturating_add(number);
        let scenario = scenario.clone().unwrap_or_else(|| chaos::scenario(seed));
        Ok(Job { scenario, seed, replay: args.replay(seed) })
    };
    let (mut report, mut trace_hash) = (Report::default(), 0_u64);
    let extent = args.lasting.map_or_else(|| Extent::Runs(args.seeds.unwrap_or(1)), Extent::Within);
    let watch = Watch { interrupted: &*context.catch_interrupts()?, is_quiet: out.is_quiet() };
    let ended = run_all(extent, &job, &watch, |_, outcome| {
        report.merge(&outcome.report);
        trace_hash = trace_hash.rotate_left(1) ^ outcome.trace_hash;
    });
    // What was run before Ctrl-C is worth its summary.
    let interruption = match ended {
        Err(CliError::Interrupted(text)) if report.runs > 0 => Some(CliError::Interrupted(text)),
        ended => ended.map(|()| None)?,
    };
    let wall = clock.now().mono.since(began);
    let mut run = Run { scenario, seed: args.seed, report, trace_hash, wall, plot: Vec::new() };
    if args.plot {
        run.plot = plot::draw_chart(&context.networks()?.folder(context.network()), &run.chart(), out)?;
    }
    out.print(&run)?;
    interruption.map_or(Ok(()), Err)
}

impl Args {
    /// The file's scenario or the usual one, changed by the options.
    fn scenario(&self) -> Result<Scenario, CliError> {
        let mut scenario = match &self.scenario {
            None => Scenario::default(),
            Some(path) => {
                let name = path.display();
                let text = fs::read_to_string(path);
                let text = text.map_err(|error| CliError::Failed(format!("cannot read {name}: {error}")))?;
                Scenario::from_toml(&text).map_err(|error| CliError::Usage(format!("{name}, {error}")))?
            }
        };
        if let Some(topology) = &self.topology {
            // A degree belongs to the topology that it stands beside.
            (scenario.topology, scenario.degree) = (topology.clone(), self.degree);
        }
        let Scenario { nodes, network, load, .. } = &mut scenario;
        set(nodes, self.num_nodes);
        set(&mut load.messages, self.messages);
        set(&mut load.warmup, self.warmup);
        set(&mut load.size, self.size.and_then(|size| usize::try_from(size.0).ok()));
        set(&mut load.interval, self.interval.map(Time));
        set(&mut load.senders, self.senders.map(Senders::from));
        set(&mut network.latency, self.latency);
        set(&mut network.loss, self.loss.map(Share::value));
        set(&mut load.relays, self.relays);
        load.trace |= self.relays.is_some();
        set(&mut scenario.dissemination, self.dissemination.map(Spread::from));
        scenario.heal &= !self.no_heal;
        let crash =
            |share| Fault::Crash { at: Time::default(), who: Who::Share(share), silent: false, spare_sender: false };
        scenario.faults.extend(self.crash.map(Share::value).map(crash));
        scenario.check().map_err(usage)?;
        Ok(scenario)
    }

    /// The command that runs one seed of this again.
    fn replay(&self, seed: u64) -> String {
        let mut words = vec!["gossip simulate".to_owned()];
        words.extend(self.topology.clone());
        words.extend(self.degree.map(|degree| degree.to_string()));
        let mut option = |name: &str, value: Option<String>| words.extend(value.map(|value| format!("{name} {value}")));
        option("-n", self.num_nodes.map(|n| n.to_string()));
        option("--scenario", self.scenario.as_ref().map(|path| format!("'{}'", path.display())));
        option("--messages", self.messages.map(|n| n.to_string()));
        option("--warmup", self.warmup.map(|n| n.to_string()));
        option("--size", self.size.map(|size| size.0.to_string()));
        option("--senders", self.senders.map(|who| format!("{who:?}").to_lowercase()));
        option("--interval", self.interval.map(|time| Time(time).to_string()));
        option("--latency", self.latency.map(|span| span.to_string()));
        option("--loss", self.loss.map(|share| share.to_string()));
        option("--relays", self.relays.map(|n| n.to_string()));
        option("--crash", self.crash.map(|share| share.to_string()));
        option("--dissemination", self.dissemination.map(|how| format!("{how:?}").to_lowercase()));
        if self.no_heal {
            words.push("--no-heal".into());
        }
        if self.chaos {
            words.push("--chaos".into());
        }
        words.push(format!("--seed {seed}"));
        words.join(" ")
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

pub(super) fn usage(error: ScenarioError) -> CliError {
    CliError::Usage(error.to_string())
}

impl From<Dissemination> for Spread {
    fn from(dissemination: Dissemination) -> Self {
        match dissemination {
            Dissemination::Tree => Self::Tree,
            Dissemination::Flood => Self::Flood,
        }
    }
}

impl From<Sending> for Senders {
    fn from(sending: Sending) -> Self {
        match sending {
            Sending::One => Self::One,
            Sending::Random => Self::Random,
            Sending::All => Self::All,
            Sending::Fresh => Self::Fresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn read(line: &str) -> Args {
        Line::parse_from(line.split(' ').skip(1)).args
    }

    #[test]
    fn the_command_that_replays_a_seed_says_all_that_matters() {
        let long = "gossip simulate random 5 -n 64 --messages 3 --size 9 --senders all --interval 5ms --latency 1ms-2ms \
                    --loss 1% --relays 2 --crash 10% --dissemination flood --no-heal";
        for line in [long, "gossip simulate --chaos", "gossip simulate circular --loss 20%"] {
            assert_eq!(read(&format!("{line} --seed 7 --seeds 100 --plot")).replay(41), format!("{line} --seed 41"));
        }
        assert_eq!(read("gossip simulate --scenario a.toml").replay(1), "gossip simulate --scenario 'a.toml' --seed 1");
    }

    #[test]
    fn options_change_what_a_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        fs::write(&file, "nodes = 32\n[load]\nmessages = 7\n[network]\nloss = 0.1").unwrap();
        let scenario = read(&format!("gossip simulate --scenario {} -n 8 -r 2", file.display())).scenario().unwrap();
        assert_eq!((scenario.nodes, scenario.load.messages, scenario.network.loss), (8, 7, 0.1));
        assert!(scenario.load.trace && scenario.load.relays == 2);
        fs::write(&file, "nodes = 32\nmeteor = 1").unwrap();
        let error = read(&format!("gossip simulate --scenario {}", file.display())).scenario().unwrap_err();
        assert!(error.to_string().ends_with("s.toml, line 2: unknown field `meteor`, expected one of `topology`, `degree`, `nodes`, `settle`, `dissemination`, `heal`, `timing`, `join`, `network`, `load`, `limits`, `fault`"), "{error}");
    }
}
