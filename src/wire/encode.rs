//! Core types to headers. Each function is one tuple: the header as the spec writes it.

use super::{
    happenings::Happenings,
    state::State,
    types::{self, MARK, VERSION},
    values::{
        Addresses, Announcements, Bytes, Entries, Gaps, Members, NodeNames, PeerList, RequestIdField, Spans, Streams,
        cursor, id_fields, micros, stream_fields, trace_fields,
    },
};
use crate::core::{
    batch::Batch,
    frame::{Answer, Beacon, Chunk, Frame, Hashes, Introduction, PathCopy, Walk},
    id::NodeId,
    message::Payload,
    request::{Disturbance, Fetch, Reply, Request, RequestId, Vector, happening::WatchPage},
};
use serde::Serialize;
use std::time::Duration;

/// Encodes what a node says over a link, behind what is in `header`; a message's payload is a frame of its own.
pub fn frame<'a>(header: &mut Vec<u8>, frame: &'a Frame) -> Option<&'a Payload> {
    match frame {
        Frame::Hello(hello, priority) => introduction(header, types::HELLO, hello, types::priority(*priority)),
        Frame::Message(batch) => {
            message(header, batch);
            return Some(batch.body.bytes());
        }
        Frame::Leave => put(header, &(MARK, VERSION, types::LEAVE)),
        Frame::Ping { token, digest: Some(Hashes { seen, given_up }) } if *given_up > 0 => {
            put(header, &(MARK, VERSION, types::PING, token, seen, given_up));
        }
        Frame::Ping { token, digest } => {
            put(header, &(MARK, VERSION, types::PING, token, digest.map(|hashes| hashes.seen)));
        }
        Frame::Have(held) => put(header, &(MARK, VERSION, types::IHAVE, Announcements(held))),
        Frame::Path(PathCopy { id, published_at, hops, trace }) => {
            put(header, &(MARK, VERSION, types::PATH, id_fields(id), published_at.0, hops, trace_fields(trace)));
        }
        Frame::Prune(origin) => put(header, &(MARK, VERSION, types::PRUNE, origin.as_str())),
        Frame::Graft(origin) => put(header, &(MARK, VERSION, types::GRAFT, origin.as_str())),
        Frame::Digest { streams, given_up, spans } => match (given_up.is_empty(), spans.is_empty()) {
            (true, true) => put(header, &(MARK, VERSION, types::DIGEST, Streams(streams))),
            (false, true) => put(header, &(MARK, VERSION, types::DIGEST, Streams(streams), Streams(given_up))),
            (_, false) => {
                put(header, &(MARK, VERSION, types::DIGEST, Streams(streams), Streams(given_up), Spans(spans)));
            }
        },
        Frame::Pull { streams, spans } if spans.is_empty() => {
            put(header, &(MARK, VERSION, types::PULL, Streams(streams)));
        }
        Frame::Pull { streams, spans } => put(header, &(MARK, VERSION, types::PULL, Streams(streams), Spans(spans))),
        Frame::Neighbours(members) => put(header, &(MARK, VERSION, types::NEIGHBOURS, Members(members))),
        Frame::Part(reason) => put(header, &(MARK, VERSION, types::PART, types::disconnect_reason(*reason))),
        Frame::Beacon(Beacon { root, incarnation, beat, hops }) => {
            put(header, &(MARK, VERSION, types::BEACON, root.as_str(), incarnation.0, beat, hops));
        }
        Frame::Walk(Walk { kind, steps, path, members }) => {
            let (kind, path, members) = (types::walk_kind(*kind), NodeNames(path), Members(members));
            put(header, &(MARK, VERSION, types::WALK, kind, steps, path, members));
        }
        Frame::Chunk(Chunk { number, offset, length, head, bytes }) => {
            let head = head.as_deref().map(header_of);
            put(header, &(MARK, VERSION, types::CHUNK, number, offset, length, head.as_deref().map(Bytes)));
            return Some(bytes);
        }
    }
    None
}

/// Encodes what goes back to a node over its own link.
pub fn answer(header: &mut Vec<u8>, answer: &Answer) {
    match answer {
        Answer::Welcome(welcome, seen) => {
            let seen = seen.map(|seen| (seen.incarnation.0, seen.sequence));
            introduction(header, types::WELCOME, welcome, seen);
        }
        Answer::Farewell => put(header, &(MARK, VERSION, types::FAREWELL)),
        Answer::Pong(token) => put(header, &(MARK, VERSION, types::PONG, token)),
        Answer::Lost(streams) => put(header, &(MARK, VERSION, types::LOST, Streams(streams))),
        Answer::Refuse { code, text } => {
            let (code, text) = (cut(code, types::CODE_LEN_MAX), cut(text, types::TEXT_LEN_MAX));
            put(header, &(MARK, VERSION, types::REFUSE, code, text));
        }
    }
}

/// Encodes a client's request; a submission's payload is a frame of its own.
pub fn request<'a>(header: &mut Vec<u8>, id: &RequestId, request: &'a Request) -> Option<&'a Payload> {
    let id = RequestIdField(id);
    match request {
        Request::Publish { trace, body } => {
            let trace = trace.map(|relays| relays.get());
            match body.count() {
                1 => put(header, &(MARK, VERSION, types::PUBLISH, id, trace)),
                count => put(header, &(MARK, VERSION, types::PUBLISH, id, trace, count)),
            }
            return Some(body.bytes());
        }
        Request::Fetch(Fetch { status, from, through, limit, mark }) => {
            let from = cursor(*from);
            put(header, &(MARK, VERSION, types::FETCH, id, status.name(), from, through, limit, mark));
        }
        Request::Mark { first, last } => put(header, &(MARK, VERSION, types::MARK_READ, id, first, last)),
        Request::Peers => put(header, &(MARK, VERSION, types::PEERS, id)),
        Request::Status => put(header, &(MARK, VERSION, types::STATUS, id)),
        Request::Connect { peers } => put(header, &(MARK, VERSION, types::CONNECT, id, Addresses(peers))),
        Request::Join { contacts } => put(header, &(MARK, VERSION, types::JOIN, id, Addresses(contacts))),
        Request::Seen { after, of } if of.is_empty() => {
            put(header, &(MARK, VERSION, types::SEEN, id, after.as_ref().map(stream_fields)));
        }
        Request::Seen { after, of } => {
            put(header, &(MARK, VERSION, types::SEEN, id, after.as_ref().map(stream_fields), Streams(of)));
        }
        Request::Disconnect { nodes } => put(header, &(MARK, VERSION, types::DISCONNECT, id, NodeNames(nodes))),
        Request::Disturb { nodes, disturbance: Disturbance { cut, delay, drop_ppm } } => {
            let nodes = nodes.as_deref().map(NodeNames);
            put(header, &(MARK, VERSION, types::DISTURB, id, nodes, cut, micros(*delay), drop_ppm));
        }
        Request::Ready => put(header, &(MARK, VERSION, types::READY, id)),
        Request::Remove => put(header, &(MARK, VERSION, types::REMOVE, id)),
        Request::Watch { from, wait } => put(header, &(MARK, VERSION, types::WATCH, id, from, millis(*wait))),
        Request::Stop => put(header, &(MARK, VERSION, types::STOP, id)),
        Request::Reopen => put(header, &(MARK, VERSION, types::REOPEN, id)),
    }
    None
}

/// Encodes what the node `node` replies.
pub fn reply(header: &mut Vec<u8>, node: &NodeId, id: &RequestId, reply: &Reply) {
    let (id, node) = (RequestIdField(id), node.as_str());
    match reply {
        Reply::Receipt { id: message, count: 1, level } => {
            put(header, &(MARK, VERSION, types::RECEIPT, id, node, id_fields(message), level.name()));
        }
        Reply::Receipt { id: message, count, level } => {
            put(header, &(MARK, VERSION, types::RECEIPT, id, node, id_fields(message), level.name(), count));
        }
        Reply::Page(page) => {
            let (messages, next) = (Entries(&page.messages), page.next.map(cursor));
            // Clients that were written before there were gaps see none as long as there are none.
            match &page.gaps[..] {
                [] => put(header, &(MARK, VERSION, types::PAGE, id, node, messages, next, page.through)),
                gaps => put(header, &(MARK, VERSION, types::PAGE, id, node, messages, next, page.through, Gaps(gaps))),
            }
        }
        Reply::Peers(peers) => put(header, &(MARK, VERSION, types::PEER_LIST, id, node, PeerList(peers))),
        Reply::Status(status) => put(header, &(MARK, VERSION, types::STATE, id, node, State(status))),
        Reply::Events { told: WatchPage { next, missed, happenings }, incarnation } => {
            let happenings = Happenings(happenings);
            put(header, &(MARK, VERSION, types::EVENTS, id, node, next, missed, happenings, incarnation.0));
        }
        Reply::Vector(told) => vector(header, id, node, told),
        Reply::Done => put(header, &(MARK, VERSION, types::DONE, id, node)),
        Reply::Refused { refusal, text } => {
            let text = cut(text, types::TEXT_LEN_MAX);
            put(header, &(MARK, VERSION, types::ERROR, id, node, refusal.name(), text));
        }
    }
}

/// MESSAGE, with the fields that this program does not know as they came.
fn message(header: &mut Vec<u8>, batch: &Batch) {
    let Batch { id, published_at, hops, trace, tree, body } = batch;
    let (id, trace, tree) = (id_fields(id), trace.as_ref().map(trace_fields), tree.as_ref().map(NodeId::as_str));
    let (count, trailing, start) = (body.count(), body.trailing(), header.len());
    if count == 1 && trailing.is_none() {
        return put(header, &(MARK, VERSION, types::MESSAGE, id, published_at.0, hops, trace, tree));
    }
    put(header, &(MARK, VERSION, types::MESSAGE, id, published_at.0, hops, trace, tree, count));
    if let Some(trailing) = trailing {
        // The first byte of an array of up to 15 values has their number.
        header[start] += trailing.fields();
        header.extend_from_slice(trailing.bytes());
    }
}

/// VECTOR: what stands at its end is left out if it says nothing.
fn vector(header: &mut Vec<u8>, id: RequestIdField<'_>, node: &str, vector: &Vector) {
    let Vector { streams, more, gaps, unproven, kept } = vector;
    let (kind, streams) = (types::VECTOR, Streams(streams));
    match (&gaps[..], &unproven[..], &kept[..]) {
        ([], [], []) => put(header, &(MARK, VERSION, kind, id, node, streams, more)),
        (gaps, [], []) => put(header, &(MARK, VERSION, kind, id, node, streams, more, Gaps(gaps))),
        (gaps, claims, []) => put(header, &(MARK, VERSION, kind, id, node, streams, more, Gaps(gaps), Gaps(claims))),
        (gaps, claims, kept) => {
            let told = (Gaps(gaps), Gaps(claims), Streams(kept));
            put(header, &(MARK, VERSION, kind, id, node, streams, more, told.0, told.1, told.2));
        }
    }
}

fn put(header: &mut Vec<u8>, fields: &impl Serialize) {
    let written = rmp_serde::encode::write(header, fields);
    debug_assert!(written.is_ok(), "a Vec takes all, and no field here can fail: {written:?}");
}

/// The header of a frame, as one value of another header.
fn header_of(inner: &Frame) -> Vec<u8> {
    let mut header = Vec::new();
    frame(&mut header, inner);
    header
}

/// A wait as the spec counts it.
fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// HELLO or WELCOME, with the field that only one of them has.
fn introduction(header: &mut Vec<u8>, kind: u64, who: &Introduction, own: impl Serialize) {
    let Introduction { node, endpoint, network, instance, incarnation, capabilities, payload_len_max } = who;
    let (node, endpoint) = (node.as_str(), endpoint.to_string());
    let (network, instance, incarnation) = (network.as_str(), instance.as_str(), incarnation.0);
    match payload_len_max {
        None => put(header, &(MARK, VERSION, kind, node, endpoint, network, instance, incarnation, capabilities, own)),
        Some(max) => {
            put(header, &(MARK, VERSION, kind, node, endpoint, network, instance, incarnation, capabilities, own, max));
        }
    }
}

/// The longest beginning of `text` with at most `len_max` bytes.
fn cut(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}
