//! Messages as they are noted: a batch at a time, any part of which may have been had or given up.

use super::{
    Recent, Seen,
    given::Late,
    sighting::{Mixed, Sighting},
};
use crate::core::id::{Incarnation, NodeId, ranges::Ranges};

impl Seen {
    /// Notes the messages `first..=last` of a stream and says which are new. Where there is no room for one more interval, the
    /// lowest gap of that life is given up; where there is none for one more life, the oldest of that origin is forgotten, if it
    /// has others.
    pub fn insert(&mut self, origin: &NodeId, incarnation: Incarnation, (first, last): (u64, u64)) -> Sighting {
        if first == 0 || last < first {
            return Sighting::Again;
        }
        if let Err(sighting) = self.turn_to(origin, incarnation, last) {
            return sighting;
        }
        let before = self.recent_len();
        if self.given_up.is_empty() && self.add_new(first, last) {
            self.settle(before);
            return Sighting::First;
        }
        let mixed = self.add_mixed(first, last);
        if let Some(&(_, highest)) = mixed.new.last() {
            let stream = self.recent.as_ref().map(|recent| recent.stream.clone());
            for range in stream.map(|stream| self.given_up.prove(&stream, highest)).unwrap_or_default() {
                self.take_out(range);
            }
            self.settle(before);
        }
        match &mixed.new[..] {
            [] if mixed.unsure == 0 => Sighting::Again,
            [] if mixed.unsure > last - first => Sighting::Unsure,
            [only] if *only == (first, last) && mixed.filled.is_empty() => Sighting::First,
            _ => Sighting::Mixed(Box::new(mixed)),
        }
    }

    /// Adds numbers of the recent stream if all of them come after all that were seen.
    fn add_new(&mut self, first: u64, last: u64) -> bool {
        let is_new = self.recent.as_ref().is_some_and(|recent| self.streams[recent.place].seen.highest() < first);
        if is_new {
            self.add(first, last);
        }
        is_new
    }

    /// Adds numbers of the recent stream, some of which may be there or have been given up.
    fn add_mixed(&mut self, first: u64, last: u64) -> Mixed {
        let Some(Recent { stream, place, .. }) = self.recent.clone() else { return Mixed::default() };
        let mut fresh = Vec::new();
        self.streams[place].seen.missing(first, last, &mut fresh, usize::MAX);
        let Late { named, claimed } = self.given_up.take(&stream, (first, last));
        fresh.iter().for_each(|&(first, last)| _ = self.add(first, last));
        let mut new = Ranges::from(&fresh[..]);
        new.extend(&named);
        new.extend(&claimed);
        let unsure = self.given_up.joined(&stream).map_or(0, |joined| {
            let mut old = Ranges::from(&[(first, last)][..]);
            old.subtract(new.as_slice());
            old.intersection(&[joined]).count()
        });
        Mixed { new: new.into_vec(), filled: named, unsure }
    }
}
