//! The links of a node: how peers are met, what each link is for, which of their far ends live, and whether the links lead there.

pub mod detector;
mod dialler;
mod dialling;
pub mod handshake;
pub mod instance;
pub mod link;
pub mod lookup;
mod named;
mod parting;
pub mod peers;
pub mod proof;
mod slot_table;
mod table;
pub mod watch;
