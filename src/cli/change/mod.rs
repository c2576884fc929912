//! The subcommands that change a network while it runs, a file each.

pub mod add_node;
pub mod by_hand;
pub mod connect;
pub mod disconnect;
pub mod restart_node;
pub mod restructure;
