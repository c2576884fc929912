//! Trials of links that seem superfluous. When all that was declared is there, a link that this node made beside it is left out
//! of the beat for a while; who is not missed is parted from.

use super::views::Views;
use crate::core::time::Mono;

/// The first wait, in beats, before a link that seems superfluous is tried; doubled each time it is not.
const TRIAL_BEATS: u32 = 4;
/// Most times that it is doubled.
const DOUBLINGS_MAX: u32 = 6;

/// Trials of one link after the other.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// The time at which the next one begins, if there is such a link.
    next: Option<Mono>,
    /// Trials since the last link was given up.
    count: u32,
}

impl Trials {
    /// Ends the trial that has shown that a link is not missed, and begins the next one if it is time.
    pub(super) fn tick(&mut self, views: &mut Views, now: Mono) {
        let spared = views.election_mut().spared();
        if let Some(node) = spared.filter(|node| !views.active().is_declared(node)) {
            views.part(&node);
            self.count = 0;
        }
        let spares = views.active().spares();
        if spares.is_empty() {
            *self = Self::default();
            return;
        }
        if self.next.take_if(|next| *next <= now).is_some()
            && let Some(node) = views.rng().pick(&spares)
        {
            views.election_mut().try_without(now, node);
            self.count += 1;
        }
        let wait = views.timing().beat_interval * (TRIAL_BEATS << self.count.min(DOUBLINGS_MAX));
        self.next.get_or_insert_with(|| now + views.rng().about(wait));
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        self.next
    }
}
