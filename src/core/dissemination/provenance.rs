//! Provenance of a first copy: which neighbour sent it, and why that was asked for it.

use super::{
    repair::ask::How,
    spread::{recent::Came, tree::Source},
};
use crate::core::{id::NodeId, slots::Slot};

/// Origin of a first copy; by default it was submitted here.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    /// The neighbour that sent it.
    pub from: Option<NodeId>,
    /// Its slot, if there is a link to it.
    pub slot: Option<Slot>,
    /// The reason why it had been asked for, if that neighbour was asked for it.
    pub asked: Option<How>,
}

impl Provenance {
    /// The part of it that is remembered for a while.
    pub(super) fn came(&self) -> Came {
        Came { from: self.slot, was_pulled: self.asked.is_some(), is_backlog: self.is_backlog() }
    }

    /// The part of it that matters to a tree.
    pub(super) fn source(&self) -> Source {
        match (self.slot, self.asked) {
            (None, _) => Source::Here,
            (Some(from), None) => Source::Pushed(from),
            (Some(from), Some(_)) => Source::Pulled(from),
        }
    }

    /// Says whether it was missed for so long that the neighbours have it, or will ask for it like this node.
    pub(super) fn is_backlog(&self) -> bool {
        matches!(self.asked, Some(How::Digest | How::Backlog))
    }
}
