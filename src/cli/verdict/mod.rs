//! How a whole network is: what all its nodes say is asked for at once, and judged together. The commands `status` and
//! `audit`, and what they stand on.

pub mod account;
pub mod audit;
pub mod comparison;
pub mod overlay;
pub mod report;
pub mod status;
pub mod survey;
pub mod vectors;
