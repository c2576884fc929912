//! Frames put together again of pieces, and pieces that are refused.

use super::*;
use crate::core::{
    batch::Body,
    dissemination::chunks::outgoing::Outgoing,
    id::{Incarnation, MessageId},
    slots::Slot,
    time::Wall,
};
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(4);
const LEN_MAX: usize = 1 << 20;

fn at(millis: u64) -> Mono {
    Mono(millis * 1_000_000)
}

fn id(sequence: u64) -> MessageId {
    MessageId { origin: NodeId::numbered(4), incarnation: Incarnation(17), sequence }
}

/// So many messages from a number on. The body need not be one of theirs.
fn batch(sequence: u64, count: u32, bytes: &[u8]) -> Batch {
    let body = Body::new(bytes.into(), count, None);
    Batch { id: id(sequence), published_at: Wall(1), hops: 1, trace: None, tree: None, body }
}

fn message(sequence: u64, payload: &[u8]) -> Frame {
    Frame::Message(batch(sequence, 1, payload))
}

fn chunk(number: u64, offset: u64, length: u64, head: Option<u64>, bytes: &[u8]) -> Chunk {
    let head = head.map(|sequence| Box::new(message(sequence, b"")));
    Chunk { number, offset, length, head, bytes: bytes.into() }
}

fn incoming() -> Incoming {
    Incoming::new(4 << 20, LEN_MAX, PATIENCE)
}

fn take(incoming: &mut Incoming, millis: u64, chunk: Chunk) -> Taken {
    incoming.take(at(millis), &NodeId::numbered(9), chunk).unwrap()
}

#[test]
fn pieces_become_a_frame() {
    let mut incoming = incoming();
    let begun = take(&mut incoming, 0, chunk(1, 0, 6, Some(5), b"abc"));
    assert_eq!((begun.begun, begun.whole), (Some(message(5, b"")), None));
    assert_eq!(incoming.senders(&batch(5, 1, b"")).collect::<Vec<_>>(), [&NodeId::numbered(9)]);
    let next = take(&mut incoming, 1, chunk(2, 0, 3, Some(6), b""));
    assert_eq!(next.begun, Some(message(6, b"")));
    assert_eq!(take(&mut incoming, 2, chunk(1, 3, 6, None, b"def")).whole, Some(message(5, b"abcdef")));
    assert_eq!(incoming.busy_until(&NodeId::numbered(9)), Some(at(4002)), "the second is still to come");
    assert_eq!(take(&mut incoming, 3, chunk(2, 0, 3, None, b"xyz")).whole, Some(message(6, b"xyz")));
    assert_eq!((incoming.bytes(), incoming.deadline()), (0, None));
}

#[test]
fn a_missing_piece_a_new_connection_and_silence_end_it() {
    let mut incoming = incoming();
    take(&mut incoming, 0, chunk(1, 0, 6, Some(5), b"ab"));
    let gap = take(&mut incoming, 0, chunk(1, 4, 6, None, b"ef"));
    assert_eq!((gap.dropped, incoming.bytes()), (vec![message(5, b"")], 0));
    assert_eq!(take(&mut incoming, 0, chunk(1, 2, 6, None, b"cd")), Taken::default(), "it was dropped");

    take(&mut incoming, 0, chunk(7, 0, 6, Some(5), b"ab"));
    take(&mut incoming, 0, chunk(8, 0, 6, Some(6), b""));
    let anew = take(&mut incoming, 0, chunk(1, 0, 6, Some(8), b"ab"));
    assert_eq!((anew.begun, anew.dropped), (Some(message(8, b"")), vec![message(5, b""), message(6, b"")]));

    take(&mut incoming, 0, chunk(2, 0, 6, Some(9), b""));
    let passed = take(&mut incoming, 10, chunk(2, 0, 6, None, b"a"));
    assert_eq!(passed.dropped, [message(8, b"")], "one goes after the other");
    assert_eq!(incoming.on_tick(at(4009)), []);
    assert_eq!(incoming.on_tick(at(4010)), [(NodeId::numbered(9), message(9, b""))]);
    assert_eq!((incoming.bytes(), incoming.deadline()), (0, None));
}

#[test]
fn bounds_are_kept() {
    let mut incoming = Incoming::new(100_000, LEN_MAX, PATIENCE);
    let from = NodeId::numbered(9);
    let refused = |chunk| Incoming::new(1, LEN_MAX, PATIENCE).take(at(0), &from, chunk).unwrap_err().0;
    assert_eq!(refused(chunk(1, 0, LEN_MAX as u64 + 1, Some(1), b"")), Refusal::TooLarge);
    assert_eq!(refused(chunk(1, 0, 2, Some(1), b"abc")), Refusal::BadRequest);
    assert_eq!(refused(chunk(1, u64::MAX, 2, Some(1), b"abc")), Refusal::BadRequest);

    for number in 1..=300 {
        take(&mut incoming, 0, chunk(number, 0, 1000, Some(number), b""));
        assert!(incoming.bytes() <= 100_000);
    }
    let large = take(&mut incoming, 0, chunk(1, 0, 1000, None, &[7; 900]));
    assert_eq!(large.dropped, [message(1, b"")]);
    assert!(incoming.bytes() <= 100_000);
}

#[test]
fn what_came_by_another_way_is_settled() {
    let mut incoming = incoming();
    for (node, number) in [(8, 3), (9, 1)] {
        let chunk = chunk(number, 0, 6, Some(5), b"ab");
        incoming.take(at(0), &NodeId::numbered(node), chunk).unwrap();
    }
    let settled = incoming.settle(&batch(5, 1, b""));
    assert_eq!(settled, [8, 9].map(|node| (NodeId::numbered(node), message(5, b""))));
    assert_eq!((incoming.bytes(), incoming.deadline()), (0, None));
    assert_eq!(take(&mut incoming, 0, chunk(1, 2, 6, None, b"cdef")), Taken::default());
}

#[test]
fn pieces_that_other_bodies_pass_are_waited_for_but_not_for_ever() {
    let (mut incoming, nine) = (incoming(), NodeId::numbered(9));
    assert_eq!(incoming.passed(at(0), &nine, BULK_MIN), None, "nothing comes in pieces");
    take(&mut incoming, 0, chunk(1, 0, 6, Some(5), b"abc"));
    assert_eq!(incoming.passed(at(1), &nine, BULK_MIN - 1), None, "too short to be in the way");
    assert_eq!(incoming.passed(at(3000), &nine, PASSED_MAX - 1), Some(at(7000)));
    assert_eq!(incoming.passed(at(6000), &nine, BULK_MIN), Some(at(10_000)));
    assert_eq!(incoming.passed(at(9000), &nine, BULK_MIN), None);
    assert_eq!((incoming.on_tick(at(9999)).len(), incoming.deadline()), (0, Some(at(10_000))));
    take(&mut incoming, 9999, chunk(1, 3, 6, None, b"d"));
    assert_eq!(incoming.passed(at(11_000), &nine, BULK_MIN), Some(at(15_000)), "a piece came meanwhile");
    assert_eq!(incoming.on_tick(at(15_000)).len(), 1);
}

#[test]
fn a_batch_that_is_here_settles_what_it_has_all_of() {
    let mut incoming = incoming();
    let heads = [(1, 1, 9), (2, 3, 1), (3, 3, 2), (4, 9, 2)];
    for (node, first, count) in heads {
        let head = Some(Box::new(Frame::Message(batch(first, count, b""))));
        let begun = incoming.take(at(0), &NodeId::numbered(node), Chunk { head, ..chunk(1, 0, 6, None, b"ab") });
        assert_eq!(begun.unwrap().begun, Some(Frame::Message(batch(first, count, b""))));
    }
    let arrived = batch(3, 2, b"both");
    let senders = incoming.senders(&arrived).cloned().collect::<Vec<_>>();
    assert_eq!(senders, [1, 3].map(NodeId::numbered), "whoever sends all of it has it");
    let settled: Vec<_> = incoming.settle(&arrived).into_iter().map(|(from, _)| from).collect();
    assert_eq!(settled, [2, 3].map(NodeId::numbered), "what has more is still needed");
    let settled: Vec<_> = incoming.settle(&batch(1, 20, b"")).into_iter().map(|(from, _)| from).collect();
    assert_eq!((settled, incoming.bytes()), ([1, 4].map(NodeId::numbered).into(), 0));
}

proptest! {
    #[test]
    fn whatever_leaves_arrives_and_what_makes_no_sense_is_dropped(
        lengths in prop::collection::vec(1_usize..200_000, 1..6),
        noise in prop::collection::vec((0_u64..8, 0_u64..100, 0_u64..200, prop::option::of(0_u64..9), 0_usize..9), 0..20),
        acks in prop::collection::vec(any::<bool>(), 0..40),
    ) {
        let (mut outgoing, mut incoming, mut other) = (Outgoing::new(10 << 20, PATIENCE), incoming(), incoming());
        let slot = Slot(0);
        let sent: Vec<Frame> = lengths.iter().enumerate().map(|(index, &len)| {
            message(index as u64 + 1, &vec![index as u8; len])
        }).collect();
        for frame in &sent {
            prop_assert!(outgoing.push(slot, frame.clone()));
        }
        let (mut tokens, mut came, mut acks, mut millis) = (Vec::new(), Vec::new(), acks.into_iter(), 0);
        loop {
            millis += 1;
            for (_, frame) in outgoing.take_frames(at(millis)) {
                match frame {
                    Frame::Chunk(chunk) => came.extend(take(&mut incoming, millis, chunk).whole),
                    Frame::Ping { token, .. } => tokens.push(token),
                    other => panic!("{other:?}"),
                }
            }
            if tokens.is_empty() {
                break;
            }
            let token = if acks.next().unwrap_or(true) { tokens.remove(0) } else { tokens.drain(..).next_back().unwrap() };
            outgoing.acknowledge(at(millis), slot, token);
        }
        prop_assert_eq!(came, sent);
        prop_assert_eq!((incoming.bytes(), outgoing.bytes()), (0, 0));
        for (number, offset, length, head, len) in noise {
            let _ = other.take(at(0), &NodeId::numbered(1), chunk(number, offset, length, head, &vec![1; len]));
        }
        other.on_tick(at(10_000));
        prop_assert_eq!((other.bytes(), other.deadline()), (0, None));
    }
}
