//! Simulations, as many at a time as there are cores, and what came of them in their order.

use crate::{
    cli::{error::CliError, progress::Progress},
    clock::Clock,
    core::time::Mono,
    sim::{Outcome, Scenario, ScenarioError, Simulation},
};
use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

/// Events of a run between two looks at how far it is.
const SLICE: u64 = 50_000;

/// A run that is to be made.
pub struct Job {
    /// Scenario of the run.
    pub scenario: Scenario,
    /// Seed that its chance is drawn from.
    pub seed: u64,
    /// The command that runs it again.
    pub replay: String,
}

/// Observer of runs.
pub struct Watch<'a> {
    /// Set when they are to end.
    pub interrupted: &'a AtomicBool,
    /// True if nobody wants to know how far they are.
    pub is_quiet: bool,
}

/// Progress of the workers.
enum News {
    /// A run has come so far.
    Progress(f64),
    /// The run with this number is over; without an outcome if it was told to end early.
    Done(u64, Box<Result<Option<Outcome>, CliError>>),
}

/// Number of runs that are made.
#[derive(Debug, Clone, Copy)]
pub enum Extent {
    /// So many.
    Runs(u64),
    /// Those that begin within this time: one at least.
    Within(Duration),
}

impl Extent {
    /// Returns whether the time is over in which runs begin.
    fn is_late(self, clock: &Clock, begun: u64) -> bool {
        matches!(self, Self::Within(time) if begun > 0 && clock.now().mono.since(Mono(0)) >= time)
    }

    /// Share of all that is done, where so many runs are over and one has come `within` itself, and a text about it.
    fn progress(self, clock: &Clock, done: u64, within: f64) -> (f64, String) {
        let passed = clock.now().mono.since(Mono(0)).as_secs_f64();
        let rate = |text: String| match done {
            0 => text,
            _ => format!("{text}, {} a second", short(done as f64 / passed.max(1e-3))),
        };
        match self {
            Self::Runs(1) => (done as f64 + within, "of all messages published".into()),
            Self::Runs(count) => ((done as f64 + within) / count as f64, rate(format!("{done} of {count} runs"))),
            Self::Within(time) => (passed / time.as_secs_f64().max(f64::MIN_POSITIVE), rate(format!("{done} runs"))),
        }
    }
}

/// A rate with as many digits as say something.
fn short(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// Makes these runs, as many at a time as there are cores, and hands over what came of them in their order: so that
/// nothing depends on who was quicker. Ends with the first violation, or when it is interrupted: then what is over was
/// handed over.
pub fn run_all(
    extent: Extent,
    job: &(dyn Fn(u64) -> Result<Job, CliError> + Sync),
    watch: &Watch<'_>,
    mut take: impl FnMut(u64, Outcome),
) -> Result<(), CliError> {
    let count = if let Extent::Runs(count) = extent { count } else { u64::MAX };
    let workers = thread::available_parallelism().map_or(1, |cores| cores.get() as u64).min(count);
    let (next, stop, clock) = (AtomicU64::new(0), AtomicBool::new(false), Clock::new());
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next, stop, clock) = (sender.clone(), &next, &stop, &clock);
            scope.spawn(move || {
                // Selection has taken a number makes its run, so that none is left out.
                let is_over = || stop.load(Relaxed) || watch.interrupted.load(Relaxed);
                while !is_over() && !extent.is_late(clock, next.load(Relaxed)) {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= count {
                        break;
                    }
                    let outcome = job(number).and_then(|job| run_one(&job, &sender, is_over));
                    stop.fetch_or(outcome.is_err(), Relaxed);
                    // Nobody listens any more when something went wrong elsewhere.
                    let _ = sender.send(News::Done(number, Box::new(outcome)));
                }
            });
        }
        drop(sender);
        let show = |done, within| extent.progress(&clock, done, within);
        let progress = Progress::start(watch.is_quiet);
        let collected = collect(show, progress, &receiver, &mut take);
        stop.store(true, Relaxed);
        let done = collected?;
        if watch.interrupted.load(Relaxed) && done < count {
            let of_all = if count < u64::MAX { format!(" of {count}") } else { String::new() };
            return Err(CliError::Interrupted(format!("interrupted after {done}{of_all} runs")));
        }
        Ok(())
    })
}

fn run_one(job: &Job, news: &mpsc::Sender<News>, is_over: impl Fn() -> bool) -> Result<Option<Outcome>, CliError> {
    let mut simulation = Simulation::new(&job.scenario, job.seed).map_err(usage)?;
    let failed = |violation| CliError::Failed(format!("{violation}; replay it with '{}'", job.replay));
    while !simulation.advance(SLICE).map_err(failed)? {
        if is_over() {
            return Ok(None);
        }
        let _ = news.send(News::Progress(simulation.progress()));
    }
    simulation.finish().map(Some).map_err(failed)
}

/// The error of a command whose scenario cannot be run.
pub(super) fn usage(error: ScenarioError) -> CliError {
    CliError::Usage(error.to_string())
}

/// Hands over outcomes in order, and counts them.
fn collect(
    show: impl Fn(u64, f64) -> (f64, String),
    progress: Progress,
    news: &mpsc::Receiver<News>,
    take: &mut impl FnMut(u64, Outcome),
) -> Result<u64, CliError> {
    let mut waiting = BTreeMap::new();
    let (mut done, mut next, mut taken) = (0, 0, 0);
    for news in news {
        let within = match news {
            News::Progress(share) => share,
            News::Done(number, outcome) => {
                done += 1;
                waiting.insert(number, *outcome);
                0.0
            }
        };
        while let Some(outcome) = waiting.remove(&next) {
            if let Some(outcome) = outcome? {
                take(next, outcome);
                taken += 1;
            }
            next += 1;
        }
        let (share, text) = show(done, within);
        progress.show(share, &text);
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_begin_as_long_as_there_is_time_and_none_is_left_out() {
        let job = |number| {
            let scenario = Scenario { topology: "circular".into(), nodes: 2, ..Scenario::default() };
            Ok(Job { scenario, seed: number, replay: String::new() })
        };
        let numbers = |extent| {
            let mut numbers = Vec::new();
            let watch = Watch { interrupted: &AtomicBool::new(false), is_quiet: true };
            run_all(extent, &job, &watch, |number, _| numbers.push(number)).unwrap();
            numbers
        };
        assert_eq!(numbers(Extent::Runs(3)), [0, 1, 2]);
        let time = Duration::from_millis(300);
        let clock = Clock::new();
        let many = numbers(Extent::Within(time));
        assert!(clock.now().mono.since(Mono(0)) >= time && many.len() > 2, "{many:?}");
        assert!(many.iter().copied().eq(0..many.len() as u64), "{many:?}");
        assert_eq!(numbers(Extent::Within(Duration::ZERO))[0], 0, "one at least");
    }
}
