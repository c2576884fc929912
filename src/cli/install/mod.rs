//! Extras that a package installs beside the program: completions for shells, which know the names of networks and nodes, and man
//! pages.

mod candidate;
pub mod complete;
pub mod completions;
pub mod generate;
mod manual;
mod names;
