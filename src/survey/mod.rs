//! Surveys: all nodes of a network are asked at once and judged by one rule: how each node is, how the overlay
//! holds, and the word for the whole.

pub mod comparison;
pub mod error;
pub mod heard;
pub mod journey;
pub mod judgement;
pub mod overlay;
pub mod totals;
pub mod vectors;

pub use comparison::{Compared, Comparison};
pub use error::SurveyError;
pub use heard::{Heard, Home, Outcome, Survey, Target};
pub use journey::{HopTiming, Journey};
pub use judgement::{Health, Judgement, State};
pub use overlay::{Overlay, Shape};
pub use totals::Totals;
