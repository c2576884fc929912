//! The searches of a node that are under way: whom it has asked to be its neighbour, what a root asks others, and which links
//! are tried for being superfluous.

use crate::core::{config::Timing, frame::JoinPriority, id::NodeId, rng::Rng, time::Mono};
use std::collections::BTreeSet;

/// How many times as long as it counts for what is lacking a node is sought.
pub(super) const PATIENCE: u32 = 4;

/// A node that was asked, or that was told to come.
#[derive(Debug)]
pub(super) struct Seeking {
    pub(super) cause: Cause,
    pub(super) priority: JoinPriority,
    /// Whether it is likely that it answers: it was asked a short while ago.
    pub(super) is_fresh: bool,
    pub(super) fresh_until: Mono,
    pub(super) until: Mono,
}

/// Why a node is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// In place of a declared neighbour.
    Lost(NodeId),
    /// There is room.
    Room,
    /// This node is a root, and that one has a lower name.
    Root,
    /// It needs this node: its walk ended here, or it is the root of another component.
    Wanted,
    /// It has asked, and has been told to come.
    Accepted,
    /// It was not there once, and may be back; or it may be in another component.
    Missed,
}

/// What was done to fill the places since the last time that one was lost.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) number: u32,
    /// Whoever answered no, or not at all.
    pub(super) asked: BTreeSet<NodeId>,
    /// Until when nobody is asked.
    pub(super) pause: Option<Mono>,
    /// Whether there may be others to ask before that.
    pub(super) has_news: bool,
}

impl Round {
    /// A place has become free, or all are taken: everybody may be asked again.
    pub(super) fn renew(&mut self) {
        *self = Self::default();
    }

    /// All that could be asked were: a pause, longer each time.
    pub(super) fn end(&mut self, now: Mono, timing: &Timing, rng: &mut Rng) {
        let wait = timing.redial_min.saturating_mul(1 << self.number.min(16)).min(timing.redial_max);
        self.number = self.number.saturating_add(1);
        self.pause = Some(now + rng.about(wait));
    }

    /// Whether there is a pause. When it ends, everybody may be asked again.
    pub(super) fn is_paused(&mut self, now: Mono) -> bool {
        let is_paused = self.pause.is_some_and(|pause| now < pause);
        if !is_paused && self.pause.take().is_some() {
            self.asked.clear();
        }
        is_paused
    }

    /// How many names it holds.
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// A node that was sought will not be a neighbour.
    pub(super) fn answered_no(&mut self, node: &NodeId, seek: &Seeking) {
        if seek.fills() {
            self.asked.insert(node.clone());
        }
    }
}

impl Seeking {
    /// Whether it is to fill a place.
    pub(super) fn fills(&self) -> bool {
        matches!(self.cause, Cause::Lost(_) | Cause::Room)
    }

    pub(super) fn holds_place(&self) -> bool {
        self.is_fresh && (self.fills() || self.cause == Cause::Accepted)
    }

    pub(super) fn deadline(&self) -> Mono {
        if self.is_fresh { self.fresh_until } else { self.until }
    }
}

/// What a root asks those that may follow it. It takes no place, and keeps nobody from being sought.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    /// Who is asked, and how long its answer is waited for.
    pub(super) asked: Option<(NodeId, Mono)>,
    pub(super) round: Round,
}

impl Lookout {
    /// Whether that node is being asked.
    pub(super) fn asks(&self, node: &NodeId) -> bool {
        self.asked.as_ref().is_some_and(|(asked, _)| asked == node)
    }

    /// That node has answered, or will not. Says whether it was being asked.
    pub(super) fn ends(&mut self, node: &NodeId) -> bool {
        self.asked.take_if(|(asked, _)| asked == node).is_some()
    }

    /// How many names it holds.
    pub(super) fn len(&self) -> usize {
        self.round.len() + usize::from(self.asked.is_some())
    }
}

/// Trials of links that seem superfluous.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// When the next one begins, if there is such a link.
    pub(super) next: Option<Mono>,
    /// How many there were since the last link was given up.
    pub(super) count: u32,
}
