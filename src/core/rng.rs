//! A node's source of chance: a generator whose seed is handed in, so that equal inputs give equal outputs.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::time::Duration;

/// Numbers that nobody can foresee who does not know the seed. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng(Pcg64Mcg);

impl Rng {
    /// The same seed gives the same numbers, on every platform.
    pub fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// Any number.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// One of the numbers below `count`, each as likely as any other; 0 if there are none.
    pub fn below(&mut self, count: usize) -> usize {
        if count < 2 { 0 } else { self.0.random_range(0..count) }
    }

    /// One of `items`, or nothing if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Up to `count` of `items`, in any order (Fisher and Yates).
    pub fn sample<T>(&mut self, items: impl IntoIterator<Item = T>, count: usize) -> Vec<T> {
        let mut items: Vec<T> = items.into_iter().collect();
        let count = count.min(items.len());
        for place in 0..count {
            let other = place + self.below(items.len() - place);
            items.swap(place, other);
        }
        items.truncate(count);
        items
    }

    /// Between `wait` and one and a half times that, so that what began together does not go on together.
    pub fn about(&mut self, wait: Duration) -> Duration {
        wait + wait.mul_f64(self.below(1 << 16) as f64 / f64::from(1 << 17))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Rng};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_sample_holds_different_items(seed: u64, count in 0usize..50, wanted in 0usize..60) {
            let mut rng = Rng::new(seed);
            let sample: BTreeSet<usize> = rng.sample(0..count, wanted).into_iter().collect();
            prop_assert_eq!(sample.len(), wanted.min(count));
            prop_assert!(sample.iter().all(|&item| item < count));
        }

        #[test]
        fn a_seed_tells_all(seed: u64, count in 1usize..1000) {
            let draw = |seed| { let mut rng = Rng::new(seed); [(); 20].map(|()| rng.below(count)) };
            prop_assert_eq!(draw(seed), draw(seed));
            prop_assert!(draw(seed).iter().all(|&drawn| drawn < count));
        }

        #[test]
        fn about_is_never_less(seed: u64, millis in 0u64..100_000) {
            let wait = Duration::from_millis(millis);
            let about = Rng::new(seed).about(wait);
            prop_assert!(wait <= about && about <= wait.mul_f64(1.5));
        }
    }

    #[test]
    fn every_number_comes_up_about_as_often() {
        let mut rng = Rng::new(7);
        let mut counts = [0u32; 10];
        for _ in 0..10_000 {
            counts[rng.below(10)] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn of_nothing_nothing_is_picked() {
        assert_eq!(Rng::new(1).pick::<u8>(&[]), None);
        assert_eq!(Rng::new(1).below(0), 0);
    }
}
