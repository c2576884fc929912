//! The links of a node: how peers are met, what each link is for, and which of their far ends live.

pub mod capability;
pub mod detector;
pub mod link;
pub mod lookup;
pub mod meeting;
pub mod peers;
mod roll;
mod table;
mod watch;
