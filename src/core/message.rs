//! Parts of a message: the payload that no hop touches, and the path that each hop of a traced one goes on.
//! Spec: `docs/spec/gossip-bus.md`, *Messages*.

use super::{
    id::{MessageId, NodeId},
    stats::Refusal,
};
use std::{fmt, ops::Deref, sync::Arc};

/// Payload bytes behind a reference count: written once where the message enters, then only handed on.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Arc<[u8]>);

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

/// Checks that an id may be that of a message; if not, why it is refused.
pub fn check_id(id: &MessageId) -> Result<(), (Refusal, String)> {
    if id.sequence == 0 {
        return Err((Refusal::BadRequest, "sequence numbers begin at 1".into()));
    }
    Ok(())
}

/// `path` and one step more.
pub fn extend_path(path: &[Hop], hop: Hop) -> Path {
    path.iter().cloned().chain(std::iter::once(hop)).collect()
}
