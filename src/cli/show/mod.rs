//! How results look, as text and as JSON; it decides nothing.

pub mod account;
pub mod listing;
pub mod plot;
pub mod text;
pub mod version;
