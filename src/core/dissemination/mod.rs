//! Spread of messages to every node: what was seen, whom a copy goes on to, how what was missed is found and fetched.
//!
//! [`Dissemination`] is the machine, with its [inputs](Input) and [outputs](Output).

mod chunks;
mod event;
mod machine;
mod origin;
mod provenance;
mod repair;
mod seen;
mod sender;
mod spread;

pub use event::{Input, Output};
pub use machine::Dissemination;
pub use spread::early_paths::MESSAGES_MAX as EARLY_PATHS_MAX;
