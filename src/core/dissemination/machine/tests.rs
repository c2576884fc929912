//! The door of dissemination: its outputs for what neighbours say, with neighbours and kept messages handed in.

use super::*;
use crate::core::{
    batch::Resent,
    capability::Capabilities,
    config::{Limits, Protocol},
    event::LinkId,
    frame::{Announcement, PathCopy, StreamRanges},
    id::NodeId,
    message::{Hop, Trace},
    stats::{Counter, Refusal},
    time::Wall,
};

const MILLISECOND: u64 = 1_000_000;

fn at(millis: u64) -> Now {
    Now { mono: Mono(millis * MILLISECOND), wall: Wall(1_000_000_000 + millis * MILLISECOND) }
}

fn machine() -> Dissemination {
    let endpoint = "10.0.0.1:7001".parse().unwrap();
    let (network, instance) = ("test".parse().unwrap(), Default::default());
    let (protocol, limits) = (Protocol::default(), Limits::default());
    let config = Config { node: NodeId::numbered(1), endpoint, network, instance, protocol, limits };
    Dissemination::new(&config, Incarnation(7))
}

/// Neighbours 2, 3 and 4 in the slots 0, 1 and 2, which know all words.
fn neighbours() -> NeighbourTable {
    let mut table = NeighbourTable::default();
    let words: Vec<String> = Capability::ALL.iter().map(|word| word.word().to_owned()).collect();
    for number in 0..3 {
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
        let is_asked = |batch: &&Batch| ranges.iter().any(|&(first, last)| first <= batch.last() && batch.id.sequence <= last);
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

fn trace(from: u32) -> Trace {
    let path = [9, from].map(|number| Hop { node: NodeId::numbered(number), micros: 0 });
    Trace { relays: Relays::ONE, path: path.into() }
}

/// A frame of the neighbour in a slot.
fn from(slot: u16, frame: Frame) -> Input {
    Input::Frame { from: NodeId::numbered(u32::from(slot) + 2), slot: Some(Slot(slot)), frame }
}

/// The links that a message goes on by.
fn pushed(outputs: &[Output]) -> Vec<u32> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { links, frame: Frame::Message(_), counter: Some(Counter::Sent) } => Some(links),
        _ => None,
    });
    sent.flatten().map(|link| link.0).collect()
}

fn counted(outputs: &[Output]) -> Vec<Counter> {
    let counted = outputs.iter().filter_map(|output| match output {
        Output::Count { counter, .. } => Some(*counter),
        _ => None,
    });
    counted.collect()
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
fn what_is_announced_is_asked_for_and_given_up_when_its_only_source_has_lost_it() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let held = StreamRanges { stream: message(1, None).id.stream(), ranges: vec![(1, 3)] };
    let have = Frame::Have(vec![Announcement { held: held.clone(), age: Duration::ZERO }]);
    apply(&mut machine, at(1), from(0, have), &nothing);
    let outputs = apply(&mut machine, at(2), Input::Tick, &nothing);
    let pull =
        Output::Send { links: vec![LinkId(0)], frame: Frame::Pull(vec![held.clone()]), counter: Some(Counter::Pulls) };
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
