//! Who is joined to whom: links to peers and how they are met, which of them live, and what takes the place of those
//! that do not.

pub mod action;
pub mod beacon;
pub mod chance;
pub mod healing;
mod link;
pub mod membership;
pub mod peers;
mod seeking;
mod surplus;
pub mod view;
pub mod walk;

#[cfg(test)]
mod tests;
