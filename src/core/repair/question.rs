//! What was asked of whom and has not come yet.

use super::ranges::Ranges;
use crate::core::{slots::Slot, time::Mono};
use std::time::Duration;

/// What was asked of one source and has not come yet.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) to: Slot,
    pub(super) open: Ranges,
    /// Counts the questions of this node, so that a later one can be seen to be answered before this one.
    pub(super) number: u64,
    /// When it was asked or brought something.
    pub(super) heard: Mono,
    /// How long it may bring nothing.
    pub(super) patience: Duration,
}

/// What is outstanding at one peer, over all streams.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    /// Messages asked for.
    pub(super) open: u64,
    /// When the latest of them came.
    pub(super) heard: Mono,
    /// The number of the question that it answered.
    pub(super) number: u64,
}

impl Question {
    /// When it counts as unanswered. A link keeps its order: as long as earlier questions bring something this one
    /// waits for its turn, but a later one shows that its turn has passed.
    pub(super) fn void_at(&self, account: &Account) -> Mono {
        let is_queued = account.number <= self.number;
        let heard = if is_queued { self.heard.max(account.heard) } else { self.heard };
        heard + self.patience
    }
}
