//! Records: what a node's log is to keep, in which order, and how safe it is then.

use crate::core::{
    batch::Batch,
    id::{MessageId, StreamId},
    message::Path,
    time::Wall,
};
use std::sync::Arc;

/// Place of a record in the node's log, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LogSeq(pub u64);

impl LogSeq {
    /// No record: all records come after it.
    pub const NONE: Self = Self(0);
    /// A record that will be appended at the end of the turn: all records come before it.
    pub const OPEN: Self = Self(u64::MAX);
}

/// Something that must be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Messages were received for the first time.
    Received {
        /// The batch in which they arrived.
        batch: Batch,
        /// The first of them that is new.
        first: u64,
        /// The last of them that is new; the ones between are, too.
        last: u64,
        /// The inbox position of the first; the others follow.
        position: u64,
        /// The time of their arrival.
        at: Wall,
    },
    /// One more copy of a traced message came.
    Path {
        /// The message.
        id: MessageId,
        /// The way it took.
        path: Path,
    },
    /// Messages that are missing are given up: they are sought no more, and delivered if they come.
    GivenUp {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A client's submission, under a unique request id, became messages.
    Receipt {
        /// The connection that it came by.
        client: Box<[u8]>,
        /// The request id.
        request: Arc<[u8]>,
        /// The first message.
        message: MessageId,
        /// Number of messages.
        count: u32,
    },
    /// Messages were read.
    Marked {
        /// First inbox position.
        first: u64,
        /// Last inbox position.
        last: u64,
    },
    /// Of a checkpoint: messages were had whose records may be gone.
    Had {
        /// Whose.
        stream: StreamId,
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Of a checkpoint: a life and all older ones of its origin were forgotten; all of their messages count as had.
    Forgotten {
        /// The newest of them.
        stream: StreamId,
        /// Number of their messages that were missing.
        missing: u64,
        /// The highest number of any that was had.
        highest: u64,
    },
    /// Of a checkpoint: the inbox goes on at this position.
    Positions {
        /// Of the next message.
        next: u64,
    },
}

/// The safety of an accepted message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It is in this node's memory and on its way.
    Memory,
    /// It is on this node's disk, too.
    Disk,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    /// The level that a word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == word)
    }

    /// The name in replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// The ability of a log to keep what it is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// It keeps all.
    #[default]
    Well,
    /// It is behind: nothing that its owner can put off should be added.
    Busy,
    /// There is no room, for the reason that is told. It tries again by itself.
    Full(String),
    /// It could not be written, for the reason that is told. It waits to be reopened.
    Failed(String),
}
