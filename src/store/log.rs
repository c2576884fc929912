//! The log of a node: what the core appends before it promises anything.

use super::error::StoreError;
use crate::core::event::{LogSeq, Record};

/// Append-only sequence of records. One turn of a node appends any number and then syncs once.
pub trait Log {
    /// Takes one record; sequences ascend.
    fn append(&mut self, seq: LogSeq, record: &Record) -> Result<(), StoreError>;

    /// Makes all that was appended as safe as this log can, and says up to where that is.
    fn sync(&mut self) -> Result<LogSeq, StoreError>;
}
