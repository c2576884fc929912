//! Checkpoint: records that rebuild all of a node's state but its messages, so that a log may drop the records before it.

use super::Node;
use crate::core::event::record::Record;

impl Node {
    /// Records of all that was had, given up and forgotten; the receipts of unique request ids; the positions that were read and the next one.
    /// To be taken between two turns. Noting them again changes nothing, but that what was had is had.
    ///
    /// Bounds: those of the state, [`Limits::streams_max`](crate::core::config::Limits::streams_max) lives and
    /// [`Limits::receipts_max`](crate::core::config::Limits::receipts_max) receipts.
    pub fn checkpoint(&self) -> impl Iterator<Item = Record> {
        let seen = self.machines.dissemination.seen().checkpoint();
        let read = self.machines.mailbox.read_positions();
        let marked = read.iter().map(|&(first, last)| Record::Marked { first, last });
        let next = Record::Positions { next: self.machines.mailbox.next_position() };
        seen.chain(self.machines.service.recorded()).chain([next]).chain(marked)
    }
}
