//! Messages and lives, as a checker remembers them.

use crate::core::{id::MessageId, message::Payload, time::Mono};

/// Everything known of a message that is needed to judge every later word of it.
#[derive(Debug)]
pub(in crate::sim) struct Tracked {
    pub(in crate::sim) number: u32,
    pub(in crate::sim) origin: usize,
    /// Which life of the origin, counted from 1.
    pub(in crate::sim) life: u32,
    pub(in crate::sim) id: MessageId,
    pub(in crate::sim) published_at: Mono,
    /// The nodes that lived then: a place in [`Checker::presence`](super::Checker::presence).
    pub(in crate::sim) presence: usize,
    pub(super) payload: Payload,
    /// The payload of a second message of this id, where nobody could know of the first: nothing can be said of either.
    pub(super) double: Option<Payload>,
    pub(super) is_acknowledged: bool,
    /// The neighbours that its origin had then, each with its life.
    pub(super) witnesses: Box<[(usize, u32)]>,
    /// MESSAGE frames, and PATH frames.
    pub(in crate::sim) frames: u64,
    /// Number of requests for it.
    pub(in crate::sim) asked: u64,
    pub(in crate::sim) paths: u64,
    /// Of both.
    pub(in crate::sim) bytes: u64,
    /// By node: the life in which it was delivered last (0: never), and when.
    pub(in crate::sim) delivered: Vec<(u32, Mono)>,
    /// Hops to the node that took most.
    pub(in crate::sim) hops: u32,
}

impl Tracked {
    /// Returns whether two messages have this id.
    pub(in crate::sim) fn is_doubtful(&self) -> bool {
        self.double.is_some()
    }
}

/// A node that lives: its life, counted from 1, and when that began.
#[derive(Debug, Clone, Copy)]
pub(in crate::sim) struct Survivor {
    pub(in crate::sim) life: u32,
    pub(in crate::sim) began: Mono,
}
