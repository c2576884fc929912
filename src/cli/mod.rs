//! The command line: what can be typed, and what is printed. The only room that names clap.
//!
//! Each subcommand is a file in [`commands`] with its `Args` and a `run`: it asks through [`Context`] and prints
//! through [`Output`], and holds neither protocol nor printing rules.

pub mod args;
pub mod behaviour;
pub mod bounds;
pub mod change;
pub mod chaos;
pub mod commands;
pub mod context;
pub mod disk_log;
pub mod error;
pub mod globals;
pub mod health;
pub mod install;
pub mod log;
mod misread;
pub mod node_argument;
pub mod numbers;
pub mod output;
pub mod progress;
pub mod screen;
pub mod simulate;
pub mod submit;
pub mod text;
pub mod version;
pub mod watch;

#[cfg(test)]
mod tests;

pub use args::{Cli, Command};
pub use context::Context;
pub use error::CliError;
pub use node_argument::NodeArgument;
pub use output::Output;
