//! The door of dissemination: its outputs for what neighbours say, with neighbours and kept messages handed in.

use super::*;
use crate::core::{
    batch::{Packer, Resent},
    capability::Capabilities,
    config::{Limits, Protocol},
    dissemination::chunks::body::WHOLE_MAX,
    event::LinkId,
    event::record::Level,
    frame::{Announcement, PathCopy, StreamRanges},
    id::NodeId,
    message::{Hop, Payload, Trace},
    stats::{Counter, Refusal},
    time::Wall,
};

const MILLISECOND: u64 = 1_000_000;

fn at(millis: u64) -> Now {
    Now { mono: Mono(millis * MILLISECOND), wall: Wall(1_000_000_000 + millis * MILLISECOND) }
}

fn pull(streams: Vec<StreamRanges>) -> Frame {
    Frame::Pull { streams, spans: Vec::new() }
}

fn machine() -> Dissemination {
    machine_with(Limits::default())
}

fn machine_with(limits: Limits) -> Dissemination {
    let endpoint = "10.0.0.1:7001".parse().unwrap();
    let (network, instance) = ("test".parse().unwrap(), Default::default());
    let config = Config {
        node: NodeId::numbered(1),
        endpoint,
        network,
        instance,
        protocol: Protocol::default(),
        level: Level::Memory,
        limits,
    };
    Dissemination::new(&config, Incarnation(7))
}

/// Neighbours 2, 3 and 4 in the slots 0, 1 and 2, which know all words.
fn neighbours() -> NeighbourTable {
    neighbours_without(&[])
}

/// The same, some of which know no batches.
fn neighbours_without(plain: &[u32]) -> NeighbourTable {
    let mut table = NeighbourTable::default();
    for number in 0..3 {
        let knows = |word: &&Capability| **word != Capability::Batch || !plain.contains(&number);
        let words: Vec<String> = Capability::ALL.iter().filter(knows).map(|word| word.word().to_owned()).collect();
        let slot = table.enter(LinkId(number));
        table.name(slot, NodeId::numbered(number + 2));
        table.rise(slot, Capabilities::read(&words));
        table.set_open(slot, true);
    }
    table
}

/// Messages that are kept.
struct Held(Vec<Batch>);

impl Kept for Held {
    fn body(&self, id: &MessageId) -> Option<Body> {
        self.0.iter().find(|batch| batch.id == *id).map(|batch| batch.body.clone())
    }

    fn resend(&self, stream: &StreamId, ranges: &[(u64, u64)], _: &[(u64, u64)], _: usize, _: usize) -> Resent {
        let is_asked =
            |batch: &&Batch| ranges.iter().any(|&(first, last)| first <= batch.last() && batch.id.sequence <= last);
        let asked = self.0.iter().filter(|batch| batch.id.stream() == *stream).filter(is_asked);
        Resent { batches: asked.cloned().collect(), ..Resent::default() }
    }
}

fn apply(machine: &mut Dissemination, now: Now, input: Input, kept: &Held) -> Vec<Output> {
    machine.handle(now, input, &neighbours(), kept);
    std::iter::from_fn(|| machine.poll_output()).collect()
}

fn message(sequence: u64, trace: Option<Trace>) -> Batch {
    let id = MessageId { origin: NodeId::numbered(9), incarnation: Incarnation(1), sequence };
    Batch { id, published_at: Wall(0), hops: 1, trace, tree: None, body: Body::one(b"apple"[..].into()) }
}

/// Messages from a number on, in one body.
fn batch(first: u64, count: u32) -> Batch {
    let mut packer = Packer::default();
    (0..count).for_each(|_| packer.push(&Payload::from(&b"fig"[..])));
    Batch { body: packer.take().unwrap(), ..message(first, None) }
}

fn trace(from: u32) -> Trace {
    let path = [9, from].map(|number| Hop { node: NodeId::numbered(number), micros: 0 });
    Trace { relays: Relays::ONE, path: path.into() }
}

/// A frame of the neighbour in a slot.
fn from(slot: u16, frame: Frame) -> Input {
    Input::Frame { from: NodeId::numbered(u32::from(slot) + 2), slot: Some(Slot(slot)), frame }
}

/// The links that batches go on by.
fn pushed(outputs: &[Output]) -> Vec<u32> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { links, frame: Frame::Message(_), counter: Some(Counter::Sent) } => Some(links),
        _ => None,
    });
    sent.flatten().map(|link| link.0).collect()
}

fn counted(outputs: &[Output]) -> Vec<Counter> {
    times(outputs).into_iter().map(|(counter, _)| counter).collect()
}

/// The same with the numbers of times.
fn times(outputs: &[Output]) -> Vec<(Counter, u64)> {
    let counted = outputs.iter().filter_map(|output| match output {
        Output::Count { counter, times, .. } => Some((*counter, *times)),
        _ => None,
    });
    counted.collect()
}

/// The numbers of the messages that are delivered, in ranges.
fn delivered(outputs: &[Output]) -> Vec<(u64, u64)> {
    let delivered = outputs.iter().filter_map(|output| match output {
        Output::Deliver { first, last, .. } => Some((*first, *last)),
        _ => None,
    });
    delivered.collect()
}

/// Batches that are sent, and the links that each goes by.
fn sent(outputs: &[Output]) -> Vec<(&Batch, Vec<u32>)> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { links, frame: Frame::Message(batch), .. } => {
            Some((batch, links.iter().map(|link| link.0).collect()))
        }
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_first_copy_is_delivered_before_it_goes_on_and_a_further_one_is_counted() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let outputs = apply(&mut machine, at(1), from(0, Frame::Message(message(1, None))), &nothing);
    let delivered = Output::Deliver { batch: message(1, None), first: 1, last: 1, from: Some(NodeId::numbered(2)) };
    assert_eq!((&outputs[0], pushed(&outputs)), (&delivered, vec![1, 2]));
    let outputs = apply(&mut machine, at(2), from(1, Frame::Message(message(1, None))), &nothing);
    assert_eq!((counted(&outputs), pushed(&outputs)), (vec![Counter::Duplicates], vec![]));
    assert!(matches!(outputs[0], Output::Send { frame: Frame::Prune(_), .. }), "one of the two is to stop");
}

#[test]
fn of_a_batch_that_is_in_part_here_the_rest_is_delivered_and_all_goes_on() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    for sequence in 3..=5 {
        apply(&mut machine, at(1), from(0, Frame::Message(message(sequence, None))), &nothing);
    }
    let whole = batch(1, 9);
    let outputs = apply(&mut machine, at(2), from(1, Frame::Message(whole.clone())), &nothing);
    assert_eq!((delivered(&outputs), times(&outputs)), (vec![(1, 2), (6, 9)], vec![(Counter::Duplicates, 3)]));
    assert_eq!(sent(&outputs), [(&Batch { hops: 2, ..whole.clone() }, vec![2])], "as it came");
    for output in &outputs {
        let Output::Deliver { batch, from, .. } = output else { continue };
        assert_eq!((batch, from.as_ref()), (&whole, Some(&NodeId::numbered(3))));
    }
    let outputs = apply(&mut machine, at(3), from(2, Frame::Message(whole)), &nothing);
    assert_eq!((times(&outputs), pushed(&outputs)), (vec![(Counter::Duplicates, 9)], vec![]));
    assert!(matches!(outputs[0], Output::Send { frame: Frame::Prune(_), .. }), "one of the two is to stop");
}

#[test]
fn a_batch_of_which_nothing_is_new_is_a_copy_even_if_a_part_was_maybe_never_had() {
    let mut machine = machine_with(Limits { gaps_max: 2, ..Limits::default() });
    let stream = message(1, None).id.stream();
    for (sequence, first) in [(2, 1), (4, 3), (6, 5), (8, 7), (10, 9)] {
        let (batch, at) = (message(sequence, None), Wall(0));
        machine.recover(&Record::Received { first: sequence, last: sequence, position: 1, batch, at });
        machine.recover(&Record::GivenUp { stream: stream.clone(), first, last: first });
    }
    let nothing = Held(Vec::new());
    apply(&mut machine, at(1), from(0, Frame::Message(message(11, None))), &nothing);
    let outputs = apply(&mut machine, at(2), from(1, Frame::Message(batch(1, 6))), &nothing);
    assert_eq!(times(&outputs), [(Counter::Unsure, 5), (Counter::Duplicates, 6)]);
    assert!(outputs.iter().any(|output| matches!(output, Output::Send { frame: Frame::Prune(_), .. })), "{outputs:?}");
    let outputs = apply(&mut machine, at(3), from(0, Frame::Message(batch(1, 8))), &nothing);
    assert_eq!(
        (delivered(&outputs), times(&outputs)),
        (vec![(7, 7)], vec![(Counter::Unsure, 5), (Counter::Duplicates, 7)])
    );
}

#[test]
fn what_is_submitted_in_a_turn_leaves_together_at_its_end() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let (one, many) = (|len| Body::one(Payload::from(&vec![7; len][..])), batch(1, 4097).body);
    let publish = |machine: &mut Dissemination, relays, body| {
        let id = machine.publish(at(1), relays, body, &neighbours());
        (id.sequence, std::iter::from_fn(|| machine.poll_output()).collect::<Vec<_>>())
    };
    for sequence in 1..=3 {
        assert_eq!(publish(&mut machine, None, one(3)), (sequence, vec![]));
    }
    assert_eq!(machine.latest().sequence, 3, "each has its number at once");
    let outputs = apply(&mut machine, at(1), Input::Flush, &nothing);
    let [(batch, links)] = &sent(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((batch.range(), batch.body.count(), batch.hops, &links[..]), ((1, 3), 3, 1, &[0, 1, 2][..]));
    assert_eq!((delivered(&outputs), apply(&mut machine, at(1), Input::Flush, &nothing)), (vec![(1, 3)], vec![]));

    publish(&mut machine, None, one(3));
    let (traced, outputs) = publish(&mut machine, Some(Relays::ONE), one(3));
    assert_eq!((traced, delivered(&outputs)), (5, vec![(4, 4), (5, 5)]), "a traced one goes by itself, in its turn");
    publish(&mut machine, None, one(3));
    let (first, outputs) = publish(&mut machine, None, many);
    assert_eq!((first, delivered(&outputs)), (7, vec![(6, 6), (7, 4102), (4103, 4103)]), "those of one request, too");
    publish(&mut machine, None, one(3));
    let (last, outputs) = publish(&mut machine, None, one(70_000));
    assert_eq!((last, delivered(&outputs)), (4105, vec![(4104, 4104)]), "what has no room begins another");
    let outputs = apply(&mut machine, at(2), Input::Renewed(Incarnation(8)), &nothing);
    assert_eq!((delivered(&outputs), machine.latest().sequence), (vec![(4105, 4105)], 0), "and nothing is left behind");
}

#[test]
fn a_neighbour_that_knows_no_batches_is_sent_their_messages() {
    let (mut machine, neighbours) = (machine(), neighbours_without(&[1]));
    let whole = batch(5, 3);
    machine.handle(at(1), from(2, Frame::Message(whole.clone())), &neighbours, &Held(Vec::new()));
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
    let singles = whole.singles().map(|single| (Batch { hops: 2, ..single }, vec![1]));
    let expected: Vec<_> = singles.chain([(Batch { hops: 2, ..whole.clone() }, vec![0])]).collect();
    assert_eq!(sent(&outputs), expected.iter().map(|(batch, links)| (batch, links.clone())).collect::<Vec<_>>());
}

#[test]
fn a_large_batch_that_finds_no_room_is_one_frame_and_all_its_messages() {
    let (mut machine, nothing) =
        (machine_with(Limits { chunks_waiting_bytes_max: 1, ..Limits::default() }), Held(Vec::new()));
    let mut packer = Packer::default();
    (0..100).for_each(|_| packer.push(&Payload::from(&[7; 1000][..])));
    let body = packer.take().unwrap();
    let counts = [1, 101].map(|first| {
        let large = Batch { body: body.clone(), ..message(first, None) };
        let outputs = apply(&mut machine, at(first), from(0, Frame::Message(large)), &nothing);
        assert_eq!((delivered(&outputs), pushed(&outputs)), (vec![(first, first + 99)], vec![]), "it goes in pieces");
        times(&outputs)
    });
    let [sent, full] = [(Counter::Sent, 100), (Counter::QueueFull, 1)];
    assert_eq!(counts, [vec![sent, sent], vec![sent, full, sent, full]]);
}

#[test]
fn a_question_is_answered_with_whole_batches() {
    let (mut machine, kept) = (machine(), Held(vec![batch(1, 9), batch(10, 2), message(12, None)]));
    for batch in &kept.0 {
        apply(&mut machine, at(1), from(1, Frame::Message(batch.clone())), &kept);
    }
    let asked = StreamRanges { stream: message(1, None).id.stream(), ranges: vec![(3, 3), (8, 8), (11, 11)] };
    let outputs = apply(&mut machine, at(2), from(0, pull(vec![asked])), &kept);
    let expected = [batch(1, 9), batch(10, 2)].map(|batch| (Batch { hops: 2, ..batch }, vec![0]));
    assert_eq!(sent(&outputs), expected.iter().map(|(batch, links)| (batch, links.clone())).collect::<Vec<_>>());
    assert_eq!(times(&outputs), [(Counter::Resent, 9), (Counter::Resent, 2)], "messages are counted");
}

#[test]
fn a_neighbour_that_knows_no_batches_is_answered_with_what_it_asks_for_alone() {
    let (mut machine, neighbours) = (machine(), neighbours_without(&[1]));
    let (whole, kept) = (batch(1, 9), Held(vec![batch(1, 9)]));
    apply(&mut machine, at(1), from(0, Frame::Message(whole.clone())), &kept);
    let asked = StreamRanges { stream: whole.id.stream(), ranges: vec![(3, 3), (8, 11)] };
    machine.handle(at(2), from(1, pull(vec![asked])), &neighbours, &kept);
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
    let sequences: Vec<_> = sent(&outputs).iter().map(|(batch, _)| batch.range()).collect();
    assert_eq!(sequences, [(3, 3), (8, 8), (9, 9)], "a queue that holds few of them would never come to the last");
}

#[test]
fn of_a_batch_that_is_announced_what_is_not_here_is_asked_for() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    apply(&mut machine, at(1), from(1, Frame::Message(batch(3, 3))), &nothing);
    let held = |ranges| StreamRanges { stream: message(1, None).id.stream(), ranges };
    let have = Frame::Have(vec![Announcement { held: held(vec![(1, 9)]), age: Duration::ZERO, was_pushed: false }]);
    apply(&mut machine, at(2), from(0, have), &nothing);
    let outputs = apply(&mut machine, at(2_000), Input::Tick, &nothing);
    let pull = pull(vec![held(vec![(1, 2), (6, 9)])]);
    assert!(outputs.contains(&Output::Send { links: vec![LinkId(0)], frame: pull, counter: Some(Counter::Pulls) }));
    let outputs = apply(&mut machine, at(2_001), from(0, Frame::Message(batch(1, 9))), &nothing);
    assert_eq!((delivered(&outputs), machine.missing_len()), (vec![(1, 2), (6, 9)], 0));
}

#[test]
fn what_was_pushed_and_is_not_here_is_asked_for_at_once() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    apply(&mut machine, at(1), from(0, Frame::Message(message(1, None))), &nothing);
    let held = StreamRanges { stream: message(1, None).id.stream(), ranges: vec![(2, 2)] };
    let have = |was_pushed| Frame::Have(vec![Announcement { held: held.clone(), age: Duration::ZERO, was_pushed }]);
    let frame = pull(vec![held.clone()]);
    let pull = Output::Send { links: vec![LinkId(1)], frame, counter: Some(Counter::Pulls) };
    apply(&mut machine, at(2), from(1, have(false)), &nothing);
    assert!(!apply(&mut machine, at(2), Input::Tick, &nothing).contains(&pull), "it may be on its way");
    apply(&mut machine, at(3), from(0, have(true)), &nothing);
    assert!(apply(&mut machine, at(3), Input::Tick, &nothing).contains(&pull), "it was sent before");
}

#[test]
fn what_is_pushed_in_pieces_is_not_announced_before_they_are_there() {
    let said = |len: usize| {
        let (mut machine, nothing) = (machine(), Held(Vec::new()));
        for origin in [8, 9] {
            let mut message = Batch { body: Body::one(vec![0; len][..].into()), ..message(1, None) };
            message.id.origin = NodeId::numbered(origin);
            apply(&mut machine, at(1), from(0, Frame::Message(message)), &nothing);
        }
        let outputs = apply(&mut machine, at(1_000), Input::Tick, &nothing);
        outputs.iter().any(|output| {
            matches!(output, Output::Send { frame: Frame::Have(told), .. } if told.iter().any(|told| told.was_pushed))
        })
    };
    assert_eq!([WHOLE_MAX, WHOLE_MAX + 1].map(said), [true, false]);
}

#[test]
fn a_gap_that_a_batch_fills_is_told_as_one() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let stream = message(1, None).id.stream();
    machine.recover(&Record::Received { batch: message(9, None), first: 9, last: 9, position: 1, at: Wall(0) });
    machine.recover(&Record::GivenUp { stream: stream.clone(), first: 1, last: 8 });
    let outputs = apply(&mut machine, at(1), from(0, Frame::Message(batch(3, 8))), &nothing);
    assert_eq!((delivered(&outputs), times(&outputs)), (vec![(3, 8), (10, 10)], vec![(Counter::Duplicates, 1)]));
    let outputs = apply(&mut machine, at(5_000), Input::Tick, &nothing);
    assert!(outputs.contains(&Output::GapFilled { stream, first: 3, last: 8 }), "{outputs:?}");
}

#[test]
fn a_copy_of_a_traced_message_goes_on_for_as_long_as_that_is_kept() {
    let (mut machine, first) = (machine(), message(1, Some(trace(2))));
    let kept = Held(vec![first.clone()]);
    let outputs = apply(&mut machine, at(1), from(0, Frame::Message(first.clone())), &kept);
    assert_eq!(pushed(&outputs), [1, 2]);
    let Batch { id, published_at, hops, .. } = first;
    let copy = |from: u32| Frame::Path(PathCopy { id: id.clone(), published_at, hops, trace: trace(from) });
    let outputs = apply(&mut machine, at(2), from(1, copy(3)), &kept);
    assert!(matches!(outputs[0], Output::Path { .. }), "its path is noted: {outputs:?}");
    assert_eq!((counted(&outputs), pushed(&outputs)), (vec![Counter::Duplicates], vec![0]));
    let outputs = apply(&mut machine, at(3), from(2, copy(4)), &Held(Vec::new()));
    assert_eq!((counted(&outputs), outputs.len()), (vec![Counter::Late], 1));
}

#[test]
fn a_node_that_leaves_delivers_and_sends_nothing() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    assert_eq!(apply(&mut machine, at(1), Input::Leaving, &nothing), []);
    let outputs = apply(&mut machine, at(2), from(0, Frame::Message(message(1, None))), &nothing);
    assert!(matches!(outputs[..], [Output::Deliver { .. }]), "{outputs:?}");
}

#[test]
fn a_message_of_its_own_life_that_it_never_published_is_refused() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let own = machine.publish(at(1), None, Body::one(b"pear"[..].into()), &neighbours());
    assert_eq!(machine.poll_output(), None, "it leaves when the turn ends");
    for (sequence, is_refused, is_flushed) in
        [(own.sequence, true, false), (own.sequence, false, true), (own.sequence + 1, true, true)]
    {
        if is_flushed {
            apply(&mut machine, at(1), Input::Flush, &nothing);
        }
        let forged = Batch { id: own.stream().message(sequence), ..message(1, None) };
        let outputs = apply(&mut machine, at(2), from(0, Frame::Message(forged)), &nothing);
        let refused =
            outputs.iter().any(|output| matches!(output, Output::Refuse { refusal: Refusal::BadRequest, .. }));
        assert_eq!((refused, machine.latest().sequence), (is_refused, own.sequence));
    }
}

#[test]
fn what_a_neighbour_said_before_its_link_came_up_is_void() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let held = StreamRanges { stream: message(1, None).id.stream(), ranges: vec![(1, 3)] };
    let told = || Frame::Digest { streams: vec![held.clone()], given_up: Vec::new(), spans: Vec::new() };
    let mut is_asked = |millis| {
        apply(&mut machine, at(millis), from(0, told()), &nothing);
        let pull =
            Output::Send { links: vec![LinkId(0)], frame: pull(vec![held.clone()]), counter: Some(Counter::Pulls) };
        let is_asked = apply(&mut machine, at(millis + 500), Input::Tick, &nothing).contains(&pull);
        apply(&mut machine, at(millis + 501), Input::Lost { slot: Slot(0), streams: vec![held.clone()] }, &nothing);
        is_asked.then(|| apply(&mut machine, at(millis + 502), Input::Rose(Slot(0)), &nothing)).is_some()
    };
    assert!(is_asked(1) && is_asked(1_000), "it may live another life, and have got them since");
}

#[test]
fn what_is_announced_is_asked_for_and_given_up_when_its_only_source_has_lost_it() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let held = StreamRanges { stream: message(1, None).id.stream(), ranges: vec![(1, 3)] };
    let have = Frame::Have(vec![Announcement { held: held.clone(), age: Duration::ZERO, was_pushed: false }]);
    apply(&mut machine, at(1), from(0, have), &nothing);
    let outputs = apply(&mut machine, at(2), Input::Tick, &nothing);
    let pull = Output::Send { links: vec![LinkId(0)], frame: pull(vec![held.clone()]), counter: Some(Counter::Pulls) };
    assert!(outputs.contains(&pull), "{outputs:?}");
    apply(&mut machine, at(3), from(1, Frame::Message(message(4, None))), &nothing);
    apply(&mut machine, at(4), Input::Lost { slot: Slot(0), streams: vec![held.clone()] }, &nothing);
    let mut outputs = Vec::new();
    while let Some(deadline) = machine.deadline().filter(|&deadline| deadline <= at(20_000).mono) {
        let now = Now { mono: deadline, ..at(0) };
        outputs.extend(apply(&mut machine, now, Input::Tick, &nothing));
    }
    let (stream, first, last) = (held.stream, 1, 3);
    let expected = [Output::GivenUp { stream: stream.clone(), first, last }, Output::Gap { stream, first, last }];
    let told: Vec<_> = outputs.into_iter().filter(|output| !matches!(output, Output::Send { .. })).collect();
    assert_eq!(told, expected, "a later one came, so they are known to exist");
    assert_eq!(machine.missing_len(), 0);
}

mod asked;
mod pieces;
mod traced;
