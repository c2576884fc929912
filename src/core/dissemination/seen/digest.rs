//! A hash of a version vector that two nodes compare to know whether they have seen the same: the sum of one hash for
//! each interval, so that no order matters and a change costs what it changes. Peers compare it, so it is the same on every
//! platform, and part of the protocol.

use crate::core::id::hash::mix;

/// The hash of a version vector while the intervals of one stream change.
#[derive(Debug)]
pub(super) struct Digest<'a> {
    /// `StreamId::hash` of the stream.
    pub(super) stream: u64,
    /// The sum over all streams.
    pub(super) sum: &'a mut u64,
}

impl Digest<'_> {
    /// An interval that is there from now on.
    pub(super) fn add(&mut self, interval: (u64, u64)) {
        *self.sum = self.sum.wrapping_add(self.hash(interval));
    }

    /// An interval that is there no more.
    pub(super) fn remove(&mut self, interval: (u64, u64)) {
        *self.sum = self.sum.wrapping_sub(self.hash(interval));
    }

    fn hash(&self, (first, last): (u64, u64)) -> u64 {
        mix(mix(self.stream ^ first) ^ last)
    }
}
