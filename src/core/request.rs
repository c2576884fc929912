//! The command dialogue that the command line, the tests and clients in any language speak with a node.
//! Spec: `docs/spec/gossip-bus.md`, *Requests*.

mod disturbance;
pub mod happening;

pub use disturbance::Disturbance;

use super::{
    batch::Body,
    endpoint::Endpoint,
    event::record::Level,
    frame::StreamRanges,
    id::{Incarnation, Instance, MessageId, NetworkName, NodeId, StreamId},
    message::{Path, Payload, Relays},
    neighbours::{LinkRole, MemberState},
    stats::Refusal,
    time::Wall,
};
use happening::WatchPage;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A client's name for its request; the reply carries it back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequestId {
    /// None given: enough for one request at a time.
    #[default]
    None,
    /// A number that the client counts itself.
    Number(u64),
    /// 8 to 32 bytes that nobody else uses: a submission repeated under it is published once, with one receipt.
    Unique(Arc<[u8]>),
}

/// Lengths in bytes that a [`RequestId::Unique`] may have.
pub const UNIQUE_LEN: std::ops::RangeInclusive<usize> = 8..=32;

/// The messages that a fetch returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All that are kept.
    All,
    /// Those not read yet.
    Unread,
    /// Those read before.
    Read,
}

impl Status {
    /// `all`, `unread` or `read`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Unread => "unread",
            Self::Read => "read",
        }
    }
}

/// The place at which a fetch goes on: after this position, or within the message at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// The first inbox position to return; positions count from 1 and grow with arrival.
    pub position: u64,
    /// Paths of the message at that position that were returned already.
    pub paths: u64,
}

/// A question for a page of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The messages that are wanted.
    pub status: Status,
    /// The place to begin at.
    pub from: Cursor,
    /// The last position of interest; `None`: the newest at this moment. Passing on what the first page says
    /// keeps a reader from chasing a busy inbox.
    pub through: Option<u64>,
    /// Most messages to return.
    pub limit: u64,
    /// Marks what is returned as read at once. A reader that must not lose a message to a lost reply
    /// fetches without, and sends [`Request::Mark`] when it has the page.
    pub mark: bool,
}

/// A request of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Spread messages; with `trace`, one, and record the paths it takes.
    Publish {
        /// Number of times to relay to each neighbour, if paths are to be recorded.
        trace: Option<Relays>,
        /// The payloads to spread, each a message; all are taken, or none.
        body: Body,
    },
    /// A page of the inbox.
    Fetch(Fetch),
    /// Mark all messages at the positions `first..=last` as read.
    Mark {
        /// First position.
        first: u64,
        /// Last position.
        last: u64,
    },
    /// The node's peers.
    Peers,
    /// The node's account of itself: its identity, what it holds and what it counted.
    Status,
    /// Connect to these nodes, and take them for declared peers.
    Connect {
        /// Name, where known, and address of each.
        peers: Vec<(Option<NodeId>, Endpoint)>,
    },
    /// Become a member of the network that one of these nodes belongs to: they are contacts, not declared peers.
    Join {
        /// Name, where known, and address of each.
        contacts: Vec<(Option<NodeId>, Endpoint)>,
    },
    /// Take these nodes for declared peers no more, and part from them; they forget that they were, too.
    Disconnect {
        /// Their names. One that is no peer is passed over.
        nodes: Vec<NodeId>,
    },
    /// Disturb what the node sends to some peers, or to all; only where that was allowed when it was started.
    Disturb {
        /// Whom; `None`: all, also those that were disturbed in another way before.
        nodes: Option<Vec<NodeId>>,
        /// The disturbance from now on.
        disturbance: Disturbance,
    },
    /// Answer once all links are up.
    Ready,
    /// Happenings at the node, from a position of its journal on.
    Watch {
        /// The first position of interest; `None`: that of the next happening.
        from: Option<u64>,
        /// Time to wait if nothing has happened there yet; at most [`WATCH_WAIT_MAX`].
        wait: Duration,
    },
    /// The version vector, stream by stream: as much as one page holds.
    Seen {
        /// The stream behind which the page begins; `None`: with the first.
        after: Option<StreamId>,
        /// Messages of which it is asked which ones are kept.
        of: Vec<StreamRanges>,
    },
    /// Leave the network: the neighbours forget the node, and it stops.
    Remove,
    /// Stop: the neighbours keep the node in mind.
    Stop,
    /// Try again to write the log, after that failed.
    Reopen,
}

impl Request {
    /// The word by which logs call it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::Fetch(_) => "fetch",
            Self::Mark { .. } => "mark",
            Self::Peers => "peers",
            Self::Status => "status",
            Self::Connect { .. } => "connect",
            Self::Disconnect { .. } => "disconnect",
            Self::Disturb { .. } => "disturb",
            Self::Join { .. } => "join",
            Self::Ready => "ready",
            Self::Watch { .. } => "watch",
            Self::Seen { .. } => "seen",
            Self::Remove => "remove",
            Self::Stop => "stop",
            Self::Reopen => "reopen",
        }
    }
}

/// Longest time that a watcher waits at a node.
pub const WATCH_WAIT_MAX: Duration = Duration::from_secs(30);

/// One message of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its place in this node's inbox.
    pub position: u64,
    /// Its id.
    pub id: MessageId,
    /// The time of its submission, by the origin's clock.
    pub published_at: Wall,
    /// The time of its arrival here, by this node's clock.
    pub received_at: Wall,
    /// Says whether it was unread before this fetch.
    pub unread: bool,
    /// Says whether the page before held its payload and some of its paths; the payload is empty here then.
    pub continued: bool,
    /// The paths of its copies in the order of arrival, from the origin to this node; none if it is not traced.
    pub paths: Vec<Path>,
    /// The payload.
    pub payload: Payload,
}

/// Messages of one stream that this node has given up: nobody that it asked keeps them any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The stream.
    pub stream: StreamId,
    /// The first sequence number that is missing.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// Number of these that are missing: all, unless the node could not tell them apart any more.
    pub count: u64,
}

/// A part of the inbox, in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Fetched>,
    /// The place at which the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
    /// The last position that this fetch covers.
    pub through: u64,
    /// Messages that this node has given up, the first 1024 ranges; told on the page that begins at position 0 alone.
    pub gaps: Vec<Gap>,
}

/// A part of what a node has seen: its version vector, in the order of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vector {
    /// The streams with all that was had or given up of them.
    pub streams: Vec<StreamRanges>,
    /// Says whether there are more streams behind the last of these.
    pub more: bool,
    /// Messages of these streams that were given up and are known to exist.
    pub gaps: Vec<Gap>,
    /// Messages of these streams that others have only said to exist: nobody could send them, and nothing later has come.
    pub unproven: Vec<Gap>,
    /// Of the messages that were asked about, those that this node keeps.
    pub kept: Vec<StreamRanges>,
}

impl Gap {
    /// All messages from `first` to `last`.
    pub fn whole(stream: StreamId, first: u64, last: u64) -> Self {
        Self { stream, first, last, count: last.saturating_sub(first).saturating_add(1) }
    }

    /// Says whether all messages from the first to the last are missing.
    pub fn is_whole(&self) -> bool {
        self.count == self.last.saturating_sub(self.first).saturating_add(1)
    }
}

impl Page {
    /// The first and the last position in it.
    pub fn span(&self) -> Option<(u64, u64)> {
        Some((self.messages.first()?.position, self.messages.last()?.position))
    }
}

/// One peer of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its name, once it is known.
    pub node: Option<NodeId>,
    /// Its address.
    pub endpoint: Endpoint,
    /// Says whether the link to it is up.
    pub up: bool,
    /// Its round trip, smoothed, once measured.
    pub round_trip: Option<Duration>,
    /// Its state, as this node judges; `None`: it was not met yet, or the node does not say.
    pub state: Option<MemberState>,
    /// The reason for which the link is there.
    pub role: LinkRole,
}

/// A node's account of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its name.
    pub node: NodeId,
    /// The address at which it can be reached.
    pub endpoint: Endpoint,
    /// Its network.
    pub network: NetworkName,
    /// The start of it.
    pub instance: Instance,
    /// Its life.
    pub incarnation: Incarnation,
    /// Version of the program, as it prints it.
    pub version: String,
    /// The time that it has run.
    pub uptime: Duration,
    /// Its peers.
    pub peers: Vec<PeerInfo>,
    /// Largest payload that it accepts.
    pub payload_len_max: u64,
    /// Messages kept.
    pub retained_messages: u64,
    /// Bytes kept.
    pub retained_bytes: u64,
    /// Of the messages kept, those unread.
    pub unread: u64,
    /// The root that it follows: nodes with different ones are, or were until now, in different parts. `None`: not said.
    pub root: Option<NodeId>,
    /// The degree to which it distrusts its own sense of time: 0, it runs on time, to 7. `None`: it does not say.
    pub health: Option<u64>,
    /// Ids in its version vector, those given up included. `None`: it does not say.
    pub seen_messages: Option<u64>,
    /// The hash of all that it has seen: equal hashes, equal sets. `None`: it does not say.
    pub digest: Option<u64>,
    /// Streams of which it knows that something is missing and may still come.
    pub missing: u64,
    /// Messages that it has given up.
    pub given_up: u64,
    /// Messages that others have only said to exist.
    pub unproven: u64,
    /// Peers that it was ordered to disturb.
    pub disturbed: Vec<NodeId>,
    /// Another node has its name: where, for people. It takes no messages.
    pub name_taken: Option<String>,
    /// It could not store its instance, and takes one anew when it is started again: why, for people.
    pub instance_unstored: Option<String>,
    /// The safety that its receipts stand for.
    pub level: Level,
    /// Its log cannot keep what is submitted: why, for people.
    pub log_trouble: Option<String>,
    /// All counts that are not zero, by name.
    pub counters: BTreeMap<String, u64>,
    /// The same by peer.
    pub peer_counters: BTreeMap<String, BTreeMap<String, u64>>,
}

/// A reply of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To [`Request::Publish`]: accepted.
    Receipt {
        /// The id of the first message; those of the others count on from it.
        id: MessageId,
        /// Number of messages.
        count: u32,
        /// Their safety by now.
        level: Level,
    },
    /// To [`Request::Fetch`].
    Page(Page),
    /// To [`Request::Peers`].
    Peers(Vec<PeerInfo>),
    /// To [`Request::Status`].
    Status(Box<NodeStatus>),
    /// To [`Request::Watch`].
    Events {
        /// The happenings.
        told: WatchPage,
        /// The life that the node began with: the positions belong to it, those of another one count anew.
        incarnation: Incarnation,
    },
    /// To [`Request::Seen`].
    Vector(Vector),
    /// To the others: done.
    Done,
    /// Not done.
    Refused {
        /// The reason, for programs.
        refusal: Refusal,
        /// The reason, for people: one line.
        text: String,
    },
}
