//! Coverage: the share of deliveries by the time since their messages were published, over all messages of all runs.

use serde::Serialize;

/// Bins of a histogram; with fewer than half of them in use it would be finer.
const BINS: usize = 512;
/// Nanoseconds of a bin at first.
const WIDTH: u64 = 1_000;

/// A histogram of delays whose bins widen as needed: bounded memory, and never coarser than one part in 256 of the
/// longest delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Nanoseconds of a bin.
    width: u64,
    counts: Vec<u64>,
    /// Longest delay.
    longest: u64,
    /// Deliveries that there were to be.
    due: u64,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { width: WIDTH, counts: vec![0; BINS], longest: 0, due: 0 }
    }
}

impl Coverage {
    /// One more delivery was due.
    pub fn expect(&mut self, deliveries: u64) {
        self.due += deliveries;
    }

    /// A message was somewhere `delay` nanoseconds after it was published.
    pub fn add(&mut self, delay: u64) {
        self.longest = self.longest.max(delay);
        while delay / self.width >= BINS as u64 {
            self.fold();
        }
        self.counts[(delay / self.width) as usize] += 1;
    }

    /// Takes in another one.
    pub fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.longest = self.longest.max(other.longest);
        while self.width < other.width {
            self.fold();
        }
        for (bin, &count) in other.counts.iter().enumerate() {
            self.counts[(bin as u64 * other.width / self.width) as usize] += count;
        }
    }

    /// Deliveries that were made.
    pub fn made(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Longest delay in nanoseconds.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    /// Nanoseconds after which this share of the deliveries due were made, to the end of a bin; `None` if they never were.
    pub fn reaches(&self, share: f64) -> Option<u64> {
        let wanted = (share * self.due as f64).ceil().max(1.0) as u64;
        let mut made = 0;
        let bin = self.counts.iter().position(|count| {
            made += count;
            made >= wanted
        })?;
        Some(((bin as u64 + 1) * self.width).min(self.longest))
    }

    /// Points of the curve: nanoseconds, and the share of the deliveries due that were made by then. It begins at the
    /// origin and ends with the last delivery.
    pub fn curve(&self) -> Vec<(u64, f64)> {
        let mut made = 0;
        let mut points = vec![(0, 0.0)];
        for (bin, &count) in self.counts.iter().enumerate().filter(|&(_, &count)| count > 0) {
            made += count;
            let end = ((bin as u64 + 1) * self.width).min(self.longest);
            points.push((end, made as f64 / self.due.max(1) as f64));
        }
        points
    }

    /// Makes bins twice as wide.
    fn fold(&mut self) {
        self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).chain([0; BINS / 2]).collect();
        self.width *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(delays: &[u64]) -> Coverage {
        let mut coverage = Coverage::default();
        coverage.expect(delays.len() as u64);
        delays.iter().for_each(|&delay| coverage.add(delay));
        coverage
    }

    #[test]
    fn shares_are_found_whatever_the_scale() {
        for scale in [1_000, 1_000_000, 1_000_000_000] {
            let coverage = of(&(0..100).map(|n| n * scale).collect::<Vec<_>>());
            for share in [0.1, 0.5, 0.99] {
                let exact = (share * 100.0 * scale as f64) as u64;
                let found = coverage.reaches(share).unwrap();
                assert!(found.abs_diff(exact) <= scale + 100 * scale / 128, "{share}: {found} not {exact}");
            }
            assert_eq!((coverage.reaches(1.0), coverage.made()), (Some(99 * scale), 100));
            let curve = coverage.curve();
            assert!(curve.windows(2).all(|pair| pair[0].1 <= pair[1].1) && curve.last() == Some(&(99 * scale, 1.0)));
        }
    }

    #[test]
    fn what_is_missing_is_never_reached() {
        let mut coverage = of(&[1, 2, 3]);
        coverage.expect(1);
        assert_eq!((coverage.reaches(1.0), coverage.reaches(0.75)), (None, Some(3)));
    }

    #[test]
    fn merging_is_adding() {
        let (few, many): (Vec<u64>, Vec<u64>) = ((0..50).collect(), (0..200).map(|n| n * 77_000).collect());
        for (one, other) in [(&few, &many), (&many, &few)] {
            let mut merged = of(one);
            merged.merge(&of(other));
            assert_eq!((merged.made(), merged.longest(), merged.reaches(1.0)), (250, 199 * 77_000, Some(199 * 77_000)));
        }
    }
}
