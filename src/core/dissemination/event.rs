//! Inputs and outputs of [`Dissemination`](super::machine::Dissemination).

use crate::core::{
    batch::Batch,
    event::LinkId,
    frame::{Answer, Frame, Hashes, StreamRanges},
    id::{Incarnation, MessageId, NodeId, StreamId},
    message::Path,
    slots::Slot,
    stats::{Counter, Refusal},
    time::Mono,
};
use std::time::Duration;

/// All that can happen to dissemination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A neighbour says something about messages. The frame was checked ([`Frame::check`]).
    Frame {
        /// Its name.
        from: NodeId,
        /// The slot of the link to it, if there is one.
        slot: Option<Slot>,
        /// The frame; one that is about other things is passed over.
        frame: Frame,
    },
    /// A neighbour that was asked for messages keeps these no more.
    Lost {
        /// Its slot.
        slot: Slot,
        /// The messages.
        streams: Vec<StreamRanges>,
    },
    /// A probe behind a piece was answered: all that went before it has arrived.
    Acknowledged {
        /// The slot of the link that it went over.
        slot: Slot,
        /// Its token ([`Dissemination::is_token`](super::machine::Dissemination::is_token)).
        token: u64,
    },
    /// Any other probe was answered.
    Answered {
        /// The slot of the link that it went over.
        slot: Slot,
        /// The time when it was sent.
        sent: Mono,
    },
    /// A neighbour tells the hashes of all that it has seen.
    Hashes {
        /// Its slot.
        slot: Slot,
        /// The hashes.
        hashes: Hashes,
    },
    /// A link is up.
    Rose(Slot),
    /// A link is down.
    Fell(Slot),
    /// A link was closed: its slot is another's from now on.
    Freed(Slot),
    /// This node goes on as another life.
    Renewed(Incarnation),
    /// The neighbours are told to forget this node: nothing is sent to them any more.
    Leaving,
    /// [`Dissemination::deadline`](super::machine::Dissemination::deadline) has passed.
    Tick,
    /// The turn ends: what was submitted in it becomes a batch, and pieces of large bodies go now.
    Flush,
}

/// All that dissemination asks for, to be done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Messages are here for the first time: file them, and keep a record of them.
    Deliver {
        /// The batch as it arrived.
        batch: Batch,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
        /// The neighbour that sent it; `None`: it was submitted here.
        from: Option<NodeId>,
    },
    /// One more copy of a traced message came by this path.
    Path {
        /// The message.
        id: MessageId,
        /// From the origin to this node.
        path: Path,
    },
    /// Send one frame over some links.
    Send {
        /// The links, at least one.
        links: Vec<LinkId>,
        /// The frame.
        frame: Frame,
        /// Counts the frame, or the messages in it, for each of the links.
        counter: Option<Counter>,
    },
    /// Answer a neighbour over the link that it opened.
    Answer(NodeId, Answer),
    /// Keep a record: these messages are given up.
    GivenUp {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Messages that were given up are known to exist.
    Gap {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Messages of a gap came after all.
    GapFilled {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Something happened so many times.
    Count {
        /// The counter.
        counter: Counter,
        /// At which neighbour, if at one.
        node: Option<NodeId>,
        /// Number of times.
        times: u64,
    },
    /// A neighbour said something that is refused.
    Refuse {
        /// Its name.
        node: NodeId,
        /// The reason, for programs.
        refusal: Refusal,
        /// The reason, for people.
        text: String,
    },
    /// A round trip of a link was measured.
    Measured {
        /// Its slot.
        slot: Slot,
        /// The round trip.
        took: Duration,
    },
    /// A neighbour should learn that what it has seen is not what this node has: probe it soon.
    Probe(Slot),
}
