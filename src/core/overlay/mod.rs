//! Who is joined to whom: links to peers and how they are met, which of them live, and what takes the place of those
//! that do not.

pub mod capability;
pub mod detector;
pub mod link;
pub mod lookup;
pub mod meeting;
pub mod peers;
mod roll;
mod watch;
