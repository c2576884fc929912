//! Measures the program as it is used, networks of real processes, started by the command, loaded by one client; and beside
//! it what a user could take instead.
//!
//! `cargo bench -- --help` lists the options, `docs/benchmarks.md` says what each figure is.

mod beside;
mod crew;
mod failure;
mod measure;
mod network;
mod peer;
mod record;
mod report;
mod submit;

use failure::Failure;
use gossip::{transport::context::raise_descriptor_limit, workload::machine};
use measure::{Extent, Run};
use peer::Peer;
use report::{Figure, Report};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

const HELP: &str = "\
Usage: cargo bench [-- OPTIONS]

  --reps N         Rounds [default: 5]
  --quick          One round of less, and without --only of few measurements
  --only WORD      Only measurements whose name has WORD: start-16, start-256, rest-16, beside-16x100, submit-100, and
                   the loads load-16x100, load-16x1024, load-64x100, load-64x1024, load-256x100, load-256x1024
  --against FILE   Measure another build of the program, too, in turns, and print the ratios
  --peers LIST     Peers to load in turns with it: nats, zenoh, libzmq, libzmq-packed, or none [default: all]
  --record FILE    Write the loads into a document between its marks, and a chart of them to images/ beside it
  --json           Print one JSON document";

/// Options that were typed.
struct Options {
    reps: usize,
    is_quick: bool,
    is_json: bool,
    only: String,
    against: Option<PathBuf>,
    peers: Vec<Peer>,
    record: Option<PathBuf>,
}

/// Kind of a measurement.
#[derive(Clone, Copy)]
enum Measurement {
    /// The program alone.
    Program(fn(&Run<'_>) -> Result<Vec<Figure>, Failure>),
    /// W with so many nodes and bytes, of whoever can carry it.
    Load(usize, usize),
}

/// A measurement: its name, whether `--quick` has it unasked, and what it is.
const MEASUREMENTS: &[(&str, bool, Measurement)] = &[
    ("start-16", true, Measurement::Program(|run| run.start(16, 0.35))),
    ("start-256", true, Measurement::Program(|run| run.start(256, 3.0))),
    ("rest-16", true, Measurement::Program(|run| run.at_rest(16))),
    ("submit-100", true, Measurement::Program(|run| run.submit(100))),
    ("load-16x100", true, Measurement::Load(16, 100)),
    ("load-16x1024", false, Measurement::Load(16, 1024)),
    ("load-64x100", false, Measurement::Load(64, 100)),
    ("load-64x1024", false, Measurement::Load(64, 1024)),
    ("load-256x100", false, Measurement::Load(256, 100)),
    ("load-256x1024", false, Measurement::Load(256, 1024)),
    ("beside-16x100", false, Measurement::Program(|run| run.beside(16, 100))),
];

/// Contender that is measured.
#[derive(Clone)]
enum Contender {
    /// A build of the program.
    Program(PathBuf),
    /// A peer, whose programs lie in a folder.
    Peer(Peer, PathBuf),
}

const FULL: Extent = Extent { deliveries: 1_280_000, paced: 500, commands: 20, idle: Duration::from_secs(10) };
const QUICK: Extent = Extent { deliveries: 320_000, paced: 200, commands: 10, idle: Duration::from_secs(3) };

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(Some(options)) => match bench(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(failure) => fail(&failure, 1),
        },
        Ok(None) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(failure) => fail(&failure, 2),
    }
}

fn fail(failure: &Failure, code: u8) -> ExitCode {
    eprintln!("error: {failure}");
    ExitCode::from(code)
}

/// Parses the arguments; `None` if they ask for help.
fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, Failure> {
    let (is_quick, is_json, only) = (false, false, String::new());
    let (against, peers, record) = (None, Peer::ALL.to_vec(), None);
    let mut options = Options { reps: 0, is_quick, is_json, only, against, peers, record };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| Failure::new(format!("'{argument}' takes a value")));
        match &*argument {
            "--reps" => options.reps = count(&value()?)?,
            "--only" => options.only = value()?,
            "--against" => options.against = Some(program(&value()?)?),
            "--peers" => options.peers = named(&value()?)?,
            "--record" => options.record = Some(record::writable(value()?.into())?),
            "--quick" => options.is_quick = true,
            "--json" => options.is_json = true,
            // Cargo says so to every bench.
            "--bench" => {}
            "-h" | "--help" => return Ok(None),
            _ => return Err(Failure::new(format!("unknown option '{argument}'; see 'cargo bench -- --help'"))),
        }
    }
    if !MEASUREMENTS.iter().any(|(name, ..)| name.contains(&options.only)) {
        let names: Vec<_> = MEASUREMENTS.iter().map(|&(name, ..)| name).collect();
        return Err(Failure::new(format!("'--only {}' is in no name of {}", options.only, names.join(", "))));
    }
    if options.reps == 0 {
        options.reps = if options.is_quick { 1 } else { 5 };
    }
    Ok(Some(options))
}

/// A number of rounds.
fn count(text: &str) -> Result<usize, Failure> {
    let count = text.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| Failure::new(format!("'--reps {text}' is no number from 1 on")))
}

/// A program that is there.
fn program(text: &str) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err(Failure::new(format!("'--against {text}': there is no such file"))) }
}

/// The peers that are named.
fn named(list: &str) -> Result<Vec<Peer>, Failure> {
    let find = |name: &str| Peer::ALL.into_iter().find(|peer| peer.name().replace(' ', "-") == name);
    let names = list.split(',').filter(|&name| name != "none");
    names.map(|name| find(name).ok_or_else(|| Failure::new(format!("there is no peer '{name}'")))).collect()
}

/// Measures all and prints it. Whether all was sound.
fn bench(options: &Options) -> Result<bool, Failure> {
    raise_descriptor_limit()?;
    let own = Path::new(env!("CARGO_BIN_EXE_gossip"));
    let mut head = vec![("machine", machine::describe()), ("program", version(own)?)];
    let mut contenders = vec![("gossip", Contender::Program(own.to_owned()))];
    if let Some(other) = &options.against {
        head.push(("other", version(other)?));
        contenders.push(("other", Contender::Program(other.clone())));
    }
    let folder = own.ancestors().nth(2).unwrap_or(own).join("peers");
    for &peer in &options.peers {
        match peer.missing(&folder) {
            None => contenders.push((peer.name(), Contender::Peer(peer, folder.clone()))),
            Some(file) => eprintln!("{} is skipped: 'make peers' has not brought {}", peer.name(), file.display()),
        }
    }
    let extent = if options.is_quick { QUICK } else { FULL };
    let mut report = Report::new(head, contenders.iter().map(|&(name, _)| name).collect());
    for &(name, is_quick, what) in MEASUREMENTS {
        if !name.contains(&options.only) || (options.is_quick && options.only.is_empty() && !is_quick) {
            continue;
        }
        let who: Vec<_> = (0..contenders.len()).filter(|&index| contenders[index].1.can(what)).collect();
        for rep in 0..options.reps {
            // Who comes first changes, so that no drift of the machine favours one.
            let turn = who.iter().cycle().skip(rep % who.len()).take(who.len());
            for (&index, (title, contender)) in turn.map(|index| (index, &contenders[*index])) {
                eprintln!("{name}, {} of {}, {title}", rep + 1, options.reps);
                match contender.measure(what, rep, extent) {
                    Ok(figures) => report.add(rep, index, figures),
                    Err(failure) => report.add_wrong(format!("{name}, {title}, round {}: {failure}", rep + 1)),
                }
            }
        }
    }
    if options.is_json {
        println!("{:#}", report.to_json());
    } else {
        print!("{report}");
    }
    if let Some(document) = &options.record {
        record::record(document, &report, options.reps)?;
    }
    Ok(report.is_sound())
}

impl Contender {
    /// Returns whether it is measured in this way.
    fn can(&self, what: Measurement) -> bool {
        match (self, what) {
            (Self::Program(_), _) => true,
            (Self::Peer(peer, _), Measurement::Load(nodes, _)) => nodes <= peer.nodes_max(),
            (Self::Peer(..), Measurement::Program(_)) => false,
        }
    }

    /// Measures it once, over links drawn from a seed.
    fn measure(&self, what: Measurement, seed: usize, extent: Extent) -> Result<Vec<Figure>, Failure> {
        match (self, what) {
            (Self::Program(program), Measurement::Program(measure)) => measure(&Run { program, seed, extent }),
            (Self::Program(program), Measurement::Load(nodes, size)) => Run { program, seed, extent }.load(nodes, size),
            (Self::Peer(peer, folder), Measurement::Load(nodes, size)) => peer.load(folder, nodes, size, seed, &extent),
            (Self::Peer(..), Measurement::Program(_)) => Ok(Vec::new()),
        }
    }
}

/// Version of a program, in one line.
fn version(program: &Path) -> Result<String, Failure> {
    let output = Command::new(program).args(["--version", "--verbose"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::trim).collect::<Vec<_>>().join(", "))
}
