//! Records as keys and bodies of frames. A key has the records as MessagePack; the bytes of batches are the body, as they are.

use crate::{
    core::{
        batch::Batch,
        event::record::{LogSeq, Record},
        frame::Frame,
        id::{Incarnation, MessageId, StreamId},
        message::{Hop, Payload},
        time::Wall,
    },
    wire::{Decoder, Incoming, encode},
};
use serde::{Deserialize, Serialize};

/// A record as it stands in a key. The names of the fields are not written, those of the variants are.
#[derive(Serialize, Deserialize)]
enum Stored<'a> {
    #[serde(rename = "m")]
    Received {
        first: u64,
        last: u64,
        position: u64,
        at: u64,
        /// The header of MESSAGE.
        #[serde(with = "bytes", borrow)]
        header: &'a [u8],
        body_len: u32,
    },
    #[serde(rename = "g")]
    GivenUp(#[serde(borrow)] Life<'a>, u64, u64),
    #[serde(rename = "r")]
    Receipt {
        #[serde(with = "bytes", borrow)]
        client: &'a [u8],
        #[serde(with = "bytes", borrow)]
        request: &'a [u8],
        #[serde(borrow)]
        life: Life<'a>,
        sequence: u64,
        count: u32,
    },
    #[serde(rename = "k")]
    Marked(u64, u64),
    #[serde(rename = "p")]
    Path(#[serde(borrow)] Life<'a>, u64, Vec<(&'a str, u64)>),
    #[serde(rename = "h")]
    Had(#[serde(borrow)] Life<'a>, u64, u64),
    #[serde(rename = "f")]
    Forgotten(#[serde(borrow)] Life<'a>, u64, u64),
    #[serde(rename = "n")]
    Positions(u64),
}

/// Origin and incarnation.
type Life<'a> = (&'a str, u64);

/// Bytes as MessagePack has them, where serde would write an array of numbers.
mod bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'de [u8], D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

/// The key and the bodies of a frame of records.
pub fn encode<'r>(records: impl ExactSizeIterator<Item = &'r Record>) -> (Vec<u8>, Vec<Payload>) {
    let (mut key, mut bodies) = (Vec::new(), Vec::new());
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    rmp::encode::write_array_len(&mut key, count).expect("a vector takes all of it");
    let mut header = Vec::new();
    for record in records {
        header.clear();
        let stored = match record {
            Record::Received { batch, first, last, position, at } => {
                encode::frame(&mut header, &Frame::Message(batch.clone()));
                bodies.push(batch.body.bytes().clone());
                let body_len = u32::try_from(batch.body.bytes().len()).unwrap_or(u32::MAX);
                let (first, last, position, at) = (*first, *last, *position, at.0);
                Stored::Received { first, last, position, at, header: &header, body_len }
            }
            Record::GivenUp { stream, first, last } => Stored::GivenUp(life(stream), *first, *last),
            Record::Receipt { client, request, message: MessageId { origin, incarnation, sequence }, count } => {
                let life = (origin.as_str(), incarnation.0);
                Stored::Receipt { client, request, life, sequence: *sequence, count: *count }
            }
            Record::Marked { first, last } => Stored::Marked(*first, *last),
            Record::Path { id: MessageId { origin, incarnation, sequence }, path } => {
                let hops = path.iter().map(|hop| (hop.node.as_str(), hop.micros)).collect();
                Stored::Path((origin.as_str(), incarnation.0), *sequence, hops)
            }
            Record::Had { stream, first, last } => Stored::Had(life(stream), *first, *last),
            Record::Forgotten { stream, missing, highest } => Stored::Forgotten(life(stream), *missing, *highest),
            Record::Positions { next } => Stored::Positions(*next),
        };
        stored.serialize(&mut rmp_serde::Serializer::new(&mut key)).expect("a vector takes all of it");
    }
    (key, bodies)
}

/// Cuts the records of one turn into those that go into one frame each, by the number of records in them: messages and the
/// receipts that speak of them stay together, all else stands alone.
pub fn cut(records: &[(LogSeq, Record)]) -> Vec<usize> {
    let mut starts: Vec<usize> = (0..records.len()).collect();
    for (at, (_, record)) in records.iter().enumerate() {
        let Record::Receipt { message, .. } = record else { continue };
        let is_its = |record: &Record| match record {
            Record::Received { batch, first, last, .. } => {
                batch.id.origin == message.origin
                    && batch.id.incarnation == message.incarnation
                    && (*first..=*last).contains(&message.sequence)
            }
            _ => false,
        };
        if let Some(start) = records[..at].iter().rposition(|(_, record)| is_its(record)) {
            let start = starts[start];
            // A frame has no gap among its places; of what was torn, there is nothing to keep together.
            if records[at].0.0 - records[start].0.0 != (at - start) as u64 {
                continue;
            }
            starts[start..=at].fill(start);
        }
    }
    starts.chunk_by(|one, other| one == other).map(<[_]>::len).collect()
}

/// A record that was read.
#[derive(Debug, PartialEq)]
pub enum Read {
    /// As it was written.
    Sound(Record),
    /// Messages whose bytes are lost: the batch has none.
    Bodiless(Box<Batch>, (u64, u64)),
}

/// Reads what keys and bodies hold.
#[derive(Debug)]
pub struct Reader(Decoder);

impl Default for Reader {
    fn default() -> Self {
        Self(Decoder::new(usize::MAX))
    }
}

impl Reader {
    /// The records of a frame, with the places that end at `place`; nothing if they are not in the form in which they are written.
    pub fn records(
        &mut self,
        place: u64,
        count: u32,
        key: &[u8],
        mut body: Option<&[u8]>,
    ) -> Option<Vec<(LogSeq, Read)>> {
        let stored: Vec<Stored<'_>> =
            rmp_serde::from_slice(key).ok().filter(|stored: &Vec<_>| stored.len() == count as usize)?;
        let first = (place + 1).checked_sub(u64::from(count))?;
        let record = |(stored, place)| Some((LogSeq(place), self.record(stored, &mut body)?));
        stored.into_iter().zip(first..).map(record).collect()
    }

    fn record(&mut self, stored: Stored<'_>, body: &mut Option<&[u8]>) -> Option<Read> {
        let names = &mut self.0;
        let record = match stored {
            Stored::Received { first, last, position, at, header, body_len } => {
                let (part, rest) = match *body {
                    Some(body) => {
                        body.split_at_checked(body_len as usize).map(|(part, rest)| (Some(part), Some(rest)))?
                    }
                    None => (None, None),
                };
                *body = rest;
                let Ok(Incoming::Frame(Frame::Message(batch))) = names.decode(header, &[part.unwrap_or_default()])
                else {
                    return None;
                };
                if part.is_none() {
                    return Some(Read::Bodiless(Box::new(batch), (first, last)));
                }
                Record::Received { batch, first, last, position, at: Wall(at) }
            }
            Stored::GivenUp(life, first, last) => Record::GivenUp { stream: stream(names, life)?, first, last },
            Stored::Receipt { client, request, life, sequence, count } => {
                let message = id(names, life, sequence)?;
                Record::Receipt { client: client.into(), request: request.into(), message, count }
            }
            Stored::Marked(first, last) => Record::Marked { first, last },
            Stored::Path(life, sequence, hops) => {
                let mut hop = |(node, micros): (&str, u64)| Some(Hop { node: names.node(node.as_bytes())?, micros });
                let path = hops.into_iter().map(&mut hop).collect::<Option<_>>()?;
                Record::Path { id: id(names, life, sequence)?, path }
            }
            Stored::Had(life, first, last) => Record::Had { stream: stream(names, life)?, first, last },
            Stored::Forgotten(life, missing, highest) => {
                Record::Forgotten { stream: stream(names, life)?, missing, highest }
            }
            Stored::Positions(next) => Record::Positions { next },
        };
        Some(Read::Sound(record))
    }
}

fn life(stream: &StreamId) -> Life<'_> {
    (stream.origin.as_str(), stream.incarnation.0)
}

fn stream(names: &mut Decoder, (origin, incarnation): Life<'_>) -> Option<StreamId> {
    Some(StreamId { origin: names.node(origin.as_bytes())?, incarnation: Incarnation(incarnation) })
}

fn id(names: &mut Decoder, life: Life<'_>, sequence: u64) -> Option<MessageId> {
    let StreamId { origin, incarnation } = stream(names, life)?;
    Some(MessageId { origin, incarnation, sequence })
}
