//! Hashes that nodes compare: part of the protocol, so they are the same on every platform.

/// Spreads every bit of `x` over all 64: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub(in crate::core) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The hash of a stream: of the length of its origin's name, of the name in words of eight bytes (the first byte the most
/// significant, the last word filled with zeros), and of the incarnation.
pub(super) fn hash_stream(origin: &str, incarnation: u64) -> u64 {
    let name = origin.as_bytes();
    let words = name.chunks(8).map(|chunk| {
        let word = chunk.iter().fold(0, |word, &byte| (word << 8) | u64::from(byte));
        word << (8 * (8 - chunk.len()))
    });
    let hash = words.fold(mix(name.len() as u64), |hash, word| mix(hash ^ word));
    mix(hash ^ incarnation)
}
