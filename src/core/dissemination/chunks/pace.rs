//! Window of a link's pieces that may be under way: as much as keeps it busy, and no more than a probe can wait behind.

use std::time::Duration;

/// Least and most bytes that may be under way, and how many at first.
const LEAST: usize = 16 << 10;
/// See [`LEAST`].
pub(super) const MOST: usize = 128 << 10;
/// See [`LEAST`].
const FIRST: usize = 32 << 10;
/// Longest piece.
const PIECE_MAX: usize = 64 << 10;
/// Queueing up to this long is no sign of too much, and longer than that of far too much.
const SHORT: Duration = Duration::from_millis(100);
/// See [`SHORT`].
const LONG: Duration = Duration::from_millis(300);

/// The window of a link, by the time that its pieces spend in queues: what its acknowledgements take beyond the quickest
/// of them (delay-based congestion control, as in LEDBAT, RFC 6817).
#[derive(Debug)]
pub(super) struct Pace {
    window: usize,
    quickest: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { window: FIRST, quickest: None }
    }
}

impl Pace {
    /// Bytes that may be under way.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// The longest piece: two of them fill the window, so that one is under way while the other is acknowledged.
    pub(super) fn piece(&self) -> usize {
        (self.window / 2).min(PIECE_MAX)
    }

    /// So many bytes were acknowledged, so long after they were sent.
    pub(super) fn note(&mut self, bytes: usize, took: Duration) {
        let quickest = self.quickest.map_or(took, |quickest| quickest.min(took));
        self.quickest = Some(quickest);
        let queued = took - quickest;
        if queued <= SHORT {
            self.window = (self.window + bytes).min(MOST);
        } else if queued > LONG {
            self.window = (self.window / 2).max(LEAST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window after 20 seconds on a link of this rate and round trip, each piece sent as soon as there is room.
    fn settled(bytes_per_second: u64, round_trip: Duration) -> usize {
        let mut pace = Pace::default();
        let mut free = Duration::ZERO;
        let mut under_way = std::collections::VecDeque::new();
        let mut now = Duration::ZERO;
        while now < Duration::from_secs(20) {
            let mut sum: usize = under_way.iter().map(|&(_, bytes, _): &(Duration, usize, Duration)| bytes).sum();
            while sum + pace.piece() <= pace.window() {
                let bytes = pace.piece();
                free = free.max(now) + Duration::from_nanos(bytes as u64 * 1_000_000_000 / bytes_per_second);
                under_way.push_back((free + round_trip, bytes, now));
                sum += bytes;
            }
            let (at, bytes, sent) = under_way.pop_front().expect("a window has room for a piece");
            now = at;
            pace.note(bytes, at - sent);
        }
        pace.window()
    }

    #[test]
    fn a_slow_link_gets_little_and_a_fast_one_all() {
        assert!(settled(64_000, Duration::from_millis(1)) <= FIRST);
        assert!(settled(8_000, Duration::from_millis(200)) <= FIRST);
        assert_eq!(settled(100_000_000, Duration::from_millis(1)), MOST);
        assert_eq!(settled(10_000_000, Duration::from_millis(200)), MOST, "a long way is no queue");
    }
}
