//! The checker of a cluster: it watches what nodes do, and finds what is against the rules.
//!
//! `steps` has the rules of every step. The rules of the end are those of floods in `flood`, those of trees in `tree`, and in
//! `inspection` those that hold however messages spread once all is mended.

mod flood;
mod inspection;
mod mending;
mod overlay;
mod patience;
mod steps;
mod tracked;
mod tree;
mod wrong;

pub(super) use inspection::Inspection;
pub(super) use overlay::Overlay;
pub(super) use steps::Checker;
pub(super) use tracked::Survivor;
pub use wrong::{Cause, Violation, Wrong};
