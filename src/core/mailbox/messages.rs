//! The messages that a node keeps, at positions in the order of their arrival. Bounded by messages and by bytes; the oldest
//! go first.

use super::{
    entry::{Entry, Traced, encoded_len, path_cost},
    index::MessageIndex,
    page::fetched,
};
use crate::core::{
    id::{MessageId, StreamId},
    message::{Kept, Message, Path, Payload, Resent},
    ranges::Ranges,
    request::{Cursor, Fetch, Page},
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

/// The messages that a node keeps.
#[derive(Debug)]
pub struct Mailbox {
    entries: VecDeque<Entry>,
    /// Position of the first entry; positions count from 1 and are never used twice.
    first: u64,
    /// The position of each message.
    held: MessageIndex,
    bytes: usize,
    unread: u64,
    messages_max: usize,
    bytes_max: usize,
}

impl Mailbox {
    /// An empty mailbox with its bounds.
    pub fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 1,
            held: MessageIndex::default(),
            bytes: 0,
            unread: 0,
            messages_max,
            bytes_max,
        }
    }

    /// Files a message that was never seen before. [`trim`](Self::trim) afterwards: a traced one is needed until it is passed on.
    pub fn file(&mut self, message: &Message, received_at: Wall) {
        let traced = message.trace.as_ref();
        let traced = traced.map(|trace| Box::new(Traced { relays: trace.relays, paths: Vec::new() }));
        let streams = self.held.streams();
        let entry = Entry {
            sequence: message.id.sequence,
            stream: self.held.insert(&message.id.stream(), message.id.sequence, self.next_position()),
            hops: message.hops,
            published_at: message.published_at,
            received_at,
            payload: message.payload.clone(),
            read: false,
            traced,
        };
        self.bytes += entry.cost() + (self.held.streams() - streams) * MessageIndex::STREAM_COST;
        self.unread += 1;
        self.entries.push_back(entry);
    }

    /// Notes the path of one more copy of a traced message; [`trim`](Self::trim) afterwards.
    pub fn note_path(&mut self, id: &MessageId, arrival: Path) {
        let cost = path_cost(&arrival);
        if let Some(traced) = self.traced_mut(id) {
            traced.paths.push(arrival);
            self.bytes += cost;
        }
    }

    /// Marks the messages at `first..=last` as read and says how many were unread.
    pub fn mark(&mut self, first: u64, last: u64) -> u64 {
        let mut marked = 0;
        for position in self.clamp(first, last) {
            let entry = &mut self.entries[(position - self.first) as usize];
            marked += u64::from(!entry.read);
            entry.read = true;
        }
        self.unread -= marked;
        marked
    }

    /// One page of at most `len_max` bytes (encoded), or of one message that is larger. Marks nothing.
    pub fn fetch(&self, fetch: &Fetch, len_max: usize) -> Page {
        let through = fetch.through.unwrap_or(u64::MAX).min(self.next_position() - 1);
        let mut page = Page { messages: Vec::new(), next: None, through, gaps: Vec::new() };
        let mut room = len_max;
        for position in self.clamp(fetch.from.position, through) {
            let entry = &self.entries[(position - self.first) as usize];
            let skip = if position == fetch.from.position { fetch.from.paths } else { 0 };
            if !entry.matches(fetch.status) && skip == 0 {
                continue;
            }
            let here = Cursor { position, paths: skip };
            if page.messages.len() as u64 >= fetch.limit {
                page.next = Some(here);
                break;
            }
            let (fetched, cost, rest) = fetched(entry, self.id_of(entry), here, room, page.messages.is_empty());
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
        for (number, _) in ranges.iter().flat_map(|&(first, last)| self.held.range(stream, first, last)) {
            let len = kept.len();
            match kept.last_mut() {
                Some((_, last)) if number <= last.saturating_add(1) => *last = number,
                _ if len >= ranges_max => break,
                _ => kept.push((number, number)),
            }
        }
        kept
    }

    /// Messages kept.
    pub fn len(&self) -> usize {
        self.entries.len()
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
        self.entries.front().map(|entry| self.id_of(entry))
    }

    fn id_of(&self, entry: &Entry) -> MessageId {
        self.held.stream(entry.stream).message(entry.sequence)
    }

    fn next_position(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn clamp(&self, first: u64, last: u64) -> std::ops::Range<u64> {
        let end = last.saturating_add(1).min(self.next_position());
        first.max(self.first).min(end)..end
    }

    fn index(&self, id: &MessageId) -> Option<usize> {
        let position = self.held.position(&id.stream(), id.sequence)?;
        usize::try_from(position - self.first).ok()
    }

    fn traced_mut(&mut self, id: &MessageId) -> Option<&mut Traced> {
        let index = self.index(id)?;
        self.entries[index].traced.as_deref_mut()
    }

    /// Drops the oldest messages until the bounds are kept.
    pub fn trim(&mut self) -> Evicted {
        let mut evicted = Evicted::default();
        while self.entries.len() > self.messages_max || self.bytes > self.bytes_max {
            let Some(entry) = self.entries.pop_front() else { break };
            let streams = self.held.streams();
            self.held.remove(entry.stream, entry.sequence, self.first);
            self.first += 1;
            self.bytes -= entry.cost() + (streams - self.held.streams()) * MessageIndex::STREAM_COST;
            evicted.messages += 1;
            evicted.unread += u64::from(!entry.read);
        }
        self.unread -= evicted.unread;
        evicted
    }
}

impl Kept for Mailbox {
    fn payload(&self, id: &MessageId) -> Option<Payload> {
        self.index(id).map(|index| self.entries[index].payload.clone())
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
        let mut lost = Ranges::default();
        let mut spent = 0;
        for &(first, last) in ranges {
            let mut next = Some(first);
            for (sequence, position) in self.held.range(stream, first, last) {
                if resent.messages.len() >= messages || spent >= bytes {
                    break;
                }
                let Some(missed) = next.filter(|&next| next <= sequence) else { continue };
                if missed < sequence {
                    lost.insert(missed, sequence - 1);
                }
                let message = self.entries[(position - self.first) as usize].resend(stream);
                spent += message.payload.len() + message.trace.as_ref().map_or(0, |trace| encoded_len(&trace.path));
                resent.messages.push(message);
                next = sequence.checked_add(1);
            }
            let Some(next) = next.filter(|&next| next <= last) else { continue };
            if resent.messages.len() >= messages || spent >= bytes {
                resent.rest.push((next, last));
            } else {
                lost.insert(next, last);
            }
        }
        resent.bytes = spent;
        resent.lost = lost.intersection(seen).into_vec();
        resent
    }
}

#[cfg(test)]
#[path = "messages/tests.rs"]
mod tests;
