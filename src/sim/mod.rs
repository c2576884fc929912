//! Many nodes in virtual time: the very core that a process runs, on links that delay, lose and break as a scenario
//! says, checked at every step and replayed by its seed.
//!
//! [`Scenario`] says what happens, [`Simulation`] lets it happen, [`Report`] says what came of it.

pub mod checker;
mod cluster;
pub mod disk;
pub mod experiment;
mod faults;
mod host;
mod links;
pub mod network;
mod observation;
mod queue;
pub mod report;
pub mod run;
pub mod scenario;
mod timeline;
pub mod traffic;
mod wires;

#[cfg(test)]
mod tests;

pub use checker::{Violation, Wrong};
pub use cluster::Tamper;
pub use experiment::Experiment;
pub use report::{Coverage, Mean, Report, optimum};
pub use run::{Outcome, Simulation};
pub use scenario::{Scenario, ScenarioError, chaos};
