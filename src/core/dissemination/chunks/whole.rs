//! Large bodies on their way to a peer that takes no pieces: nothing that is sent after them is answered before they have
//! crossed, so its silence means nothing for that long.

use super::body::SLOWEST;
use crate::core::time::Mono;
use std::time::Duration;

/// Longest time without any answer that is excused: 2 MiB at the slowest rate.
const SILENCE_MAX: Duration = Duration::from_secs(128);

/// Bodies under way in one.
#[derive(Debug, Default)]
pub(super) struct Whole {
    /// Bytes that go now.
    fresh: usize,
    /// The time when the last of it went.
    at: Mono,
    /// The time when all of it will have crossed, on the slowest link.
    until: Mono,
    /// The time when a probe was answered last, or the first of it went.
    heard: Mono,
}

impl Whole {
    /// A body goes in this turn.
    pub(super) fn push(&mut self, len: usize) {
        self.fresh += len;
    }

    /// All that was pushed went now.
    pub(super) fn sent(&mut self, now: Mono) {
        let bytes = std::mem::take(&mut self.fresh);
        if bytes == 0 {
            return;
        }
        if self.until <= now {
            (self.until, self.heard) = (now, now);
        }
        self.until = self.until + Duration::from_secs(bytes as u64) / SLOWEST;
        self.at = now;
    }

    /// A probe was answered that was sent at that time: what went before has crossed.
    pub(super) fn answered(&mut self, now: Mono, sent: Mono) {
        self.heard = now;
        if sent > self.at {
            self.until = self.until.min(now);
        }
    }

    /// Until when silence means nothing.
    pub(super) fn excused_until(&self) -> Mono {
        self.until.min(self.heard + SILENCE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn silence_is_excused_for_as_long_as_the_bytes_may_take() {
        let mut whole = Whole::default();
        whole.push(1 << 20);
        whole.sent(at(10));
        assert_eq!(whole.excused_until(), at(74));
        whole.answered(at(12), at(9));
        assert_eq!(whole.excused_until(), at(74), "it was asked before");
        whole.answered(at(30), at(11));
        assert_eq!(whole.excused_until(), at(30));
    }

    #[test]
    fn who_answers_nothing_is_not_excused_for_ever() {
        let mut whole = Whole::default();
        whole.push(64 << 20);
        whole.sent(at(0));
        assert_eq!(whole.excused_until(), at(128));
        whole.answered(at(100), Mono(0));
        assert_eq!(whole.excused_until(), at(228), "it goes on");
    }
}
