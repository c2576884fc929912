//! Batches: what a turn's submissions become, how they cross links, and what a log gives back of them.

use super::*;
use crate::core::{batch::Packer, event::record::Level, message::Payload};

const ALL: [&str; 3] = ["repair", "chunk", "batch"];

fn requested(id: RequestId, request: Request) -> Input {
    Input::Requested { principal: Principal::Unnamed, client: ReturnAddress([1].into()), id, request }
}

fn submitted(number: u64, relays: Option<Relays>, body: Body) -> Input {
    requested(RequestId::Number(number), Request::Publish { trace: relays, body })
}

fn one(number: u64, payload: &[u8]) -> Input {
    submitted(number, None, Body::one(payload.into()))
}

fn packed(payloads: &[&[u8]]) -> Body {
    let mut packer = Packer::default();
    payloads.iter().for_each(|&payload| packer.push(&Payload::from(payload)));
    packer.take().unwrap()
}

fn batch(first: u64, payloads: &[&[u8]]) -> Batch {
    let id = MessageId { origin: name(8), incarnation: Incarnation(1), sequence: first };
    Batch { body: packed(payloads), ..single(id, b"") }
}

/// A node with links to peers that say these words, link 0 to node 2 and so on.
fn among(peers: &[&[&str]], limits: Limits) -> Node {
    let mut node = Node::new(config(0, limits), Incarnation(7), 0, "test", Now::default());
    for (index, words) in (1..).zip(peers) {
        let who = || {
            hello(|hello| {
                (hello.node, hello.endpoint) = (name(index), endpoint(index));
                hello.capabilities = words.iter().map(|&word| word.to_owned()).collect();
            })
        };
        outputs(&mut node, Duration::ZERO, from(index, Frame::Hello(who(), JoinPriority::Declared)));
        let welcome = Answer::Welcome(who(), None);
        outputs(&mut node, Duration::ZERO, Input::Answered { link: LinkId(index as u32 - 1), answer: welcome });
    }
    node
}

fn from(index: usize, frame: Frame) -> Input {
    Input::Arrived { from: name(index).into(), frame }
}

/// Outputs of a node in a turn: at its inputs, and at its end.
fn long_turn(node: &mut Node, inputs: impl IntoIterator<Item = Input>) -> [Vec<Output>; 2] {
    let mut during = Vec::new();
    for input in inputs {
        node.handle(Now::default(), input);
        during.extend(drained(node));
    }
    node.flush(Now::default());
    [during, drained(node)]
}

/// The batches that are sent, and the links that they go over.
fn sent(outputs: &[Output]) -> Vec<(Vec<u32>, Batch)> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send(links, Frame::Message(batch)) => Some((links.iter().map(|link| link.0).collect(), batch.clone())),
        _ => None,
    });
    sent.collect()
}

/// Numbers of the messages of each batch that is sent.
fn ranges(outputs: &[Output]) -> Vec<(u64, u64)> {
    sent(outputs).iter().map(|(_, batch)| batch.range()).collect()
}

fn recorded(outputs: &[Output]) -> Vec<(u64, u64)> {
    let recorded = outputs.iter().filter_map(|output| match output {
        Output::Append(_, Record::Received { first, last, .. }) => Some((*first, *last)),
        _ => None,
    });
    recorded.collect()
}

/// Receipts in their order: the request, the first message and their number.
fn receipts(outputs: &[Output]) -> Vec<(u64, u64, u32)> {
    let receipts = outputs.iter().filter_map(|output| match output {
        Output::Reply(_, RequestId::Number(number), Reply::Receipt { id, count, level: Level::Memory }) => {
            Some((*number, id.sequence, *count))
        }
        _ => None,
    });
    receipts.collect()
}

fn synced(node: &mut Node) -> Vec<Output> {
    let [during, end] = long_turn(node, [Input::Synced(LogSeq(1_000))]);
    assert_eq!(end, []);
    during
}

fn payloads(batch: &Batch) -> Vec<&[u8]> {
    batch.body.payloads().collect()
}

/// All that a client can fetch.
fn fetched(node: &mut Node) -> Vec<(u64, Vec<u8>)> {
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: u64::MAX, mark: false };
    let [told, _] = long_turn(node, [requested(RequestId::None, Request::Fetch(fetch))]);
    match told.last() {
        Some(Output::Reply(_, _, Reply::Page(page))) => {
            page.messages.iter().map(|message| (message.id.sequence, message.payload.to_vec())).collect()
        }
        other => panic!("no page but {other:?}"),
    }
}

#[test]
fn what_is_submitted_in_a_turn_leaves_as_one_batch_at_its_end() {
    let mut node = among(&[&ALL], Limits::default());
    let [during, end] = long_turn(&mut node, (1..=5).map(|number| one(number, &[number as u8; 3])));
    assert_eq!(during, [], "nothing before the turn ends");
    let [(links, batch)] = &sent(&end)[..] else { panic!("{end:?}") };
    assert_eq!((&links[..], batch.range(), batch.hops), (&[0][..], (1, 5), 1));
    assert_eq!(payloads(batch), (1..=5).map(|number| [number; 3]).collect::<Vec<_>>());
    assert_eq!((recorded(&end), receipts(&end)), (vec![(1, 5)], vec![]), "one record, which is not safe yet");
    assert_eq!(receipts(&synced(&mut node)), (1..=5).map(|number| (number, number, 1)).collect::<Vec<_>>());
    let [_, end] = long_turn(&mut node, [one(6, b"alone")]);
    assert_eq!((ranges(&end), payloads(&sent(&end)[0].1)), (vec![(6, 6)], vec![&b"alone"[..]]));
    let [during, end] = long_turn(&mut node, []);
    assert_eq!((during, end), (vec![], vec![]), "an empty turn is none");
    let total = node.machines.stats.total();
    assert_eq!([Counter::Published, Counter::Delivered].map(|counter| total.get(counter)), [6, 6]);
}

#[test]
fn a_traced_message_goes_by_itself_and_after_all_that_came_before_it() {
    let mut node = among(&[&ALL], Limits::default());
    let traced = submitted(3, Some(Relays::ONE), Body::one(b"t"[..].into()));
    let [during, end] = long_turn(&mut node, [one(1, b"a"), one(2, b"b"), traced, one(4, b"c"), one(5, b"d")]);
    assert_eq!((ranges(&during), ranges(&end)), (vec![(1, 2), (3, 3)], vec![(4, 5)]));
    assert_eq!(sent(&during).iter().map(|(_, batch)| batch.trace.is_some()).collect::<Vec<_>>(), [false, true]);
    let told = receipts(&synced(&mut node));
    assert_eq!(told, (1..=5).map(|number| (number, number, 1)).collect::<Vec<_>>());
    assert_eq!(fetched(&mut node).len(), 5);
}

#[test]
fn a_submission_that_is_repeated_in_its_turn_is_published_once() {
    let mut node = among(&[&ALL], Limits::default());
    let unique = RequestId::Unique([9; 16].into());
    let again = || requested(unique.clone(), Request::Publish { trace: None, body: packed(&[b"x", b"y"]) });
    let single =
        || requested(RequestId::Unique([8; 16].into()), Request::Publish { trace: None, body: packed(&[b"z"]) });
    let [during, end] = long_turn(&mut node, [single(), again(), single(), again()]);
    assert_eq!((ranges(&during), ranges(&end)), (vec![(1, 1), (2, 3)], vec![]));
    let is_receipt = |output: &&Output| matches!(output, Output::Append(_, Record::Receipt { .. }));
    assert_eq!(end.iter().filter(is_receipt).count(), 2, "each receipt is recorded once");
    let replies = synced(&mut node);
    let told = replies.iter().map(|output| match output {
        Output::Reply(_, id, Reply::Receipt { id: message, count, .. }) => (*id == unique, message.sequence, *count),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [(false, 1, 1), (true, 2, 2), (false, 1, 1), (true, 2, 2)]);
    assert_eq!(node.machines.stats.total().get(Counter::Repeated), 2);
}

#[test]
fn many_payloads_are_taken_whole_and_answered_by_one_receipt() {
    let mut node = among(&[&ALL], Limits { payload_len_max: 4, ..Limits::default() });
    let [_, end] =
        long_turn(&mut node, [one(1, b"one"), submitted(2, None, packed(&[b"a", b"", b"long"])), one(3, b"z")]);
    assert_eq!(ranges(&end), [(5, 5)]);
    assert_eq!(receipts(&synced(&mut node)), [(1, 1, 1), (2, 2, 3), (3, 5, 1)]);
    let held = [&b"one"[..], b"a", b"", b"long", b"z"];
    assert_eq!(fetched(&mut node), (1..).zip(held.map(<[u8]>::to_vec)).collect::<Vec<_>>());
}

#[test]
fn many_payloads_are_refused_whole() {
    let mut node = among(&[&ALL], Limits { payload_len_max: 4, ..Limits::default() });
    let new = |bytes: &[u8], count| Body::new(bytes.into(), count, None);
    let refused = [
        (None, packed(&[b"a", b"large", b"b"]), Refusal::TooLarge),
        (None, new(b"\xc4\x01a", 2), Refusal::Malformed),
        (None, new(b"\xc4\x01a\xc4\x01b\xc0", 2), Refusal::Malformed),
        (None, new(b"", 0), Refusal::BadRequest),
        (None, new(&b"\xc4\x00".repeat(65_537), 65_537), Refusal::BadRequest),
        (Some(Relays::ONE), packed(&[b"a", b"b"]), Refusal::BadRequest),
    ];
    for (relays, body, expected) in refused {
        let [during, end] = long_turn(&mut node, [submitted(7, relays, body)]);
        let [Output::Reply(_, RequestId::Number(7), Reply::Refused { refusal, text })] = &during[..] else {
            panic!("{during:?}")
        };
        assert_eq!((*refusal, end), (expected, vec![]), "{text}");
    }
    let [_, end] = long_turn(&mut node, [one(8, b"next")]);
    assert_eq!(ranges(&end), [(1, 1)], "none of them was given a number");
    assert_eq!(fetched(&mut node).len(), 1);
}

#[test]
fn what_is_too_much_for_a_batch_is_cut() {
    let limits = || Limits { retained_messages_max: 100_000, ..Limits::default() };
    let (mut node, large) = (among(&[&ALL], limits()), vec![7; 30 << 10]);
    let [during, end] = long_turn(&mut node, (1..=5).map(|number| one(number, &large)));
    assert_eq!((ranges(&during), ranges(&end)), (vec![(1, 2), (3, 4)], vec![(5, 5)]));
    let [during, _] = long_turn(&mut node, [submitted(6, None, packed(&[&large[..]; 5]))]);
    assert_eq!(ranges(&during), [(6, 7), (8, 9), (10, 10)]);
    let [during, _] = long_turn(&mut node, [submitted(7, None, packed(&[&b""[..]; 5000]))]);
    assert_eq!(ranges(&during), [(11, 4106), (4107, 5010)]);
    let told = receipts(&synced(&mut node));
    assert_eq!(told[5..], [(6, 6, 5), (7, 11, 5000)], "one receipt for all parts");
    assert_eq!(node.status(Now::default()).retained_messages, 5010);
}

#[test]
fn a_neighbour_that_knows_no_batches_gets_their_messages_one_by_one() {
    let mut node = among(&[&ALL, &["repair"], &["repair", "batch"]], Limits::default());
    let [_, end] = long_turn(&mut node, (1..=3).map(|number| one(number, &[number as u8])));
    let alone = |number: u64| (vec![1], (number, number), 1);
    let seen = |outputs: &[Output]| {
        let sent = sent(outputs);
        sent.into_iter().map(|(links, batch)| (links, batch.range(), batch.hops)).collect::<Vec<_>>()
    };
    assert_eq!(seen(&end), [alone(1), alone(2), alone(3), (vec![0, 2], (1, 3), 1)]);
    let singles = sent(&end);
    assert!(singles[..3].iter().zip(1..).all(|((_, single), number)| payloads(single) == [[number]]));

    // What comes from elsewhere goes on as it came, but to that one.
    let came = Batch { hops: 4, ..batch(9, &[b"a", b"bc"]) };
    let [during, _] = long_turn(&mut node, [from(3, Frame::Message(came.clone()))]);
    assert_eq!(seen(&during), [(vec![1], (9, 9), 5), (vec![1], (10, 10), 5), (vec![0], (9, 10), 5)]);
    assert_eq!(sent(&during)[2].1.body, came.body, "no node on the way packs anew");
    let status = node.status(Now::default());
    assert_eq!(status.counters["sent"], 3 * 3 + 2 * 2, "messages are counted, not frames");
}

#[test]
fn whoever_asks_after_it_has_submitted_sees_it() {
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: 9, mark: false };
    let mut node = among(&[&ALL], Limits::default());
    let asked = requested(RequestId::Number(3), Request::Fetch(fetch));
    let [during, end] = long_turn(&mut node, [one(1, b"a"), one(2, b"b"), asked, one(4, b"c")]);
    let Some(Output::Reply(_, RequestId::Number(3), Reply::Page(page))) = during.last() else { panic!("{during:?}") };
    assert_eq!(page.messages.iter().map(|message| &*message.payload).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!((ranges(&during), ranges(&end)), (vec![(1, 2)], vec![(3, 3)]));
    assert_eq!(receipts(&synced(&mut node)), [(1, 1, 1), (2, 2, 1), (4, 3, 1)]);
    let status = requested(RequestId::None, Request::Status);
    let [during, _] = long_turn(&mut node, [one(5, b"d"), status]);
    let Some(Output::Reply(_, _, Reply::Status(status))) = during.last() else { panic!("{during:?}") };
    assert_eq!((status.counters["published"], status.retained_messages), (4, 4));
}

#[test]
fn what_is_submitted_as_a_life_ends_belongs_to_it() {
    let mut node = among(&[&ALL], Limits::default());
    // Somebody else uses this life.
    let theirs = MessageId { origin: name(0), incarnation: Incarnation(7), sequence: 90 };
    let [during, end] =
        long_turn(&mut node, [one(1, b"a"), from(1, Frame::Message(single(theirs, b"x"))), one(2, b"b")]);
    let lives = |outputs: &[Output]| {
        let sent = sent(outputs).into_iter().filter(|(_, batch)| batch.id.sequence == 1);
        sent.map(|(_, batch)| batch.id.incarnation).collect::<Vec<_>>()
    };
    assert_eq!(lives(&during), [Incarnation(7)]);
    assert!(lives(&end).iter().all(|life| *life > Incarnation(7)) && lives(&end).len() == 1, "{end:?}");
    let told = synced(&mut node);
    assert_eq!(receipts(&told), [(1, 1, 1), (2, 1, 1)], "each the first of its life");
}

#[test]
fn messages_of_a_batch_that_were_had_are_delivered_no_more_and_the_others_are() {
    let mut node = among(&[&ALL, &ALL], Limits::default());
    let [during, _] = long_turn(&mut node, [from(1, Frame::Message(batch(3, &[b"3"])))]);
    assert_eq!(recorded(&during), [(3, 3)]);
    let whole = batch(1, &[b"1", b"2", b"3", b"4", b"5"]);
    let [during, _] = long_turn(&mut node, [from(1, Frame::Message(whole.clone()))]);
    assert_eq!(recorded(&during), [(1, 2), (4, 5)]);
    let passed = sent(&during);
    assert_eq!((passed.len(), &passed[0].0[..], &passed[0].1.body), (1, &[1][..], &whole.body), "as it came");
    // Cut in another way, all of it is a copy but for what is beyond.
    let [during, _] = long_turn(&mut node, [from(2, Frame::Message(batch(2, &[b"2", b"3", b"4"])))]);
    assert_eq!((recorded(&during), sent(&during)), (vec![], vec![]));
    let [during, _] = long_turn(&mut node, [from(2, Frame::Message(batch(5, &[b"5", b"6"])))]);
    assert_eq!((recorded(&during), ranges(&during)), (vec![(6, 6)], vec![(5, 6)]));
    let held: Vec<_> = [3, 1, 2, 4, 5, 6].map(|number| (number, number.to_string().into_bytes())).into();
    assert_eq!(fetched(&mut node), held);
    assert_eq!(node.machines.stats.total().get(Counter::Delivered), 6);
}

#[test]
fn a_batch_that_is_none_is_refused_and_delivers_nothing() {
    let mut node = among(&[&ALL], Limits { payload_len_max: 4, ..Limits::default() });
    let with = |body: Body| Batch { body, ..batch(1, &[b"x"]) };
    let trace = Trace { relays: Relays::ONE, path: [8, 1].map(|index| Hop { node: name(index), micros: 0 }).into() };
    let refused = [
        with(Body::new(b""[..].into(), 0, None)),
        with(Body::new(b"\xc4\x00".repeat(4097)[..].into(), 4097, None)),
        with(Body::new(b"\xc4\x01a"[..].into(), 2, None)),
        with(packed(&[b"a", b"large"])),
        Batch { trace: Some(trace), ..with(packed(&[b"a", b"b"])) },
        batch(u64::MAX, &[b"a", b"b"]),
    ];
    for batch in refused {
        let [during, _] = long_turn(&mut node, [from(1, Frame::Message(batch.clone()))]);
        assert!(matches!(during[0], Output::Answer(_, Answer::Refuse { .. })), "{batch:?}: {during:?}");
    }
    assert_eq!(fetched(&mut node), []);
    let codes = [Refusal::BadRequest, Refusal::Malformed, Refusal::TooLarge];
    assert_eq!(codes.map(|code| node.machines.stats.total().refused(code)), [4, 1, 1]);
}

#[test]
fn batches_and_parts_of_them_come_back_from_a_log() {
    let mut node = among(&[&ALL], Limits::default());
    let unique = RequestId::Unique([9; 16].into());
    let submission = || requested(unique.clone(), Request::Publish { trace: None, body: packed(&[b"x", b"y"]) });
    let inputs = [
        one(1, b"a"),
        one(2, b"b"),
        submission(),
        from(1, Frame::Message(batch(1, &[b"1", b"2", b"3"]))),
        from(1, Frame::Message(batch(6, &[b"6"]))),
        from(1, Frame::Message(batch(5, &[b"5", b"6", b"7"]))),
    ];
    let told = long_turn(&mut node, inputs).concat();
    let records: Vec<_> = told
        .into_iter()
        .filter_map(|output| match output {
            Output::Append(place, record) => Some((place, record)),
            _ => None,
        })
        .collect();
    let places: Vec<_> = records.iter().map(|(place, _)| place.0).collect();
    assert_eq!(places, (1..=places.len() as u64).collect::<Vec<_>>());
    let before = (fetched(&mut node), node.vector(None, &[]));
    assert_eq!(before.0.len(), 10);
    let mut again = Node::recover(config(0, Limits::default()), Incarnation(8), 0, "test", Now::default(), records);
    assert_eq!((fetched(&mut again), again.vector(None, &[])), before);
    synced(&mut again);
    let [during, _] = long_turn(&mut again, [submission()]);
    let [Output::Reply(_, _, Reply::Receipt { id, count: 2, .. })] = &during[..] else { panic!("{during:?}") };
    assert_eq!((id.incarnation, id.sequence), (Incarnation(7), 3), "the receipt of the life before");

    // A neighbour that asks gets the batches that hold it, as they came.
    let who = || hello(|hello| hello.capabilities = ALL.map(str::to_owned).to_vec());
    long_turn(&mut again, [from(1, Frame::Hello(who(), JoinPriority::Declared))]);
    long_turn(&mut again, [Input::Answered { link: LinkId(0), answer: Answer::Welcome(who(), None) }]);
    let asked = StreamRanges { stream: batch(1, &[b"1"]).id.stream(), ranges: vec![(2, 2), (5, 5)] };
    let [during, _] = long_turn(&mut again, [from(1, Frame::Pull { streams: vec![asked], spans: Vec::new() })]);
    assert_eq!(ranges(&during), [(1, 3), (5, 7)]);
}
