//! The command line: what can be typed, and what is printed. The only room that names clap.
//!
//! Each subcommand is a file with its `Args` and a `run`: it asks through [`Context`] and prints through
//! [`Output`], and holds neither protocol nor printing rules.

pub mod account;
pub mod args;
pub mod bounds;
pub mod context;
pub mod error;
pub mod generate;
pub mod get_messages;
pub mod list_peers;
pub mod listing;
pub mod node;
pub mod output;
pub mod plot;
pub mod remove_node;
pub mod send_message;
pub mod start_network;
pub mod status;
pub mod stop_network;
pub mod text;
pub mod version;

#[cfg(test)]
mod tests;

pub use args::{Cli, Command, NodeArgument};
pub use context::Context;
pub use error::CliError;
pub use output::Output;
