//! Gauge of what a node holds at this moment: for whoever checks that its bounds are kept.

use crate::core::{config::Limits, dissemination::EARLY_PATHS_MAX, membership::LOWEST_KEPT};

/// The sizes of what grows in a node, each with its bound in [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gauge {
    /// Messages kept.
    pub messages: usize,
    /// Bytes kept.
    pub bytes: usize,
    /// Lives of origins remembered.
    pub streams: usize,
    /// Links opened.
    pub links: usize,
    /// Origins with a tree.
    pub trees: usize,
    /// Streams of which something is missing.
    pub missing: usize,
    /// Ranges given up.
    pub gaps: usize,
    /// Messages of which copies wait for the payload.
    pub held: usize,
    /// Traced messages whose copies are counted.
    pub traced: usize,
    /// Members known beside the neighbours.
    pub view: usize,
    /// Happenings kept for those who watch: events and arrivals.
    pub journal: usize,
    /// Clients that wait for something to happen.
    pub watchers: usize,
}

impl Gauge {
    /// The first bound that is not kept, if there is one: what it bounds, and how much there is.
    pub fn excess(&self, limits: &Limits) -> Option<(&'static str, usize)> {
        [
            ("messages", self.messages, limits.retained_messages_max),
            ("bytes", self.bytes, limits.retained_bytes_max),
            ("streams", self.streams, limits.streams_max),
            ("links", self.links, limits.peers_max),
            ("trees", self.trees, limits.trees_max),
            ("missing", self.missing, limits.missing_max),
            ("gaps", self.gaps, limits.gaps_max),
            ("held", self.held, EARLY_PATHS_MAX),
            ("traced", self.traced, limits.retained_messages_max.max(1)),
            ("view", self.view, limits.view_max + LOWEST_KEPT),
            ("journal", self.journal, limits.journal_max.saturating_mul(2)),
            ("watchers", self.watchers, limits.waiting_max),
        ]
        .into_iter()
        .find(|&(_, size, most)| size > most)
        .map(|(what, size, _)| (what, size))
    }
}
