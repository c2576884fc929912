//! A network that runs is changed: nodes are added and started anew, links made and taken away, whole topologies exchanged.
//! Each change holds the network's lock, and the record follows it.

pub mod add;
pub mod link;
pub mod restart;
pub mod restructure;
mod site;

pub use add::{Added, Addition, add};
pub use link::{connect, disconnect};
pub use restart::{Restart, Restarted, restart};
pub use restructure::{Restructured, Restructuring, Wanted, restructure};
pub use site::Pair;
