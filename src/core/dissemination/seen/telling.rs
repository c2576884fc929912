//! Account of what was seen: to neighbours, as a version vector, and to those who ask.

use super::{Seen, Stream};
use crate::core::{
    frame::{Frame, Hashes, Span, StreamRanges},
    id::{Incarnation, StreamId},
    request::Gap,
};
use std::iter;

/// The newest lives of an origin, which a full digest names one by one.
const NEWEST: usize = 8;

/// A part of what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DigestPage {
    /// Messages of some streams that were had or given up, in their order.
    pub streams: Vec<StreamRanges>,
    /// Of these streams, what was given up.
    pub given_up: Vec<StreamRanges>,
    /// Other streams, as a whole.
    pub spans: Vec<Span>,
}

impl From<DigestPage> for Frame {
    fn from(DigestPage { streams, given_up, spans }: DigestPage) -> Self {
        Self::Digest { streams, given_up, spans }
    }
}

impl Seen {
    /// Tells what was seen of the streams that have changed since `version` (0: of all), in their order, from behind the stream
    /// `after`: as much as one frame of `streams_max` streams and `ranges_max` intervals holds. Of a stream that has more
    /// intervals than that, the lowest ones. No streams: there is no more.
    pub fn changed_since(
        &self,
        version: u64,
        after: Option<&StreamId>,
        streams_max: usize,
        ranges_max: usize,
    ) -> DigestPage {
        let (mut told, mut room) = (DigestPage::default(), ranges_max);
        if version < self.version {
            let has_changed = |place: usize| self.streams[place].version > version;
            let changed = self.lives.behind(after).filter(|&(_, place)| has_changed(place));
            changed.take_while(|life| self.tell(*life, streams_max, &mut room, &mut told)).for_each(drop);
        }
        told
    }

    /// Tells all that was seen, in the same pages: of each origin the newest lives as they are, the older ones as one span.
    pub fn account(&self, after: Option<&StreamId>, streams_max: usize, ranges_max: usize) -> DigestPage {
        let (mut told, mut room) = (DigestPage::default(), ranges_max);
        let behind = |after: Option<&StreamId>| self.lives.behind(after).next().map(|(stream, _)| stream);
        let end = |stream: &StreamId| StreamId { incarnation: Incarnation(u64::MAX), ..stream.clone() };
        for first in iter::successors(behind(after), |stream| behind(Some(&end(stream)))) {
            let lives = self.lives.of(&first.origin).rev().filter(|&(_, place)| !self.streams[place].seen.is_empty());
            let newest: Vec<_> = lives.take(NEWEST).collect();
            let begins = after.is_none_or(|after| after.origin != first.origin);
            let rest = newest.iter().rev().filter(|(stream, _)| after.is_none_or(|after| *stream > after));
            for (at, life) in rest.enumerate() {
                if !self.tell(*life, streams_max, &mut room, &mut told) {
                    return told;
                }
                if at == 0 && begins {
                    told.spans.extend(self.spans().older(life.0));
                }
            }
        }
        told
    }

    /// Tells what was seen of a stream, if there is room for it among so many streams and intervals.
    pub(super) fn tell(
        &self,
        (stream, place): (&StreamId, usize),
        streams_max: usize,
        room: &mut usize,
        told: &mut DigestPage,
    ) -> bool {
        let Stream { seen, .. } = &self.streams[place];
        if seen.is_empty() {
            return true;
        }
        let len = seen.len() + self.given_up.ranges(stream).take(*room).count();
        if told.streams.len() >= streams_max || *room == 0 || (len > *room && !told.streams.is_empty()) {
            return false;
        }
        let ranges: Vec<_> = seen.iter().take(*room).collect();
        *room -= ranges.len();
        told.streams.push(StreamRanges { stream: stream.clone(), ranges });
        let ranges: Vec<_> = self.given_up.ranges(stream).take(*room).collect();
        *room -= ranges.len();
        if !ranges.is_empty() {
            told.given_up.push(StreamRanges { stream: stream.clone(), ranges });
        }
        true
    }

    /// A hash of all that was had or given up: equal for equal sets, whatever the order in which they came about, on every
    /// platform.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// That hash, and the same of what was given up.
    pub fn hashes(&self) -> Hashes {
        Hashes { seen: self.digest, given_up: self.given_up.digest() }
    }

    /// Number of ids that were had or given up, without those of which others have only said that they exist. Costs a look at each
    /// stream.
    pub fn messages(&self) -> u64 {
        let streams = self.lives.behind(None).map(|(_, place)| self.streams[place].seen.count_numbers());
        streams.fold(0, u64::saturating_add).saturating_sub(self.given_up.claimed_count())
    }

    /// Gaps, which were given up and are known to exist: of the forgotten lives of each origin as one range, and of each stream.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.lives.forgotten_gaps().chain(self.given_up.all_gaps())
    }

    /// The same of one stream; of the oldest that is remembered of its origin, with those that are not.
    pub fn gaps_of(&self, stream: &StreamId) -> impl Iterator<Item = Gap> {
        let forgotten = self.lives.forgotten_gap(&stream.origin).filter(|_| self.lives.is_oldest(stream));
        forgotten.into_iter().chain(self.given_up.gaps(stream))
    }

    /// Messages of a stream that others have only said to exist, and nobody could send.
    pub fn claims_of(&self, stream: &StreamId) -> impl Iterator<Item = Gap> {
        self.given_up.claims(stream)
    }

    /// Number of messages that were given up, those of forgotten lives included.
    pub fn given_up(&self) -> u64 {
        self.given_up.named_count().saturating_add(self.lives.missing())
    }

    /// Number of messages that others have only said to exist.
    pub fn claimed(&self) -> u64 {
        self.given_up.claimed_count()
    }

    /// Number of ranges that were given up.
    pub fn gaps_len(&self) -> usize {
        self.given_up.len()
    }

    /// The streams of which something is missing below what was had. Costs a look at each.
    pub fn with_holes(&self) -> impl Iterator<Item = (&StreamId, u64)> {
        self.lives.behind(None).filter_map(|(stream, _)| Some((stream, self.hole_below(stream)?)))
    }
}
