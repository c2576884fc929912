//! The overlay: who is to be whose neighbour, whom a node knows, how it joins, and what takes the place of neighbours that
//! are gone.

pub(super) mod action;
mod active_view;
mod beacon;
mod bridging;
mod lookout;
pub(super) mod membership;
mod neighbour;
pub(super) mod passive_view;
mod places;
mod sampling;
mod search;
mod seeking;
mod trials;
mod views;
pub(super) mod walk;

#[cfg(test)]
mod tests;
