//! One node as a process: sockets in, the core, log and sockets out. One thread owns everything.

mod disturbances;
pub mod error;
mod interpret;
pub mod metrics;
pub mod node_process;
mod repetition;
pub mod report;
pub mod settings;
mod signals;
mod turn;

#[cfg(test)]
mod tests;

pub use error::DaemonError;
pub use node_process::NodeProcess;
pub use settings::Settings;
