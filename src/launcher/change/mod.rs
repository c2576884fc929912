//! A network that runs is changed: nodes are added and started anew, links made and taken away, whole topologies exchanged.
//! Each change holds the network's lock, and the record follows it.

pub mod add;
pub mod link;
pub mod remove;
pub mod restart;
pub mod restructure;
mod site;

pub use super::manifest::Pair;
pub(super) use add::Raised;
pub use add::{Added, Addition, add};
pub use link::{connect, disconnect};
pub use remove::{Removal, Removed, remove};
pub use restart::{Restart, Restarted, restart};
pub use restructure::{Restructured, Restructuring, Wanted, restructure};
pub(super) use site::LockedNetwork;
