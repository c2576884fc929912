//! Headers to core types. What is wrong with a header is found here, with the request id as far as it was read,
//! so that whoever waits can be told. Spec sections 4 to 8.

use super::{
    array::{Fields, List, Nullable, One, Scope},
    error::{DecodeError, Rejected},
    fields::{AddressFields, CursorFields, EntryFields, Id, NameField, PeerFields, RequestIdField},
    happenings::HappeningFields,
    names::Names,
    state::StateMap,
    streams::StreamName,
    types,
};
use crate::core::{
    batch::Body,
    event::record::Level,
    frame::{self, Answer, Chunk, Frame},
    id::{Incarnation, NodeId},
    message::Relays,
    request::{Cursor, Disturbance, Fetch, Page, Reply, Request, RequestId, Status, Vector, happening::WatchPage},
    stats::Refusal,
};
use serde::de::{Deserialize, Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use std::{fmt, time::Duration};

mod frames;

/// Any header that this program knows, with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Of a node, over its link to us.
    Frame(Frame),
    /// Of a node, over our link to it.
    Answer(Answer),
    /// Of a client.
    Request(RequestId, Request),
    /// To a client.
    Response(Response),
}

/// A node's reply to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The request that it replies to.
    pub request: RequestId,
    /// The node that replies.
    pub node: NodeId,
    /// Reply.
    pub reply: Reply,
}

/// Decodes headers, and remembers the names it met (at most 4096) so that equal names share memory.
#[derive(Debug)]
pub struct Decoder {
    names: Names,
    path_len_max: usize,
}

impl Decoder {
    /// A decoder that refuses paths of more than `path_len_max` hops.
    pub fn new(path_len_max: usize) -> Self {
        Self { names: Names::default(), path_len_max }
    }

    /// The name that a routing id spells, if it spells one.
    pub fn node(&mut self, routing_id: &[u8]) -> Option<NodeId> {
        self.names.intern(std::str::from_utf8(routing_id).ok()?).ok()
    }

    /// Decodes a header and the payload frames behind it. Bounds: time and memory follow the length of the frames.
    pub fn decode<T: AsRef<[u8]>>(&mut self, header: &[u8], body: &[T]) -> Result<Incoming, Rejected> {
        let mut scope = Scope {
            names: &mut self.names,
            path_len_max: self.path_len_max,
            ranges_left: frame::RANGES_MAX,
            request: RequestId::None,
            kind: None,
            is_inner: false,
            fault: None,
        };
        let decoded = decode_header(&mut scope, header, body);
        decoded.map_err(|error| Rejected { request: scope.request, kind: scope.kind, error })
    }
}

fn decode_header<T: AsRef<[u8]>>(scope: &mut Scope<'_>, header: &[u8], body: &[T]) -> Result<Incoming, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(header);
    deserializer.set_max_depth(types::DEPTH_MAX);
    match deserializer.deserialize_seq(HeaderVisitor { scope: &mut *scope, body }) {
        Ok(_) if !is_at_end(&mut deserializer) => Err(DecodeError::Malformed("bytes behind the header".into())),
        Ok(incoming) => Ok(incoming),
        Err(error) => Err(scope.fault.take().unwrap_or_else(|| DecodeError::Malformed(error.to_string()))),
    }
}

/// The frame that a chunk is a piece of, with an empty body. Its header is not a chunk's: so nothing is nested deeper.
fn decode_head(scope: &mut Scope<'_>, header: &[u8]) -> Result<Frame, DecodeError> {
    let kind = scope.kind;
    scope.is_inner = true;
    let decoded = decode_header(scope, header, &[[]]);
    (scope.is_inner, scope.kind, scope.request) = (false, kind, RequestId::None);
    match decoded {
        Ok(Incoming::Frame(frame)) if frame.body().is_some() => Ok(frame),
        Ok(_) | Err(DecodeError::Body { .. }) => {
            Err(DecodeError::Value { field: "head", problem: "is of no frame that has a body".into() })
        }
        Err(error) => Err(error),
    }
}

fn is_at_end(deserializer: &mut rmp_serde::Deserializer<rmp_serde::decode::ReadRefReader<'_, [u8]>>) -> bool {
    use rmp_serde::decode::Error::InvalidMarkerRead;
    let rest = IgnoredAny::deserialize(deserializer);
    matches!(rest, Err(InvalidMarkerRead(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof)
}

struct HeaderVisitor<'s, 'n, 'b, T> {
    scope: &'s mut Scope<'n>,
    body: &'b [T],
}

impl<'de, T: AsRef<[u8]>> Visitor<'de> for HeaderVisitor<'_, '_, '_, T> {
    type Value = Incoming;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array [mark, version, type, …]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Incoming, A::Error> {
        let mut fields = Fields { seq, scope: self.scope };
        let mark: &str = fields.required("mark")?;
        if mark != types::MARK {
            return Err(fields.scope.fail(DecodeError::Malformed(format!("the mark is not {:?}", types::MARK))));
        }
        let version = fields.required("version")?;
        if version != types::VERSION {
            // Where the type stands in version 1: it tells what may be answered, and how.
            fields.scope.kind = fields.seq.next_element::<u64>().ok().flatten();
            return Err(fields.scope.fail(DecodeError::UnsupportedVersion { found: version }));
        }
        let kind = fields.required("type")?;
        fields.scope.kind = Some(kind);
        let incoming = decode_type(kind, &mut fields, self.body)?;
        while fields.seq.next_element::<IgnoredAny>()?.is_some() {}
        let expected = match &incoming {
            Incoming::Frame(Frame::Message(_) | Frame::Chunk(_)) | Incoming::Request(_, Request::Publish { .. }) => 1,
            _ => 0,
        };
        if self.body.len() != expected {
            return Err(fields.scope.fail(DecodeError::Body { kind, expected, found: self.body.len() }));
        }
        Ok(incoming)
    }
}

fn decode_type<'de, A: SeqAccess<'de>, T: AsRef<[u8]>>(
    kind: u64,
    fields: &mut Fields<'_, '_, A>,
    body: &[T],
) -> Result<Incoming, A::Error> {
    match kind {
        types::CHUNK => decode_chunk(fields, body).map(|chunk| Incoming::Frame(Frame::Chunk(chunk))),
        kind if types::FRAMES.contains(&kind) => frames::decode_frame(kind, fields, body).map(Incoming::Frame),
        16..32 => frames::decode_answer(kind, fields).map(Incoming::Answer),
        32..64 => {
            let id = decode_request_id(kind, fields)?;
            decode_request(kind, fields, body).map(|request| Incoming::Request(id, request))
        }
        64..96 => {
            let request = fields.seeded("request id", RequestIdField)?;
            let node = fields.node("node")?;
            decode_reply(kind, fields).map(|reply| Incoming::Response(Response { request, node, reply }))
        }
        found => Err(fields.scope.fail(DecodeError::UnknownType { found })),
    }
}

/// A piece of a frame: its first one holds the header of that frame, which is decoded as any other.
fn decode_chunk<'de, A: SeqAccess<'de>, T: AsRef<[u8]>>(
    fields: &mut Fields<'_, '_, A>,
    body: &[T],
) -> Result<Chunk, A::Error> {
    if fields.scope.is_inner {
        return fields.value("head", Err("is of a piece itself"));
    }
    let (number, offset, length) = (fields.required("number")?, fields.required("offset")?, fields.required("length")?);
    let head: Option<&[u8]> = fields.optional(None)?;
    let head = head.map(|head| decode_head(fields.scope, head)).transpose();
    let head = head.map_err(|error| fields.scope.fail(error))?.map(Box::new);
    Ok(Chunk { number, offset, length, head, bytes: frames::payload(body) })
}

/// The id of a request. A request of an unknown type is told so whether it has one or not.
fn decode_request_id<'de, A: SeqAccess<'de>>(kind: u64, fields: &mut Fields<'_, '_, A>) -> Result<RequestId, A::Error> {
    if types::REQUESTS.contains(&kind) {
        fields.scope.request = fields.seeded("request id", RequestIdField)?;
    } else if let Ok(id) = fields.seeded_or(RequestIdField, RequestId::None) {
        fields.scope.request = id;
    }
    Ok(fields.scope.request.clone())
}

fn decode_request<'de, A: SeqAccess<'de>, T: AsRef<[u8]>>(
    kind: u64,
    fields: &mut Fields<'_, '_, A>,
    body: &[T],
) -> Result<Request, A::Error> {
    match kind {
        types::PUBLISH => {
            let relays: Option<u64> = fields.optional(None)?;
            let trace = relays.map(|relays| fields.value("trace", Relays::try_from(relays))).transpose()?;
            let count = fields.count()?;
            Ok(Request::Publish { trace, body: Body::new(frames::payload(body), count, None) })
        }
        types::FETCH => {
            let word: &str = fields.optional(Status::All.name())?;
            let found = [Status::All, Status::Unread, Status::Read].into_iter().find(|status| status.name() == word);
            let status = fields.value("status", found.ok_or("must be all, unread or read"))?;
            let from = fields.seeded_or(One::<CursorFields>::NEW, Cursor::default())?;
            let through = fields.optional(None)?;
            let limit = fields.optional(u64::MAX)?;
            let limit = fields.value("limit", if limit > 0 { Ok(limit) } else { Err("must be 1 or more") })?;
            let mark = fields.optional(false)?;
            Ok(Request::Fetch(Fetch { status, from, through, limit, mark }))
        }
        types::MARK_READ => Ok(Request::Mark { first: fields.required("first")?, last: fields.required("last")? }),
        types::PEERS => Ok(Request::Peers),
        types::STATUS => Ok(Request::Status),
        types::CONNECT => {
            Ok(Request::Connect { peers: fields.seeded("peers", List::<AddressFields>::up_to(types::CONNECT_MAX))? })
        }
        types::JOIN => {
            let contacts = fields.seeded("contacts", List::<AddressFields>::up_to(types::CONNECT_MAX))?;
            Ok(Request::Join { contacts })
        }
        types::DISCONNECT => {
            Ok(Request::Disconnect { nodes: fields.seeded("nodes", List::<NameField>::up_to(types::CONNECT_MAX))? })
        }
        types::SEEN => {
            let after = fields.seeded_or(Nullable(One::<StreamName>::NEW), None)?;
            Ok(Request::Seen { after, of: fields.streams_or_none()? })
        }
        types::DISTURB => decode_disturb(fields),
        types::READY => Ok(Request::Ready),
        types::REMOVE => Ok(Request::Remove),
        types::STOP => Ok(Request::Stop),
        types::REOPEN => Ok(Request::Reopen),
        types::WATCH => {
            let from = fields.optional(None)?;
            Ok(Request::Watch { from, wait: Duration::from_millis(fields.optional(0)?) })
        }
        found => Err(fields.scope.fail(DecodeError::UnknownType { found })),
    }
}

fn decode_disturb<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Request, A::Error> {
    let nodes = fields.seeded("nodes", Nullable(List::<NameField>::up_to(types::CONNECT_MAX)))?;
    let cut = fields.required("cut")?;
    let delay = Duration::from_micros(fields.required("delay_us")?);
    let delay =
        fields.value("delay_us", Some(delay).filter(|&d| d <= Disturbance::DELAY_MAX).ok_or("over a minute"))?;
    let drop_ppm: u64 = fields.required("drop_ppm")?;
    let share = u32::try_from(drop_ppm).ok().filter(|&share| share <= Disturbance::DROP_PPM_MAX);
    let drop_ppm = fields.value("drop_ppm", share.ok_or("over a million"))?;
    Ok(Request::Disturb { nodes, disturbance: Disturbance { cut, delay, drop_ppm } })
}

fn decode_reply<'de, A: SeqAccess<'de>>(kind: u64, fields: &mut Fields<'_, '_, A>) -> Result<Reply, A::Error> {
    match kind {
        types::RECEIPT => {
            let id = fields.seeded("id", One::<Id>::NEW)?;
            let level: &str = fields.required("level")?;
            let level = fields.value("level", Level::named(level).ok_or("is not known here"))?;
            Ok(Reply::Receipt { id, level, count: fields.count()? })
        }
        types::PAGE => {
            let messages = fields.seeded("messages", List::<EntryFields>::up_to(usize::MAX))?;
            let next = fields.seeded("next", Nullable(One::<CursorFields>::NEW))?;
            let through = fields.required("through")?;
            let gaps = fields.gaps_or_none()?;
            Ok(Reply::Page(Page { messages, next, through, gaps }))
        }
        types::PEER_LIST => fields.seeded("peers", List::<PeerFields>::up_to(usize::MAX)).map(Reply::Peers),
        types::STATE => fields.seeded("state", StateMap).map(|status| Reply::Status(Box::new(status))),
        types::EVENTS => {
            let (next, missed) = (fields.required("next")?, fields.required("missed")?);
            let happenings = fields.seeded("events", List::<HappeningFields>::up_to(usize::MAX))?;
            let incarnation = Incarnation(fields.required("incarnation")?);
            Ok(Reply::Events { told: WatchPage { next, missed, happenings }, incarnation })
        }
        types::VECTOR => {
            let streams = fields.streams()?;
            let more = fields.required("more")?;
            let (gaps, unproven) = (fields.gaps_or_none()?, fields.gaps_or_none()?);
            Ok(Reply::Vector(Vector { streams, more, gaps, unproven, kept: fields.streams_or_none()? }))
        }
        types::DONE => Ok(Reply::Done),
        types::ERROR => {
            let code = fields.text("code", types::CODE_LEN_MAX)?;
            let text = fields.text("text", types::TEXT_LEN_MAX)?;
            let refusal = Refusal::named(&code).unwrap_or(Refusal::BadRequest);
            Ok(Reply::Refused { refusal, text })
        }
        found => Err(fields.scope.fail(DecodeError::UnknownType { found })),
    }
}

#[cfg(test)]
#[path = "decode/tests/round_trip.rs"]
mod round_trip;
#[cfg(test)]
#[path = "decode/tests.rs"]
mod tests;
