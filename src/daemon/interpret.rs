//! Translation of frames into inputs of the core: a frame of a neighbour, a request of a client, or nothing that it can read.

use crate::{
    core::{
        event::{Input, Sender},
        id::NodeId,
        request::RequestId,
        stats::Refusal,
    },
    transport::address,
    wire::{DecodeError, Decoder, Frames, Incoming, Rejected, types},
};

/// Translates a message at the ROUTER into an input of the core.
pub(super) fn interpret<T: AsRef<[u8]>>(decoder: &mut Decoder, parts: &[T]) -> Input {
    let node = parts.first().and_then(|routing_id| decoder.node(routing_id.as_ref()));
    let frames = match Frames::split(parts) {
        Ok(frames) => frames,
        Err(error) => return undecodable(sender(&parts[..parts.len().min(1)], RequestId::None, node, false), &error),
    };
    match (decoder.decode(frames.header, frames.body), node) {
        (Ok(Incoming::Frame(frame)), Some(from)) => Input::Arrived { from: from.into(), frame },
        (Ok(Incoming::Frame(_)), None) => Input::Undecodable {
            sender: sender(frames.envelope, RequestId::None, None, true),
            refusal: Refusal::BadIdentity,
            text: "a node's DEALER must use its name as routing id".into(),
        },
        (Ok(Incoming::Request(id, request)), node) => match address::pack(frames.envelope) {
            Some(client) => Input::Requested { principal: node.into(), client, id, request },
            None => Input::Undecodable {
                sender: sender(&parts[..1], id, node, false),
                refusal: Refusal::Envelope,
                text: format!("the frames before the empty one are over {} bytes", address::ENVELOPE_LEN_MAX),
            },
        },
        // Never answered, or two nodes could go on for ever.
        (Ok(Incoming::Answer(_) | Incoming::Response(_)), _) => misplaced(Sender::Unknown),
        (Err(Rejected { kind: Some(kind), error, .. }), _) if types::is_answer(kind) => {
            undecodable(Sender::Unknown, &error)
        }
        (Err(Rejected { request, kind, error }), node) => {
            let is_frame = kind.is_some_and(|kind| types::FRAMES.contains(&kind));
            undecodable(sender(frames.envelope, request, node, is_frame), &error)
        }
    }
}

fn sender<T: AsRef<[u8]>>(envelope: &[T], id: RequestId, node: Option<NodeId>, is_frame: bool) -> Sender {
    address::pack(envelope).map_or(Sender::Unknown, |client| Sender::Router {
        client,
        id,
        principal: node.into(),
        is_frame,
    })
}

pub(super) fn undecodable(sender: Sender, error: &DecodeError) -> Input {
    Input::Undecodable { sender, refusal: error.refusal(), text: error.to_string() }
}

pub(super) fn misplaced(sender: Sender) -> Input {
    let text = "a frame of this type does not belong here".into();
    Input::Undecodable { sender, refusal: Refusal::Envelope, text }
}
