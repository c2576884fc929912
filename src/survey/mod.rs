//! Surveys: all nodes of a network are asked at once and judged by one rule: how each node is, how the overlay
//! holds, and the word for the whole.

pub mod error;
pub mod heard;
pub mod judgement;
pub mod overlay;

pub use error::SurveyError;
pub use heard::{Heard, Home, Outcome, Survey, Target};
pub use judgement::{Health, Judgement, State};
pub use overlay::{Overlay, Shape};
