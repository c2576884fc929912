//! A message on its way: the header that each hop rewrites, and the payload that no hop touches.
//! Spec: `docs/spec/gossip-bus.md`, *MESSAGE*.

use super::{
    id::{MessageId, NodeId, StreamId},
    stats::Refusal,
    time::Wall,
};
use std::{fmt, ops::Deref, sync::Arc};

/// Payload bytes behind a reference count: written once where the message enters, then only handed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<[u8]>);

impl Payload {
    /// Checks that it is within the limit; if not, why it is refused.
    pub fn check(&self, len_max: usize) -> Result<(), (Refusal, String)> {
        if self.len() <= len_max {
            return Ok(());
        }
        let text =
            format!("payload of {} bytes is over the limit of {len_max} bytes; --payload-max sets it", self.len());
        Err((Refusal::TooLarge, text))
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Payload> for Arc<[u8]> {
    fn from(payload: Payload) -> Self {
        payload.0
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

/// Number of copies of a traced message that a node passes to each neighbour: 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relays(u8);

/// A number that is no relay count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("relays must be 1 to {max}, not {found}", max = Relays::MAX.get())]
pub struct RelaysError {
    /// The number that was given.
    pub found: u64,
}

impl Relays {
    /// One copy to each neighbour: what a network does unless told otherwise.
    pub const ONE: Self = Self(1);
    /// The most copies that may be asked for.
    pub const MAX: Self = Self(16);

    /// The count as a number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u64> for Relays {
    type Error = RelaysError;

    fn try_from(found: u64) -> Result<Self, RelaysError> {
        match u8::try_from(found) {
            Ok(count @ 1..=16) => Ok(Self(count)),
            _ => Err(RelaysError { found }),
        }
    }
}

/// One step of a path: a node, and when the copy got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The node passed.
    pub node: NodeId,
    /// Microseconds from the submission (the origin's wall clock) to the arrival (this node's wall
    /// clock). Clocks that differ shift it; one that is behind shows 0.
    pub micros: u64,
}

/// The nodes that a copy passed, origin first.
pub type Path = Arc<[Hop]>;

/// Trace that a traced message carries beside its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Number of times that each node passes it to each neighbour.
    pub relays: Relays,
    /// From the origin to the node that sent this copy.
    pub path: Path,
}

/// A message as it crosses one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Identity of the message: the same at every node.
    pub id: MessageId,
    /// The origin's wall clock at the submission.
    pub published_at: Wall,
    /// Links crossed so far, the one it arrives by included; 0 at the origin.
    pub hops: u32,
    /// Present if paths are recorded.
    pub trace: Option<Trace>,
    /// The origin whose tree a node follows that has none for this one yet (spec, section 7.3).
    pub tree: Option<NodeId>,
    /// The bytes that were submitted.
    pub payload: Payload,
}

impl Message {
    /// Checks that a peer `from` may have sent it; if not, why it is refused.
    pub fn check(&self, from: &NodeId, payload_len_max: usize) -> Result<(), (Refusal, String)> {
        self.payload.check(payload_len_max)?;
        check_id(&self.id)?;
        self.trace.as_ref().map_or(Ok(()), |trace| trace.check(&self.id, from))
    }
}

impl Trace {
    /// Checks that a peer `from` may have sent it with a copy of this message; if not, why it is refused.
    pub fn check(&self, id: &MessageId, from: &NodeId) -> Result<(), (Refusal, String)> {
        check_id(id)?;
        let ends = self.path.first().zip(self.path.last()).map(|(first, last)| (&first.node, &last.node));
        if ends != Some((&id.origin, from)) {
            return Err((Refusal::BadRequest, format!("the path must lead from {} to {from}", id.origin)));
        }
        Ok(())
    }
}

fn check_id(id: &MessageId) -> Result<(), (Refusal, String)> {
    if id.sequence == 0 {
        return Err((Refusal::BadRequest, "sequence numbers begin at 1".into()));
    }
    Ok(())
}

/// `path` and one step more.
pub fn extend_path(path: &[Hop], hop: Hop) -> Path {
    path.iter().cloned().chain(std::iter::once(hop)).collect()
}

/// Messages that a neighbour that asks for them again is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resent {
    /// The messages, ascending, as they go over the next link.
    pub messages: Vec<Message>,
    /// Ranges that were seen here and are kept no more.
    pub lost: Vec<(u64, u64)>,
    /// Ranges that the budget did not suffice for, as they were asked.
    pub rest: Vec<(u64, u64)>,
    /// Bytes of payloads and paths in the messages.
    pub bytes: usize,
}

/// Read access to the messages that a node keeps, for whoever spreads them and keeps none itself.
pub trait Kept {
    /// The payload of a message that is kept.
    fn payload(&self, id: &MessageId) -> Option<Payload>;

    /// Messages kept of `ranges` (ascending) of a stream, to be sent once more, and those of them that are lost: in `seen`, the
    /// intervals of what this node has had of the stream, but not kept. What was never seen is neither.
    ///
    /// At most `messages` messages, and none more once they have `bytes` bytes; `rest` is what was not looked at then.
    fn resend(
        &self,
        stream: &StreamId,
        ranges: &[(u64, u64)],
        seen: &[(u64, u64)],
        messages: usize,
        bytes: usize,
    ) -> Resent;
}
