//! What a node keeps: its log of records, in memory in this version, and its incarnation, on disk.

pub mod error;
pub mod incarnation;
pub mod log;
pub mod memory;

pub use error::StoreError;
pub use log::Log;
pub use memory::MemoryLog;
