//! What is asked for, and why.

use crate::core::{frame::StreamRanges, id::StreamId, ranges::Ranges, request::Gap, slots::Slot, time::Mono};

/// How it became known that something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// An announcement. It is probably on its way: asked for when `wait` has passed.
    Announced,
    /// A digest of the changed streams, or one because hashes differ: asked for when `wait` has passed.
    Digest,
    /// The digest right after a link came up: asked for at once.
    Backlog,
    /// An announcement to a node without a parent for that origin: asked for at once.
    Orphan,
}

/// What a message that arrived was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Arrival {
    /// Who was asked for it and has not answered before, and how it was known to be missing.
    pub asked: Option<(Slot, How)>,
    /// When it was first announced, if it was, and nothing of it had come.
    pub first_announced: Option<Mono>,
}

/// A PULL to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// To whom.
    pub to: Slot,
    /// For what. Within the limits of a frame.
    pub streams: Vec<StreamRanges>,
    /// Announced messages of each of these streams were asked for already within the last ten seconds.
    pub is_repeat: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dues {
    /// What is to be asked for.
    pub asks: Vec<Ask>,
    /// What is given up: all who offered it have lost it, and nobody else has offered it for `lost_after`.
    pub gaps: Vec<Gap>,
    /// What lies below a message that came, and was not offered by anybody for `lost_after`.
    pub holes: Vec<Holes>,
}

/// What is missing below a message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holes {
    /// Of which stream.
    pub stream: StreamId,
    /// Who sent that message.
    pub by: Slot,
    /// Its number.
    pub below: u64,
    /// What of it is sought elsewhere, and not to be given up.
    pub sought: Ranges,
}

/// Adds what is asked for of a stream to what one peer is asked for: each stream once.
pub(super) fn add(streams: &mut Vec<StreamRanges>, stream: &StreamId, ranges: Ranges) {
    match streams.last_mut().filter(|last| last.stream == *stream) {
        Some(last) => {
            let mut all = Ranges::from(&last.ranges[..]);
            all.extend(ranges.as_slice());
            last.ranges = all.into_vec();
        }
        None => streams.push(StreamRanges { stream: stream.clone(), ranges: ranges.into_vec() }),
    }
}
