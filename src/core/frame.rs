//! Frames that nodes send each other over a link, and answers back: the words of the protocol. Spec: sections 5 and 6.

use super::{
    batch::Batch,
    endpoint::Endpoint,
    id::{Incarnation, Instance, MessageId, NetworkName, NodeId, StreamId, ranges::Ranges},
    message::{Payload, Trace},
    stats::Refusal,
    time::Wall,
};
use std::time::Duration;

/// Most streams or announcements in one frame, and most spans.
pub const STREAMS_MAX: usize = 4096;
/// Most ranges in one frame, those of all its streams together.
pub const RANGES_MAX: usize = 16_384;
/// Most members in one frame.
pub const MEMBERS_MAX: usize = 256;
/// Most names in the path of a walk.
pub const WALK_PATH_LEN_MAX: usize = 16;

/// Longest frame that a node reads, by its payload limit: what is a little too large is read and refused with a reply that says
/// why; anything longer ends its connection before it is in memory (spec section 10).
pub const fn frame_len_max(payload_len_max: usize) -> usize {
    payload_len_max.saturating_mul(2).saturating_add(1 << 20)
}

/// Introduction of a node, in HELLO and WELCOME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Its name.
    pub node: NodeId,
    /// Address where it can be dialled.
    pub endpoint: Endpoint,
    /// Its network.
    pub network: NetworkName,
    /// Which start of it.
    pub instance: Instance,
    /// Its life.
    pub incarnation: Incarnation,
    /// Capabilities beyond what every node must do; unknown words are ignored.
    pub capabilities: Vec<String>,
    /// Longest payload in bytes that it takes, if it says so.
    pub payload_len_max: Option<u64>,
}

impl Introduction {
    /// Returns whether a node that names itself `from` on the connection and introduces itself so may be a peer.
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
        if let (Some(ours), Some(theirs)) = (self.payload_len_max, them.payload_len_max)
            && ours != theirs
        {
            let text = format!("payloads have at most {ours} bytes here, not {theirs}: --payload-max sets it");
            return Err((Refusal::OtherPayloadMax, text));
        }
        if them.node != *from {
            return Err((Refusal::BadIdentity, format!("the routing id says '{from}', HELLO says '{}'", them.node)));
        }
        if them.node == self.node {
            let text = format!("the name '{}' is taken by {}, not by {}", self.node, self.endpoint, them.endpoint);
            return Err((Refusal::NameTaken, text));
        }
        Ok(())
    }
}

/// Reason why a node greets another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JoinPriority {
    /// The two are neighbours: somebody declared it, or they were before.
    #[default]
    Declared,
    /// It knows nobody else and wants to be part of the network.
    Join,
    /// It has room for a neighbour; a node without such room refuses.
    Neighbour,
    /// It has no neighbour at all: only a node that has no room for any peer refuses.
    Needed,
    /// It is the root of its component, and looks for others: a node that follows it refuses.
    Bridge,
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

impl StreamRanges {
    /// Says whether a message is one of these.
    pub fn contains(&self, id: &MessageId) -> bool {
        let StreamId { origin, incarnation } = &self.stream;
        id.is_of(origin, *incarnation) && self.ranges.iter().any(|&(first, last)| (first..=last).contains(&id.sequence))
    }

    /// Takes out all numbers of its stream that are in `others`.
    #[must_use]
    pub fn without(self, others: &[Self]) -> Self {
        let mut rest = Ranges::from(&self.ranges[..]);
        others.iter().filter(|other| other.stream == self.stream).for_each(|other| rest.subtract(&other.ranges));
        Self { ranges: rest.into_vec(), ..self }
    }
}

/// Hashes of what a node has seen: equal hashes, equal sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Hashes {
    /// Of all that it has had or given up.
    pub seen: u64,
    /// Of what it has given up; 0: nothing.
    pub given_up: u64,
}

/// Lives of an origin from one on and below another, and what was seen of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The origin.
    pub origin: NodeId,
    /// The first incarnation.
    pub from: Incarnation,
    /// The first behind the last one.
    pub below: Incarnation,
    /// Hashes of what was seen of these lives alone.
    pub hashes: Hashes,
}

/// Messages that a node has, and does not send unasked or has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Which.
    pub held: StreamRanges,
    /// Time since the last of them arrived at the announcing node.
    pub age: Duration,
    /// True if they were sent before, over the same link: one that lacks them has lost them.
    pub was_pushed: bool,
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

/// Reason why a neighbour is one no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The sender has no use for the link.
    Unlinked,
    /// The sender's whole network is being stopped.
    Stopping,
    /// Somebody wants the two to be peers no more, whoever had declared it.
    Undeclared,
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

/// Purpose of a random walk over the overlay. HyParView, DSN 2007.
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
    /// Purpose of the walk.
    pub kind: WalkKind,
    /// Steps left.
    pub steps: u8,
    /// Of a shuffle: the nodes passed, its origin first; of a reply: those still to pass, the next one last.
    pub path: Vec<NodeId>,
    /// The members that are passed on.
    pub members: Vec<Member>,
}

/// A piece of a frame whose body is too large to cross a link in one. Spec, section 5.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Counts the frames that cross the link in pieces, from 1.
    pub number: u64,
    /// Place in the body where the piece begins.
    pub offset: u64,
    /// Length of the whole body.
    pub length: u64,
    /// The frame, with an empty body: with its first piece, or ahead of it.
    pub head: Option<Box<Frame>>,
    /// The piece.
    pub bytes: Payload,
}

/// Frame that a node sends over a link that it opened. Spec, section 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Introduction of the sender, and the reason why it greets.
    Hello(Introduction, JoinPriority),
    /// A copy of a message, or of several in one.
    Message(Batch),
    /// Forget me.
    Leave,
    /// Are you there?
    Ping {
        /// Comes back with the answer.
        token: u64,
        /// Hashes of all that the sender has seen.
        digest: Option<Hashes>,
    },
    /// I have these messages (Plumtree's IHAVE).
    Have(Vec<Announcement>),
    /// A copy of a traced message whose payload the receiver gets from another.
    Path(PathCopy),
    /// Do not send me messages of this origin unasked.
    Prune(NodeId),
    /// Send me messages of this origin unasked.
    Graft(NodeId),
    /// Digest of what the sender has seen, or of a part of it.
    Digest {
        /// Ranges that the sender has had or given up, by stream.
        streams: Vec<StreamRanges>,
        /// Ranges of these that the sender has given up, and so never had.
        given_up: Vec<StreamRanges>,
        /// Lives of which no ranges are told.
        spans: Vec<Span>,
    },
    /// Send me these messages, and name the lives of these spans.
    Pull {
        /// The messages.
        streams: Vec<StreamRanges>,
        /// Lives of which this node has seen something else than the receiver.
        spans: Vec<Span>,
    },
    /// My neighbours.
    Neighbours(Vec<Member>),
    /// We are neighbours no more, but do not forget me.
    Part(DisconnectReason),
    /// The root of our component is alive.
    Beacon(Beacon),
    /// Members on a random walk.
    Walk(Walk),
    /// A piece of a frame with a large body.
    Chunk(Chunk),
}

impl Frame {
    /// Checks that a peer `from` may have sent the messages in it; if not, says why it is refused.
    pub fn check(&self, from: &NodeId, payload_len_max: usize) -> Result<(), (Refusal, String)> {
        match self {
            Self::Message(batch) => batch.check(from, payload_len_max),
            Self::Path(copy) => copy.trace.check(&copy.id, from),
            Self::Chunk(Chunk { head: Some(head), .. }) => match &**head {
                Self::Message(batch) => batch.check_head(from),
                head => head.check(from, payload_len_max),
            },
            _ => Ok(()),
        }
    }

    /// The highest sequence number that its sender has had of one life of a node, as far as it says so.
    pub fn latest_of(&self, node: &NodeId, incarnation: Incarnation) -> Option<u64> {
        let is_stream = |held: &&StreamRanges| held.stream.incarnation == incarnation && held.stream.origin == *node;
        let last = |held: &StreamRanges| held.ranges.last().map(|&(_, last)| last);
        match self {
            Self::Message(batch) => batch.id.is_of(node, incarnation).then(|| batch.last()),
            Self::Path(PathCopy { id, .. }) => id.is_of(node, incarnation).then_some(id.sequence),
            Self::Chunk(chunk) => chunk.head.as_deref()?.latest_of(node, incarnation),
            Self::Have(told) => told.iter().map(|told| &told.held).filter(is_stream).filter_map(last).max(),
            Self::Digest { streams, given_up, .. } => {
                let had = streams.iter().filter(is_stream).map(|seen| seen.clone().without(given_up));
                had.filter_map(|had| last(&had)).max()
            }
            _ => None,
        }
    }

    /// Number of messages that it carries; one that carries none counts as one.
    pub fn messages(&self) -> u64 {
        match self {
            Self::Message(batch) => batch.body.count().into(),
            _ => 1,
        }
    }

    /// Body that follows the header as a frame of its own, if its type has that and may be sent in pieces.
    pub fn body(&self) -> Option<&Payload> {
        match self {
            Self::Message(batch) => Some(batch.body.bytes()),
            _ => None,
        }
    }

    /// The frame with another body, if its type has one.
    #[must_use]
    pub fn with_body(self, body: Payload) -> Self {
        match self {
            Self::Message(batch) => Self::Message(Batch { body: batch.body.with_bytes(body), ..batch }),
            other => other,
        }
    }
}

/// Answer that comes back over the same connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To HELLO: who I am, and what I have seen of your lives; you are a peer now.
    Welcome(Introduction, Option<LifeSeen>),
    /// To LEAVE: forgotten.
    Farewell,
    /// To PING, with its token.
    Pong(u64),
    /// To PULL: these have I had and keep no more, or given up.
    Lost(Vec<StreamRanges>),
    /// Not accepted.
    Refuse {
        /// Reason for programs: a name of [`Refusal`], or one that this node does not know.
        code: String,
        /// Reason for people.
        text: String,
    },
}
