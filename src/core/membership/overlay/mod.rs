//! The overlay: who is to be whose neighbour, whom a node knows, how it joins, and what takes the place of neighbours that
//! are gone.

pub mod action;
mod active_view;
mod beacon;
mod bridging;
mod lookout;
pub mod membership;
mod neighbour;
pub mod passive_view;
mod places;
mod sampling;
mod search;
mod seeking;
mod trials;
mod views;
pub mod walk;

#[cfg(test)]
mod tests;
