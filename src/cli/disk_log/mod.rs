//! `gossip log`: the log of a node on disk, for whoever has to trust it.

mod account;
pub mod command;
mod export;
