//! Which streams have room among those of which something is missing.

use super::{want::Want, wants::Wants};
use crate::core::{id::StreamId, slots::Slot};

impl Wants {
    /// Begins to look for what is missing of a stream that `by` tells of; says whether there is room for it.
    pub(super) fn open(&mut self, stream: &StreamId, by: Slot) -> bool {
        if self.wants.contains_key(stream) {
            return true;
        }
        if self.wants.len() >= self.wants_max && !self.make_room(by) {
            self.dropped += 1;
            return false;
        }
        *self.opened.entry(by).or_default() += 1;
        self.wants.insert(stream.clone(), Want::of(by));
        true
    }

    /// Makes room for one more stream that `by` tells of, by forgetting one of whoever told of most: so nobody fills the
    /// table alone. Says whether it did.
    fn make_room(&mut self, by: Slot) -> bool {
        let told = self.opened.get(&by).copied().unwrap_or(0);
        let Some((&most, &count)) = self.opened.iter().max_by_key(|(_, count)| **count) else { return false };
        let victim = self.wants.iter().rev().find(|(_, want)| count > told + 1 && want.opener == most);
        let Some(stream) = victim.map(|(stream, _)| stream.clone()) else { return false };
        self.dropped += 1;
        self.close(&stream);
        true
    }
}
