//! Lengths of frames on a link. The simulator moves core types, not bytes, so lengths are reckoned as the
//! specification encodes them: a MessagePack array behind an empty frame, each frame with ZMTP's own marks.

use crate::core::{
    batch::Batch,
    endpoint::Endpoint,
    frame::{Announcement, Answer, Frame, Hashes, Introduction, Member, Span, StreamRanges},
    id::{MessageId, NodeId},
    message::{Hop, Trace},
};

/// Bytes of a frame on a link.
pub(in crate::sim) fn frame_len(frame: &Frame) -> usize {
    match frame {
        Frame::Hello(who, priority) => introduction(who, uint(*priority as u64)),
        Frame::Message(message) => message_frames(message),
        Frame::Leave => header(0, 0),
        Frame::Ping { token, digest } => ping(*token, *digest),
        Frame::Have(announcements) => header(1, list(announcements, announcement)),
        Frame::Path(copy) => {
            let fixed = id(&copy.id) + uint(copy.published_at.0) + uint(copy.hops.into());
            header(4, fixed + trace(&copy.trace))
        }
        Frame::Prune(origin) | Frame::Graft(origin) => header(1, name(origin)),
        Frame::Digest { streams, given_up, spans } => match (given_up.is_empty(), spans.is_empty()) {
            (true, true) => header(1, list(streams, stream)),
            (false, true) => header(2, list(streams, stream) + list(given_up, stream)),
            (_, false) => header(3, list(streams, stream) + list(given_up, stream) + list(spans, span)),
        },
        Frame::Pull { streams, spans } if spans.is_empty() => header(1, list(streams, stream)),
        Frame::Pull { streams, spans } => header(2, list(streams, stream) + list(spans, span)),
        Frame::Neighbours(members) => header(1, list(members, member)),
        Frame::Part(_) => header(1, 1),
        Frame::Beacon(beacon) => {
            let numbers = uint(beacon.incarnation.0) + uint(beacon.beat) + uint(beacon.hops.into());
            header(4, name(&beacon.root) + numbers)
        }
        Frame::Walk(walk) => header(4, 2 + list(&walk.path, name) + list(&walk.members, member)),
        Frame::Chunk(chunk) => {
            // Its head is a header without the empty frame and the marks around it.
            let head = chunk.head.as_deref().map_or(1, |head| bin(frame_len(head) - 2 * part(0) - part(0)));
            let numbers = uint(chunk.number) + uint(chunk.offset) + uint(chunk.length);
            header(4, numbers + head) + part(chunk.bytes.len())
        }
    }
}

/// Bytes of an answer on a link.
pub(in crate::sim) fn answer_len(answer: &Answer) -> usize {
    match answer {
        Answer::Welcome(who, seen) => {
            let seen = seen.map_or(1, |seen| 1 + uint(seen.incarnation.0) + uint(seen.sequence));
            introduction(who, seen)
        }
        Answer::Farewell => header(0, 0),
        Answer::Pong(token) => header(1, uint(*token)),
        Answer::Lost(streams) => header(1, list(streams, stream)),
        Answer::Refuse { code, text } => header(2, str_len(code.len()) + str_len(text.len())),
    }
}

/// Bytes of an untraced message of this payload on a link, at least: none is shorter.
pub(in crate::sim) fn message_len(payload: usize) -> usize {
    // A name of one digit, the incarnation a time in seconds, few messages and hops, a time in nanoseconds, no trace and no tree.
    let id = 1 + 2 + 5 + 1;
    header(5, id + 9 + 1 + 1 + 1) + part(payload)
}

fn message_frames(batch: &Batch) -> usize {
    let Batch { id: message_id, published_at, hops, trace: traced, tree, body } = batch;
    let fixed = id(message_id) + uint(published_at.0) + uint((*hops).into());
    let traced = traced.as_ref().map_or(1, trace);
    let tree = tree.as_ref().map_or(1, name);
    let trailing = body.trailing().map_or((0, 0), |trailing| (usize::from(trailing.fields()), trailing.bytes().len()));
    let (fields, more) = match (body.count(), trailing) {
        (1, (0, _)) => (5, 0),
        (count, (fields, bytes)) => (6 + fields, uint(count.into()) + bytes),
    };
    header(fields, fixed + traced + tree + more) + part(body.bytes().len())
}

/// A header of so many fields that take so many bytes, behind the empty frame.
fn header(fields: usize, bytes: usize) -> usize {
    // The mark, the version and the type stand before the fields: "GS", 1, and a number below 128.
    part(0) + part(array(3 + fields) + 3 + 1 + 1 + bytes)
}

/// One frame of ZMTP: flags, length, content.
fn part(bytes: usize) -> usize {
    let length = if bytes < 256 { 1 } else { 8 };
    1 + length + bytes
}

fn introduction(who: &Introduction, last: usize) -> usize {
    let Introduction { node, endpoint: at, network, instance, incarnation, capabilities, payload_len_max } = who;
    let texts = str_len(network.as_str().len()) + str_len(instance.as_str().len());
    let words = list(capabilities, |word| str_len(word.len()));
    let (fields, max) = payload_len_max.map_or((7, 0), |max| (8, uint(max)));
    header(fields, name(node) + endpoint(at) + texts + uint(incarnation.0) + words + last + max)
}

fn ping(token: u64, digest: Option<Hashes>) -> usize {
    match digest {
        Some(Hashes { seen, given_up }) if given_up > 0 => header(3, uint(token) + uint(seen) + uint(given_up)),
        digest => header(2, uint(token) + digest.map_or(1, |hashes| uint(hashes.seen))),
    }
}

fn id(id: &MessageId) -> usize {
    1 + name(&id.origin) + uint(id.incarnation.0) + uint(id.sequence)
}

fn trace(trace: &Trace) -> usize {
    let hop = |hop: &Hop| 1 + name(&hop.node) + uint(hop.micros);
    1 + uint(trace.relays.get().into()) + list(&trace.path, hop)
}

fn announcement(announced: &Announcement) -> usize {
    stream(&announced.held)
        + uint(u64::try_from(announced.age.as_micros()).unwrap_or(u64::MAX))
        + usize::from(announced.was_pushed)
}

fn stream(of: &StreamRanges) -> usize {
    let range = |&(first, last): &(u64, u64)| 1 + uint(first) + uint(last);
    1 + name(&of.stream.origin) + uint(of.stream.incarnation.0) + list(&of.ranges, range)
}

fn span(span: &Span) -> usize {
    let numbers = [span.from.0, span.below.0, span.hashes.seen, span.hashes.given_up];
    1 + name(&span.origin) + numbers.into_iter().map(uint).sum::<usize>()
}

fn member(member: &Member) -> usize {
    1 + name(&member.node) + endpoint(&member.endpoint)
}

fn endpoint(endpoint: &Endpoint) -> usize {
    str_len(endpoint.text_len())
}

fn name(name: &NodeId) -> usize {
    str_len(name.as_str().len())
}

fn list<T>(items: &[T], len: impl Fn(&T) -> usize) -> usize {
    array(items.len()) + items.iter().map(len).sum::<usize>()
}

fn array(items: usize) -> usize {
    match items {
        0..16 => 1,
        16..65_536 => 3,
        _ => 5,
    }
}

fn uint(number: u64) -> usize {
    match number {
        0..128 => 1,
        128..256 => 2,
        256..65_536 => 3,
        65_536..0x1_0000_0000 => 5,
        _ => 9,
    }
}

fn bin(bytes: usize) -> usize {
    let head = match bytes {
        0..256 => 2,
        _ => 3,
    };
    head + bytes
}

fn str_len(bytes: usize) -> usize {
    let head = match bytes {
        0..32 => 1,
        32..256 => 2,
        _ => 3,
    };
    head + bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::{
            batch::{Body, Packer, Trailing},
            frame::JoinPriority,
            id::{Incarnation, StreamId},
            message::{Payload, Relays},
            time::Wall,
        },
        sim::host::endpoint as address,
        wire::encode,
    };
    use std::sync::Arc;

    /// Length of what the encoder writes, with the marks of ZMTP.
    fn encoded(write: impl FnOnce(&mut Vec<u8>) -> Option<usize>) -> usize {
        let mut header = Vec::new();
        let payload = write(&mut header);
        2 + part(header.len()) + payload.map_or(0, part)
    }

    fn introduction_of(capabilities: &[&str]) -> Introduction {
        Introduction {
            node: NodeId::numbered(4711),
            endpoint: address(4710),
            network: "simulated".parse().unwrap(),
            instance: "one".parse().unwrap(),
            incarnation: Incarnation(1_780_000_000),
            capabilities: capabilities.iter().map(|&word| word.to_owned()).collect(),
            payload_len_max: None,
        }
    }

    fn message(payload: usize, hops: usize) -> Batch {
        let hop = |number: usize| Hop { node: NodeId::numbered(number as u32), micros: 70_000 * number as u64 };
        let path = (1..=hops).map(hop).collect();
        let trace = (hops > 0).then_some(Trace { relays: Relays::ONE, path });
        Batch {
            id: MessageId { origin: NodeId::numbered(12), incarnation: Incarnation(1_780_000_000), sequence: 7 },
            published_at: Wall(1_780_000_000_000_000_000),
            hops: hops as u32,
            trace,
            tree: None,
            body: Body::one(vec![7; payload].as_slice().into()),
        }
    }

    /// So many payloads of 10 bytes, and so many fields that nobody knows.
    fn batched(count: u32, unknown: Option<u8>) -> Body {
        let mut packer = Packer::default();
        (0..count).for_each(|_| packer.push(&Payload::from(&[7; 10][..])));
        let trailing = unknown.map(|fields| Arc::new(Trailing::new(fields, vec![0xc0; fields.into()].into())));
        Body::new(packer.take().unwrap().bytes().clone(), count, trailing)
    }

    #[test]
    fn lengths_are_those_of_the_encoder() {
        let stream = StreamId { origin: NodeId::numbered(4), incarnation: Incarnation(1 << 50) };
        let (origin, below) = (stream.origin.clone(), Incarnation((1 << 50) + 1));
        let hashes = Hashes { seen: u64::MAX, given_up: 0 };
        let span = Span { origin, from: stream.incarnation, below, hashes };
        let streams = || vec![StreamRanges { stream: stream.clone(), ranges: vec![(1, 7), (70_000, 70_001)] }];
        let frames = [
            Frame::Ping { token: 1_234_567_890_123, digest: None },
            Frame::Leave,
            Frame::Message(message(0, 0)),
            Frame::Message(message(100, 0)),
            Frame::Message(message(300, 3)),
            Frame::Message(message(100, 40)),
            Frame::Message(Batch { tree: Some(NodeId::numbered(4711)), ..message(100, 0) }),
            Frame::Message(Batch { body: batched(5, None), ..message(0, 0) }),
            Frame::Message(Batch { body: batched(4096, None), ..message(0, 0) }),
            Frame::Message(Batch { body: batched(1, Some(3)), ..message(0, 0) }),
            Frame::Message(Batch { body: batched(300, Some(6)), ..message(0, 0) }),
            Frame::Digest { streams: streams(), given_up: Vec::new(), spans: Vec::new() },
            Frame::Digest { streams: streams(), given_up: streams(), spans: Vec::new() },
            Frame::Digest { streams: streams(), given_up: Vec::new(), spans: vec![span.clone()] },
            Frame::Pull { streams: streams(), spans: Vec::new() },
            Frame::Pull { streams: Vec::new(), spans: vec![span] },
        ];
        for frame in frames {
            let expected = encoded(|header| encode::frame(header, &frame).map(|payload| payload.len()));
            assert_eq!(frame_len(&frame), expected, "{frame:?}");
        }
        for payload_len_max in [None, Some(100), Some(1 << 20), Some(u64::MAX)] {
            let who = || Introduction { payload_len_max, ..introduction_of(&["trace"]) };
            let hello = Frame::Hello(who(), JoinPriority::Declared);
            let expected = encoded(|header| encode::frame(header, &hello).map(|payload| payload.len()));
            assert_eq!(frame_len(&hello), expected, "{hello:?}");
            let welcome = Answer::Welcome(who(), None);
            let expected = encoded(|header| {
                encode::answer(header, &welcome);
                None
            });
            assert_eq!(answer_len(&welcome), expected, "{welcome:?}");
        }
        for answer in [Answer::Farewell, Answer::Pong(5_000_000_000), Answer::Welcome(introduction_of(&[]), None)] {
            let expected = encoded(|header| {
                encode::answer(header, &answer);
                None
            });
            assert_eq!(answer_len(&answer), expected, "{answer:?}");
        }
        assert_eq!(message_len(100) + 1, frame_len(&Frame::Message(message(100, 0))), "a name of two digits");
    }

    #[test]
    fn payloads_are_in_messages_alone() {
        let whole = frame_len(&Frame::Message(message(1_000, 5)));
        let Batch { id, published_at, hops, trace, .. } = message(1_000, 5);
        let copy = crate::core::frame::PathCopy { id, published_at, hops, trace: trace.unwrap() };
        assert!(whole - frame_len(&Frame::Path(copy)) >= 1_000);
    }
}
