//! News for the log. A state that lasts says the same again and again: it is told a few times, then at growing
//! distances with a count, and at last when it has changed. One table for all that is repeated, and bounded, whatever names
//! a stranger makes up.

use crate::core::time::Mono;
use std::{collections::BTreeMap, fmt, time::Duration};

/// The first distance between two lines of what is repeated, doubled up to the longest.
const DISTANCE: Duration = Duration::from_secs(10);
const DISTANCE_MAX: Duration = Duration::from_secs(600);

/// Lines that have something in common: its word, and how much of it is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) word: &'static str,
    /// Lines about one subject before they become rarer.
    pub(super) free: u32,
    /// Subjects that are told apart; what is beyond is one more.
    pub(super) subjects_max: usize,
}

/// Number of times that something happened since it was told last; displayed as the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Again {
    pub(super) times: u64,
    within: Duration,
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { times, within } = self;
        match (times, within.as_secs()) {
            (..=1, _) => Ok(()),
            (_, seconds @ 0..120) => write!(f, ", {times} times in the last {seconds} s"),
            (_, seconds) => write!(f, ", {times} times in the last {} min", seconds / 60),
        }
    }
}

#[derive(Debug)]
struct Entry<T> {
    told: u32,
    /// Times at which it was told last and happened last, and the distance of its lines.
    told_at: Mono,
    last: Mono,
    distance: Duration,
    /// Number of those not told since, and the last of them.
    withheld: u64,
    latest: Option<T>,
}

impl<T> Entry<T> {
    fn new(now: Mono) -> Self {
        Self { told: 0, told_at: now, last: now, distance: DISTANCE, withheld: 0, latest: None }
    }

    fn is_quiet(&self, now: Mono) -> bool {
        self.withheld == 0 && now.since(self.last) >= DISTANCE_MAX
    }

    fn due(&self) -> Mono {
        self.told_at + self.distance
    }

    fn tell(&mut self, now: Mono, is_repeated: bool) -> Again {
        let again = Again { times: std::mem::take(&mut self.withheld), within: now.since(self.told_at) };
        if is_repeated {
            self.distance = (2 * self.distance).min(DISTANCE_MAX);
        }
        (self.told, self.told_at, self.latest) = (self.told.saturating_add(1), now, None);
        again
    }
}

/// Things told lately, by topic and subject.
#[derive(Debug)]
pub(super) struct Repetition<T> {
    entries: BTreeMap<(&'static str, String), Entry<T>>,
}

impl<T> Default for Repetition<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<T> Repetition<T> {
    /// Gives back what is to be told now; otherwise it waits, in the place of what waited before it.
    pub(super) fn note(&mut self, now: Mono, topic: Topic, subject: String, news: T) -> Option<(T, Again)> {
        let subject = self.place(now, topic, subject);
        let entry = self.entries.entry((topic.word, subject)).or_insert_with(|| Entry::new(now));
        if entry.is_quiet(now) {
            *entry = Entry::new(now);
        }
        entry.last = now;
        entry.withheld += 1;
        if entry.told < topic.free {
            return Some((news, entry.tell(now, false)));
        }
        if entry.due() <= now {
            return Some((news, entry.tell(now, true)));
        }
        entry.latest = Some(news);
        None
    }

    /// The subject under which something is kept: its own, or that of all for whom there is no room.
    fn place(&mut self, now: Mono, topic: Topic, subject: String) -> String {
        let key = (topic.word, subject);
        if self.entries.contains_key(&key) || self.subjects(topic.word) < topic.subjects_max {
            return key.1;
        }
        self.entries.retain(|(word, _), entry| *word != topic.word || !entry.is_quiet(now));
        if self.subjects(topic.word) < topic.subjects_max { key.1 } else { String::new() }
    }

    fn subjects(&self, word: &'static str) -> usize {
        let from = (word, String::new());
        self.entries.range(from..).take_while(|((other, _), _)| *other == word).count()
    }

    /// The next that has waited for long enough.
    pub(super) fn next_due(&mut self, now: Mono) -> Option<(T, Again)> {
        let is_due = |entry: &&mut Entry<T>| entry.latest.is_some() && entry.due() <= now;
        let entry = self.entries.values_mut().find(is_due)?;
        let latest = entry.latest.take()?;
        Some((latest, entry.tell(now, true)))
    }

    /// The time of that.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.entries.values().filter(|entry| entry.latest.is_some()).map(Entry::due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Topic = Topic { word: "refused", free: 3, subjects_max: 4 };

    fn at(seconds: u64) -> Mono {
        Mono(seconds * 1_000_000_000)
    }

    #[test]
    fn what_is_repeated_becomes_rare_and_nothing_is_left_uncounted() {
        let mut news = Repetition::default();
        let (mut lines, mut counted, mut last) = (0, 0, String::new());
        for second in 0..3_600 {
            while let Some((_, again)) = news.next_due(at(second)) {
                (lines, counted, last) = (lines + 1, counted + again.times, again.to_string());
            }
            if let Some((_, again)) = news.note(at(second), TOPIC, "b".into(), second) {
                (lines, counted) = (lines + 1, counted + again.times);
            }
        }
        assert!((8..=16).contains(&lines), "{lines}");
        assert_eq!(last, ", 600 times in the last 10 min");
        let due = news.deadline().unwrap();
        assert!(due <= at(3_600 + 600));
        let (latest, again) = news.next_due(due).unwrap();
        assert_eq!((latest, counted + again.times, news.deadline()), (3_599, 3_600, None), "the last is told, too");
    }

    #[test]
    fn what_differs_or_has_not_been_for_long_is_news() {
        let mut news = Repetition::default();
        for subject in ["b", "c"] {
            let told: Vec<_> = (0..5).filter_map(|_| news.note(at(1), TOPIC, subject.into(), ())).collect();
            assert_eq!(told.iter().map(|(_, again)| again.to_string()).collect::<Vec<_>>(), [""; 3]);
        }
        while news.next_due(at(100)).is_some() {}
        assert!(news.note(at(101), TOPIC, "b".into(), ()).is_none());
        while news.next_due(at(1_000)).is_some() {}
        assert!(news.note(at(2_000), TOPIC, "b".into(), ()).is_some());
    }

    #[test]
    fn ever_new_subjects_are_one_in_the_end() {
        let mut news = Repetition::default();
        let lines = (0..100_000).filter(|number| news.note(at(5), TOPIC, number.to_string(), ()).is_some()).count();
        assert_eq!((lines, news.entries.len()), (4 + 3, 5));
        let other = Topic { word: "gap", ..TOPIC };
        assert!(news.note(at(5), other, "b".into(), ()).is_some(), "another topic has room");
        let quiet = (0..4).filter(|number| news.note(at(5_000), TOPIC, format!("x{number}"), ()).is_some()).count();
        assert_eq!(quiet, 4, "what was told long ago gives way");
    }
}
