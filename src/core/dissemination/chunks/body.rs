//! Large bodies, and the messages in frames that have them.

use crate::core::{
    frame::Frame,
    id::{MessageId, StreamId},
};

/// Longest body that crosses a link in one frame, also to a peer that takes pieces.
pub(in crate::core::dissemination) const WHOLE_MAX: usize = 64 << 10;
/// Most frames that may be under way in pieces, or wait for their turn, over one link.
pub(super) const PARCELS_MAX: usize = 1024;

/// Bytes a second of the slowest link that what cannot be seen to move is given time for.
pub(super) const SLOWEST: u32 = 16 << 10;

/// The message that a frame carries, if it does.
pub(super) fn carried(frame: &Frame) -> Option<&MessageId> {
    match frame {
        Frame::Message(message) => Some(&message.id),
        _ => None,
    }
}

/// Says whether a frame carries a message of `stream` within `ranges`.
pub(super) fn carries(frame: &Frame, stream: &StreamId, ranges: &[(u64, u64)]) -> bool {
    carried(frame).is_some_and(|id| {
        id.incarnation == stream.incarnation
            && id.origin == stream.origin
            && ranges.iter().any(|&(first, last)| (first..=last).contains(&id.sequence))
    })
}
