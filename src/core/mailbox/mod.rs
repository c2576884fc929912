//! The messages that a node keeps: by position, with read marks and paths, as long as there is room for them.

mod entry;
mod index;
mod messages;
mod page;

pub use messages::{Evicted, Mailbox};
