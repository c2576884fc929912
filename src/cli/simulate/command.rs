//! `gossip simulate`.

use super::{
    experiments::{self, Order},
    replay::Typed,
    report::Run,
    runs::{Extent, Job, Watch, run_all, usage},
};
use crate::{
    cli::{Context, Output, commands::plot, error::CliError, numbers},
    clock::Clock,
    quantity::{Share, Size, Span, Time},
    sim::{
        Report, Scenario, chaos,
        scenario::{Fault, LATENCY_MAX, Selection, Senders, Spread},
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
    /// Number of nodes, 2 to 131072 [default: 16]
    #[arg(short, long, value_name = "N", conflicts_with = "chaos")]
    num_nodes: Option<u32>,
    /// Seed of the random choices
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Number of seeds to run, from --seed on [default: 1, or as the experiment says]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: Option<u64>,
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
    experiment: Vec<PathBuf>,
    /// Write the results of the experiments into a document, between its marks
    #[arg(long, value_name = "FILE", requires = "experiment")]
    record: Option<PathBuf>,
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
    /// Messages that a sender is handed at one moment, 1 to 4096 [default: 1]
    #[arg(long, value_name = "COUNT", conflicts_with = "chaos")]
    burst: Option<u32>,
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

/// Arguments that do not go with experiments, which bring their scenarios.
const OWN_SCENARIO: [&str; 3] = ["topology", "scenario", "chaos"];

/// Arguments that a single run does not depend on: which runs are made, and what is shown of them.
const AROUND: [&str; 6] = ["seed", "seeds", "lasting", "experiment", "record", "plot"];

/// Runs all seeds and prints what came of them.
pub fn run(typed: &Typed<Args>, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let args = &typed.args;
    if !args.experiment.is_empty() {
        let Args { experiment: paths, seed, seeds, record, .. } = args;
        let order = Order { paths, seed: *seed, seeds: *seeds, record: record.as_deref() };
        return experiments::run(&order, context, out);
    }
    let scenario = if args.chaos { None } else { Some(args.scenario()?) };
    let clock = Clock::new();
    let began = clock.now().mono;
    let job = |number| {
        let seed = args.seed.saturating_add(number);
        let scenario = scenario.clone().unwrap_or_else(|| chaos::scenario(seed));
        Ok(Job { scenario, seed, replay: replay(typed, seed) })
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
        // All are named here, so that the compiler misses one that changes nothing.
        let Self {
            topology,
            degree,
            num_nodes,
            scenario: file,
            dissemination,
            no_heal,
            messages,
            warmup,
            size,
            senders,
            interval,
            burst,
            latency,
            loss,
            relays,
            crash,
            chaos: _,
            seed: _,
            seeds: _,
            lasting: _,
            experiment: _,
            record: _,
            plot: _,
        } = self;
        let mut scenario = match file {
            None => Scenario::default(),
            Some(path) => {
                let name = path.display();
                let text = fs::read_to_string(path);
                let text = text.map_err(|error| CliError::Failed(format!("cannot read {name}: {error}")))?;
                Scenario::from_toml(&text).map_err(|error| CliError::Usage(format!("{name}, {error}")))?
            }
        };
        if let Some(topology) = topology {
            // A degree belongs to the topology that it stands beside.
            (scenario.topology, scenario.degree) = (topology.clone(), *degree);
        }
        let Scenario { nodes, network, load, .. } = &mut scenario;
        set(nodes, *num_nodes);
        set(&mut load.messages, *messages);
        set(&mut load.warmup, *warmup);
        set(&mut load.size, size.and_then(|size| usize::try_from(size.0).ok()));
        set(&mut load.interval, interval.map(Time));
        set(&mut load.burst, *burst);
        set(&mut load.senders, senders.map(Senders::from));
        set(&mut network.latency, *latency);
        set(&mut network.loss, loss.map(Share::value));
        set(&mut load.relays, *relays);
        load.trace |= relays.is_some();
        set(&mut scenario.dissemination, dissemination.map(Spread::from));
        scenario.heal &= !no_heal;
        let at_once = |share| Fault::Crash {
            at: Time::default(),
            who: Selection::Share(share),
            silent: false,
            spare_sender: false,
        };
        scenario.faults.extend(crash.map(Share::value).map(at_once));
        scenario.check().map_err(usage)?;
        Ok(scenario)
    }
}

/// The command that runs one seed of this again.
fn replay(typed: &Typed<Args>, seed: u64) -> String {
    let begin = ["gossip", "simulate"].map(str::to_owned).into_iter();
    let words = begin.chain(typed.words_without(&AROUND)).chain([format!("--seed {seed}")]);
    words.collect::<Vec<_>>().join(" ")
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
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
    use crate::sim::Simulation;
    use clap::{Args as _, Parser};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        typed: Typed<Args>,
    }

    fn read(line: &str) -> Typed<Args> {
        Line::parse_from(line.split(' ').skip(1)).typed
    }

    /// Words that give an argument another value than the usual one; `None` if no run depends on it.
    fn sample<'a>(id: &str, file: &'a str) -> Option<&'a str> {
        Some(match id {
            "topology" => "circular",
            "degree" => "random 5",
            "num_nodes" => "-n 6",
            "scenario" => file,
            "chaos" => "--chaos",
            "dissemination" => "--dissemination flood",
            "no_heal" => "--no-heal",
            "messages" => "--messages 3",
            "warmup" => "--warmup 2",
            "size" => "--size 9KiB",
            "senders" => "--senders all",
            "interval" => "--interval 5ms",
            "burst" => "--burst 2",
            "latency" => "--latency 1ms-2ms",
            "loss" => "--loss 1%",
            "relays" => "-r 2",
            "crash" => "--crash 10%",
            id if AROUND.contains(&id) => return None,
            id => panic!("say how '{id}' gets another value than the usual one"),
        })
    }

    #[test]
    fn every_argument_that_a_run_depends_on_is_replayed() {
        let scenario =
            |typed: &Typed<Args>| if typed.args.chaos { chaos::scenario(41) } else { typed.args.scenario().unwrap() };
        let outcome = |scenario: &Scenario| Simulation::new(scenario, 41).unwrap().run().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        fs::write(&file, "nodes = 5\n[load]\nmessages = 2").unwrap();
        let file = format!("--scenario {}", file.display());
        for arg in Args::augment_args(clap::Command::new("simulate")).get_arguments() {
            let Some(words) = sample(arg.get_id().as_str(), &file) else { continue };
            let typed = read(&format!("gossip simulate {words} --seed 7 --seeds 100 --plot"));
            let line = replay(&typed, 41);
            let again = read(&line);
            assert_eq!((again.args.seed, again.args.seeds, again.args.plot), (41, None, false), "{line}");
            assert_ne!(scenario(&typed), Scenario::default(), "'{words}' changes nothing");
            assert_eq!(scenario(&again), scenario(&typed), "'{line}' is not what was typed");
            assert_eq!(outcome(&scenario(&again)), outcome(&scenario(&typed)), "'{line}' runs otherwise");
        }
    }

    #[test]
    fn the_command_that_replays_a_seed_says_all_that_matters() {
        let long = "gossip simulate random 5 --num-nodes 64 --messages 3 --size 9 --senders all --interval 5ms \
                    --latency 1ms-2ms --loss 1% --relays 2 --crash 10% --dissemination flood --no-heal";
        for line in [long, "gossip simulate --chaos", "gossip simulate circular --loss 20%"] {
            let typed = read(&format!("{line} --seed 7 --seeds 100 --plot"));
            assert_eq!(replay(&typed, 41), format!("{line} --seed 41"));
        }
        let typed = Line::parse_from(["simulate", "--scenario", "a b.toml"]).typed;
        assert_eq!(replay(&typed, 1), "gossip simulate --scenario 'a b.toml' --seed 1");
    }

    #[test]
    fn options_change_what_a_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        fs::write(&file, "nodes = 32\n[load]\nmessages = 7\n[network]\nloss = 0.1").unwrap();
        let scenario =
            read(&format!("gossip simulate --scenario {} -n 8 -r 2", file.display())).args.scenario().unwrap();
        assert_eq!((scenario.nodes, scenario.load.messages, scenario.network.loss), (8, 7, 0.1));
        assert!(scenario.load.trace && scenario.load.relays == 2);
        fs::write(&file, "nodes = 32\nmeteor = 1").unwrap();
        let error = read(&format!("gossip simulate --scenario {}", file.display())).args.scenario().unwrap_err();
        assert!(error.to_string().ends_with("s.toml, line 2: unknown field `meteor`, expected one of `topology`, `degree`, `nodes`, `settle`, `dissemination`, `heal`, `timing`, `join`, `single`, `network`, `load`, `limits`, `fault`"), "{error}");
    }
}
