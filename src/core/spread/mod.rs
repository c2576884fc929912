//! How messages spread: to whom a copy goes on, with its payload or without.

pub mod held;
pub mod recent;
pub mod shares;
pub mod tree;
