//! `gossip watch`: what happens in a network, as it happens.

pub mod command;
mod line;
mod lookout;
mod members;
mod merge;
