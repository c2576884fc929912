//! The payloads of a load: each carries its number, so that whoever holds it can be told what it is.

/// Byte that payloads are filled with.
const FILL: u8 = b'x';

/// A payload of `size` bytes, at least 8: its number, then always the same.
pub fn body(number: u64, size: usize) -> Vec<u8> {
    let mut body = vec![FILL; size.max(size_of::<u64>())];
    body[..size_of::<u64>()].copy_from_slice(&number.to_be_bytes());
    body
}

/// The number that a payload of this size carries, if it is one of ours.
pub fn number(payload: &[u8], size: usize) -> Option<u64> {
    let (number, rest) = payload.split_first_chunk()?;
    let is_whole = payload.len() == size.max(size_of::<u64>()) && rest.iter().all(|&byte| byte == FILL);
    is_whole.then(|| u64::from_be_bytes(*number))
}
