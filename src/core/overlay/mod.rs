//! Who is to be whose neighbour: whom a node knows, how it joins, and what takes the place of neighbours that are gone.

pub mod action;
pub mod beacon;
mod bridging;
pub mod chance;
pub mod contacts;
pub mod healing;
pub mod membership;
mod places;
mod sampling;
mod seeking;
mod surplus;
pub mod view;
pub mod walk;

#[cfg(test)]
mod tests;
