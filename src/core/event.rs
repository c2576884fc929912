//! All that can happen to a node, and all it can ask for: the two sides of [`Node`](super::node::Node).

pub mod record;

use self::record::{Condition, LogSeq, Record};
use super::{
    endpoint::Endpoint,
    frame::{Answer, Frame},
    id::{Incarnation, Instance, MessageId, NodeId, StreamId},
    request::{Disturbance, Reply, Request, RequestId},
    stats::{Counter, Refusal},
};
use std::{fmt, time::Duration};

pub use super::slots::LinkId;

/// The way back of a reply: bytes that the transport writes and reads. They begin with the client's connection, behind its
/// length in 16 bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReturnAddress(pub Box<[u8]>);

impl ReturnAddress {
    /// The address of the process that runs the node: it asks by the same door as its clients.
    pub fn own() -> Self {
        Self(Box::default())
    }

    /// Says whether it is that of the process that runs the node.
    pub fn is_own(&self) -> bool {
        self.0.is_empty()
    }

    /// The connection that a request came by: what a client may take of a node is counted by it, for the rest of the address
    /// is what the client likes it to be.
    pub fn connection(&self) -> &[u8] {
        let framed = self.0.split_first_chunk::<2>();
        let first = framed.and_then(|(len, rest)| rest.get(..usize::from(u16::from_be_bytes(*len))));
        first.unwrap_or(&self.0)
    }
}

/// The identity of whoever sends a frame or a request.
///
/// The transport names it, and the core believes it. Today it is the routing id of the sender's connection, which the sender
/// chose by itself: nothing is proved. A transport that proves keys names their owners in the same place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The process that runs the node.
    Own,
    /// A node.
    Node(NodeId),
    /// Somebody without a name, as clients are.
    Unnamed,
}

impl Principal {
    /// The node that it is, if it is one.
    pub fn node(&self) -> Option<&NodeId> {
        match self {
            Self::Node(node) => Some(node),
            Self::Own | Self::Unnamed => None,
        }
    }
}

impl From<NodeId> for Principal {
    fn from(node: NodeId) -> Self {
        Self::Node(node)
    }
}

impl From<Option<NodeId>> for Principal {
    fn from(node: Option<NodeId>) -> Self {
        node.map_or(Self::Unnamed, Self::Node)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("this process"),
            Self::Node(node) => node.fmt(f),
            Self::Unnamed => f.write_str("a client"),
        }
    }
}

/// The effort at which a connection is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dial {
    /// Once: whether it fails at once or is lost later, it is not tried again.
    Once,
    /// Again and again, until the link is closed.
    Again,
}

/// The sender of something that was refused before the core could see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A connection to our ROUTER, which may wait for a reply.
    Router {
        /// The way back of a reply.
        client: ReturnAddress,
        /// Its name for its request, as far as that was read.
        id: RequestId,
        /// Its identity.
        principal: Principal,
        /// Says that what it sent has the type of a node's frame.
        is_frame: bool,
    },
    /// The far end of a link of ours.
    Link(LinkId),
    /// Nobody that could be answered.
    Unknown,
}

/// All that can happen to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Another node says something over its link to us.
    Arrived {
        /// Its identity.
        from: Principal,
        /// Its frame.
        frame: Frame,
    },
    /// Something comes back over a link of ours.
    Answered {
        /// The link.
        link: LinkId,
        /// The answer that comes back.
        answer: Answer,
    },
    /// A client asks for something.
    Requested {
        /// Its identity.
        principal: Principal,
        /// The way back of the reply.
        client: ReturnAddress,
        /// Its name for its request.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Frames that make no sense, or too much of it.
    Undecodable {
        /// The sender.
        sender: Sender,
        /// The fault in them.
        refusal: Refusal,
        /// The same for people: one line.
        text: String,
    },
    /// A link can take frames again, or for the first time.
    Writable(LinkId),
    /// A frame could not be handed to a link: [`Counter::QueueFull`] or [`Counter::NotConnected`].
    Unsent {
        /// The link.
        link: LinkId,
        /// The reason.
        why: Counter,
    },
    /// The connection of a link is gone; it is tried again by itself if it was asked for so.
    Disconnected(LinkId),
    /// A reply could not be handed to its client.
    Unreplied,
    /// The queues of this node's links are filling up, or have room again.
    Pressure(bool),
    /// The log can keep what it is given, or cannot any more.
    Log(Condition),
    /// All records up to this one are as safe as the log makes them.
    Synced(LogSeq),
    /// [`Output::Adopt`] was done.
    Adopted {
        /// The reason for which the instance could not be stored, for people, if so.
        unstored: Option<String>,
    },
    /// [`Node::deadline`](super::node::Node::deadline) has passed.
    Tick,
}

/// Something that an operator may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A link is up.
    LinkUp {
        /// To whom.
        node: NodeId,
        /// The address.
        endpoint: Endpoint,
    },
    /// A link is down: it has no connection.
    LinkDown {
        /// To whom, if that was known.
        node: Option<NodeId>,
        /// The address.
        endpoint: Endpoint,
    },
    /// A peer is silent, and so are its answers.
    PeerSuspected(NodeId),
    /// A peer was silent, or its connection lost, for so long that it is taken for dead.
    PeerDown(NodeId),
    /// A peer that was suspected says something.
    PeerBack(NodeId),
    /// A peer left and is forgotten.
    PeerLeft(NodeId),
    /// A node was refused.
    Refused {
        /// The node.
        node: NodeId,
        /// The reason.
        refusal: Refusal,
        /// The same for people.
        text: String,
    },
    /// We were refused.
    RefusedBy {
        /// The address.
        endpoint: Endpoint,
        /// The reason, for programs.
        code: String,
        /// The reason, for people.
        text: String,
    },
    /// The inbox is full and begins to drop the oldest messages; told once.
    InboxFull {
        /// The oldest message still kept.
        oldest: MessageId,
    },
    /// Messages are given up: no neighbour keeps them any more.
    Gap {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Messages that had been given up came after all.
    GapFilled {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A neighbour is sought, as a rule in the place of one that is gone.
    Seeking(NodeId),
    /// Somebody knows of this node's life, or of a later one, what it does not: it goes on as another.
    Renewed(Incarnation),
    /// Another node answers at an address than was named for it: the two have no link.
    Stranger {
        /// The one that answers.
        node: NodeId,
        /// The one that was named.
        expected: NodeId,
        /// The address.
        endpoint: Endpoint,
    },
    /// Another node, there, goes by this one's name. It came later, and is to give way.
    Namesake(Endpoint),
    /// The name is another node's, and this one takes no messages: why, for people.
    NameTaken(String),
    /// Leaving: the neighbours are told.
    Leaving,
}

impl Event {
    /// The word by which logs and watchers call it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::LinkUp { .. } => "link_up",
            Self::LinkDown { .. } => "link_down",
            Self::PeerSuspected(_) => "suspected",
            Self::PeerDown(_) => "down",
            Self::PeerBack(_) => "back",
            Self::PeerLeft(_) => "left",
            Self::Refused { .. } => "refused",
            Self::RefusedBy { .. } => "refused_by",
            Self::InboxFull { .. } => "inbox_full",
            Self::Gap { .. } => "gap",
            Self::GapFilled { .. } => "gap_filled",
            Self::Seeking(_) => "seeking",
            Self::Renewed(_) => "renewed",
            Self::Stranger { .. } => "stranger",
            Self::Namesake(_) => "namesake",
            Self::NameTaken(_) => "name_taken",
            Self::Leaving => "leaving",
        }
    }
}

/// All a node can ask for, to be done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Keep this record.
    Append(LogSeq, Record),
    /// Try again to keep records, after that failed.
    Reopen,
    /// Keep this as the node's life, for good, before anything that follows is done.
    Renew(Incarnation),
    /// Keep this as the instance of the network that the node belongs to.
    Adopt(Instance),
    /// Open a link.
    Connect(LinkId, Endpoint, Dial),
    /// Close a link. What waits in it is lost.
    Disconnect(LinkId),
    /// Send one frame over some links.
    Send(Vec<LinkId>, Frame),
    /// Answer a node over the link it opened.
    Answer(NodeId, Answer),
    /// Reply to a client.
    Reply(ReturnAddress, RequestId, Reply),
    /// From now on this becomes of what is sent to some nodes, or to all.
    Disturb(Option<Vec<NodeId>>, Disturbance),
    /// Tell whoever watches.
    Notify(Event),
    /// Stop, giving what was sent `linger` to leave.
    Exit {
        /// The time that it is given.
        linger: Duration,
    },
}
