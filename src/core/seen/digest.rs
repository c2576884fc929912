//! A hash of a version vector that two nodes compare to know whether they have seen the same: the sum of one hash for
//! each interval, so that no order matters and a change costs what it changes. Peers compare it, so it is the same on every
//! platform, and part of the protocol.

use crate::core::id::StreamId;

/// Spreads every bit of `x` over all 64: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The hash of a stream: of the length of its origin's name, of the name in words of eight bytes (the first byte the most
/// significant, the last word filled with zeros), and of the incarnation.
pub(in crate::core) fn hash_stream(stream: &StreamId) -> u64 {
    let name = stream.origin.as_str().as_bytes();
    let words = name.chunks(8).map(|chunk| {
        let word = chunk.iter().fold(0, |word, &byte| (word << 8) | u64::from(byte));
        word << (8 * (8 - chunk.len()))
    });
    let hash = words.fold(mix(name.len() as u64), |hash, word| mix(hash ^ word));
    mix(hash ^ stream.incarnation.0)
}

/// The hash of a version vector while the intervals of one stream change.
#[derive(Debug)]
pub(super) struct Digest<'a> {
    /// [`hash_stream`] of the stream.
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
