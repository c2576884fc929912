//! `gossip simulate`: runs of scenarios and of experiments, and what they came to.

pub mod command;
pub mod experiments;
pub mod replay;
pub mod report;
pub mod runs;

pub use command::{Args, run};
