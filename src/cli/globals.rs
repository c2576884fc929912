//! Options that every command takes.

use super::{numbers, output::Colours};
use crate::core::id::NetworkName;
use clap::Args;
use std::time::Duration;

/// Options that every command takes, before or behind its name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Globals {
    /// Name of the network; a node given by address must belong to it [default: default]
    #[arg(long, global = true, env = "GOSSIP_NETWORK", hide_env_values = true, value_name = "NAME")]
    #[arg(value_parser = network)]
    pub network: Option<NetworkName>,
    /// Print one JSON document instead of text, errors included
    #[arg(long, global = true, overrides_with = "json")]
    pub json: bool,
    /// Maximum wait, such as 500ms, 5s or 2min [default: 30s to start, stop, break, measure or restructure a network and
    /// to add or restart a node, 2s for list-peers, status, audit and watch, else 5s]
    #[arg(long, global = true, value_name = "TIME", value_parser = patience(), allow_negative_numbers = true)]
    pub timeout: Option<Duration>,
    /// Print details on stderr: records read, nodes asked, time taken; for nodes: log more (-vv: everything)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print only errors on stderr; for nodes: log only warnings
    #[arg(short, long, global = true, overrides_with = "quiet")]
    pub quiet: bool,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set or TERM is 'dumb'
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", overrides_with = "color")]
    pub color: Colours,
}

/// Parses the name of a network. The error leaves out the text, which stands before it already.
fn network(text: &str) -> Result<NetworkName, &'static str> {
    text.parse().map_err(
        |_| "not a network name; use 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit",
    )
}

/// Times to wait: from 1ms to 1h.
fn patience() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    numbers::time(Duration::from_millis(1), Duration::from_secs(3600))
}
