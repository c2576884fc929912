//! The position of each entry in the mailbox, by stream and number. 16 bytes an entry, no allocation of its own for each.

use crate::core::id::StreamId;
use std::collections::{BTreeMap, VecDeque};

/// Place of a stream in the table; used again once nothing is held of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamNo(u32);

#[derive(Debug)]
struct Stream {
    id: StreamId,
    /// First number and position of each entry, ascending: in most cases new ones come at the end and old ones leave at the
    /// front.
    places: VecDeque<(u64, u64)>,
}

/// The index of a mailbox.
#[derive(Debug, Default)]
pub(super) struct Index {
    numbers: BTreeMap<StreamId, StreamNo>,
    streams: Vec<Stream>,
    free: Vec<StreamNo>,
}

impl Index {
    /// Bytes of memory that one entry takes.
    pub(super) const COST: usize = size_of::<(u64, u64)>();
    /// Bytes of memory that one stream takes beside its entries.
    pub(super) const STREAM_COST: usize = size_of::<Stream>() + size_of::<(StreamId, StreamNo)>();

    /// Notes first number and position of an entry and gives the number of its stream.
    pub(super) fn insert(&mut self, stream: &StreamId, sequence: u64, position: u64) -> StreamNo {
        let number = self.numbers.get(stream).copied().unwrap_or_else(|| self.add(stream));
        let (place, places) = ((sequence, position), &mut self.streams[number.0 as usize].places);
        if places.back().is_none_or(|last| *last < place) {
            places.push_back(place);
        } else {
            places.insert(places.partition_point(|other| *other < place), place);
        }
        number
    }

    /// An entry has left the mailbox.
    pub(super) fn remove(&mut self, number: StreamNo, sequence: u64, position: u64) {
        let stream = &mut self.streams[number.0 as usize];
        let index = stream.places.partition_point(|other| *other < (sequence, position));
        stream.places.remove(index);
        if stream.places.is_empty() {
            stream.places.shrink_to_fit();
            self.numbers.remove(&stream.id);
            self.free.push(number);
        }
    }

    /// The stream with that number, as long as something is held of it.
    pub(super) fn stream(&self, number: StreamNo) -> &StreamId {
        &self.streams[number.0 as usize].id
    }

    /// The entry with that first number and position has lost its first `count` messages, and keeps others.
    pub(super) fn advance(&mut self, number: StreamNo, sequence: u64, position: u64, count: u64) {
        let stream = &mut self.streams[number.0 as usize];
        let index = stream.places.partition_point(|other| *other < (sequence, position));
        if let Some(place) = stream.places.get_mut(index) {
            *place = (sequence + count, position + count);
        }
    }

    /// The positions of the entries that may have any of the messages `first..=last` of a stream, ascending. The first may end
    /// before.
    pub(super) fn positions(&self, stream: &StreamId, first: u64, last: u64) -> impl Iterator<Item = u64> {
        let number = self.numbers.get(stream);
        let stream = number.map(|number| &self.streams[number.0 as usize]);
        stream.into_iter().flat_map(move |stream| {
            let from = stream.places.partition_point(|&(other, _)| other <= first).saturating_sub(1);
            let places = stream.places.range(from..).take_while(move |&&(other, _)| other <= last);
            places.map(|&(_, position)| position)
        })
    }

    /// Streams of which something is held.
    pub(super) fn streams(&self) -> usize {
        self.numbers.len()
    }

    fn add(&mut self, id: &StreamId) -> StreamNo {
        let stream = Stream { id: id.clone(), places: VecDeque::new() };
        let number = match self.free.pop() {
            Some(number) => {
                self.streams[number.0 as usize] = stream;
                number
            }
            None => {
                self.streams.push(stream);
                StreamNo(u32::try_from(self.streams.len() - 1).unwrap_or(u32::MAX))
            }
        };
        self.numbers.insert(id.clone(), number);
        number
    }
}
