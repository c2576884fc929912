//! Observations of a cluster: all that its checker gets to know.

use crate::core::{
    batch::Batch,
    frame::StreamRanges,
    id::MessageId,
    message::{Path, Payload},
    node::Gauge,
};

/// Something that a node did, or that happened to it.
#[derive(Debug)]
pub(super) enum Observation {
    /// It begins its life of this number, counted from 1.
    Began { life: u32 },
    /// Its life ends.
    Ended,
    /// It is about to begin a life with a message that it had before.
    Remembered { life: u32, id: MessageId },
    /// It has accepted a message.
    Published(Publication),
    /// Its client got a receipt for the message of this number.
    Acknowledged { number: u32, id: MessageId },
    /// It keeps a message that is new to it: a batch of one, however it came.
    Delivered(Batch),
    /// A turn in which it delivered a message by the rules of a flood is over.
    Relayed(Relay),
    /// A copy goes out over `links` links, with its payload or without.
    Sent { id: MessageId, path: Option<Path>, has_payload: bool, links: usize, bytes: usize },
    /// It asks for messages.
    Asked(Vec<StreamRanges>),
    /// Bytes are sent that tell of messages, or ask for them.
    Told { bytes: usize },
    /// It has a connection of its own to another node.
    Connected { to: usize },
    /// A frame that it sent, or would have sent, does not arrive; `is_full`: for want of room in a queue.
    Lost { is_news: bool, is_full: bool },
    /// A turn is over, and the node holds so much: not as much as before it.
    Holds(Gauge),
    /// A fault was mended.
    Mended,
}

/// A message that a node has accepted.
#[derive(Debug)]
pub(super) struct Publication {
    /// The number under which it was handed in, and its payload then.
    pub(super) number: u32,
    pub(super) payload: Payload,
    /// The message that the node made of it.
    pub(super) message: Batch,
    /// The life of the origin, counted from 1.
    pub(super) life: u32,
    /// The origin's neighbours, each with its life.
    pub(super) witnesses: Box<[(usize, u32)]>,
    /// True if the origin had a neighbour in this life, now or before.
    pub(super) has_met: bool,
}

/// A delivery, and to whom its message went on.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) id: MessageId,
    /// The sender; nobody if it was published here.
    pub(super) from: Option<usize>,
    /// Hops of the path by which it came, this node included.
    pub(super) path_len: usize,
    pub(super) targets: Vec<usize>,
    /// Neighbours whose link is up.
    pub(super) up: Vec<usize>,
}
