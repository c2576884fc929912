//! Storage of a node: its log of records, in memory or in segments on a disk, and its incarnation, on disk.

pub mod error;
pub mod incarnation;
pub mod log;
pub mod memory;
pub mod segment;

pub use error::StoreError;
pub use log::{Log, Records};
pub use memory::MemoryLog;
pub use segment::SegmentLog;
