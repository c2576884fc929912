//! Whoever asks a node for something: receipts, those who wait, and those who watch.

pub mod happening;
pub mod journal;
pub mod origin;
pub mod waiting;
pub mod watchers;
