//! Spread of copies: whom one goes on to, with its payload or without.

pub mod early_paths;
pub mod plumtree;
pub mod recent;
pub mod relay;
pub mod relay_ledger;
pub mod tree;
