//! Room for streams of which something is missing.

use super::stream_missing::StreamMissing;
use crate::core::{id::StreamId, slots::Slot};
use std::{collections::BTreeMap, mem};

/// Messages missing of each stream. Bounds: so many streams as it was made for; beyond, those of whoever told of most give way.
#[derive(Debug)]
pub(super) struct Table {
    wants: BTreeMap<StreamId, StreamMissing>,
    /// Number of the streams that each peer told of first.
    opened: BTreeMap<Slot, usize>,
    len_max: usize,
    dropped: u64,
}

impl Table {
    pub(super) fn new(len_max: usize) -> Self {
        Self { wants: BTreeMap::new(), opened: BTreeMap::new(), len_max, dropped: 0 }
    }

    pub(super) fn get(&self, stream: &StreamId) -> Option<&StreamMissing> {
        self.wants.get(stream)
    }

    pub(super) fn get_mut(&mut self, stream: &StreamId) -> Option<&mut StreamMissing> {
        self.wants.get_mut(stream)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&StreamId, &StreamMissing)> {
        self.wants.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.wants.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.wants.len() >= self.len_max
    }

    /// A stream that `by` tells of first.
    pub(super) fn insert(&mut self, stream: &StreamId, by: Slot) {
        *self.opened.entry(by).or_default() += 1;
        self.wants.insert(stream.clone(), StreamMissing::of(by));
    }

    pub(super) fn remove(&mut self, stream: &StreamId) -> Option<StreamMissing> {
        let want = self.wants.remove(stream)?;
        if let Some(count) = self.opened.get_mut(&want.opener()) {
            *count -= 1;
            if *count == 0 {
                self.opened.remove(&want.opener());
            }
        }
        Some(want)
    }

    /// Finds the stream that gives way to one more that `by` tells of: one of whoever told of most, so that nobody fills the table alone.
    pub(super) fn victim(&self, by: Slot) -> Option<StreamId> {
        let told = self.opened.get(&by).copied().unwrap_or(0);
        let (&most, &count) = self.opened.iter().max_by_key(|(_, count)| **count)?;
        let victim = self.wants.iter().rev().find(|(_, want)| count > told + 1 && want.opener() == most);
        victim.map(|(stream, _)| stream.clone())
    }

    /// Something was not, or not wholly, kept for want of room.
    pub(super) fn drop_one(&mut self) {
        self.dropped += 1;
    }

    /// Number of times that that was so since this was asked last.
    pub(super) fn take_dropped(&mut self) -> u64 {
        mem::take(&mut self.dropped)
    }
}
