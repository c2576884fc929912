//! Records from which what was seen can be rebuilt, once those of the messages are gone.

use super::Seen;
use crate::core::{
    event::record::Record,
    id::{StreamId, ranges::Ranges},
};

impl Seen {
    /// All that was had, given up and forgotten, as records, in the order in which they are to be noted: of each origin the lives
    /// that were forgotten, then of each life what was had and what was given up. Where it is not known any more which messages of
    /// a range were given up, they count as had.
    pub fn checkpoint(&self) -> impl Iterator<Item = Record> {
        let lives = self.lives.behind(None).flat_map(|(stream, place)| {
            let had = self.had(stream, place).map(|(first, last)| Record::Had { stream: stream.clone(), first, last });
            let given_up = self.given_up.ranges(stream);
            had.chain(given_up.map(|(first, last)| Record::GivenUp { stream: stream.clone(), first, last }))
        });
        self.lives.all_forgotten().chain(lives)
    }

    /// Notes that a life and all older ones of its origin were forgotten.
    pub fn restore_forgotten(&mut self, stream: &StreamId, missing: u64, highest: u64) {
        self.lives.forget_up_to(stream, missing, highest);
    }

    /// The intervals of a stream that were had.
    fn had(&self, stream: &StreamId, place: usize) -> impl Iterator<Item = (u64, u64)> {
        let mut had = Ranges::default();
        self.streams[place].seen.iter().for_each(|(first, last)| had.insert(first, last));
        self.given_up.ranges(stream).for_each(|(first, last)| had.remove(first, last));
        had.into_vec().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        config::Limits,
        id::{Incarnation, NodeId},
    };

    fn stream(origin: u32, life: u64) -> StreamId {
        StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(life) }
    }

    fn restored(seen: &Seen, limits: &Limits) -> Seen {
        let mut again = Seen::new(stream(1, 9), limits);
        for record in seen.checkpoint() {
            match record {
                Record::Had { stream, first, last } => {
                    again.insert(&stream.origin, stream.incarnation, (first, last));
                }
                Record::GivenUp { stream, first, last } => drop(again.close(&stream, &[(first, last)])),
                Record::Forgotten { stream, missing, highest } => again.restore_forgotten(&stream, missing, highest),
                other => panic!("{other:?} is not about what was seen"),
            }
        }
        again
    }

    #[test]
    fn what_was_seen_is_the_same_again() {
        let limits = Limits { streams_max: 6, lives_max: 2, ..Limits::default() };
        let mut seen = Seen::new(stream(1, 8), &limits);
        for life in 1..=7 {
            seen.insert(&NodeId::numbered(2), Incarnation(life), (1, 10 * life));
            seen.insert(&NodeId::numbered(2), Incarnation(life), (10 * life + 5, 10 * life + 6));
        }
        seen.insert(&NodeId::numbered(3), Incarnation(4), (7, 9));
        seen.close(&stream(3, 4), &[(1, 3), (12, 14)]);
        seen.insert(&NodeId::numbered(1), Incarnation(8), (1, 5));
        let again = restored(&seen, &Limits { streams_max: 7, ..limits });
        assert_eq!((again.hashes(), again.streams()), (seen.hashes(), seen.streams() + 1), "a life of its own is new");
        assert!(again.gaps().eq(seen.gaps()));
        assert!(seen.gaps().count() >= 2, "a life was forgotten, and a range given up");
        for (origin, life, sequence) in [(2, 1, 1), (2, 7, 70), (2, 7, 72), (3, 4, 2), (3, 4, 8), (3, 4, 13), (1, 8, 5)]
        {
            let id = stream(origin, life).message(sequence);
            assert_eq!(again.contains(&id), seen.contains(&id), "{id}");
        }
    }
}
