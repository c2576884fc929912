//! The purpose of a link: its role, and what its greetings say.

use crate::core::{frame::JoinPriority, neighbours::LinkRole};

/// The purpose of a link, which its greetings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Purpose {
    role: LinkRole,
    priority: JoinPriority,
    /// True if an operator asked for it here, or named its address for this node to join by.
    is_named: bool,
    /// True if it answers a greeting.
    is_answer: bool,
}

impl Purpose {
    /// The purpose of a link that this node looks for by itself.
    pub(super) fn sought(role: LinkRole, priority: JoinPriority) -> Self {
        Self { role, priority, ..Self::default() }
    }

    /// The purpose of the link back to a node that greets with this priority. Its own greetings ask for no more than to be
    /// accepted by a node that has a link already.
    pub(super) fn answering(priority: JoinPriority) -> Self {
        let role = match priority {
            JoinPriority::Declared => return Self::default().as_answer(),
            JoinPriority::Join => LinkRole::Joined,
            JoinPriority::Neighbour | JoinPriority::Needed | JoinPriority::Bridge => LinkRole::Healing,
        };
        let priority = if priority == JoinPriority::Bridge { JoinPriority::Needed } else { JoinPriority::Neighbour };
        Self::sought(role, priority).as_answer()
    }

    /// The purpose of a link that an operator declares here.
    pub(super) fn named() -> Self {
        Self { is_named: true, ..Self::default() }
    }

    /// The purpose of a link to a seed node.
    pub(super) fn joining() -> Self {
        Self { is_named: true, ..Self::sought(LinkRole::Joined, JoinPriority::Join) }
    }

    /// The same, of a link that answers a greeting.
    pub(super) fn as_answer(self) -> Self {
        Self { is_answer: true, ..self }
    }

    /// The same, of a link that an operator asks for here.
    pub(super) fn as_named(self) -> Self {
        Self { is_named: true, ..self }
    }

    /// The same, of a link that somebody declares.
    pub(super) fn as_declared(self) -> Self {
        let is_named = self.is_named && self.is_declared();
        Self { is_named, is_answer: self.is_answer, ..Self::default() }
    }

    pub(super) fn role(&self) -> LinkRole {
        self.role
    }

    pub(super) fn priority(&self) -> JoinPriority {
        self.priority
    }

    pub(super) fn is_declared(&self) -> bool {
        self.role == LinkRole::Declared
    }

    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    pub(super) fn is_answer(&self) -> bool {
        self.is_answer
    }
}
