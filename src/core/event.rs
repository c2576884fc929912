//! All that can happen to a node, and all it can ask for: the two sides of [`Node`](super::node::Node).

use super::{
    endpoint::Endpoint,
    id::{Incarnation, Instance, MessageId, NetworkName, NodeId, StreamId},
    message::{Message, Trace},
    request::{Reply, Request, RequestId},
    stats::{Counter, Refusal},
    time::Wall,
};
use std::time::Duration;

/// One outgoing connection, numbered by the node that opens it. The number stays with the same peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Where a reply goes: bytes that only the transport understands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReturnAddress(pub Box<[u8]>);

/// Place of a record in the node's log, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogSeq(pub u64);

/// Who a node says it is, in HELLO and WELCOME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Its name.
    pub node: NodeId,
    /// Where it can be dialled.
    pub endpoint: Endpoint,
    /// Its network.
    pub network: NetworkName,
    /// Which start of it.
    pub instance: Instance,
    /// Its life.
    pub incarnation: Incarnation,
    /// What it can do beyond what every node must; unknown words are ignored.
    pub capabilities: Vec<String>,
}

impl Introduction {
    /// Whether a node that names itself `from` on the connection and introduces itself so may be a peer.
    pub fn check(&self, from: &NodeId, them: &Self) -> Result<(), (Refusal, String)> {
        if them.network != self.network {
            let text = format!("this is network '{}', not '{}'", self.network, them.network);
            return Err((Refusal::OtherNetwork, text));
        }
        if !self.instance.admits(&them.instance) {
            let (ours, theirs) = (self.instance.as_str(), them.instance.as_str());
            let text = format!("this is instance '{ours}' of network '{}', not '{theirs}'", self.network);
            return Err((Refusal::OtherInstance, text));
        }
        if them.node != *from {
            return Err((Refusal::BadIdentity, format!("the routing id says '{from}', HELLO says '{}'", them.node)));
        }
        if them.node == self.node {
            return Err((Refusal::NameTaken, format!("the name '{}' is taken by {}", self.node, self.endpoint)));
        }
        if them.endpoint.is_unspecified() {
            let text = format!("nobody can dial {}: advertise an address of the host", them.endpoint);
            return Err((Refusal::BadRequest, text));
        }
        Ok(())
    }
}

/// Why a node greets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// The two are neighbours: somebody declared it, or they were before.
    #[default]
    Declared,
    /// It knows nobody else and wants to be part of the network.
    Join,
    /// It has room for a neighbour; a node without such room refuses.
    Neighbour,
    /// It has no neighbour at all: only a node that has no room for any peer refuses.
    Needed,
}

/// The latest that a node has seen of another's lives: so that one that lost its memory does not repeat an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LifeSeen {
    /// The latest life.
    pub incarnation: Incarnation,
    /// The highest sequence number seen of it; 0: none.
    pub sequence: u64,
}

/// Sequence numbers of one stream as closed intervals, ascending, not touching, none of them 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRanges {
    /// The stream.
    pub stream: StreamId,
    /// First and last of each interval.
    pub ranges: Vec<(u64, u64)>,
}

/// Messages that a node has and does not send unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which.
    pub held: StreamRanges,
    /// How long ago the last of them arrived at the announcing node.
    pub age: Duration,
}

/// A copy of a traced message without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathCopy {
    /// The message.
    pub id: MessageId,
    /// The origin's wall clock at the submission.
    pub published_at: Wall,
    /// Links crossed so far, the one it arrives by included.
    pub hops: u32,
    /// Relays, and the path to the node that sent this copy.
    pub trace: Trace,
}

/// Why a neighbour is one no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The sender has no use for the link.
    Unlinked,
    /// The sender's whole network is being stopped.
    Stopping,
}

/// A sign of life of the node with the lowest name that the sender knows to be reachable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// That node.
    pub root: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
    /// Counts its signs.
    pub beat: u64,
    /// Links crossed, the one it arrives by included.
    pub hops: u32,
}

/// A node and where it can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub node: NodeId,
    /// Its address.
    pub endpoint: Endpoint,
}

/// What a random walk over the overlay is for. HyParView, DSN 2007.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkKind {
    /// The first of its members joins: whoever the walk ends at becomes its neighbour.
    Join,
    /// Its members are a sample of the first one's view: whoever the walk ends at replies with one of its own.
    Shuffle,
    /// The reply, back along the path of the shuffle.
    Reply,
    /// No walk: its members are new to the sender. Whoever did not know them tells its neighbours.
    News,
}

/// Members on a random walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// What for.
    pub kind: WalkKind,
    /// Steps left.
    pub steps: u8,
    /// Of a shuffle: the nodes passed, its origin first; of a reply: those still to pass, the next one last.
    pub path: Vec<NodeId>,
    /// The members that are passed on.
    pub members: Vec<Member>,
}

/// What a node says over a link that it opened. Spec, section 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Who I am, and why I greet.
    Hello(Introduction, Wish),
    /// A copy of a message.
    Message(Message),
    /// Forget me.
    Leave,
    /// Are you there?
    Ping {
        /// Comes back with the answer.
        token: u64,
        /// A hash of all that the sender has seen.
        digest: Option<u64>,
    },
    /// I have these messages (Plumtree's IHAVE).
    Have(Vec<Announcement>),
    /// A copy of a traced message whose payload the receiver gets from another.
    Path(PathCopy),
    /// Do not send me messages of this origin unasked.
    Prune(NodeId),
    /// Send me messages of this origin unasked.
    Graft(NodeId),
    /// What I have seen, or a part of it.
    Digest(Vec<StreamRanges>),
    /// Send me these messages.
    Pull(Vec<StreamRanges>),
    /// My neighbours.
    Neighbours(Vec<Member>),
    /// We are neighbours no more, but do not forget me.
    Part(Parting),
    /// The root of our component is alive.
    Beacon(Beacon),
    /// Members on a random walk.
    Walk(Walk),
}

/// What comes back over the same connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To HELLO: who I am, and what I have seen of your lives; you are a peer now.
    Welcome(Introduction, Option<LifeSeen>),
    /// To LEAVE: forgotten.
    Farewell,
    /// To PING, with its token.
    Pong(u64),
    /// To PULL: these have I had, and keep no more.
    Lost(Vec<StreamRanges>),
    /// Not accepted.
    Refuse {
        /// Why, for programs: a name of [`Refusal`], or one that this node does not know.
        code: String,
        /// Why, for people.
        text: String,
    },
}

/// Who sent something that was refused before the core could see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A connection to our ROUTER, which may wait for a reply.
    Router {
        /// Where a reply goes.
        client: ReturnAddress,
        /// What it calls its request, as far as that was read.
        id: RequestId,
        /// The node that its routing id names, if it is a name at all.
        node: Option<NodeId>,
        /// Whether what it sent has the type of a node's frame.
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
        /// The routing id of that link, which is the node's name once it has said HELLO.
        from: NodeId,
        /// What it says.
        frame: Frame,
    },
    /// Something comes back over a link of ours.
    Answered {
        /// The link.
        link: LinkId,
        /// What comes back.
        answer: Answer,
    },
    /// A client asks for something.
    Requested {
        /// Where the reply goes.
        client: ReturnAddress,
        /// What it calls its request.
        id: RequestId,
        /// What it wants.
        request: Request,
    },
    /// Frames that make no sense, or too much of it.
    Undecodable {
        /// Who sent them.
        sender: Sender,
        /// What is wrong with them.
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
        /// Why.
        why: Counter,
    },
    /// The connection of a link is gone; it is tried again by itself.
    Disconnected(LinkId),
    /// A reply could not be handed to its client.
    Unreplied,
    /// The queues of this node's links are filling up, or have room again.
    Pressure(bool),
    /// All records up to this one are as safe as the log makes them.
    Synced(LogSeq),
    /// [`Node::deadline`](super::node::Node::deadline) has passed.
    Tick,
}

/// What must be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A message was received for the first time.
    Received {
        /// The message as it arrived.
        message: Message,
        /// When.
        at: Wall,
    },
    /// Messages that are missing are given up, and count as seen.
    GivenUp {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Messages were read.
    Marked {
        /// First inbox position.
        first: u64,
        /// Last inbox position.
        last: u64,
    },
}

/// Something that an operator may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A link is up.
    LinkUp {
        /// To whom.
        node: NodeId,
        /// Where.
        endpoint: Endpoint,
    },
    /// A link is down: it has no connection.
    LinkDown {
        /// To whom, if that was known.
        node: Option<NodeId>,
        /// Where.
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
        /// Which.
        node: NodeId,
        /// Why.
        refusal: Refusal,
    },
    /// We were refused.
    RefusedBy {
        /// Where.
        endpoint: Endpoint,
        /// Why, for programs.
        code: String,
        /// Why, for people.
        text: String,
    },
    /// The inbox is full and begins to drop the oldest messages; told once.
    InboxFull {
        /// The oldest message still kept.
        oldest: MessageId,
    },
    /// Messages are gone for good: no neighbour keeps them any more.
    Gap {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A neighbour is sought, as a rule in the place of one that is gone.
    Seeking(NodeId),
    /// An earlier life of this node had the number of this one, which has another from now on.
    Renewed(Incarnation),
    /// Leaving: the neighbours are told.
    Leaving,
}

/// All a node can ask for, to be done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Keep this record.
    Append(LogSeq, Record),
    /// Keep this as the node's life, for good, before anything that follows is done.
    Renew(Incarnation),
    /// Open a link.
    Connect(LinkId, Endpoint),
    /// Close a link. What waits in it is lost.
    Disconnect(LinkId),
    /// Send one frame over some links.
    Send(Vec<LinkId>, Frame),
    /// Answer a node over the link it opened.
    Answer(NodeId, Answer),
    /// Reply to a client.
    Reply(ReturnAddress, RequestId, Reply),
    /// Tell whoever watches.
    Notify(Event),
    /// Stop, giving what was sent `linger` to leave.
    Exit {
        /// How long.
        linger: Duration,
    },
}
