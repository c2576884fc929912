//! Shows that checks bite: deliberate bugs in the core, and mechanisms of it that are switched off, each a patch below this
//! folder, must each be noticed.
//!
//! The long part is `make mutations`; a plain `cargo test` only shows that the patches still apply and are documented.

mod bugs;
mod copy;
mod off;
mod patches;
