//! The dice of the fuzzer: one seed, one sequence.

use rand_pcg::{
    Pcg64Mcg,
    rand_core::{Rng, SeedableRng},
};

/// A seeded generator with the few questions that mutation asks.
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.number().checked_rem(end as u64).unwrap_or(0) as usize
    }

    /// Yes, once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// A number that is often small and sometimes not: each power of two is as likely.
    pub(crate) fn few(&mut self, end: usize) -> usize {
        let bits = (usize::BITS - end.leading_zeros()) as usize;
        let bits = self.below(bits + 1);
        self.below((1 << bits).min(end.max(1)))
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A number at which something may happen: an end of a range, or one beside it.
    pub(crate) fn boundary(&mut self) -> u64 {
        let power = 1_u64 << self.below(64);
        match self.below(6) {
            0 => self.below(5) as u64,
            1 => u64::MAX - self.below(3) as u64,
            2 => self.number(),
            _ => power.wrapping_add(self.below(3) as u64).wrapping_sub(1),
        }
    }
}
