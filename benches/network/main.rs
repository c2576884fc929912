//! Measures the program as it is used: networks of real processes, started by the command, loaded by one client.
//!
//! `cargo bench -- --help` lists the options, `docs/benchmarks.md` says what each figure is.

mod beside;
mod machine;
mod measure;
mod network;
mod publisher;
mod report;

use gossip::transport::context::raise_descriptor_limit;
use measure::{Extent, Run};
use report::{Figure, Report};
use std::{
    error::Error,
    fmt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

const HELP: &str = "\
Usage: cargo bench [-- OPTIONS]

  --reps N         Repetitions [default: 5]
  --quick          One repetition of less
  --only WORD      Only measurements whose name has WORD: start-16, start-256, rest-16, load-16x100, load-64x100,
                   load-16x1024, beside-16x100
  --against FILE   Measure another build of the program, too, in turns, and print the ratios
  --json           Print one JSON document";

/// Why there is no figure, in one line.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// What was typed.
struct Options {
    reps: usize,
    is_quick: bool,
    is_json: bool,
    only: String,
    against: Option<PathBuf>,
}

/// A measurement: its name, whether `--quick` has it, and what it does.
type Measurement = (&'static str, bool, fn(&Run<'_>) -> Result<Vec<Figure>, Failure>);

const MEASUREMENTS: &[Measurement] = &[
    ("start-16", true, |run| run.start(16, 0.35)),
    ("start-256", true, |run| run.start(256, 3.0)),
    ("rest-16", true, |run| run.at_rest(16)),
    ("load-16x100", true, |run| run.load(16, 100)),
    ("load-64x100", false, |run| run.load(64, 100)),
    ("load-16x1024", false, |run| run.load(16, 1024)),
    ("beside-16x100", false, |run| run.beside(16, 100)),
];

const FULL: Extent = Extent { flood: 20_000, paced: 500, commands: 20, idle: Duration::from_secs(10) };
const QUICK: Extent = Extent { flood: 10_000, paced: 200, commands: 10, idle: Duration::from_secs(3) };

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
    let mut options = Options { reps: 0, is_quick: false, is_json: false, only: String::new(), against: None };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| Failure::new(format!("'{argument}' takes a value")));
        match &*argument {
            "--reps" => options.reps = value()?.parse()?,
            "--only" => options.only = value()?,
            "--against" => options.against = Some(value()?.into()),
            "--quick" => options.is_quick = true,
            "--json" => options.is_json = true,
            // Cargo says so to every bench.
            "--bench" => {}
            "-h" | "--help" => return Ok(None),
            _ => return Err(Failure::new(format!("unknown option '{argument}'; see 'cargo bench -- --help'"))),
        }
    }
    if options.reps == 0 {
        options.reps = if options.is_quick { 1 } else { 5 };
    }
    Ok(Some(options))
}

/// Measures all and prints it. Whether all was sound.
fn bench(options: &Options) -> Result<bool, Failure> {
    raise_descriptor_limit()?;
    let own = Path::new(env!("CARGO_BIN_EXE_gossip"));
    let mut head = vec![("machine", machine::describe()), ("program", version(own)?)];
    if let Some(other) = &options.against {
        head.push(("other", version(other)?));
    }
    let extent = if options.is_quick { QUICK } else { FULL };
    let mut report = Report::new(head);
    for &(name, is_quick, measure) in MEASUREMENTS {
        if !name.contains(&options.only) || (options.is_quick && !is_quick) {
            continue;
        }
        for rep in 0..options.reps {
            // Who comes first changes, so that no drift of the machine favours one.
            let mut programs = vec![(own, false)];
            programs.extend(options.against.as_deref().map(|other| (other, true)));
            let count = programs.len();
            programs.rotate_left(rep % count);
            for (program, is_other) in programs {
                eprintln!("{name}, {} of {}{}", rep + 1, options.reps, if is_other { ", other" } else { "" });
                match measure(&Run { program, seed: rep, extent }) {
                    Ok(figures) => report.add(rep, is_other, figures),
                    Err(failure) => report.add_wrong(format!("{name}, repetition {}: {failure}", rep + 1)),
                }
            }
        }
    }
    if options.is_json {
        println!("{:#}", report.to_json())
    } else {
        print!("{report}")
    }
    Ok(report.is_sound())
}

/// What a program says of itself, in one line.
fn version(program: &Path) -> Result<String, Failure> {
    let output = Command::new(program).args(["--version", "--verbose"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::trim).collect::<Vec<_>>().join(", "))
}
