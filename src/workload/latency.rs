//! Latency of messages, to the last node.

use crate::core::time::Wall;

/// Milliseconds that half, 99 % and 99.9 % of some messages did not exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Half of them.
    pub p50: f64,
    /// 99 % of them.
    pub p99: f64,
    /// 99.9 % of them; of fewer than 1000, all.
    pub p999: f64,
}

impl Latency {
    /// Of messages by when each was submitted and when the last node received it; NaN of none.
    pub fn new(submitted: &[Wall], received: &[Wall]) -> Self {
        let mut millis: Vec<_> =
            submitted.iter().zip(received).map(|(&submitted, &received)| 1e3 * seconds(submitted, received)).collect();
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| percentile(&mut millis, share));
        Self { p50, p99, p999 }
    }
}

/// From one time to another, zero if that is the earlier.
pub fn seconds(from: Wall, to: Wall) -> f64 {
    to.0.saturating_sub(from.0) as f64 / 1e9
}

/// The value that this share of the values does not exceed; NaN of none. The slice is sorted by it.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let sent = vec![Wall(1_000_000); 1000];
        let received: Vec<_> = (1..=1000).rev().map(|n| Wall(1_000_000 * (1 + n))).collect();
        assert_eq!(Latency::new(&sent, &received), Latency { p50: 500.0, p99: 990.0, p999: 999.0 });
        assert_eq!(Latency::new(&sent[..3], &received[..3]), Latency { p50: 999.0, p99: 1000.0, p999: 1000.0 });
        assert!(Latency::new(&[], &[]).p50.is_nan());
    }
}
