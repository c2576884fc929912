//! The segments that a log keeps, and which of them it has no room for.

use super::recovery::Segment;
use crate::core::time::Wall;
use std::{collections::VecDeque, time::Duration};

/// Bounds of a log. Only whole segments are dropped, oldest first, and only if the next one that is kept begins with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Most bytes.
    pub bytes: u64,
    /// Number of messages that are enough, if there is one.
    pub messages: Option<u64>,
    /// Age from which on messages are dropped, if there is one.
    pub age: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { bytes: 1 << 30, messages: None, age: None }
    }
}

/// Segments that are kept, without the one that is written.
#[derive(Debug, Default)]
pub(super) struct Kept(VecDeque<Segment>);

impl Kept {
    pub(super) fn new(segments: Vec<Segment>) -> Self {
        Self(segments.into())
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.0.push_back(segment);
    }

    /// The number of the oldest one.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.0.front().map(|segment| segment.id)
    }

    pub(super) fn forget_oldest(&mut self) {
        self.0.pop_front();
    }

    /// Number of the oldest segments that are to go, if `current` is the newest one.
    pub(super) fn surplus(&self, retention: &Retention, current: &Segment, now: Wall) -> usize {
        let all = || self.0.iter().chain([current]);
        let grounds = all().enumerate().skip(1).filter(|(_, segment)| segment.has_checkpoint && segment.safe > 0);
        let (mut bytes, mut surplus) = (all().map(|segment| segment.len).sum::<u64>(), 0);
        for (count, _) in grounds {
            let going = || all().take(count).skip(surplus);
            let messages: u64 = all().skip(count).map(|segment| segment.messages).sum();
            let is_old = |age: Duration| {
                going().all(|segment| u128::from(now.0.saturating_sub(segment.newest)) > age.as_nanos())
            };
            let goes = bytes > retention.bytes
                || retention.messages.is_some_and(|enough| messages >= enough)
                || retention.age.is_some_and(is_old);
            if !goes {
                break;
            }
            bytes -= going().map(|segment| segment.len).sum::<u64>();
            surplus = count;
        }
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(id: u64, has_checkpoint: bool) -> Segment {
        Segment { id, len: 100, safe: 100, has_checkpoint, messages: 10, newest: id * 1_000_000_000 }
    }

    fn surplus(checkpoints: &[bool], retention: Retention) -> usize {
        let mut segments: Vec<_> = (1..).zip(checkpoints).map(|(id, &has)| segment(id, has)).collect();
        let current = segments.pop().unwrap();
        Kept::new(segments).surplus(&retention, &current, Wall(10_000_000_000))
    }

    #[test]
    fn the_oldest_go_for_each_bound() {
        let all = [false, true, true, true, true];
        let bytes = |bytes| Retention { bytes, ..Retention::default() };
        assert_eq!([1000, 500, 499, 300, 99].map(|max| surplus(&all, bytes(max))), [0, 0, 1, 2, 4]);
        let messages = |enough| Retention { messages: Some(enough), ..Retention::default() };
        assert_eq!([1, 10, 11, 40, 41].map(|enough| surplus(&all, messages(enough))), [4, 4, 3, 1, 0]);
        let age = |seconds| Retention { age: Some(Duration::from_secs(seconds)), ..Retention::default() };
        assert_eq!([0, 7, 8, 9].map(|seconds| surplus(&all, age(seconds))), [4, 2, 1, 0]);
    }

    #[test]
    fn what_is_kept_begins_with_a_checkpoint() {
        let bytes = |bytes| Retention { bytes, ..Retention::default() };
        assert_eq!(surplus(&[false, false, false, true, false], bytes(450)), 3);
        assert_eq!(surplus(&[false, false, false, false], bytes(1)), 0);
    }
}
