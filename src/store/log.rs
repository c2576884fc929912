//! The log of a node: a node appends to it before it promises anything, and begins its next life with what it holds.

use super::error::StoreError;
use crate::core::event::record::{LogSeq, Record};

/// Records with their places, in order. After an error nothing more comes.
pub type Records<'a> = Box<dyn Iterator<Item = Result<(LogSeq, Record), StoreError>> + 'a>;

/// Append-only sequence of records.
///
/// One turn of a node appends any number and then syncs once. What was appended between two syncs belongs together: a log
/// that comes back has all of it or nothing, so that no message stands there without its receipt.
pub trait Log {
    /// Gives the records that the log held when it was opened.
    fn records(&mut self) -> Result<Records<'_>, StoreError>;

    /// Takes one record; places ascend, from behind the last one that the log held.
    fn append(&mut self, place: LogSeq, record: &Record) -> Result<(), StoreError>;

    /// Makes all that was appended as safe as this log can, and says up to which place all is safe: that may be less, while
    /// the rest is under way.
    fn sync(&mut self) -> Result<LogSeq, StoreError>;
}
