//! The log of a node: a node appends to it before it promises anything, and begins its next life with what it holds.

use super::error::StoreError;
use crate::core::event::record::{Condition, LogSeq, Record};
use std::os::fd::BorrowedFd;

/// Records with their places, in order. After an error nothing more comes.
pub type Records<'a> = Box<dyn Iterator<Item = Result<(LogSeq, Record), StoreError>> + 'a>;

/// Append-only sequence of records.
///
/// One turn of a node appends any number and then syncs once. What was appended between two syncs belongs together: of
/// messages and the receipts for them a log that comes back has all or nothing.
pub trait Log {
    /// Gives the records that the log held when it was opened.
    fn records(&mut self) -> Result<Records<'_>, StoreError>;

    /// Takes one record; places ascend, from behind the last one that the log held.
    fn append(&mut self, place: LogSeq, record: &Record) -> Result<(), StoreError>;

    /// Makes all that was appended as safe as this log can, and says up to which place all is safe: that may be less, while
    /// the rest is under way.
    fn sync(&mut self) -> Result<LogSeq, StoreError>;

    /// A descriptor that is readable when there is reason to call [`sync`](Self::sync) again, if there can be one.
    fn woken(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The ability to keep what is added.
    fn condition(&self) -> Condition {
        Condition::Well
    }

    /// Tries again to write, after that failed.
    fn reopen(&mut self) {}

    /// Says that [`checkpoint`](Self::checkpoint) is due.
    fn wants_checkpoint(&self) -> bool {
        false
    }

    /// Takes all that is known after the last sync but messages: the log can begin with it, so that what is before it may go.
    fn checkpoint(&mut self, _records: Vec<Record>) {}
}
