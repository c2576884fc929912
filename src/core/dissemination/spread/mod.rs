//! How messages spread: to whom a copy goes on, with its payload or without.

pub mod early_paths;
pub mod plumtree;
pub mod recent;
pub mod relay;
pub mod relay_ledger;
pub mod tree;
