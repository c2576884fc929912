//! The subcommands, a file each with its `Args` and a `run`, and beside them what the larger ones print.

pub mod bench;
pub mod get_messages;
pub mod list_networks;
pub mod list_peers;
pub mod listing;
pub mod node;
pub mod plot;
pub mod remove_node;
pub mod send_message;
pub mod start_network;
pub mod stop_network;
mod stored_network;
