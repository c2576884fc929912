//! Faults ordered for a running local network: by hand or as a schedule drawn by a seed, with load, and a checker that
//! proves at the end that nothing was lost but what died with its only holders.

pub mod active_faults;
pub mod check;
pub mod drill;
pub mod error;
pub mod executor;
pub mod holdings;
pub mod judge;
pub mod load;
pub mod order;
pub mod schedule;
pub mod timeline;

pub use drill::{Drill, DrillReport, Happening, drill};
pub use error::ChaosError;
pub use executor::Executor;
pub use judge::Verdict;
pub use order::{Kind, Order};
pub use schedule::{Place, ScheduledOrder};
