//! Spread of copies: whom one goes on to, with its payload or without.

pub(super) mod early_paths;
pub(super) mod plumtree;
pub(super) mod recent;
pub(super) mod relay;
pub(super) mod relay_ledger;
pub(super) mod tree;
