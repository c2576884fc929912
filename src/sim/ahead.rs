//! What the core does by now, and with it the rules that it is held to.

/// Whether messages spread along trees unless a scenario says otherwise, and in drawn scenarios.
pub(super) const TREE: bool = true;
/// Whether nodes replace neighbours that are gone unless a scenario says otherwise, and in drawn scenarios.
pub(super) const HEAL: bool = true;
/// Whether nodes exchange what they lack, however messages spread.
pub(super) const REPAIR: bool = true;
/// Whether nodes want to hear that the connection of a link broke.
pub(super) const DISCONNECTED: bool = true;
