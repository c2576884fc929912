//! Whatever a node can say is understood as it was meant, and whatever a stranger adds to it changes nothing.

use super::*;
use crate::{
    core::{
        batch::{Batch, Packer, Trailing},
        endpoint::Endpoint,
        frame::{
            self, Announcement, Answer, Beacon, Chunk, DisconnectReason, Frame, Hashes, Introduction, JoinPriority,
            LifeSeen, Member, PathCopy, Span, StreamRanges, Walk, WalkKind,
        },
        id::{Incarnation, MessageId, StreamId},
        message::{Hop, Path, Payload, Trace},
        neighbours::{LinkRole, MemberState},
        request::{
            Fetched, Gap, NodeStatus, PeerInfo, Vector,
            happening::{Detail, Happening},
        },
        time::Wall,
    },
    wire::encode,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{borrow::Cow, sync::Arc, time::Duration};

fn any_node() -> impl Strategy<Value = NodeId> {
    "[a-z0-9äß._-]{1,20}".prop_map(|name| NodeId::new(&name).unwrap())
}

fn any_incarnation() -> impl Strategy<Value = Incarnation> {
    any::<u64>().prop_map(Incarnation)
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    ("(127\\.0\\.0\\.1|example\\.org|\\[::1\\])", 1u16..)
        .prop_map(|(host, port)| format!("tcp://{host}:{port}").parse().unwrap())
}

fn any_member() -> impl Strategy<Value = Member> {
    (any_node(), any_endpoint()).prop_map(|(node, endpoint)| Member { node, endpoint })
}

fn any_stream() -> impl Strategy<Value = StreamId> {
    (any_node(), any_incarnation()).prop_map(|(origin, incarnation)| StreamId { origin, incarnation })
}

/// Ranges in their one form: gaps and lengths, from small to as large as numbers are.
fn any_ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let step = prop_oneof![0u64..300, Just(u64::from(u32::MAX)), Just(u64::MAX / 3), Just(u64::MAX)];
    vec((step.clone(), step), 0..6).prop_map(|steps| {
        let (mut ranges, mut lowest) = (Vec::new(), Some(1u64));
        for (gap, len) in steps {
            let Some(first) = lowest.and_then(|lowest| lowest.checked_add(gap)) else { break };
            let last = first.saturating_add(len);
            ranges.push((first, last));
            lowest = last.checked_add(2);
        }
        ranges
    })
}

fn any_streams() -> impl Strategy<Value = Vec<StreamRanges>> {
    vec((any_stream(), any_ranges()).prop_map(|(stream, ranges)| StreamRanges { stream, ranges }), 0..6)
}

fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    let span = (any_node(), any_hashes(), any_incarnation(), any_incarnation());
    vec(span, 0..6).prop_map(|spans| {
        let span = |(origin, hashes, a, b): (NodeId, Hashes, Incarnation, Incarnation)| Span {
            origin,
            from: a.min(b),
            below: a.max(b),
            hashes,
        };
        let mut spans: Vec<_> = spans.into_iter().map(span).filter(|span| span.from < span.below).collect();
        spans.sort_by(|a, b| (&a.origin, a.from).cmp(&(&b.origin, b.from)));
        spans.dedup_by(|b, a| a.origin == b.origin && a.below > b.from);
        spans
    })
}

fn any_announcements() -> impl Strategy<Value = Vec<Announcement>> {
    let announcement =
        (any_stream(), any_ranges(), any::<u64>(), any::<bool>()).prop_map(|(stream, ranges, micros, was_pushed)| {
            Announcement { held: StreamRanges { stream, ranges }, age: Duration::from_micros(micros), was_pushed }
        });
    vec(announcement, 0..6)
}

fn any_id() -> impl Strategy<Value = MessageId> {
    (any_stream(), any::<u64>()).prop_map(|(stream, sequence)| stream.message(sequence))
}

fn any_path() -> impl Strategy<Value = Path> {
    vec((any_node(), any::<u64>()).prop_map(|(node, micros)| Hop { node, micros }), 0..6).prop_map(Path::from)
}

fn any_trace() -> impl Strategy<Value = Trace> {
    let relays = (1u64..=16).prop_map(|relays| Relays::try_from(relays).unwrap());
    (relays, any_path()).prop_map(|(relays, path)| Trace { relays, path })
}

fn any_payload() -> impl Strategy<Value = Payload> {
    vec(any::<u8>(), 0..40).prop_map(|bytes| Payload::from(&bytes[..]))
}

fn any_introduction() -> impl Strategy<Value = Introduction> {
    let says = (vec("[a-z]{1,12}", 0..5), any::<Option<u64>>());
    (any_node(), any_endpoint(), "[a-z0-9]{1,9}", "[a-z0-9]{0,9}", any_incarnation(), says).prop_map(
        |(node, endpoint, network, instance, incarnation, (capabilities, payload_len_max))| {
            let (network, instance) = (network.parse().unwrap(), instance.parse().unwrap());
            Introduction { node, endpoint, network, instance, incarnation, capabilities, payload_len_max }
        },
    )
}

/// A value of MessagePack in its shortest form.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    fn written<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes);
        bytes
    }
    let leaf = prop_oneof![
        Just(written(rmp::encode::write_nil)),
        any::<bool>().prop_map(|value| written(|to| rmp::encode::write_bool(to, value))),
        (any::<u64>(), 0..64).prop_map(|(value, shift)| written(|to| rmp::encode::write_uint(to, value >> shift))),
        (any::<i64>(), 0..64).prop_map(|(value, shift)| written(|to| rmp::encode::write_sint(to, value >> shift))),
        any::<f32>().prop_map(|value| written(|to| rmp::encode::write_f32(to, value))),
        any::<f64>().prop_map(|value| written(|to| rmp::encode::write_f64(to, value))),
        ".{0,40}".prop_map(|value| written(|to| rmp::encode::write_str(to, &value))),
        vec(any::<u8>(), 0..40).prop_map(|value| written(|to| rmp::encode::write_bin(to, &value))),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let pairs = vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            vec(inner, 0..18).prop_map(|items| {
                let head = written(|to| rmp::encode::write_array_len(to, items.len() as u32));
                [head, items.concat()].concat()
            }),
            pairs.prop_map(|pairs| {
                let head = written(|to| rmp::encode::write_map_len(to, pairs.len() as u32));
                [head, pairs.into_iter().flat_map(|(key, value)| [key, value]).collect::<Vec<_>>().concat()].concat()
            }),
        ]
    })
}

/// Fields of a program that is newer than this one.
fn any_trailing() -> impl Strategy<Value = Option<Arc<Trailing>>> {
    let fields = vec(any_value(), 0..=Trailing::FIELDS_MAX.into());
    let fits = |fields: &Vec<Vec<u8>>| fields.concat().len() <= Trailing::LEN_MAX;
    fields.prop_filter("as much as is passed on", fits).prop_map(|fields| {
        let trailing = || Arc::new(Trailing::new(fields.len() as u8, fields.concat().into()));
        (!fields.is_empty()).then(trailing)
    })
}

/// So many payloads as one body.
fn packed(payloads: &[Payload]) -> Body {
    let mut packer = Packer::default();
    payloads.iter().for_each(|payload| packer.push(payload));
    packer.take().unwrap()
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![any_payload().prop_map(Body::one), vec(any_payload(), 2..8).prop_map(|all| packed(&all))]
}

fn any_batch() -> impl Strategy<Value = Batch> {
    let body = (any_body(), any_trailing())
        .prop_map(|(body, trailing)| Body::new(body.bytes().clone(), body.count(), trailing));
    (any_id(), any::<u64>(), any::<u32>(), option::of(any_trace()), option::of(any_node()), body).prop_map(
        |(id, published_at, hops, trace, tree, body)| {
            let published_at = Wall(published_at);
            Batch { id, published_at, hops, trace, tree, body }
        },
    )
}

fn any_path_copy() -> impl Strategy<Value = PathCopy> {
    (any_id(), any::<u64>(), any::<u32>(), any_trace()).prop_map(|(id, published_at, hops, trace)| PathCopy {
        id,
        published_at: Wall(published_at),
        hops,
        trace,
    })
}

fn any_walk() -> impl Strategy<Value = Walk> {
    let kind = select(vec![WalkKind::Join, WalkKind::Shuffle, WalkKind::Reply, WalkKind::News]);
    let path = vec(any_node(), 0..=frame::WALK_PATH_LEN_MAX);
    (kind, 0..=types::STEPS_MAX, path, vec(any_member(), 0..9)).prop_map(|(kind, steps, path, members)| Walk {
        kind,
        steps,
        path,
        members,
    })
}

fn any_beacon() -> impl Strategy<Value = Beacon> {
    (any_node(), any_incarnation(), any::<u64>(), any::<u32>()).prop_map(|(root, incarnation, beat, hops)| Beacon {
        root,
        incarnation,
        beat,
        hops,
    })
}

fn any_chunk() -> impl Strategy<Value = Chunk> {
    let head = any_batch().prop_map(|batch| Box::new(Frame::Message(batch).with_body(Payload::from(&[][..]))));
    (any::<[u64; 3]>(), option::of(head), any_payload()).prop_map(|([number, offset, length], head, bytes)| Chunk {
        number,
        offset,
        length,
        head,
        bytes,
    })
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let priority = select(vec![
        JoinPriority::Declared,
        JoinPriority::Join,
        JoinPriority::Neighbour,
        JoinPriority::Needed,
        JoinPriority::Bridge,
    ]);
    prop_oneof![
        (any_introduction(), priority).prop_map(|(hello, priority)| Frame::Hello(hello, priority)),
        any_batch().prop_map(Frame::Message),
        Just(Frame::Leave),
        (any::<u64>(), option::of(any_hashes())).prop_map(|(token, digest)| Frame::Ping { token, digest }),
        any_announcements().prop_map(Frame::Have),
        any_path_copy().prop_map(Frame::Path),
        any_node().prop_map(Frame::Prune),
        any_node().prop_map(Frame::Graft),
        (any_streams(), any_streams(), any_spans()).prop_map(|(streams, given_up, spans)| Frame::Digest {
            streams,
            given_up,
            spans
        }),
        (any_streams(), any_spans()).prop_map(|(streams, spans)| Frame::Pull { streams, spans }),
        vec(any_member(), 0..6).prop_map(Frame::Neighbours),
        select(vec![DisconnectReason::Unlinked, DisconnectReason::Stopping, DisconnectReason::Undeclared])
            .prop_map(Frame::Part),
        any_beacon().prop_map(Frame::Beacon),
        any_walk().prop_map(Frame::Walk),
        any_chunk().prop_map(Frame::Chunk),
    ]
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let seen = (any_incarnation(), any::<u64>()).prop_map(|(incarnation, sequence)| LifeSeen { incarnation, sequence });
    prop_oneof![
        (any_introduction(), option::of(seen)).prop_map(|(welcome, seen)| Answer::Welcome(welcome, seen)),
        Just(Answer::Farewell),
        any::<u64>().prop_map(Answer::Pong),
        any_streams().prop_map(Answer::Lost),
        ("[a-z_]{1,20}", ".{0,40}").prop_map(|(code, text)| Answer::Refuse { code, text }),
    ]
}

fn any_fetched() -> impl Strategy<Value = Fetched> {
    let times = (any::<u64>(), any::<u64>());
    (any::<u64>(), any_id(), times, any::<(bool, bool)>(), vec(any_path(), 0..3), any_payload()).prop_map(
        |(position, id, (published_at, received_at), (unread, continued), paths, payload)| Fetched {
            position,
            id,
            published_at: Wall(published_at),
            received_at: Wall(received_at),
            unread,
            continued,
            paths,
            payload,
        },
    )
}

fn any_page() -> impl Strategy<Value = Page> {
    let next = option::of(any::<(u64, u64)>().prop_map(|(position, paths)| Cursor { position, paths }));
    let gap = any_gap();
    (vec(any_fetched(), 0..4), next, any::<u64>(), vec(gap, 0..4)).prop_map(|(messages, next, through, gaps)| Page {
        messages,
        next,
        through,
        gaps,
    })
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let detail = prop_oneof!["[a-z0-9é]{0,40}".prop_map(Detail::Text), any::<u64>().prop_map(Detail::Number)];
    let details = prop::collection::btree_map("[a-z_]{1,12}".prop_map(Cow::Owned), detail, 0..5);
    (any::<u64>(), "[a-z_]{1,12}", option::of(any_node()), details).prop_map(|(at, kind, node, details)| Happening {
        at: Wall(at),
        kind: kind.into(),
        node,
        details,
    })
}

fn any_vector() -> impl Strategy<Value = Vector> {
    let gaps = (vec(any_gap(), 0..4), vec(any_gap(), 0..4), any_streams());
    let vector = |(streams, more, (gaps, unproven, kept))| Vector { streams, more, gaps, unproven, kept };
    (any_streams(), any::<bool>(), gaps).prop_map(vector)
}

fn any_gap() -> impl Strategy<Value = Gap> {
    let numbers = (any_stream(), any::<u64>(), any::<u64>(), option::of(any::<u64>()));
    numbers.prop_map(|(stream, first, last, some)| {
        let whole = Gap::whole(stream, first, last);
        Gap { count: some.unwrap_or(whole.count), ..whole }
    })
}

fn any_hashes() -> impl Strategy<Value = Hashes> {
    any::<(u64, u64)>().prop_map(|(seen, given_up)| Hashes { seen, given_up })
}

fn any_peer() -> impl Strategy<Value = PeerInfo> {
    let state = option::of(select(vec![MemberState::Up, MemberState::Suspect, MemberState::Down]));
    let role = select(vec![LinkRole::Declared, LinkRole::Joined, LinkRole::Healing]);
    (option::of(any_node()), any::<u16>(), any::<bool>(), option::of(any::<u32>()), state, role).prop_map(
        |(node, port, up, round_trip, state, role)| PeerInfo {
            node,
            endpoint: Endpoint::from_ip([127, 0, 0, 1].into(), port.max(1)),
            up,
            round_trip: round_trip.map(|micros| Duration::from_micros(micros.into())),
            state,
            role,
        },
    )
}

fn any_status() -> impl Strategy<Value = NodeStatus> {
    let says = (
        option::of(any_node()),
        any::<[Option<u64>; 3]>(),
        any::<[u64; 3]>(),
        (prop::array::uniform3(option::of("[a-z ]{0,40}")), select(Level::ALL.to_vec())),
    );
    let counts = prop::collection::btree_map("[a-z_]{1,12}", any::<u64>(), 0..4);
    let by_peer = prop::collection::btree_map("[a-z0-9]{1,12}", counts.clone(), 0..4);
    let peers = (vec(any_peer(), 0..5), vec(any_node(), 0..3));
    (any_node(), peers, any::<[u32; 6]>(), says, counts, by_peer).prop_map(
        |(
            node,
            (peers, disturbed),
            numbers,
            (root, [health, seen_messages, digest], [missing, given_up, unproven], (texts, level)),
            counters,
            peer_counters,
        )| {
            let [name_taken, instance_unstored, log_trouble] = texts;
            let [incarnation, uptime, payload_len_max, messages, bytes, unread] = numbers.map(u64::from);
            NodeStatus {
                node,
                endpoint: Endpoint::from_ip([127, 0, 0, 1].into(), 7001),
                network: "default".parse().unwrap(),
                instance: "7f3a".parse().unwrap(),
                incarnation: Incarnation(incarnation),
                version: "0.1.0".into(),
                uptime: Duration::from_millis(uptime),
                peers,
                payload_len_max,
                retained_messages: messages,
                retained_bytes: bytes,
                unread,
                root,
                health,
                seen_messages,
                digest,
                missing,
                given_up,
                unproven,
                disturbed,
                name_taken,
                instance_unstored,
                level,
                log_trouble,
                counters,
                peer_counters,
            }
        },
    )
}

/// The header with one more field behind its last.
fn with_a_field_more(header: &[u8], field: &[u8]) -> Vec<u8> {
    let (&first, rest) = header.split_first().unwrap();
    assert!((0x90..=0x9f).contains(&first), "headers are short arrays");
    let head = if first == 0x9f { vec![0xdc, 0, 16] } else { vec![first + 1] };
    [&head, rest, field].concat()
}

/// Decodes as sent, and as a node of the future may send it.
fn decode_both(header: &[u8], body: &[Vec<u8>]) -> [Result<Incoming, Rejected>; 2] {
    let mut decoder = Decoder::new(4096);
    [decoder.decode(header, body), decoder.decode(&with_a_field_more(header, b"\x81\xa3new\x01"), body)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_frame_survives_a_round_trip(frame in any_frame()) {
        let mut header = Vec::new();
        let body: Vec<Vec<u8>> = encode::frame(&mut header, &frame).into_iter().map(|p| p.to_vec()).collect();
        // What is left out where it says nothing would be taken for a field of the future.
        let is_short = match &frame {
            Frame::Ping { digest, .. } => digest.is_none_or(|hashes| hashes.given_up == 0),
            Frame::Digest { spans, .. } | Frame::Pull { spans, .. } => spans.is_empty(),
            Frame::Hello(hello, _) => hello.payload_len_max.is_none(),
            // What is behind the fields of a message that are known belongs to it.
            Frame::Message(_) => true,
            _ => false,
        };
        for decoded in decode_both(&header, &body).into_iter().take(if is_short { 1 } else { 2 }) {
            prop_assert_eq!(decoded, Ok(Incoming::Frame(frame.clone())));
        }
    }

    #[test]
    fn fields_of_the_future_are_passed_on_with_their_message(batch in any_batch(), field in any_value()) {
        let encoded = |batch: &Batch| {
            let mut header = Vec::new();
            encode::frame(&mut header, &Frame::Message(batch.clone()));
            header
        };
        let (mut header, trailing) = (encoded(&batch), batch.body.trailing());
        if batch.body.count() == 1 && trailing.is_none() {
            // Then its count was left out.
            header = with_a_field_more(&header, &[1]);
        }
        let header = with_a_field_more(&header, &field);
        let decoded = Decoder::new(4096).decode(&header, &[batch.body.bytes().to_vec()]);
        let (fields, bytes) = trailing.map_or((0, &[][..]), |trailing| (trailing.fields(), trailing.bytes()));
        let bytes = [bytes, &field].concat();
        if fields >= Trailing::FIELDS_MAX || bytes.len() > Trailing::LEN_MAX {
            prop_assert_eq!(decoded.unwrap_err().error.refusal(), Refusal::TooLarge);
        } else {
            let trailing = Some(Arc::new(Trailing::new(fields + 1, bytes.into())));
            let body = Body::new(batch.body.bytes().clone(), batch.body.count(), trailing);
            let batch = Batch { body, ..batch };
            prop_assert_eq!(decoded, Ok(Incoming::Frame(Frame::Message(batch.clone()))));
            prop_assert_eq!(encoded(&batch), header, "passed on byte by byte");
        }
    }

    #[test]
    fn every_submission_and_its_receipt_survive_a_round_trip(
        (relays, body) in (option::of(1u64..=16), any_body()),
        (node, id, count) in (any_node(), any_id(), 1u32..100_000),
    ) {
        let (mut header, request) = (Vec::new(), RequestId::Number(7));
        let submitted = Request::Publish { trace: relays.map(|relays| Relays::try_from(relays).unwrap()), body };
        let body: Vec<_> = encode::request(&mut header, &request, &submitted).into_iter().map(|p| p.to_vec()).collect();
        // A count of 1 is left out, so that a field of the future would stand in its place.
        let forms = |count| if count == 1 { 1 } else { 2 };
        let Request::Publish { body: sent, .. } = &submitted else { unreachable!() };
        for decoded in decode_both(&header, &body).into_iter().take(forms(sent.count())) {
            prop_assert_eq!(decoded, Ok(Incoming::Request(request.clone(), submitted.clone())));
        }
        header.clear();
        let response = Response { request, node, reply: Reply::Receipt { id, count, level: Level::Memory } };
        encode::reply(&mut header, &response.node, &response.request, &response.reply);
        for decoded in decode_both(&header, &[]).into_iter().take(forms(count)) {
            prop_assert_eq!(decoded, Ok(Incoming::Response(response.clone())));
        }
    }

    #[test]
    fn every_answer_survives_a_round_trip(answer in any_answer()) {
        let mut header = Vec::new();
        encode::answer(&mut header, &answer);
        let is_short = matches!(&answer, Answer::Welcome(welcome, _) if welcome.payload_len_max.is_none());
        for decoded in decode_both(&header, &[]).into_iter().take(if is_short { 1 } else { 2 }) {
            prop_assert_eq!(decoded, Ok(Incoming::Answer(answer.clone())));
        }
    }

    #[test]
    fn every_page_survives_a_round_trip(page in any_page(), node in any_node()) {
        let (mut header, request) = (Vec::new(), RequestId::Number(7));
        // Left out if there are none, so that a field of the future would stand in their place.
        let forms = if page.gaps.is_empty() { 1 } else { 2 };
        let response = Response { request, node, reply: Reply::Page(page) };
        encode::reply(&mut header, &response.node, &response.request, &response.reply);
        for decoded in decode_both(&header, &[]).into_iter().take(forms) {
            prop_assert_eq!(decoded, Ok(Incoming::Response(response.clone())));
        }
    }

    #[test]
    fn every_watch_and_what_it_is_told_survive_a_round_trip(
        (next, missed, happenings) in (any::<u64>(), any::<u64>(), vec(any_happening(), 0..5)),
        (from, wait) in (any::<Option<u64>>(), any::<u64>()),
        (node, incarnation) in (any_node(), any_incarnation()),
    ) {
        let (mut header, id) = (Vec::new(), RequestId::Number(7));
        let reply = Reply::Events { told: WatchPage { next, missed, happenings }, incarnation };
        encode::reply(&mut header, &node, &id, &reply);
        for decoded in decode_both(&header, &[]) {
            let response = Response { request: id.clone(), node: node.clone(), reply: reply.clone() };
            prop_assert_eq!(decoded, Ok(Incoming::Response(response)));
        }
        let request = Request::Watch { from, wait: Duration::from_millis(wait) };
        header.clear();
        encode::request(&mut header, &id, &request);
        for decoded in decode_both(&header, &[]) {
            prop_assert_eq!(decoded, Ok(Incoming::Request(id.clone(), request.clone())));
        }
    }

    #[test]
    fn every_vector_survives_a_round_trip(vector in any_vector(), after in option::of(any_stream()), of in any_streams(), node in any_node()) {
        let (mut header, request) = (Vec::new(), RequestId::Number(7));
        let forms = if vector.kept.is_empty() { 1 } else { 2 };
        let response = Response { request: request.clone(), node, reply: Reply::Vector(vector) };
        encode::reply(&mut header, &response.node, &response.request, &response.reply);
        for decoded in decode_both(&header, &[]).into_iter().take(forms) {
            prop_assert_eq!(decoded, Ok(Incoming::Response(response.clone())));
        }
        header.clear();
        let forms = if of.is_empty() { 1 } else { 2 };
        let asked = Request::Seen { after, of };
        encode::request(&mut header, &request, &asked);
        for decoded in decode_both(&header, &[]).into_iter().take(forms) {
            prop_assert_eq!(decoded, Ok(Incoming::Request(request.clone(), asked.clone())));
        }
    }

    #[test]
    fn every_state_survives_a_round_trip(status in any_status(), node in any_node()) {
        let (mut header, request) = (Vec::new(), RequestId::Number(7));
        for reply in [Reply::Peers(status.peers.clone()), Reply::Status(Box::new(status))] {
            let response = Response { request: request.clone(), node: node.clone(), reply };
            header.clear();
            encode::reply(&mut header, &response.node, &response.request, &response.reply);
            for decoded in decode_both(&header, &[]) {
                prop_assert_eq!(decoded, Ok(Incoming::Response(response.clone())));
            }
        }
    }

    #[test]
    fn a_part_of_a_frame_is_malformed(frame in any_frame(), end in any::<prop::sample::Index>()) {
        let mut header = Vec::new();
        let body: Vec<Vec<u8>> = encode::frame(&mut header, &frame).into_iter().map(|p| p.to_vec()).collect();
        let decoded = Decoder::new(4096).decode(&header[..end.index(header.len())], &body);
        prop_assert!(decoded.is_err(), "a part was taken for the whole: {:?}", decoded);
    }
}

/// Streams of one range each but the first, which has the rest.
fn streams(count: usize, ranges: u64) -> Vec<StreamRanges> {
    let stream = StreamId { origin: NodeId::numbered(4), incarnation: Incarnation(17) };
    let held = |ranges: u64| StreamRanges {
        stream: stream.clone(),
        ranges: (0..ranges).map(|number| (2 * number + 1, 2 * number + 1)).collect(),
    };
    let rest = ranges - (count as u64 - 1);
    std::iter::once(rest).chain(std::iter::repeat_n(1, count - 1)).map(held).collect()
}

fn spans(count: usize) -> Vec<Span> {
    let (origin, hashes) = (NodeId::numbered(4), Hashes::default());
    let span = |at| Span { origin: origin.clone(), from: Incarnation(at), below: Incarnation(at + 1), hashes };
    (0..count as u64).map(span).collect()
}

#[test]
fn frames_hold_as_much_as_the_limits_say() {
    let held = |stream| Announcement { held: stream, age: Duration::ZERO, was_pushed: false };
    let members = |count| {
        let member = Member { node: NodeId::numbered(4), endpoint: "tcp://127.0.0.1:7004".parse().unwrap() };
        vec![member; count]
    };
    let walk = |path, members| {
        Frame::Walk(Walk { kind: WalkKind::Shuffle, steps: 0, path: vec![NodeId::numbered(4); path], members })
    };
    let (count, ranges) = (frame::STREAMS_MAX, frame::RANGES_MAX as u64);
    let within = [
        Frame::Digest { streams: streams(count, ranges - 1), given_up: streams(1, 1), spans: spans(count) },
        Frame::Pull { streams: streams(1, ranges), spans: spans(count) },
        Frame::Have(streams(count, ranges).into_iter().map(held).collect()),
        Frame::Neighbours(members(frame::MEMBERS_MAX)),
        walk(frame::WALK_PATH_LEN_MAX, members(frame::MEMBERS_MAX)),
    ];
    let beyond = [
        Frame::Digest { streams: streams(count + 1, ranges), given_up: Vec::new(), spans: Vec::new() },
        Frame::Digest { streams: streams(count, ranges), given_up: streams(1, 1), spans: spans(count) },
        Frame::Pull { streams: streams(1, ranges + 1), spans: Vec::new() },
        Frame::Pull { streams: Vec::new(), spans: spans(count + 1) },
        Frame::Have(streams(count, ranges + 1).into_iter().map(held).collect()),
        Frame::Neighbours(members(frame::MEMBERS_MAX + 1)),
        walk(frame::WALK_PATH_LEN_MAX + 1, Vec::new()),
        walk(0, members(frame::MEMBERS_MAX + 1)),
    ];
    let decode = |frame: &Frame| {
        let mut header = Vec::new();
        encode::frame(&mut header, frame);
        Decoder::new(4096).decode::<Vec<u8>>(&header, &[])
    };
    for frame in within {
        assert!(decode(&frame) == Ok(Incoming::Frame(frame)), "what is within the limits was refused");
    }
    for frame in beyond {
        let rejected = decode(&frame).expect_err("a limit does not hold");
        assert_eq!(rejected.error.refusal(), Refusal::TooLarge, "{}", rejected.error);
    }
}
