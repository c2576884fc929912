//! Storage of a node: its log of records, in memory in this version, and its incarnation, on disk.

pub mod error;
pub mod incarnation;
pub mod log;
pub mod memory;

pub use error::StoreError;
pub use log::{Log, Records};
pub use memory::MemoryLog;
