//! `gossip chaos`: faults by hand, schedules of them, and what they came to.

pub mod command;
pub mod report;
pub mod script;
pub mod typed;

pub use command::{Args, run};
