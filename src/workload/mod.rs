//! A load whose cost is measured: messages one by one, then a flood, to one node of a running network. A figure counts only
//! if every node received every message, exactly once.

pub mod check;
pub mod error;
pub mod latency;
pub mod machine;
pub mod nodes;
pub mod payload;
pub mod publisher;
pub mod run;

pub use error::WorkloadError;
pub use latency::Latency;
pub use nodes::{Member, Nodes};
pub use publisher::Publisher;
pub use run::{Outcome, Plan, run};
