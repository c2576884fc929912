//! Histogram of a measured value: counts by upper bound, as monitoring systems read them. No memory beyond an array.

use std::time::Duration;

/// Upper bounds of delivery latencies in microseconds: 100 µs, doubled up to 26 s, and a minute.
pub const LATENCY_BOUNDS: [u64; 20] = {
    let mut bounds = [60_000_000; 20];
    let mut at = 0;
    while at < 19 {
        bounds[at] = 100 << at;
        at += 1;
    }
    bounds
};

/// Upper bounds of the numbers of links that messages cross.
pub const HOPS_BOUNDS: [u64; 14] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 64, 256];

/// Counts of values by upper bound. What is above the last bound is counted in [`count`](Self::count) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    counts: [u64; N],
    count: u64,
    sum: u64,
}

/// The messages that came from other nodes: how long they took, and over how many links they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliveries {
    /// Microseconds from the submission to the arrival here, by the clocks of the two hosts; a negative difference counts as
    /// zero.
    pub latency: Histogram<{ LATENCY_BOUNDS.len() }>,
    /// Links crossed.
    pub hops: Histogram<{ HOPS_BOUNDS.len() }>,
}

impl<const N: usize> Histogram<N> {
    /// Nothing counted. `bounds` ascend.
    pub const fn new(bounds: &'static [u64; N]) -> Self {
        Self { bounds, counts: [0; N], count: 0, sum: 0 }
    }

    /// Counts one value so many times.
    pub fn add(&mut self, value: u64, times: u64) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += times;
        }
        self.count += times;
        self.sum = self.sum.saturating_add(value.saturating_mul(times));
    }

    /// Each bound with the number of values up to it, ascending.
    pub fn cumulated(&self) -> impl Iterator<Item = (u64, u64)> {
        let counts = self.counts.iter().scan(0, |below, count| {
            *below += count;
            Some(*below)
        });
        self.bounds.iter().copied().zip(counts)
    }

    /// Number of values that were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All values together.
    pub fn sum(&self) -> u64 {
        self.sum
    }
}

impl Deliveries {
    /// Counts messages that came together.
    pub fn add(&mut self, latency: Duration, hops: u32, times: u64) {
        self.latency.add(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), times);
        self.hops.add(hops.into(), times);
    }
}

impl Default for Deliveries {
    fn default() -> Self {
        Self { latency: Histogram::new(&LATENCY_BOUNDS), hops: Histogram::new(&HOPS_BOUNDS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_histogram_counts_what_is_at_most_its_bounds(
            values in prop::collection::vec((0u64..200_000_000, 1u64..5000), 0..50),
        ) {
            let mut histogram = Histogram::new(&LATENCY_BOUNDS);
            values.iter().for_each(|&(value, times)| histogram.add(value, times));
            let times = |bound| values.iter().filter(|&&(value, _)| value <= bound).map(|&(_, times)| times).sum::<u64>();
            for (bound, count) in histogram.cumulated() {
                prop_assert_eq!(count, times(bound));
            }
            let sum = values.iter().map(|(value, times)| value * times).sum::<u64>();
            prop_assert_eq!((histogram.count(), histogram.sum()), (times(u64::MAX), sum));
        }
    }

    #[test]
    fn messages_that_come_together_count_each() {
        let mut deliveries = Deliveries::default();
        deliveries.add(Duration::from_micros(70), 3, 4096);
        deliveries.add(Duration::MAX, 1, 1);
        let Deliveries { latency, hops } = deliveries;
        assert_eq!((hops.count(), hops.sum()), (4097, 3 * 4096 + 1));
        assert_eq!((latency.count(), latency.sum()), (4097, u64::MAX));
    }

    #[test]
    fn bounds_ascend_from_100_microseconds_to_a_minute() {
        assert!(LATENCY_BOUNDS.is_sorted_by(|a, b| a < b) && HOPS_BOUNDS.is_sorted_by(|a, b| a < b));
        assert_eq!((LATENCY_BOUNDS[0], LATENCY_BOUNDS[18], LATENCY_BOUNDS[19]), (100, 26_214_400, 60_000_000));
    }
}
