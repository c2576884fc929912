//! Lines of many nodes in the order of their times, as well as a short wait allows: what comes later than that comes late.

use super::line::Line;
use crate::core::time::{Mono, Wall};
use std::{collections::BTreeMap, time::Duration};

/// Time that a line waits for earlier ones of other nodes.
pub(super) const WINDOW: Duration = Duration::from_millis(250);
/// Most lines that wait; beyond it the earliest do not.
const LINES_MAX: usize = 65_536;

/// Lines that wait for earlier ones.
#[derive(Default)]
pub(super) struct Merge {
    waiting: BTreeMap<(Wall, u64), (Mono, Line)>,
    /// Lines with equal times keep the order in which they came.
    count: u64,
}

impl Merge {
    /// Takes a line that came now.
    pub(super) fn push(&mut self, now: Mono, line: Line) {
        self.waiting.insert((line.at, self.count), (now, line));
        self.count += 1;
    }

    /// The lines that have waited for long enough, and all that are earlier than the last of them.
    pub(super) fn take_due(&mut self, now: Mono) -> Vec<Line> {
        let is_due = |came: Mono| now.since(came) >= WINDOW;
        let last = self.waiting.iter().rev().find(|(_, (came, _))| is_due(*came)).map(|(&key, _)| key);
        let surplus = self.waiting.len().checked_sub(LINES_MAX);
        let last = last.max(surplus.and_then(|surplus| self.waiting.keys().nth(surplus)).copied());
        let Some((at, count)) = last else { return Vec::new() };
        let rest = self.waiting.split_off(&(at, count + 1));
        std::mem::replace(&mut self.waiting, rest).into_values().map(|(_, line)| line).collect()
    }

    /// All lines.
    pub(super) fn take_all(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.waiting).into_values().map(|(_, line)| line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_come_in_order_if_they_come_within_the_window(
            steps in prop::collection::vec((0u64..200_000_000, 0u64..300_000_000), 1..80),
        ) {
            let (mut merge, mut now, mut out) = (Merge::default(), 1_000_000_000, Vec::new());
            for &(late, pause) in &steps {
                // It happened up to 200 ms ago, and nothing waits for more than the window and the pause between two looks.
                merge.push(Mono(now), Line::own(Wall(now - late), None, "x"));
                now += pause.min(40_000_000);
                out.extend(merge.take_due(Mono(now)).into_iter().map(|line| line.at));
                prop_assert!(merge.waiting.values().all(|(came, _)| Mono(now).since(*came) < WINDOW));
            }
            out.extend(merge.take_all().into_iter().map(|line| line.at));
            prop_assert_eq!(out.len(), steps.len());
            prop_assert!(out.is_sorted(), "{:?}", out);
        }
    }

    #[test]
    fn no_more_than_so_many_lines_wait() {
        let mut merge = Merge::default();
        for at in 0..LINES_MAX as u64 + 10 {
            merge.push(Mono(0), Line::own(Wall(at), None, "x"));
        }
        merge.take_due(Mono(0));
        assert!(merge.waiting.len() < LINES_MAX);
    }
}
