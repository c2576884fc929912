//! One entry of a mailbox: messages that arrived together, how they were received, and by which paths copies of a traced one came.

use super::index::{Index, StreamNo};
use crate::core::{
    batch::{Batch, Body, Trailing},
    id::StreamId,
    message::{Hop, Path, Relays, Trace},
    time::Wall,
};

/// The messages of one batch that were new when it arrived: a run without gaps.
#[derive(Debug)]
pub(super) struct Entry {
    /// The position of its first message.
    position: u64,
    /// The number of its first message.
    sequence: u64,
    /// Number of its messages, at least 1.
    count: u32,
    /// Number of messages of the batch that come before them.
    offset: u32,
    hops: u32,
    stream: StreamNo,
    published_at: Wall,
    received_at: Wall,
    /// All of the batch.
    body: Body,
    traced: Option<Box<Traced>>,
}

/// The part of a traced message.
#[derive(Debug)]
struct Traced {
    relays: Relays,
    paths: Vec<Path>,
}

impl Entry {
    /// The messages `first..=last` of a batch, at `position` and after it.
    pub(super) fn new(
        batch: &Batch,
        (first, last): (u64, u64),
        position: u64,
        stream: StreamNo,
        received_at: Wall,
    ) -> Self {
        let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let traced = batch.trace.as_ref();
        Self {
            position,
            sequence: first,
            count: small(last - first + 1),
            offset: small(first - batch.id.sequence),
            hops: batch.hops,
            stream,
            published_at: batch.published_at,
            received_at,
            body: batch.body.clone(),
            traced: traced.map(|trace| Box::new(Traced { relays: trace.relays, paths: Vec::new() })),
        }
    }

    /// Bytes of memory: what this entry alone holds, with its place in the index and without the allocator's share.
    pub(super) fn cost(&self) -> usize {
        let traced = self
            .traced
            .as_ref()
            .map_or(0, |traced| size_of::<Traced>() + traced.paths.iter().map(|path| path_cost(path)).sum::<usize>());
        let trailing = self.body.trailing().map_or(0, |trailing| size_of::<Trailing>() + trailing.bytes().len());
        size_of::<Self>() + Index::COST + self.body.bytes().len() + traced + trailing
    }

    /// Number of its messages.
    pub(super) fn count(&self) -> u64 {
        self.count.into()
    }

    /// The stream that they are of.
    pub(super) fn stream(&self) -> StreamNo {
        self.stream
    }

    /// The numbers of the first and the last message.
    pub(super) fn numbers(&self) -> (u64, u64) {
        (self.sequence, self.sequence + (self.count() - 1))
    }

    /// The positions of the first and the last message.
    pub(super) fn positions(&self) -> (u64, u64) {
        (self.position, self.position + (self.count() - 1))
    }

    /// The origin's clock at the submission.
    pub(super) fn published_at(&self) -> Wall {
        self.published_at
    }

    /// This node's clock at the arrival.
    pub(super) fn received_at(&self) -> Wall {
        self.received_at
    }

    /// The body of the whole batch.
    pub(super) fn body(&self) -> &Body {
        &self.body
    }

    /// Position, number and payload of each message from a position on.
    pub(super) fn messages(&self, from: u64) -> impl Iterator<Item = (u64, u64, &[u8])> {
        let before = from.saturating_sub(self.position).min(self.count());
        let skipped = usize::try_from(u64::from(self.offset) + before).unwrap_or(usize::MAX);
        let left = usize::try_from(self.count() - before).unwrap_or(usize::MAX);
        let payloads = self.body.payloads().skip(skipped).take(left);
        payloads.zip(before..).map(|(payload, index)| (self.position + index, self.sequence + index, payload))
    }

    /// Drops the first messages, but not the last of them.
    pub(super) fn drop_first(&mut self, count: u32) {
        let count = count.min(self.count - 1);
        self.position += u64::from(count);
        self.sequence += u64::from(count);
        (self.offset, self.count) = (self.offset + count, self.count - count);
    }

    /// The paths of a traced message.
    pub(super) fn paths(&self) -> &[Path] {
        self.traced.as_ref().map_or(&[], |traced| &traced.paths)
    }

    /// Adds a path, if the message is traced; says whether it is.
    pub(super) fn note_path(&mut self, path: Path) -> bool {
        let traced = self.traced.as_mut();
        traced.map(|traced| traced.paths.push(path)).is_some()
    }

    /// The batch as it came here. The path of a traced message is the one by which it came first.
    pub(super) fn resend(&self, stream: &StreamId) -> Batch {
        let traced = self.traced.as_ref();
        let trace = traced
            .and_then(|traced| traced.paths.first().map(|path| Trace { relays: traced.relays, path: path.clone() }));
        Batch {
            id: stream.message(self.sequence - u64::from(self.offset)),
            published_at: self.published_at,
            hops: self.hops,
            trace,
            tree: None,
            body: self.body.clone(),
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
