//! One neighbour, as the overlay sees it.

use crate::core::{endpoint::Endpoint, frame::Member, id::NodeId, neighbours::MemberState};

/// A node to which there is a link.
#[derive(Debug)]
pub(super) struct Neighbour {
    endpoint: Endpoint,
    state: MemberState,
    role: OverlayRole,
    /// Its own neighbours, as it told last.
    list: Vec<Member>,
    /// True if the link to it has not been up all the time since it was told who is there.
    has_missed: bool,
    /// True if it may have missed that the two are neighbours, as far as it has told.
    is_to_be_met: bool,
}

/// The role of a neighbour that nobody declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OverlayRole {
    /// It replaces a declared neighbour that is down.
    Replacement(NodeId),
    /// It joins two components, or what may be two.
    Bridge,
    /// It asked, or there was room.
    Ordinary,
}

impl Neighbour {
    pub(super) fn new(endpoint: Endpoint, role: OverlayRole) -> Self {
        Self { endpoint, state: MemberState::Up, role, list: Vec::new(), has_missed: false, is_to_be_met: true }
    }

    /// The link to it is up again, or it answers from another address.
    pub(super) fn rise(&mut self, endpoint: Endpoint) {
        (self.endpoint, self.state) = (endpoint, MemberState::Up);
    }

    /// The link to it is not up.
    pub(super) fn fall(&mut self) {
        self.has_missed = true;
    }

    /// It may be down.
    pub(super) fn suspect(&mut self) {
        self.state = MemberState::Suspect;
    }

    /// Returns true, once, if it may have missed what it was told.
    pub(super) fn take_missed(&mut self) -> bool {
        self.is_to_be_met |= self.has_missed;
        std::mem::take(&mut self.has_missed)
    }

    /// It tells who its neighbours are. Returns true if `me` has only now become one of them.
    pub(super) fn tell(&mut self, list: &[Member], me: &NodeId) -> bool {
        self.list = list.to_vec();
        let is_met = self.knows(me) && self.is_to_be_met;
        self.is_to_be_met = !self.knows(me);
        is_met
    }

    /// It is there for its own sake from now on.
    pub(super) fn settle(&mut self) {
        self.role = OverlayRole::Ordinary;
    }

    pub(super) fn member(&self, node: &NodeId) -> Member {
        Member { node: node.clone(), endpoint: self.endpoint.clone() }
    }

    pub(super) fn role(&self) -> &OverlayRole {
        &self.role
    }

    /// The declared neighbour that it replaces.
    pub(super) fn replaces(&self) -> Option<&NodeId> {
        if let OverlayRole::Replacement(lost) = &self.role { Some(lost) } else { None }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.state == MemberState::Up
    }

    pub(super) fn list(&self) -> &[Member] {
        &self.list
    }

    pub(super) fn into_list(self) -> Vec<Member> {
        self.list
    }

    /// Returns true if a node is one of its neighbours, as it told last.
    pub(super) fn knows(&self, node: &NodeId) -> bool {
        names(&self.list, node)
    }

    /// Returns true if it has other neighbours than `me`.
    pub(super) fn has_others(&self, me: &NodeId) -> bool {
        self.list.iter().any(|member| member.node != *me)
    }
}

/// Returns true if a node is in a list.
pub(super) fn names(list: &[Member], node: &NodeId) -> bool {
    list.iter().any(|member| member.node == *node)
}
