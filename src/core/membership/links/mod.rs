//! The links of a node: how peers are met, what each link is for, which of their far ends live, and whether the links lead there.

pub(super) mod detector;
mod dialler;
mod dialling;
pub(super) mod handshake;
mod instance;
mod introductions;
mod link;
pub(super) mod liveness;
mod lookup;
mod named;
pub(super) mod peers;
mod proof;
mod purpose;
pub(super) mod slot_table;
mod table;
