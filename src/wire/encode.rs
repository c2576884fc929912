//! Core types to headers. Each function is one tuple: the header as the spec writes it.

use super::{
    state::State,
    types::{self, MARK, VERSION},
    values::{Addresses, Entries, Hops, PeerList, RequestIdField, cursor, id_fields},
};
use crate::core::{
    event::{Answer, Frame, Introduction},
    id::NodeId,
    message::{Message, Payload, Trace},
    request::{Fetch, Reply, Request, RequestId},
};
use serde::Serialize;

/// Encodes what a node says over a link, behind what is in `header`; a message's payload is a frame of its own.
pub fn frame<'a>(header: &mut Vec<u8>, frame: &'a Frame) -> Option<&'a Payload> {
    match frame {
        Frame::Hello(hello, _) => introduction(header, types::HELLO, hello),
        Frame::Message(message) => {
            let Message { id, published_at, hops, trace, payload, .. } = message;
            let trace = trace.as_ref().map(|Trace { relays, path }| (relays.get(), Hops(path)));
            put(header, &(MARK, VERSION, types::MESSAGE, id_fields(id), published_at.0, hops, trace));
            return Some(payload);
        }
        Frame::Leave => put(header, &(MARK, VERSION, types::LEAVE)),
        Frame::Ping { token, .. } => put(header, &(MARK, VERSION, types::PING, token)),
        _ => todo!(),
    }
    None
}

/// Encodes what goes back to a node over its own link.
pub fn answer(header: &mut Vec<u8>, answer: &Answer) {
    match answer {
        Answer::Welcome(welcome, _) => introduction(header, types::WELCOME, welcome),
        Answer::Lost(_) => todo!(),
        Answer::Farewell => put(header, &(MARK, VERSION, types::FAREWELL)),
        Answer::Pong(token) => put(header, &(MARK, VERSION, types::PONG, token)),
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
        Request::Publish { trace, payload } => {
            put(header, &(MARK, VERSION, types::PUBLISH, id, trace.map(|relays| relays.get())));
            return Some(payload);
        }
        Request::Fetch(Fetch { status, from, through, limit, mark }) => {
            let from = cursor(*from);
            put(header, &(MARK, VERSION, types::FETCH, id, status.name(), from, through, limit, mark));
        }
        Request::Mark { first, last } => put(header, &(MARK, VERSION, types::MARK_READ, id, first, last)),
        Request::Peers => put(header, &(MARK, VERSION, types::PEERS, id)),
        Request::Status => put(header, &(MARK, VERSION, types::STATUS, id)),
        Request::Connect { peers } => put(header, &(MARK, VERSION, types::CONNECT, id, Addresses(peers))),
        Request::Ready => put(header, &(MARK, VERSION, types::READY, id)),
        Request::Remove => put(header, &(MARK, VERSION, types::REMOVE, id)),
        Request::Stop => put(header, &(MARK, VERSION, types::STOP, id)),
    }
    None
}

/// Encodes what the node `node` replies.
pub fn reply(header: &mut Vec<u8>, node: &NodeId, id: &RequestId, reply: &Reply) {
    let (id, node) = (RequestIdField(id), node.as_str());
    match reply {
        Reply::Receipt { id: message, level } => {
            put(header, &(MARK, VERSION, types::RECEIPT, id, node, id_fields(message), level.name()));
        }
        Reply::Page(page) => {
            let (messages, next) = (Entries(&page.messages), page.next.map(cursor));
            put(header, &(MARK, VERSION, types::PAGE, id, node, messages, next, page.through));
        }
        Reply::Peers(peers) => put(header, &(MARK, VERSION, types::PEER_LIST, id, node, PeerList(peers))),
        Reply::Status(status) => put(header, &(MARK, VERSION, types::STATE, id, node, State(status))),
        Reply::Done => put(header, &(MARK, VERSION, types::DONE, id, node)),
        Reply::Refused { refusal, text } => {
            let text = cut(text, types::TEXT_LEN_MAX);
            put(header, &(MARK, VERSION, types::ERROR, id, node, refusal.name(), text));
        }
    }
}

fn put(header: &mut Vec<u8>, fields: &impl Serialize) {
    let written = rmp_serde::encode::write(header, fields);
    debug_assert!(written.is_ok(), "a Vec takes all, and no field here can fail: {written:?}");
}

fn introduction(header: &mut Vec<u8>, kind: u64, who: &Introduction) {
    let Introduction { node, endpoint, network, instance, incarnation, capabilities } = who;
    let (node, endpoint) = (node.as_str(), endpoint.to_string());
    let (network, instance) = (network.as_str(), instance.as_str());
    put(header, &(MARK, VERSION, kind, node, endpoint, network, instance, incarnation.0, capabilities));
}

/// The longest beginning of `text` with at most `len_max` bytes.
fn cut(text: &str, len_max: usize) -> &str {
    &text[..text.floor_char_boundary(len_max)]
}
