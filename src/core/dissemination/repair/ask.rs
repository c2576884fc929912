//! Questions for messages, and their reasons.

use crate::core::{
    frame::StreamRanges,
    id::{StreamId, ranges::Ranges},
    request::Gap,
    slots::Slot,
    time::Mono,
};

/// Source of the news that something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::core::dissemination) enum How {
    /// An announcement. It is probably on its way: asked for when `wait` has passed.
    Announced,
    /// A digest of the changed streams, or one because hashes differ: asked for when `wait` has passed.
    Digest,
    /// The digest right after a link came up: asked for at once.
    Backlog,
    /// An announcement of what will not come by itself: its origin has no parent here, or it comes from the parent, behind what
    /// that has pushed. Asked for at once.
    Overdue,
}

/// Account of how messages that arrived were waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::core::dissemination) struct Arrival {
    /// The way in which they were known to be missing, if their sender was asked for any of them and had not answered before.
    pub asked: Option<How>,
    /// The time when they were first announced, if they were, and nothing of them had come.
    pub first_announced: Option<Mono>,
}

/// A PULL to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core::dissemination) struct Ask {
    /// To whom.
    pub to: Slot,
    /// For what. Within the limits of a frame.
    pub streams: Vec<StreamRanges>,
    /// Announced messages of each of these streams were asked for already within the last ten seconds.
    pub is_repeat: bool,
}

/// Work that is due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::core::dissemination) struct Dues {
    /// Questions to be asked.
    pub asks: Vec<Ask>,
    /// Messages to be given up: all who offered them have lost them, and nobody else has offered it for `lost_after`.
    pub gaps: Vec<Gap>,
    /// Messages below one that came, not offered by anybody for `lost_after`.
    pub holes: Vec<Holes>,
}

/// Messages missing below one that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core::dissemination) struct Holes {
    /// Of which stream.
    pub stream: StreamId,
    /// The peer that sent that message.
    pub by: Slot,
    /// Its number.
    pub below: u64,
    /// The part of it that is sought elsewhere, and not to be given up.
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

/// Changes by an offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) is_new_source: bool,
    /// The messages that were wanted before are to be asked for at once.
    pub(super) is_urgent: bool,
    /// There was no room for all of it.
    pub(super) is_cut: bool,
}
