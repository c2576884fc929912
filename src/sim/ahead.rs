//! What the core does not do yet.

/// Whether nodes replace neighbours that are gone unless a scenario says otherwise, and in drawn scenarios.
pub(super) const HEAL: bool = true;
