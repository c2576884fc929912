//! The messages that a node keeps, at positions in the order of their arrival. Bounded by messages and by bytes; the oldest
//! go first.

use super::{
    entry::{Entry, encoded_len, path_cost},
    index::Index,
    page::{Part, fetched},
};
use crate::core::{
    batch::{Batch, Body, Kept, Resent},
    id::{MessageId, StreamId, ranges::Ranges},
    message::Path,
    request::{Cursor, Fetch, Page, Status},
    time::Wall,
};
use std::collections::VecDeque;

/// Messages that left the mailbox to keep its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Evicted {
    /// All of them.
    pub messages: u64,
    /// Those that nobody had read.
    pub unread: u64,
}

/// The messages that a node keeps: an entry for each batch, or for each part of one that was new.
///
/// Bounds: so many messages, and so many bytes of entries and their bodies; 16 bytes more for each run of messages that were
/// read, of which there are at most half as many as messages. A batch whose last message is kept is in memory as a whole.
#[derive(Debug)]
pub struct Mailbox {
    entries: VecDeque<Entry>,
    /// The first position that is kept, or would be; positions count from 1 and are never used twice.
    first: u64,
    /// The position behind the last message.
    next: u64,
    /// The position of each entry.
    index: Index,
    /// The positions that were read.
    read: Ranges,
    /// Number of positions from the first to the last that have no message: those were lost with a part of the log, and count as
    /// read.
    vacant: u64,
    bytes: usize,
    unread: u64,
    messages_max: u64,
    bytes_max: usize,
}

impl Mailbox {
    /// An empty mailbox with its bounds.
    pub fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 1,
            next: 1,
            index: Index::default(),
            read: Ranges::default(),
            vacant: 0,
            bytes: 0,
            unread: 0,
            messages_max: messages_max as u64,
            bytes_max,
        }
    }

    /// Files messages `first..=last` of a batch, which were never seen before, and gives the position of the first.
    /// [`trim`](Self::trim) afterwards: a traced one is needed until it is passed on.
    pub fn file(&mut self, batch: &Batch, (first, last): (u64, u64), received_at: Wall) -> u64 {
        let position = self.next;
        let streams = self.index.streams();
        let stream = self.index.insert(&batch.id.stream(), first, self.next);
        let entry = Entry::new(batch, (first, last), self.next, stream, received_at);
        self.bytes += entry.cost() + (self.index.streams() - streams) * Index::STREAM_COST;
        self.unread += entry.count();
        self.next += entry.count();
        self.entries.push_back(entry);
        position
    }

    /// Goes on at a position, if that is beyond the last. Those between stay without a message.
    pub fn skip_to(&mut self, position: u64) {
        if position <= self.next {
            return;
        }
        if self.entries.is_empty() {
            self.first = position;
        } else {
            self.read.insert(self.next, position - 1);
            self.vacant += position - self.next;
        }
        self.next = position;
    }

    /// The position of the next message.
    pub fn next_position(&self) -> u64 {
        self.next
    }

    /// The positions that were read, of those that are kept.
    pub fn read_positions(&self) -> &[(u64, u64)] {
        self.read.as_slice()
    }

    /// Notes the path of one more copy of a traced message; [`trim`](Self::trim) afterwards.
    pub fn note_path(&mut self, id: &MessageId, arrival: Path) {
        let cost = path_cost(&arrival);
        if let Some(index) = self.find(id)
            && self.entries[index].note_path(arrival)
        {
            self.bytes += cost;
        }
    }

    /// Marks the messages at `first..=last` as read and says how many were unread.
    pub fn mark(&mut self, first: u64, last: u64) -> u64 {
        let Some((first, last)) = self.clamp(first, last) else { return 0 };
        let marked = last - first + 1 - self.read.intersection(&[(first, last)]).count();
        self.read.insert(first, last);
        self.unread -= marked;
        marked
    }

    /// One page of at most `len_max` bytes (encoded), or of one message that is larger. Marks nothing.
    pub fn fetch(&self, fetch: &Fetch, len_max: usize) -> Page {
        let through = fetch.through.unwrap_or(u64::MAX).min(self.next - 1);
        let mut page = Page { messages: Vec::new(), next: None, through, gaps: Vec::new() };
        let mut room = len_max;
        let wanted = self.wanted(fetch, through);
        let messages = wanted.as_slice().iter().flat_map(|&(first, last)| self.messages(first, last));
        for (entry, position, sequence, payload) in messages {
            let paths = if position == fetch.from.position { fetch.from.paths } else { 0 };
            let here = Cursor { position, paths };
            if page.messages.len() as u64 >= fetch.limit {
                page.next = Some(here);
                break;
            }
            let id = self.index.stream(entry.stream()).message(sequence);
            let message = Part { id, payload, unread: !self.read.contains(position) };
            let (fetched, cost, rest) = fetched(entry, message, here, room, page.messages.is_empty());
            let Some(fetched) = fetched else {
                page.next = Some(here);
                break;
            };
            page.messages.push(fetched);
            page.next = rest;
            if rest.is_some() {
                break;
            }
            room = room.saturating_sub(cost);
        }
        page
    }

    /// Sequence numbers that are kept of `ranges` (ascending) of a stream, the lowest `ranges_max` intervals.
    pub fn kept(&self, stream: &StreamId, ranges: &[(u64, u64)], ranges_max: usize) -> Vec<(u64, u64)> {
        let mut kept: Vec<(u64, u64)> = Vec::new();
        for (_, first, last) in ranges.iter().flat_map(|&range| self.overlapping(stream, range)) {
            let len = kept.len();
            match kept.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ if len >= ranges_max => break,
                _ => kept.push((first, last)),
            }
        }
        kept
    }

    /// Messages kept.
    pub fn len(&self) -> usize {
        usize::try_from(self.next - self.first - self.vacant).unwrap_or(usize::MAX)
    }

    /// Says whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes kept: payloads, paths and the records around them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Of the messages kept, those unread.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// The oldest message kept.
    pub fn oldest(&self) -> Option<MessageId> {
        let entry = self.entries.front()?;
        Some(self.index.stream(entry.stream()).message(entry.numbers().0))
    }

    /// The part of an interval of positions that is kept.
    fn clamp(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let (first, last) = (first.max(self.first), last.min(self.next - 1));
        (first <= last).then_some((first, last))
    }

    /// The positions that a fetch returns, if there is room for all.
    fn wanted(&self, fetch: &Fetch, through: u64) -> Ranges {
        let Some((first, last)) = self.clamp(fetch.from.position, through) else { return Ranges::default() };
        let mut wanted = Ranges::from(&[(first, last)][..]);
        match fetch.status {
            Status::All => {}
            Status::Unread => wanted.subtract(&self.read.intersection(&[(first, last)]).into_vec()),
            Status::Read => wanted = self.read.intersection(&[(first, last)]),
        }
        // A part of it was returned: so is the rest.
        if first == fetch.from.position && fetch.from.paths > 0 {
            wanted.insert(first, first);
        }
        wanted
    }

    /// Entry, position, number and payload of the messages at `first..=last`.
    fn messages(&self, first: u64, last: u64) -> impl Iterator<Item = (&Entry, u64, u64, &[u8])> {
        let entries = self.entries.range(self.entry_at(first)..);
        entries
            .flat_map(move |entry| {
                entry.messages(first).map(move |(position, number, payload)| (entry, position, number, payload))
            })
            .take_while(move |&(_, position, ..)| position <= last)
    }

    /// The index of the entry that has a position, or would.
    fn entry_at(&self, position: u64) -> usize {
        self.entries.partition_point(|entry| entry.positions().1 < position)
    }

    /// The index of the entry that has a message.
    fn find(&self, id: &MessageId) -> Option<usize> {
        let range = (id.sequence, id.sequence);
        self.overlapping(&id.stream(), range).next().map(|(entry, ..)| self.entry_at(entry.positions().0))
    }

    /// The entries that have messages of a range, ascending, each with the first and the last number of these.
    fn overlapping(&self, stream: &StreamId, (first, last): (u64, u64)) -> impl Iterator<Item = (&Entry, u64, u64)> {
        let positions = self.index.positions(stream, first, last);
        positions.filter_map(move |position| {
            let entry = self.entries.get(self.entry_at(position))?;
            let numbers = entry.numbers();
            let (first, last) = (first.max(numbers.0), last.min(numbers.1));
            (first <= last).then_some((entry, first, last))
        })
    }

    /// Drops the oldest messages until the bounds are kept: whole entries where there are too many bytes.
    pub fn trim(&mut self) -> Evicted {
        let mut evicted = Evicted::default();
        loop {
            let excess = (self.len() as u64).saturating_sub(self.messages_max);
            let Some(oldest) = self.entries.front_mut().filter(|_| excess > 0 || self.bytes > self.bytes_max) else {
                break;
            };
            let ((position, last), (sequence, _)) = (oldest.positions(), oldest.numbers());
            let count = if self.bytes > self.bytes_max { oldest.count() } else { oldest.count().min(excess) };
            if count < oldest.count() {
                self.index.advance(oldest.stream(), sequence, position, count);
                oldest.drop_first(u32::try_from(count).unwrap_or(u32::MAX));
            } else {
                let streams = self.index.streams();
                self.index.remove(oldest.stream(), sequence, position);
                self.bytes -= oldest.cost() + (streams - self.index.streams()) * Index::STREAM_COST;
                self.entries.pop_front();
            }
            let gone = (position, (position + (count - 1)).min(last));
            let read = self.read.intersection(&[gone]).count();
            self.read.remove(gone.0, gone.1);
            self.first += count;
            self.drop_vacant();
            evicted.messages += count;
            evicted.unread += count - read;
        }
        self.unread -= evicted.unread;
        evicted
    }

    /// Drops the positions without a message before the first that has one.
    fn drop_vacant(&mut self) {
        let begins = self.entries.front().map_or(self.next, |entry| entry.positions().0);
        if begins > self.first {
            self.read.remove(self.first, begins - 1);
            self.vacant -= begins - self.first;
            self.first = begins;
        }
    }
}

impl Kept for Mailbox {
    fn body(&self, id: &MessageId) -> Option<Body> {
        self.find(id).map(|index| self.entries[index].body().clone())
    }

    fn resend(
        &self,
        stream: &StreamId,
        ranges: &[(u64, u64)],
        seen: &[(u64, u64)],
        messages: usize,
        bytes: usize,
    ) -> Resent {
        let mut resent = Resent::default();
        let (mut lost, mut sent, mut count) = (Ranges::from(ranges), Ranges::default(), 0);
        for (entry, first, last) in ranges.iter().flat_map(|&range| self.overlapping(stream, range)) {
            if count >= messages || resent.bytes >= bytes {
                lost.remove(first, u64::MAX);
                break;
            }
            lost.remove(first, last);
            if sent.intersection(&[(first, last)]).count() > last - first {
                continue;
            }
            let batch = entry.resend(stream);
            sent.extend(&[batch.range()]);
            count += batch.body.count() as usize;
            let path = batch.trace.as_ref().map_or(0, |trace| encoded_len(&trace.path));
            resent.bytes += batch.body.bytes().len() + path;
            resent.batches.push(batch);
        }
        lost.subtract(sent.as_slice());
        resent.lost = lost.intersection(seen).into_vec();
        resent
    }
}

#[cfg(test)]
#[path = "messages/tests.rs"]
mod tests;
