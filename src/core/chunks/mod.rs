//! Frames with large bodies, on their way over links in pieces: so that a link that is slow carries probes and small
//! messages between them, and each piece shows that both ends live. Spec: section 5.1.

pub mod incoming;
pub mod outgoing;
mod pace;
mod whole;

use super::{
    frame::Frame,
    id::{MessageId, StreamId},
};

/// Longest body that crosses a link in one frame, also to a peer that takes pieces.
pub const WHOLE_MAX: usize = 64 << 10;
/// Most frames that may be under way in pieces, or wait for their turn, over one link.
pub const PARCELS_MAX: usize = 1024;

/// Bytes a second of the slowest link that what cannot be seen to move is given time for.
const SLOWEST: u32 = 16 << 10;

/// The message that a frame carries, if it does.
fn carried(frame: &Frame) -> Option<&MessageId> {
    match frame {
        Frame::Message(message) => Some(&message.id),
        _ => None,
    }
}

/// Whether a frame carries a message of `stream` within `ranges`.
fn carries(frame: &Frame, stream: &StreamId, ranges: &[(u64, u64)]) -> bool {
    carried(frame).is_some_and(|id| {
        id.incarnation == stream.incarnation
            && id.origin == stream.origin
            && ranges.iter().any(|&(first, last)| (first..=last).contains(&id.sequence))
    })
}
