//! Actions that the overlay asks for, and the queue in which they wait.

use crate::core::{
    frame::{DisconnectReason, Frame, JoinPriority, Member},
    id::NodeId,
};
use std::collections::VecDeque;

/// One thing to be done, in the order in which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send a frame to one neighbour.
    Send {
        /// The neighbour; nothing happens if it is none any more.
        to: NodeId,
        /// The frame.
        frame: Frame,
    },
    /// Send a frame to all neighbours that understand it.
    SendAll {
        /// But this one.
        except: Option<NodeId>,
        /// The frame.
        frame: Frame,
    },
    /// Open a link to a node that is no neighbour, unless there is one, and greet it.
    Seek {
        /// The node.
        member: Member,
        /// The join priority of the greeting.
        priority: JoinPriority,
    },
    /// A link that this node or its far end made is declared from now on: keep it, and say so at its far end.
    Adopt {
        /// The far end.
        node: NodeId,
    },
    /// Tell a node that it is no neighbour, whether or not it knows yet that it was one, and close the link to it.
    Part {
        /// The node.
        node: NodeId,
        /// The reason that it is told.
        reason: DisconnectReason,
    },
    /// Close the link to a node that knows: it has parted, or has refused.
    Close {
        /// The node.
        node: NodeId,
    },
}

/// Actions that were asked for and are not done yet. They are drained after each call.
#[derive(Debug, Default)]
pub(super) struct Actions(VecDeque<Action>);

impl Actions {
    pub(super) fn poll(&mut self) -> Option<Action> {
        self.0.pop_front()
    }

    pub(super) fn send(&mut self, to: NodeId, frame: Frame) {
        self.0.push_back(Action::Send { to, frame });
    }

    pub(super) fn send_all(&mut self, except: Option<NodeId>, frame: Frame) {
        self.0.push_back(Action::SendAll { except, frame });
    }

    pub(super) fn seek(&mut self, member: Member, priority: JoinPriority) {
        self.0.push_back(Action::Seek { member, priority });
    }

    pub(super) fn adopt(&mut self, node: NodeId) {
        self.0.push_back(Action::Adopt { node });
    }

    /// Parts from a node of which there was no need.
    pub(super) fn unlink(&mut self, node: NodeId) {
        self.0.push_back(Action::Part { node, reason: DisconnectReason::Unlinked });
    }

    pub(super) fn close(&mut self, node: NodeId) {
        self.0.push_back(Action::Close { node });
    }
}
