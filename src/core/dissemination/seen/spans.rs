//! Lives of one origin compared as a whole. A node that was restarted ten thousand times has as many streams; two neighbours that
//! know them all alike find out by one hash, and others by a few questions, each about a sixteenth of the last one (range-based
//! set reconciliation: Meyer, SRDS 2023).

use super::{Seen, digest::Digest, lives::Room, telling::DigestPage};
use crate::core::{
    frame::{Hashes, RANGES_MAX, STREAMS_MAX, Span},
    id::{Incarnation, NodeId, StreamId},
};

/// Most lives of a span that are named when somebody asks for it.
const NAMED_MAX: usize = 64;
/// Spans that one with more lives is told as.
const PARTS: usize = 16;

/// A stream and its place.
type Life<'a> = (&'a StreamId, usize);

/// All that was seen, as spans of lives.
#[derive(Debug, Clone, Copy)]
pub struct Spans<'a>(&'a Seen);

impl Seen {
    /// All that was seen, to be compared by spans of lives.
    pub fn spans(&self) -> Spans<'_> {
        Spans(self)
    }
}

impl<'a> Spans<'a> {
    /// The question to a neighbour that tells of these lives: those of them that this node remembers, or has room for, if it has
    /// seen something else of them than the neighbour.
    pub fn ask(self, told: &Span) -> Option<Span> {
        let Span { origin, from, below, hashes } = told;
        let forgotten = self.0.lives.newest_forgotten(origin);
        let from = forgotten.map_or(*from, |newest| Incarnation(newest.0.saturating_add(1)).max(*from));
        let oldest = StreamId { origin: origin.clone(), incarnation: from };
        let from = match self.0.lives.room_for(&oldest) {
            Ok(Room::Free | Room::Of(_)) => from,
            _ => self.0.lives.between(origin, from, *below).next().map_or(*below, |(first, _)| first.incarnation),
        };
        let lives: Vec<_> = self.seen_between(origin, from, *below).collect();
        let ours = self.hashes_of(&lives);
        let is_known = from >= *below || (from == told.from && ours == *hashes);
        (!is_known).then(|| Span { origin: origin.clone(), from, below: *below, hashes: ours })
    }

    /// The answer to one who asks for the lives of these spans, of which it has seen something else: few lives are named, many
    /// told as smaller spans, as much as one frame holds. The rest is told as spans that it may ask for again.
    pub fn answer(self, asked: &[Span]) -> DigestPage {
        let (mut page, mut room) = (DigestPage::default(), RANGES_MAX);
        for (at, Span { origin, from, below, hashes }) in asked.iter().enumerate() {
            let lives: Vec<_> = self.seen_between(origin, *from, *below).collect();
            if lives.is_empty() || self.hashes_of(&lives) == *hashes {
                continue;
            }
            let spans_max = STREAMS_MAX.saturating_sub(asked.len() - at);
            let (named, parts) = if lives.len() <= NAMED_MAX {
                let is_named = |life: &Life<'_>| self.0.tell(*life, STREAMS_MAX, &mut room, &mut page);
                (lives.iter().copied().take_while(is_named).count(), 1)
            } else {
                (0, if page.spans.len() + PARTS <= spans_max { PARTS } else { 1 })
            };
            page.spans.extend(self.divide(&lives[named..], parts, *below));
        }
        page
    }

    /// The lives of an origin that are older than the ones which a full digest names, of which this is the first.
    pub(super) fn older(self, first: &StreamId) -> Option<Span> {
        let StreamId { origin, incarnation } = first;
        let lives: Vec<_> = self.seen_between(origin, Incarnation(0), *incarnation).collect();
        self.divide(&lives, 1, *incarnation).next()
    }

    /// Lives, and all up to the first that is `below` none of them, as so many spans.
    fn divide(self, lives: &[Life<'_>], parts: usize, below: Incarnation) -> impl Iterator<Item = Span> {
        let len = lives.len().div_ceil(parts).max(1);
        lives.chunks(len).enumerate().map(move |(at, part)| {
            let (StreamId { origin, incarnation: from }, _) = part[0];
            let below = lives.get((at + 1) * len).map_or(below, |(next, _)| next.incarnation);
            Span { origin: origin.clone(), from: *from, below, hashes: self.hashes_of(part) }
        })
    }

    /// The lives of an origin, from one on and below another, of which something was seen.
    fn seen_between(
        self,
        origin: &NodeId,
        from: Incarnation,
        below: Incarnation,
    ) -> impl Iterator<Item = Life<'a>> + use<'a> {
        self.0.lives.between(origin, from, below).filter(|&(_, place)| !self.0.streams[place].seen.is_empty())
    }

    /// The hashes of what was seen of some lives.
    fn hashes_of(self, lives: &[Life<'_>]) -> Hashes {
        let mut hashes = Hashes::default();
        for &(stream, place) in lives {
            let hash = stream.hash();
            let mut seen = Digest { stream: hash, sum: &mut hashes.seen };
            self.0.streams[place].seen.iter().for_each(|interval| seen.add(interval));
            let mut given_up = Digest { stream: hash, sum: &mut hashes.given_up };
            self.0.given_up.ranges(stream).for_each(|interval| given_up.add(interval));
        }
        hashes
    }
}

#[cfg(test)]
#[path = "spans/tests.rs"]
mod tests;
