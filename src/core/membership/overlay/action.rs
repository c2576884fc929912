//! What the overlay asks of the node that it is a part of.

use crate::core::{
    frame::{DisconnectReason, Frame, JoinPriority, Member},
    id::NodeId,
};

/// One thing to be done, in the order in which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send a frame to one neighbour.
    Send {
        /// To whom; nothing happens if that is no neighbour any more.
        to: NodeId,
        /// What.
        frame: Frame,
    },
    /// Send a frame to all neighbours that understand it.
    SendAll {
        /// But this one.
        except: Option<NodeId>,
        /// What.
        frame: Frame,
    },
    /// Open a link to a node that is no neighbour, unless there is one, and greet it.
    Seek {
        /// Whom.
        member: Member,
        /// Why: goes into the greeting.
        priority: JoinPriority,
    },
    /// A link that this node or its far end made is declared from now on: keep it, and say so at its far end.
    Adopt {
        /// Whose link.
        node: NodeId,
    },
    /// Tell a node that it is no neighbour, whether or not it knows yet that it was one, and close the link to it.
    Part {
        /// Whom.
        node: NodeId,
        /// Why.
        reason: DisconnectReason,
    },
    /// Close the link to a node that knows: it has parted, or has refused.
    Close {
        /// Which.
        node: NodeId,
    },
}
