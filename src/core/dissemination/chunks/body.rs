//! Large bodies, and the batches in frames that have them.

use crate::core::{batch::Batch, frame::Frame, id::StreamId};

/// Longest body that crosses a link in one frame, also to a peer that takes pieces.
pub(in crate::core::dissemination) const WHOLE_MAX: usize = 64 << 10;
/// Shortest body that counts towards the bytes between two probes: shorter ones are small beside what they cost.
pub(in crate::core::dissemination) const BULK_MIN: usize = 1 << 10;
/// Most frames that may be under way in pieces, or wait for their turn, over one link.
pub(super) const PARCELS_MAX: usize = 1024;

/// Bytes a second of the slowest link that what cannot be seen to move is given time for.
pub(super) const SLOWEST: u32 = 16 << 10;

/// Says whether a frame carries messages of `stream`, and only such within one of `ranges`.
pub(super) fn carries(frame: &Frame, stream: &StreamId, ranges: &[(u64, u64)]) -> bool {
    let Frame::Message(batch) = frame else { return false };
    let is_within = |&(first, last): &(u64, u64)| first <= batch.id.sequence && batch.last() <= last;
    batch.id.is_of(&stream.origin, stream.incarnation) && ranges.iter().any(is_within)
}

/// Says whether a frame carries messages of a batch alone.
pub(super) fn is_part_of(frame: &Frame, batch: &Batch) -> bool {
    carries(frame, &batch.id.stream(), &[batch.range()])
}

/// Says whether a frame carries all messages of a batch.
pub(super) fn covers(frame: &Frame, batch: &Batch) -> bool {
    let Frame::Message(carried) = frame else { return false };
    let is_within = carried.id.sequence <= batch.id.sequence && batch.last() <= carried.last();
    carried.id.is_of(&batch.id.origin, batch.id.incarnation) && is_within
}
