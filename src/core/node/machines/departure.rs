//! A leave under way: which neighbours have not said farewell yet, and how long the node waits for them.

use crate::core::{event::LinkId, time::Mono};
use std::collections::BTreeSet;

/// A leave under way.
#[derive(Debug)]
pub(super) struct Departure {
    due: BTreeSet<LinkId>,
    deadline: Mono,
}

impl Departure {
    /// The neighbours at these links were told.
    pub(super) fn new(due: BTreeSet<LinkId>, deadline: Mono) -> Self {
        Self { due, deadline }
    }

    /// The neighbour at this link has forgotten us.
    pub(super) fn on_farewell(&mut self, link: LinkId) {
        self.due.remove(&link);
    }

    /// Says whether nobody is left to wait for, or no time.
    pub(super) fn is_over(&self, now: Mono) -> bool {
        self.due.is_empty() || self.deadline <= now
    }

    /// The time at which it ends at the latest.
    pub(super) fn deadline(&self) -> Mono {
        self.deadline
    }
}
