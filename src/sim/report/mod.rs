//! The numbers of runs: of each message, of the overlay, and by name, as experiments expect them.

mod coverage;
mod figures;
mod mean;
pub mod optimum;
mod shape;
mod totals;

pub use coverage::Coverage;
pub use figures::{FIGURES, Figure};
pub use mean::Mean;
pub use shape::OverlayShape;
pub(super) use totals::MessageOutcome;
pub use totals::{Report, relative_message_redundancy};
