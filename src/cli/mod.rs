//! The command line: what can be typed, and what is printed. The only room that names clap.
//!
//! Each subcommand is a file with its `Args` and a `run`: it asks through [`Context`] and prints through
//! [`Output`], and holds neither protocol nor printing rules.

pub mod args;
pub mod context;
pub mod error;
pub mod node;
pub mod output;
pub mod text;
pub mod version;

pub use args::{Cli, Command, NodeArgument};
pub use context::Context;
pub use error::CliError;
pub use output::Output;
