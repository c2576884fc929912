//! The bytes of a segment: its header, and frames behind it. Each checksum covers the place where its bytes stand, too, so that
//! what is misplaced or stale is not taken for what belongs there.

use crc32fast::Hasher;
use std::ops::Range;

/// The version that is written; older ones are read.
pub const VERSION: u32 = 1;
/// Length of a header: it stands there twice.
pub const HEADER_LEN: usize = 2 * COPY_LEN;
/// Length of the head of a frame.
pub const HEAD_LEN: usize = 40;
/// Frames stand at multiples of it.
pub const ALIGNMENT: usize = 8;

const COPY_LEN: usize = 64;
const MAGIC: [u8; 8] = *b"gossipsg";
const FRAME_MAGIC: [u8; 2] = *b"gf";
const LAST: u8 = 1;
const BRIDGES: u8 = 2;

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its number.
    pub id: u64,
    /// The number of the segment that it goes on from; 0 for none.
    pub follows: u64,
    /// Length of the finished part of that one.
    pub safe: u64,
    /// Place of the first record that stands in it: all before it are finished.
    pub first: u64,
    /// A number that the checksums of all frames of the log begin with, and that nobody else knows: bytes that are to be kept
    /// cannot pass for a frame.
    pub salt: u64,
}

/// Reason why bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderError {
    /// They are not what was written there.
    Unsound,
    /// They are of a later version of the format.
    Newer(u32),
}

impl Header {
    /// Its bytes.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; COPY_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        let fields = [self.id, self.follows, self.safe, self.first, self.salt];
        for (field, at) in fields.into_iter().zip([16, 24, 32, 40, 48]) {
            bytes[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        let mut both = [0; HEADER_LEN];
        both[..COPY_LEN].copy_from_slice(&bytes);
        both[COPY_LEN..].copy_from_slice(&bytes);
        both
    }

    /// The header of the segment `id`, at the beginning of its bytes, and the part of these that is damaged.
    pub fn decode(bytes: &[u8], id: u64) -> Result<(Self, Option<Range<usize>>), HeaderError> {
        let (first, second) = bytes.split_at(COPY_LEN.min(bytes.len()));
        match (Self::decode_copy(first, id), Self::decode_copy(second, id)) {
            (Ok(first), Ok(second)) => Ok((first, (first != second).then_some(0..HEADER_LEN))),
            (Ok(first), Err(_)) => Ok((first, Some(COPY_LEN..HEADER_LEN))),
            (Err(HeaderError::Unsound), Ok(second)) => Ok((second, Some(0..COPY_LEN))),
            (Err(HeaderError::Unsound), Err(error)) | (Err(error), _) => Err(error),
        }
    }

    fn decode_copy(bytes: &[u8], id: u64) -> Result<Self, HeaderError> {
        let bytes: &[u8; COPY_LEN] = bytes.first_chunk().ok_or(HeaderError::Unsound)?;
        if bytes[..8] != MAGIC || crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return Err(HeaderError::Unsound);
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            version if version > VERSION => return Err(HeaderError::Newer(version)),
            _ => return Err(HeaderError::Unsound),
        }
        let [found, follows, safe, first, salt] = [16, 24, 32, 40, 48].map(|at| u64_at(bytes, at));
        if found != id {
            return Err(HeaderError::Unsound);
        }
        Ok(Self { id, follows, safe, first, salt })
    }
}

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records of one or several places.
    Records,
    /// Nothing but the mark in its head.
    Mark,
    /// Records without places of their own, which say what is known at a place.
    Checkpoint,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Kind of the frame.
    pub kind: Kind,
    /// Says that it ends its checkpoint.
    pub is_last: bool,
    /// Says that its checkpoint stands in for records that were never written.
    pub bridges: bool,
    /// Number of records.
    pub count: u32,
    /// Place of its last record; those of the others come before it without a gap. The place that a checkpoint belongs to.
    pub place: u64,
    /// Length of the part of the segment that was finished when it was written; a multiple of [`ALIGNMENT`].
    pub mark: u64,
}

impl Head {
    /// Place of its first record.
    pub fn first(&self) -> u64 {
        (self.place + 1).saturating_sub(u64::from(self.count))
    }
}

/// A frame whose head is sound.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its head.
    pub head: Head,
    /// The records but for the bytes of batches, if that is sound.
    pub key: Option<&'a [u8]>,
    /// The bytes of batches, if they are sound.
    pub body: Option<&'a [u8]>,
    /// Its length without padding.
    pub content_len: usize,
    /// Its length with the padding behind it, as far as the segment goes.
    pub len: usize,
    /// Says that the padding is sound.
    pub is_padding_sound: bool,
}

/// A segment, as far as its frames depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Frames {
    /// The number of the segment.
    pub id: u64,
    /// The salt of the log.
    pub salt: u64,
}

impl Frames {
    /// Writes a frame that will stand at `offset`.
    pub fn encode<'b>(
        self,
        into: &mut Vec<u8>,
        offset: u64,
        head: &Head,
        key: &[u8],
        body: impl IntoIterator<Item = &'b [u8]>,
    ) {
        let start = into.len();
        into.resize(start + HEAD_LEN, 0);
        into.extend_from_slice(key);
        for part in body {
            into.extend_from_slice(part);
        }
        let (bytes, content) = into[start..].split_at_mut(HEAD_LEN);
        let body = &content[key.len()..];
        let kind = match head.kind {
            Kind::Records => 1,
            Kind::Mark => 2,
            Kind::Checkpoint => 3,
        };
        bytes[..2].copy_from_slice(&FRAME_MAGIC);
        bytes[2] = kind;
        bytes[3] = if head.is_last { LAST } else { 0 } | if head.bridges { BRIDGES } else { 0 };
        bytes[16..24].copy_from_slice(&head.place.to_le_bytes());
        let unfinished = (offset - head.mark) / ALIGNMENT as u64;
        let [key_crc, body_crc] = [key, body].map(|part| self.crc(offset, part));
        let lengths = [key.len() as u64, body.len() as u64, u64::from(head.count), unfinished].map(saturated);
        let fields = lengths.into_iter().chain([key_crc, body_crc]);
        for (field, at) in fields.zip([4, 8, 12, 24, 28, 32]) {
            bytes[at..at + 4].copy_from_slice(&field.to_le_bytes());
        }
        let crc = self.crc(offset, &bytes[..36]);
        bytes[36..].copy_from_slice(&crc.to_le_bytes());
        into.resize(start + (into.len() - start).next_multiple_of(ALIGNMENT), 0);
    }

    /// The frame at `offset` of the segment, whose bytes are given, if there is one with a sound head.
    pub fn at(self, bytes: &[u8], offset: usize) -> Option<Frame<'_>> {
        let at = bytes.get(offset..)?;
        let head: &[u8; HEAD_LEN] = at.first_chunk()?;
        let offset = offset as u64;
        if head[..2] != FRAME_MAGIC || self.crc(offset, &head[..36]) != u32_at(head, 36) {
            return None;
        }
        let kind = match head[2] {
            1 => Kind::Records,
            2 => Kind::Mark,
            3 => Kind::Checkpoint,
            _ => return None,
        };
        let [key_len, body_len, count, unfinished, key_crc, body_crc] =
            [4, 8, 12, 24, 28, 32].map(|at| u32_at(head, at));
        let body_start = HEAD_LEN + key_len as usize;
        let content_len = body_start + body_len as usize;
        let part = |range, crc| at.get(range).filter(|part| self.crc(offset, part) == crc);
        let (key, body) = (part(HEAD_LEN..body_start, key_crc), part(body_start..content_len, body_crc));
        let padded = content_len.next_multiple_of(ALIGNMENT);
        let is_padding_sound = at.get(content_len..padded).is_some_and(|padding| padding.iter().all(|&byte| byte == 0));
        let mark = offset.saturating_sub(u64::from(unfinished) * ALIGNMENT as u64);
        let (is_last, bridges) = (head[3] & LAST != 0, head[3] & BRIDGES != 0);
        let head = Head { kind, is_last, bridges, count, place: u64_at(head, 16), mark };
        Some(Frame { head, key, body, content_len, len: padded.min(at.len()), is_padding_sound })
    }

    /// The next offset, from `offset` on, where a frame with a sound head stands.
    pub fn seek(self, bytes: &[u8], offset: usize) -> Option<usize> {
        let mut offsets = (offset.next_multiple_of(ALIGNMENT)..bytes.len()).step_by(ALIGNMENT);
        offsets.find(|&offset| bytes[offset..].starts_with(&FRAME_MAGIC) && self.at(bytes, offset).is_some())
    }

    fn crc(self, offset: u64, part: &[u8]) -> u32 {
        let mut crc = Hasher::new();
        for number in [self.salt, self.id, offset, part.len() as u64] {
            crc.update(&number.to_le_bytes());
        }
        crc.update(part);
        crc.finalize()
    }
}

/// A length in 32 bits; no frame is made that needs more.
fn saturated(len: u64) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |field| u64::from_le_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: Head = Head { kind: Kind::Records, is_last: false, bridges: false, count: 2, place: 7, mark: 64 };
    const SALT: u64 = 0x5a17;

    fn frame(id: u64, offset: u64, key: &[u8], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let head = Head { mark: HEAD.mark.min(offset), ..HEAD };
        Frames { id, salt: SALT }.encode(&mut bytes, offset, &head, key, [body]);
        bytes
    }

    fn frame_at(bytes: &[u8], id: u64, offset: usize) -> Option<Frame<'_>> {
        Frames { id, salt: SALT }.at(bytes, offset)
    }

    fn seek(bytes: &[u8], id: u64, offset: usize) -> Option<usize> {
        Frames { id, salt: SALT }.seek(bytes, offset)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            id: u64, salt: u64, count: u32, place: u64, flags: (bool, bool), kind in 0usize..3, key: Vec<u8>, bodies: Vec<Vec<u8>>,
        ) {
            let kind = [Kind::Records, Kind::Mark, Kind::Checkpoint][kind];
            let head = Head { kind, is_last: flags.0, bridges: flags.1, count, place, mark: 16 };
            let (mut bytes, frames) = (vec![0; 24], Frames { id, salt });
            frames.encode(&mut bytes, 24, &head, &key, bodies.iter().map(Vec::as_slice));
            let found = frames.at(&bytes, 24).unwrap();
            prop_assert_eq!((found.head, found.key), (head, Some(&key[..])));
            prop_assert_eq!(found.body, Some(&bodies.concat()[..]));
            prop_assert!(found.is_padding_sound && bytes.len() == 24 + found.len && bytes.len() % ALIGNMENT == 0);
        }

        #[test]
        fn no_bytes_are_taken_for_a_frame_or_make_trouble(bytes: Vec<u8>, id: u64) {
            prop_assert_eq!(seek(&bytes, id, 0), None);
            let mut bytes = [&FRAME_MAGIC[..], &[1], &bytes].concat();
            bytes.resize(bytes.len() + HEAD_LEN, 0xff);
            prop_assert!(frame_at(&bytes, id, 0).is_none());
        }

        #[test]
        fn a_header_is_read_back(id: u64, follows: u64, safe: u64, first: u64, salt: u64) {
            let header = Header { id, follows, safe, first, salt };
            prop_assert_eq!(Header::decode(&header.encode(), id), Ok((header, None)));
            prop_assert_eq!(Header::decode(&header.encode(), id ^ 1), Err(HeaderError::Unsound));
        }
    }

    const HEADER: Header = Header { id: 3, follows: 2, safe: 4096, first: 77, salt: SALT };

    #[test]
    fn each_byte_of_a_header_counts_and_a_copy_is_enough() {
        for at in 0..HEADER_LEN {
            let mut bytes = HEADER.encode();
            bytes[at] ^= 4;
            let copy = if at < COPY_LEN { 0..COPY_LEN } else { COPY_LEN..HEADER_LEN };
            assert_eq!(Header::decode(&bytes, 3), Ok((HEADER, Some(copy))), "byte {at}");
            bytes[(at + COPY_LEN) % HEADER_LEN] ^= 1;
            assert_eq!(Header::decode(&bytes, 3), Err(HeaderError::Unsound), "byte {at} of both");
        }
        let mut mixed = HEADER.encode();
        mixed[..COPY_LEN].copy_from_slice(&Header { safe: 64, ..HEADER }.encode()[..COPY_LEN]);
        assert!(matches!(Header::decode(&mixed, 3), Ok((_, Some(_)))));
        assert_eq!(Header::decode(&HEADER.encode()[..COPY_LEN + 9], 3), Ok((HEADER, Some(COPY_LEN..HEADER_LEN))));
        assert_eq!(Header::decode(&[], 3), Err(HeaderError::Unsound));
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        bytes.copy_within(..COPY_LEN, COPY_LEN);
        assert_eq!(Header::decode(&bytes, 3), Err(HeaderError::Newer(2)));
    }

    #[test]
    fn each_byte_of_a_frame_counts() {
        let sound = frame(3, 64, b"key", b"body");
        for at in 0..sound.len() {
            let mut bytes = vec![0; 64];
            bytes.extend_from_slice(&sound);
            bytes[64 + at] ^= 0x10;
            let is_whole = |frame: Frame<'_>| (frame.key.is_some(), frame.body.is_some(), frame.is_padding_sound);
            let expected = match at {
                ..HEAD_LEN => None,
                40..43 => Some((false, true, true)),
                43..47 => Some((true, false, true)),
                _ => Some((true, true, false)),
            };
            assert_eq!(frame_at(&bytes, 3, 64).map(is_whole), expected, "byte {at} of {}", sound.len());
        }
    }

    #[test]
    fn a_frame_counts_only_where_it_was_written() {
        let bytes = [vec![0; 64], frame(3, 64, b"key", b"body"), frame(3, 112, b"", b"")].concat();
        assert!(frame_at(&bytes, 3, 64).is_some() && frame_at(&bytes, 3, 112).is_some());
        assert!(frame_at(&bytes, 4, 64).is_none(), "in another segment");
        assert!(Frames { id: 3, salt: 1 }.at(&bytes, 64).is_none(), "in another log");
        let moved = [vec![0; 72], frame(3, 64, b"key", b"body")].concat();
        assert!(frame_at(&moved, 3, 72).is_none(), "at another offset");
        // The same content of a frame of the same length, as a sector that was never overwritten has it.
        let mut stale = bytes;
        stale[64 + HEAD_LEN..64 + 48].copy_from_slice(&frame(3, 56, b"kez", b"stal")[HEAD_LEN..48]);
        let stale = frame_at(&stale, 3, 64).unwrap();
        assert_eq!((stale.key, stale.body), (None, None));
    }

    #[test]
    fn zeros_are_no_frame_and_the_next_one_is_found() {
        assert!(Frames { id: 0, salt: 0 }.at(&[0; 4096], 0).is_none());
        let bytes = [vec![0; 4096], frame(9, 4096, b"key", b"body")].concat();
        assert_eq!(seek(&bytes, 9, 64), Some(4096));
        assert_eq!(seek(&bytes, 9, 4097), None);
    }

    #[test]
    fn a_frame_that_is_cut_keeps_its_head() {
        let bytes = frame(1, 64, b"key", &[7; 100]);
        let bytes = [vec![0; 64], bytes].concat();
        for len in 64..bytes.len() {
            let is_there = |len| (len >= HEAD_LEN + 3, len >= HEAD_LEN + 103, len);
            let found =
                frame_at(&bytes[..len], 1, 64).map(|frame| (frame.key.is_some(), frame.body.is_some(), frame.len));
            assert_eq!(found, (len >= 64 + HEAD_LEN).then_some(is_there(len - 64)));
        }
    }
}
