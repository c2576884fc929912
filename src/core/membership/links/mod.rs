//! The links of a node: how peers are met, what each link is for, which of their far ends live, and whether the links lead there.

pub mod detector;
mod dialler;
mod dialling;
mod disconnect;
pub mod handshake;
pub mod instance;
pub mod link;
pub mod liveness;
pub mod lookup;
mod named;
pub mod peers;
pub mod proof;
mod slot_table;
mod table;
