//! Batches, the unit between nodes: consecutive messages of one stream that their origin took in at one time, with one body of
//! bytes that no node on the way changes. Spec: `docs/spec/gossip-bus.md`, *MESSAGE* and *Batches*.

use super::{
    id::{MessageId, NodeId, StreamId},
    message::{Payload, Trace, check_id},
    stats::Refusal,
    time::Wall,
};
use std::sync::Arc;

/// Most messages of a batch.
pub const COUNT_MAX: u32 = 4096;
/// Most payloads that a client submits at once.
pub const SUBMITTED_MAX: u32 = 65_536;
/// Longest body in bytes of a batch of several messages, so that any node has room for it in a frame. A single message may be
/// longer.
pub const PACKED_LEN_MAX: usize = 256 << 10;

/// Consecutive messages of one stream as they cross one link; often just one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Identity of the first message; those of the others count on from it.
    pub id: MessageId,
    /// The origin's wall clock at the submission.
    pub published_at: Wall,
    /// Links crossed so far, the one it arrives by included; 0 at the origin.
    pub hops: u32,
    /// Present if paths are recorded: then it is one message.
    pub trace: Option<Trace>,
    /// The origin whose tree a node follows that has none for this one yet (spec, section 7.3).
    pub tree: Option<NodeId>,
    /// The bytes that were submitted.
    pub body: Body,
}

impl Batch {
    /// The number of the last message.
    pub fn last(&self) -> u64 {
        self.id.sequence.saturating_add(u64::from(self.body.count) - 1)
    }

    /// The numbers of the first and the last message.
    pub fn range(&self) -> (u64, u64) {
        (self.id.sequence, self.last())
    }

    /// Checks that a peer `from` may have sent it; if not, why it is refused.
    pub fn check(&self, from: &NodeId, payload_len_max: usize) -> Result<(), (Refusal, String)> {
        self.check_head(from)?;
        self.body.check(payload_len_max)
    }

    /// The same without a look at its body, which comes later.
    pub fn check_head(&self, from: &NodeId) -> Result<(), (Refusal, String)> {
        check_id(&self.id)?;
        self.body.check_count()?;
        if self.id.sequence.checked_add(u64::from(self.body.count) - 1).is_none() {
            return Err((Refusal::BadRequest, "the numbers of its messages go beyond the last there is".into()));
        }
        let Some(trace) = &self.trace else { return Ok(()) };
        if self.body.count > 1 {
            return Err((Refusal::BadRequest, "a batch that is traced has one message".into()));
        }
        trace.check(&self.id, from)
    }

    /// Its messages one by one, as they go to a peer that knows no batches. The payload of one that came alone is not copied.
    pub fn singles(&self) -> impl Iterator<Item = Self> {
        let alone = (self.body.count == 1).then_some(&self.body.bytes);
        self.body.payloads().zip(self.id.sequence..=self.last()).map(move |(payload, sequence)| Self {
            id: MessageId { sequence, ..self.id.clone() },
            body: Body {
                bytes: alone.map_or_else(|| payload.into(), Payload::clone),
                count: 1,
                trailing: self.body.trailing.clone(),
            },
            ..self.clone()
        })
    }
}

/// The bytes of a batch behind a reference count: encoded once at the origin, then only handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    bytes: Payload,
    count: u32,
    trailing: Option<Arc<Trailing>>,
}

impl Body {
    /// One payload.
    pub fn one(payload: Payload) -> Self {
        Self { bytes: payload, count: 1, trailing: None }
    }

    /// A body as it came over the wire: `count` payloads, packed if they are several. To be checked.
    pub fn new(bytes: Payload, count: u32, trailing: Option<Arc<Trailing>>) -> Self {
        Self { bytes, count, trailing }
    }

    /// The number of messages.
    #[inline]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The bytes as they cross a link.
    #[inline]
    pub fn bytes(&self) -> &Payload {
        &self.bytes
    }

    /// The fields that no program of this age knows.
    pub fn trailing(&self) -> Option<&Trailing> {
        self.trailing.as_deref()
    }

    /// The same with other bytes.
    #[must_use]
    pub fn with_bytes(self, bytes: Payload) -> Self {
        Self { bytes, ..self }
    }

    /// Checks that it holds so many payloads as it says, none of them longer than `payload_len_max`; if not, why it is refused.
    pub fn check(&self, payload_len_max: usize) -> Result<(), (Refusal, String)> {
        self.check_count()?;
        if self.count > 1 && self.bytes.len() > PACKED_LEN_MAX {
            let text = format!("a batch of {} bytes is over the limit of {PACKED_LEN_MAX}", self.bytes.len());
            return Err((Refusal::TooLarge, text));
        }
        self.check_packing(payload_len_max)
    }

    /// Checks what a client submits: as [`check`](Self::check), but there may be more than one batch holds.
    pub fn check_submission(&self, payload_len_max: usize) -> Result<(), (Refusal, String)> {
        if !(1..=SUBMITTED_MAX).contains(&self.count) {
            let text = format!("a submission has 1 to {SUBMITTED_MAX} payloads, not {}", self.count);
            return Err((Refusal::BadRequest, text));
        }
        self.check_packing(payload_len_max)
    }

    fn check_packing(&self, payload_len_max: usize) -> Result<(), (Refusal, String)> {
        if self.count == 1 {
            return check_len(self.bytes.len(), payload_len_max);
        }
        let (mut rest, mut found) = (&self.bytes[..], 0_u32);
        while let Some((payload, behind)) = split_first(rest) {
            check_len(payload.len(), payload_len_max)?;
            (rest, found) = (behind, found.saturating_add(1));
        }
        if found == self.count && rest.is_empty() {
            return Ok(());
        }
        let more = if rest.is_empty() { "" } else { ", then bytes that are no payload" };
        Err((Refusal::Malformed, format!("a body of {} payloads has {found}{more}", self.count)))
    }

    fn check_count(&self) -> Result<(), (Refusal, String)> {
        match self.count {
            1..=COUNT_MAX => Ok(()),
            count => Err((Refusal::BadRequest, format!("a batch has 1 to {COUNT_MAX} messages, not {count}"))),
        }
    }

    /// The payloads, in the order of their numbers. They are as many as [`count`](Self::count) says once that was checked.
    pub fn payloads(&self) -> impl Iterator<Item = &[u8]> {
        let (mut rest, is_packed) = (Some(&self.bytes[..]), self.count > 1);
        std::iter::from_fn(move || {
            let bytes = rest.take()?;
            if !is_packed {
                return Some(bytes);
            }
            let (payload, behind) = split_first(bytes)?;
            rest = Some(behind);
            Some(payload)
        })
    }

    /// The same payloads in bodies of at most `len_max` bytes and [`COUNT_MAX`] payloads each, or of one that is larger.
    pub fn split(self, len_max: usize) -> Vec<Self> {
        if self.count == 1 || self.count <= COUNT_MAX && self.bytes.len() <= len_max {
            return vec![self];
        }
        let (mut parts, mut packer) = (Vec::new(), Packer::default());
        for payload in self.payloads() {
            if packer.is_full_for(payload.len(), len_max) {
                parts.extend(packer.take());
            }
            packer.push(payload);
        }
        parts.extend(packer.take());
        parts
    }
}

/// Fields of a MESSAGE behind those that this program knows, as MessagePack: passed on unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailing {
    fields: u8,
    bytes: Box<[u8]>,
}

impl Trailing {
    /// Most fields.
    pub const FIELDS_MAX: u8 = 6;
    /// Most bytes of all of them.
    pub const LEN_MAX: usize = 1024;

    /// So many values of MessagePack, one after the other.
    pub fn new(fields: u8, bytes: Box<[u8]>) -> Self {
        Self { fields, bytes }
    }

    /// Number of fields.
    pub fn fields(&self) -> u8 {
        self.fields
    }

    /// The fields, encoded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Payloads that become one body.
#[derive(Debug, Default)]
pub struct Packer {
    /// The first, as long as it is alone.
    single: Option<Payload>,
    bytes: Vec<u8>,
    count: u32,
}

impl Packer {
    /// Says whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Says whether a payload of `len` bytes more would make a body of over `len_max` bytes, or of too many payloads.
    pub fn is_full_for(&self, len: usize, len_max: usize) -> bool {
        let single = self.single.as_ref().map_or(0, |payload| packed_len(payload.len()));
        self.count > 0 && (self.count >= COUNT_MAX || single + self.bytes.len() + packed_len(len) > len_max)
    }

    /// Adds a payload.
    pub fn push(&mut self, payload: &[u8]) {
        self.count += 1;
        if self.count > 1 {
            self.single.take().into_iter().for_each(|first| pack(&mut self.bytes, &first));
            return pack(&mut self.bytes, payload);
        }
        self.single = Some(payload.into());
    }

    /// Adds a payload that need not be copied if it stays alone.
    pub fn push_shared(&mut self, payload: &Payload) {
        match self.count {
            0 => (self.single, self.count) = (Some(payload.clone()), 1),
            _ => self.push(payload),
        }
    }

    /// Takes what was added, if anything was.
    pub fn take(&mut self) -> Option<Body> {
        let Self { single, bytes, count } = std::mem::take(self);
        let bytes = single.unwrap_or_else(|| Payload::from(&bytes[..]));
        (count > 0).then_some(Body { bytes, count, trailing: None })
    }
}

/// Bytes that a payload of `len` bytes takes in a body of several.
pub fn packed_len(len: usize) -> usize {
    len + match len {
        0..=0xff => 2,
        0x100..=0xffff => 3,
        _ => 5,
    }
}

/// Adds a payload to a body of several: a `bin` of MessagePack.
pub fn pack(body: &mut Vec<u8>, payload: &[u8]) {
    match payload.len() {
        len @ 0..=0xff => body.extend_from_slice(&[0xc4, len as u8]),
        len @ 0x100..=0xffff => {
            body.push(0xc5);
            body.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            body.push(0xc6);
            body.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    body.extend_from_slice(payload);
}

/// The first payload of a packed body, and what is behind it; `None` at its end, or where no whole payload is.
#[inline]
fn split_first(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&mark, rest) = body.split_first()?;
    let (len, rest) = match mark {
        0xc4 => rest.split_first().map(|(&len, rest)| (usize::from(len), rest))?,
        0xc5 => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?,
        0xc6 => rest.split_first_chunk().map(|(len, rest)| (u32::from_be_bytes(*len) as usize, rest))?,
        _ => return None,
    };
    rest.split_at_checked(len)
}

fn check_len(len: usize, len_max: usize) -> Result<(), (Refusal, String)> {
    if len <= len_max {
        return Ok(());
    }
    let text = format!("payload of {len} bytes is over the limit of {len_max} bytes; --payload-max sets it");
    Err((Refusal::TooLarge, text))
}

/// Batches that a neighbour that asks for messages again is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resent {
    /// The batches with what was asked for, each once, in the order in which it was asked for, with the hops that they came with.
    pub batches: Vec<Batch>,
    /// Ranges that were seen here and are kept no more.
    pub lost: Vec<(u64, u64)>,
    /// Bytes of bodies and paths in the batches.
    pub bytes: usize,
}

/// Read access to the messages that a node keeps, for whoever spreads them and keeps none itself.
pub trait Kept {
    /// The body of a message that is kept by itself; of one that came with others, that of all of them.
    fn body(&self, id: &MessageId) -> Option<Body>;

    /// Batches kept with messages of `ranges` (ascending) of a stream, to be sent once more, and those of the messages that are
    /// lost: in `seen`, the intervals of what this node has had of the stream, but neither kept nor in one of these batches.
    /// What was never seen is neither.
    ///
    /// None more once they have `messages` messages or `bytes` bytes: what is kept and comes after them is neither, too.
    fn resend(
        &self,
        stream: &StreamId,
        ranges: &[(u64, u64)],
        seen: &[(u64, u64)],
        messages: usize,
        bytes: usize,
    ) -> Resent;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::Incarnation;
    use proptest::prelude::*;

    fn packed(payloads: &[Vec<u8>]) -> Body {
        let mut packer = Packer::default();
        payloads.iter().for_each(|payload| packer.push(payload));
        packer.take().unwrap()
    }

    fn batch(body: Body) -> Batch {
        let id = MessageId { origin: NodeId::numbered(4), incarnation: Incarnation(17), sequence: 5 };
        Batch { id, published_at: Wall(1), hops: 2, trace: None, tree: None, body }
    }

    proptest! {
        #[test]
        fn payloads_come_out_as_they_went_in(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..20),
        ) {
            let body = packed(&payloads);
            prop_assert_eq!(body.payloads().collect::<Vec<_>>(), payloads.iter().map(|one| &one[..]).collect::<Vec<_>>());
            prop_assert_eq!(body.check(400), Ok(()));
            let lens: usize = payloads.iter().map(|one| packed_len(one.len())).sum();
            prop_assert!(payloads.len() == 1 || body.bytes().len() == lens);
        }

        #[test]
        fn a_body_that_is_none_is_refused(
            bytes in prop::collection::vec(prop_oneof![Just(0xc4_u8), Just(0xc5), 0..4_u8, any::<u8>()], 0..40),
            count in 1..6_u32,
        ) {
            let body = Body::new(Payload::from(&bytes[..]), count, None);
            if body.check(1 << 20).is_ok() {
                prop_assert_eq!(body.payloads().count(), count as usize);
            }
        }
    }

    #[test]
    fn lengths_take_one_two_or_four_bytes() {
        for len in [0, 1, 255, 256, 65_535, 65_536] {
            let body = packed(&[vec![7; len], vec![8; len]]);
            assert_eq!(body.bytes().len(), 2 * packed_len(len));
            assert_eq!(body.payloads().map(<[u8]>::len).collect::<Vec<_>>(), [len, len]);
        }
    }

    #[test]
    fn each_limit_is_named_with_what_is_beyond_it() {
        let refused = |body: Body, len_max| batch(body).check(&NodeId::numbered(2), len_max).unwrap_err();
        let (refusal, text) = refused(packed(&[vec![1], vec![2; 11]]), 10);
        assert_eq!(refusal, Refusal::TooLarge);
        assert!(text.starts_with("payload of 11 bytes is over the limit of 10 bytes"), "{text}");
        let (refusal, text) = refused(Body::new(Payload::from(&[0xc4, 1, 9][..]), 2, None), 10);
        assert_eq!((refusal, &text[..]), (Refusal::Malformed, "a body of 2 payloads has 1"));
        let (refusal, text) = refused(Body::new(Payload::from(&[0xc4, 1, 9, 7][..]), 2, None), 10);
        assert_eq!(
            (refusal, &text[..]),
            (Refusal::Malformed, "a body of 2 payloads has 1, then bytes that are no payload")
        );
        for count in [0, COUNT_MAX + 1] {
            let (refusal, text) = refused(Body::new(Payload::from(&[][..]), count, None), 10);
            assert_eq!((refusal, text), (Refusal::BadRequest, format!("a batch has 1 to 4096 messages, not {count}")));
        }
        let (refusal, _) = refused(packed(&vec![vec![0; 200_000]; 2]), 1 << 20);
        assert_eq!(refusal, Refusal::TooLarge);
    }

    #[test]
    fn a_large_body_becomes_several() {
        let payloads: Vec<_> = [30, 30, 200, 1, 1, 1].map(|len| vec![9; len]).into();
        let parts = packed(&payloads).split(64);
        assert_eq!(parts.iter().map(Body::count).collect::<Vec<_>>(), [2, 1, 3]);
        let flat: Vec<_> = parts.iter().flat_map(Body::payloads).map(<[u8]>::to_vec).collect();
        assert_eq!(flat, payloads);
        let many = packed(&vec![vec![]; 5000]).split(usize::MAX);
        assert_eq!(many.iter().map(Body::count).collect::<Vec<_>>(), [4096, 904]);
    }

    #[test]
    fn a_batch_falls_apart_into_its_messages() {
        let payloads = [vec![1], vec![2, 2], vec![]];
        let whole = batch(packed(&payloads));
        assert_eq!(whole.range(), (5, 7));
        let singles: Vec<_> = whole.singles().collect();
        let expected = payloads.iter().zip(5..).map(|(payload, sequence)| {
            let one = batch(Body::one(Payload::from(&payload[..])));
            Batch { id: MessageId { sequence, ..one.id.clone() }, ..one }
        });
        assert_eq!(singles, expected.collect::<Vec<_>>());
        assert_eq!(singles[1].singles().collect::<Vec<_>>(), [singles[1].clone()]);
        let end = Batch { id: MessageId { sequence: u64::MAX - 2, ..whole.id.clone() }, ..whole };
        assert_eq!(
            end.singles().last().map(|single| single.range()),
            Some((u64::MAX, u64::MAX)),
            "nothing is behind it"
        );
    }
}
