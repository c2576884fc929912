//! The asking side of the command dialogue: one node over REQ ([`Client`]), or many at once ([`ask_all`]).

pub mod connection;
pub mod error;
pub mod follow;
pub mod many;
pub mod pages;

pub use connection::{Client, Clients, Receipt};
pub use error::ClientError;
pub use follow::{Follower, News};
pub use many::ask_all;
pub use pages::Pages;
