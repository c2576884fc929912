//! Times, shares and sizes as people write them: read in one way wherever they are typed, and printed in one form.

pub mod share;
pub mod size;
pub mod time;

mod number;

pub use share::Share;
pub use size::Size;
pub use time::{Span, Time};
