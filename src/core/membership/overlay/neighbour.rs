//! One neighbour, as the overlay sees it, and all else of the overlay that is at hand when something becomes of it.

use super::{action::Action, beacon::Election, passive_view::PassiveView};
use crate::core::{endpoint::Endpoint, frame::Member, id::NodeId, rng::Rng, time::Mono};
use std::{collections::VecDeque, time::Duration};

/// How long a neighbour must have had no other than this node for nobody else to miss it when it leaves.
const LEAF_STANDING: Duration = Duration::from_secs(10);
/// The rest of the overlay, for whoever decides about neighbours.
pub struct Means<'a> {
    /// The members known beside the neighbours.
    pub passive: &'a mut PassiveView,
    /// The beat of the root: it shows which links are spare.
    pub election: &'a mut Election,
    /// Where chance comes from.
    pub rng: &'a mut Rng,
    /// Where actions go.
    pub todo: &'a mut VecDeque<Action>,
    /// Where members go that the neighbours are to be told of.
    pub news: &'a mut Vec<Member>,
}

/// Whoever there is a link to.
#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) endpoint: Endpoint,
    pub(super) is_suspect: bool,
    /// Whether the link to it has not been up all the time since it was told who is there.
    pub(super) has_missed: bool,
    /// Whether it may have missed that the two are neighbours, as far as it has told.
    pub(super) is_to_be_met: bool,
    pub(super) bond: Bond,
    /// Its own neighbours.
    pub(super) list: Vec<Member>,
    rose_at: Mono,
    /// Whether it has ever had others.
    pub(super) has_had_others: bool,
}

/// Why there is a link that nobody declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bond {
    /// This node made it in place of one that is down.
    For(NodeId),
    /// This node made it to join two components, or what may be two.
    Bridge,
    /// Somebody asked, or there was room.
    Met,
}

impl Neighbour {
    pub(super) fn new(now: Mono, endpoint: Endpoint, bond: Bond) -> Self {
        Self {
            endpoint,
            is_suspect: false,
            has_missed: false,
            is_to_be_met: true,
            bond,
            list: Vec::new(),
            rose_at: now,
            has_had_others: false,
        }
    }

    /// Whether it has other neighbours than `me`.
    pub(super) fn has_others(&self, me: &NodeId) -> bool {
        self.list.iter().any(|member| member.node != *me)
    }

    /// Whether it has no other neighbour than this node, and has had none for as long as it takes to find one.
    pub(super) fn is_leaf(&self, now: Mono) -> bool {
        !self.list.is_empty() && !self.has_had_others && now.since(self.rose_at) >= LEAF_STANDING
    }
}

/// Returns whether a node is in a list.
pub(super) fn names(list: &[Member], node: &NodeId) -> bool {
    list.iter().any(|member| member.node == *node)
}
