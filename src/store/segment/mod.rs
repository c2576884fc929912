//! A log in segments on a disk: what was finished is there after anything, and what is not there is named.
//! Design: `docs/design/log.md`.

pub mod disk;
pub mod format;
pub mod log;
pub mod records;
pub mod recovery;
pub mod retention;
mod thread;
pub mod writer;

#[cfg(test)]
mod tests;

pub use disk::{Disk, DiskFile, Folder};
pub use log::SegmentLog;
pub use recovery::{Finding, Reading, Survey};
pub use retention::Retention;
pub use writer::{Options, Writer};
