//! Time as the core sees it: handed in with every input, never asked for.

pub mod memo;

use std::{ops::Add, time::Duration};

/// Nanoseconds on a clock that never goes back; its zero has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

/// Nanoseconds since 1970-01-01 UTC on the wall clock, which may jump. For display only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub u64);

/// Both clocks, read once for one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For waiting.
    pub mono: Mono,
    /// For showing.
    pub wall: Wall,
}

impl Add<Duration> for Mono {
    type Output = Self;

    /// Saturates after 584 years.
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Mono {
    /// The earliest of some times, if there is any.
    pub fn earliest<const N: usize>(times: [Option<Self>; N]) -> Option<Self> {
        times.into_iter().fold(None, |first, time| match (first, time) {
            (Some(first), Some(time)) => Some(time.min(first)),
            (first, time) => first.or(time),
        })
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Wall {
    /// Whole microseconds from `earlier` to `self`; zero if `earlier` is later, as it can be when the
    /// clocks of two hosts differ.
    pub fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }
}
