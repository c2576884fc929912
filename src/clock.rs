//! The only file that reads a clock, sleeps or draws on the system's randomness.
//!
//! Clippy bans those calls everywhere else (`clippy.toml`), and `tests/tidy` keeps the rooms that must be
//! replayable (core, wire, topology, sim) from importing this one: they are handed a [`Now`] and a seed.
#![allow(clippy::disallowed_methods, reason = "this is the one place where they belong")]

use std::{
    hash::{BuildHasher, RandomState},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::core::time::{Mono, Now, Wall};

/// Both clocks of this machine.
#[derive(Debug, Clone)]
pub struct Clock {
    made: Instant,
}

impl Clock {
    /// A clock whose monotonic time starts at zero now.
    pub fn new() -> Self {
        Self { made: Instant::now() }
    }

    /// Monotonic: nanoseconds since this clock was made. Wall: nanoseconds since 1970-01-01 UTC, zero on a
    /// machine whose date lies before that.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: self.mono(), wall: Wall(nanos(wall)) }
    }

    /// The monotonic one alone, for half the price.
    pub fn mono(&self) -> Mono {
        Mono(nanos(self.made.elapsed()))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Whole nanoseconds; saturates after 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The end of a wait. Made once where a wait begins and handed down, so that the steps of one command share
/// one time limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// `None` lies beyond what the system's clock can count: never.
    at: Option<Instant>,
}

impl Deadline {
    /// The moment `wait` from now; a wait that the clock cannot count never ends.
    pub fn after(wait: Duration) -> Self {
        Self { at: Instant::now().checked_add(wait) }
    }

    /// Time left of the wait; zero once it is over.
    pub fn remaining(&self) -> Duration {
        self.at.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Returns whether nothing is left of the wait.
    pub fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }

    /// The earlier of this deadline and `wait` from now: for one step of a longer wait.
    pub fn at_most(&self, wait: Duration) -> Self {
        let step = Self::after(wait);
        if step.remaining() < self.remaining() { step } else { *self }
    }

    /// Sleeps for `step`, or for what remains if that is less. Returns `false`, at once, when the wait was
    /// over already.
    ///
    /// For what the system does not announce, such as the end of a process that is not our child:
    /// `while !gone() && deadline.pause(STEP) {}`.
    pub fn pause(&self, step: Duration) -> bool {
        let remaining = self.remaining();
        thread::sleep(step.min(remaining));
        !remaining.is_zero()
    }
}

/// A number that no other call, here or in another process, is likely to give: a seed for a generator.
///
/// Its source is the system's randomness by way of the hash keys of the standard library. Fit for seeds and
/// request ids; not fit for keys.
pub fn seed() -> u64 {
    RandomState::new().hash_one("gossip")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn monotonic_time_starts_at_zero_and_never_goes_back() {
        let clock = Clock::new();
        let mut earlier = clock.now().mono;
        assert!(earlier < Mono(60_000_000_000), "{earlier:?} is no time since the clock was made");
        for _ in 0..1000 {
            let later = clock.now().mono;
            assert!(later >= earlier);
            earlier = later;
        }
    }

    #[test]
    fn wall_time_counts_from_1970() {
        let of_2025 = Wall(1_735_689_600_000_000_000);
        let of_2200 = Wall(7_258_118_400_000_000_000);
        let wall = Clock::new().now().wall;
        assert!(of_2025 < wall && wall < of_2200, "{wall:?}");
    }

    #[test]
    fn a_deadline_runs_out() {
        let deadline = Deadline::after(Duration::from_millis(20));
        assert!(deadline.remaining() <= Duration::from_millis(20));
        let mut pauses = 0;
        while deadline.pause(Duration::from_millis(5)) {
            pauses += 1;
        }
        assert!(pauses <= 4, "{pauses} pauses of at least 5 ms in 20 ms");
        assert!(deadline.is_over());
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[test]
    fn no_wait_is_over_at_once_and_an_endless_one_never() {
        assert!(Deadline::after(Duration::ZERO).is_over());
        assert!(!Deadline::after(Duration::ZERO).pause(Duration::from_secs(3600)));
        let endless = Deadline::after(Duration::MAX);
        assert!(!endless.is_over());
        assert_eq!(endless.remaining(), Duration::MAX);
    }

    #[test]
    fn a_step_ends_with_the_whole() {
        let whole = Deadline::after(Duration::from_secs(60));
        assert!(whole.at_most(Duration::from_secs(1)).remaining() <= Duration::from_secs(1));
        assert_eq!(whole.at_most(Duration::from_secs(3600)), whole);
        assert!(Deadline::after(Duration::MAX).at_most(Duration::from_secs(1)).remaining() <= Duration::from_secs(1));
    }

    #[test]
    fn seeds_differ() {
        let seeds: BTreeSet<u64> = (0..1000).map(|_| seed()).collect();
        assert_eq!(seeds.len(), 1000);
    }
}
