//! One message of a mailbox: how it was received, by which paths its copies came, whether it was read.

use super::index::{MessageIndex, StreamNo};
use crate::core::{
    id::StreamId,
    message::{Hop, Message, Path, Payload, Relays, Trace},
    request::Status,
    time::Wall,
};

/// A message that is kept, with what is known of it here.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) stream: StreamNo,
    pub(super) hops: u32,
    pub(super) published_at: Wall,
    pub(super) received_at: Wall,
    pub(super) payload: Payload,
    pub(super) read: bool,
    pub(super) traced: Option<Box<Traced>>,
}

/// The part of a traced message.
#[derive(Debug)]
pub(super) struct Traced {
    pub(super) relays: Relays,
    pub(super) paths: Vec<Path>,
}

impl Entry {
    /// Bytes of memory: what this entry alone holds, with its place in the index and without the allocator's share.
    pub(super) fn cost(&self) -> usize {
        let traced = self
            .traced
            .as_ref()
            .map_or(0, |traced| size_of::<Traced>() + traced.paths.iter().map(|path| path_cost(path)).sum::<usize>());
        size_of::<Self>() + MessageIndex::COST + self.payload.len() + traced
    }

    /// Says whether a fetch of that status returns it.
    pub(super) fn matches(&self, status: Status) -> bool {
        match status {
            Status::All => true,
            Status::Unread => !self.read,
            Status::Read => self.read,
        }
    }

    /// The message as it goes over the next link. Its path is the one by which it came first.
    pub(super) fn resend(&self, stream: &StreamId) -> Message {
        let traced = self.traced.as_ref();
        let trace = traced
            .and_then(|traced| traced.paths.first().map(|path| Trace { relays: traced.relays, path: path.clone() }));
        Message {
            id: stream.message(self.sequence),
            published_at: self.published_at,
            hops: self.hops.saturating_add(1),
            trace,
            tree: None,
            payload: self.payload.clone(),
        }
    }
}

/// Bytes of memory that a path takes.
pub(super) fn path_cost(path: &[Hop]) -> usize {
    size_of::<Path>() + size_of_val(path)
}

/// Most bytes that a path takes in a reply.
pub(super) fn encoded_len(path: &[Hop]) -> usize {
    5 + path.iter().map(|hop| hop.node.as_str().len() + 12).sum::<usize>()
}
