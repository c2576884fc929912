//! Lines of an input, each submitted as a message: many in one request, and none twice where a file keeps what was taken.

pub mod command;
pub mod input;
pub mod lines;
pub mod place;
pub mod resume;
pub mod tally;
