//! The links of a node: how peers are met, what each link is for, which of their far ends live, and whether the links lead there.

pub mod detector;
mod dialler;
mod dialling;
mod disconnect;
pub mod handshake;
mod instance;
mod link;
pub mod liveness;
mod lookup;
mod named;
pub mod peers;
mod proof;
mod purpose;
mod slot_table;
mod table;
