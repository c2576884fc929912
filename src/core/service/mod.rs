//! Whoever asks a node for something: receipts, those who wait, and those who watch.

mod caller;
mod journal;
mod machine;
mod promised;
mod receipts;
mod told;
mod waiting;
mod watchers;

pub use caller::Caller;
pub use machine::{Input, Output, Service};
pub use receipts::Receipt;
