//! The links of a node: how peers are met, what each link is for, which of their far ends live, and whether the links lead there.

pub mod capability;
pub mod detector;
mod dialling;
pub mod instance;
pub mod link;
pub mod lookup;
pub mod meeting;
mod named;
pub mod peers;
pub mod proof;
mod roll;
mod table;
mod watch;
