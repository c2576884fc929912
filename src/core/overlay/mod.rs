//! Who is joined to whom: links to peers and how they are met, which of them live, and what takes the place of those
//! that do not.

mod link;
pub mod peers;
