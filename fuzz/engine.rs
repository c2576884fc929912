//! The fuzzer itself: takes an input of the corpus, changes it, runs it, and keeps it if something happened that had not
//! happened before.
//!
//! What happens is told by *features*: numbers that a target makes of what it sees come out (kinds of frames, errors,
//! counters, sizes). That is coarser than the branches that were taken, and needs no instrumented compiler.

use crate::{corpus, random::Random};
use gossip::clock::{Clock, Deadline};
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{self, AssertUnwindSafe},
    process,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// Longest input that is kept.
const INPUT_LEN_MAX: usize = 64 << 10;
/// Time that one input may take.
const INPUT_TIME_MAX: Duration = Duration::from_secs(30);
/// Runs that making a failing input smaller may take.
const SHRINK_RUNS_MAX: usize = 2000;
/// Bytes of the inputs that are worth to be committed.
const DISTILLED_LEN_MAX: usize = 80 << 10;

/// Target of the fuzzer.
pub(crate) trait Target {
    /// Names its files.
    const NAME: &'static str;

    /// Inputs to begin with, besides those that are committed.
    fn seeds() -> Vec<Vec<u8>>;

    /// Changes an input; `other` is one to take parts from.
    fn mutate(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8>;

    /// Smaller inputs that may do the same.
    fn smaller(input: &[u8]) -> Vec<Vec<u8>>;

    /// Explanation of an input, for people.
    fn explain(input: &[u8]) -> String;

    /// Runs an input and says what happened. Panics if something is wrong.
    fn run(input: &[u8]) -> Features;
}

/// Features that were seen while an input ran.
#[derive(Debug, Default)]
pub(crate) struct Features(HashSet<u64>);

impl Features {
    /// Notes something that happened.
    pub(crate) fn note(&mut self, feature: impl Hash) {
        self.0.insert(hash(feature));
    }
}

/// A number for anything: the keys of this hasher are fixed, so that it is the same in every run.
pub(crate) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Magnitude of a number: 0, 1, 2, 4, 8, …
pub(crate) fn magnitude(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

/// Fuzzes one target.
pub(crate) struct Engine<T: Target> {
    random: Random,
    corpus: Vec<Vec<u8>>,
    known: HashSet<u64>,
    pub(crate) runs: u64,
    watchdog: Arc<Mutex<(u64, Vec<u8>)>>,
    target: std::marker::PhantomData<T>,
}

impl<T: Target> Engine<T> {
    /// Runs all inputs that there are.
    pub(crate) fn new(seed: u64) -> Self {
        let mut engine = Self {
            random: Random::new(seed),
            corpus: Vec::new(),
            known: HashSet::new(),
            runs: 0,
            watchdog: watch(T::NAME),
            target: std::marker::PhantomData,
        };
        for input in T::seeds().into_iter().chain(corpus::read(&corpus::committed(T::NAME))) {
            engine.run(&input);
            engine.corpus.push(input);
        }
        engine
    }

    /// Runs as many changed inputs.
    pub(crate) fn run_times(&mut self, times: u64) {
        for _ in 0..times {
            self.run_one();
        }
    }

    /// Runs changed inputs for a while.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let deadline = Deadline::after(time);
        while !deadline.is_over() {
            self.run_times(8);
        }
    }

    /// Returns whether something has happened.
    pub(crate) fn has(&self, feature: impl Hash) -> bool {
        self.known.contains(&hash(feature))
    }

    /// Number of inputs by now, and number of features seen.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.corpus.len(), self.known.len())
    }

    /// Inputs, the shortest first, that make happen what all of them do, as far as there is room.
    pub(crate) fn distilled(&self) -> Vec<Vec<u8>> {
        let mut inputs = self.corpus.clone();
        inputs.sort_by_key(|input| (input.len(), input.clone()));
        let seeds = T::seeds();
        let mut known: HashSet<u64> = seeds.iter().flat_map(|seed| T::run(seed).0).collect();
        let mut room = DISTILLED_LEN_MAX;
        inputs.retain(|input| {
            let has_news =
                input.len() <= room && T::run(input).0.into_iter().fold(false, |new, f| known.insert(f) | new);
            room -= if has_news { input.len() } else { 0 };
            has_news
        });
        inputs
    }

    fn run_one(&mut self) {
        let [first, other] = [(); 2].map(|()| {
            // What came last leads on more often.
            let len = self.corpus.len();
            let index = if self.random.once_in(3) { len - 1 - self.random.few(len) } else { self.random.below(len) };
            &self.corpus[index]
        });
        let mut input = T::mutate(&mut self.random, first, other);
        input.truncate(INPUT_LEN_MAX);
        if self.run(&input) {
            self.corpus.push(input);
        }
    }

    /// Runs an input; says whether anything happened for the first time.
    fn run(&mut self, input: &[u8]) -> bool {
        self.runs += 1;
        if let Ok(mut watched) = self.watchdog.lock() {
            watched.0 = self.runs;
            watched.1.clear();
            watched.1.extend(input);
        }
        let Ok(features) = panic::catch_unwind(AssertUnwindSafe(|| T::run(input))) else { self.fail(input) };
        // The other target may have its turn before the next input.
        if let Ok(mut watched) = self.watchdog.lock() {
            watched.0 = 0;
        }
        features.0.into_iter().fold(false, |is_new, feature| self.known.insert(feature) | is_new)
    }

    /// Makes a failing input as small as it gets, keeps it, and says how to see it again.
    fn fail(&self, input: &[u8]) -> ! {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let mut smallest = input.to_vec();
        let mut runs = 0;
        'again: loop {
            for candidate in T::smaller(&smallest) {
                runs += 1;
                if runs > SHRINK_RUNS_MAX {
                    break 'again;
                }
                if panic::catch_unwind(|| T::run(&candidate)).is_err() {
                    smallest = candidate;
                    continue 'again;
                }
            }
            break;
        }
        panic::set_hook(hook);
        let replay = keep(T::NAME, &smallest);
        let runs = self.runs;
        let _ = panic::catch_unwind(|| T::run(&smallest));
        panic!("{}: input {runs} fails, see above; to see it again: {replay}", T::NAME);
    }
}

/// Writes a failing input to a file; gives the command that runs it again.
fn keep(target: &str, input: &[u8]) -> String {
    let path = corpus::made(&format!("{target}-{:016x}", hash(input)));
    match corpus::write(&path, [&input.to_vec()]) {
        Ok(()) => format!("make fuzz REPLAY={}", path.display()),
        Err(error) => format!("(not written to {}: {error}) {}", path.display(), corpus::to_hex(input)),
    }
}

/// Ends the process if an input takes too long, and keeps it.
fn watch(target: &'static str) -> Arc<Mutex<(u64, Vec<u8>)>> {
    let watched = Arc::new(Mutex::new((0, Vec::new())));
    let weak = Arc::downgrade(&watched);
    thread::spawn(move || {
        let clock = Clock::new();
        let mut last = (0, clock.now().mono);
        while let Some(watched) = weak.upgrade() {
            let now = clock.now().mono;
            let Ok(current) = watched.lock() else { return };
            if current.0 != last.0 || current.0 == 0 {
                last = (current.0, now);
            } else if now.since(last.1) > INPUT_TIME_MAX {
                eprintln!("{target}: input {} does not end; to see it again: {}", current.0, keep(target, &current.1));
                process::abort();
            }
            drop(current);
            drop(watched);
            Deadline::after(Duration::from_secs(1)).pause(Duration::from_secs(1));
        }
    });
    watched
}
