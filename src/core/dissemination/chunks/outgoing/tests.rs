//! Pieces as they are cut, their number under way at a time, and that all of them arrive.

use super::*;
use crate::core::{
    batch::Body,
    id::{Incarnation, MessageId, NodeId},
    time::Wall,
};

const LINK: Slot = Slot(3);
const PATIENCE: Duration = Duration::from_secs(4);

fn at(millis: u64) -> Mono {
    Mono(millis * 1_000_000)
}

fn id(sequence: u64) -> MessageId {
    MessageId { origin: NodeId::numbered(4), incarnation: Incarnation(17), sequence }
}

/// So many messages from a number on. The body need not be one of theirs.
fn batch(sequence: u64, count: u32, len: usize) -> Batch {
    let bytes: Vec<u8> = (0..len).map(|place| (place % 251) as u8).collect();
    let body = Body::new(bytes[..].into(), count, None);
    Batch { id: id(sequence), published_at: Wall(1), hops: 1, trace: None, tree: None, body }
}

fn message(sequence: u64, len: usize) -> Frame {
    Frame::Message(batch(sequence, 1, len))
}

/// Says whether a message waits for a link or is under way.
fn holds(outgoing: &Outgoing, slot: Slot, sequence: u64) -> bool {
    outgoing.holds(slot, &batch(sequence, 1, 0))
}

/// The frames that go now, each piece as its number, offset and length, each probe as its token.
fn take(outgoing: &mut Outgoing, now: Mono) -> (Vec<(u64, u64, usize)>, Vec<u64>) {
    let (mut pieces, mut tokens) = (Vec::new(), Vec::new());
    for (slot, frame) in outgoing.take_frames(now) {
        assert_eq!(slot, LINK);
        match frame {
            Frame::Chunk(chunk) => pieces.push((chunk.number, chunk.offset, chunk.bytes.len())),
            Frame::Ping { token, digest: None } => tokens.push(token),
            other => panic!("{other:?}"),
        }
    }
    (pieces, tokens)
}

#[test]
fn bodies_in_one_are_followed_by_a_probe_when_they_are_long_together() {
    let mut outgoing = Outgoing::new(10 << 20, PATIENCE);
    assert_eq!(outgoing.passed(LINK, UNPROBED_MAX - 1), None);
    let Some(Frame::Ping { token, digest: None }) = outgoing.passed(LINK, 1) else { panic!("no probe") };
    assert_eq!(take(&mut outgoing, at(5)), (vec![], vec![]), "it went with the body, at that time");
    assert_eq!(outgoing.deadline(), Some(at(5) + PATIENCE));
    assert_eq!(outgoing.passed(LINK, UNPROBED_MAX - 1), None, "it begins anew");
    assert_eq!(outgoing.acknowledge(at(905), LINK, token), Some(Duration::from_millis(900)));
    assert_eq!(outgoing.deadline(), None);
}

#[test]
fn a_body_goes_in_pieces_as_they_are_acknowledged() {
    let mut outgoing = Outgoing::new(10 << 20, PATIENCE);
    assert!(outgoing.push(LINK, message(1, 100_000)));
    let (pieces, mut tokens) = take(&mut outgoing, at(0));
    assert_eq!((pieces, tokens.len()), (vec![(1, 0, 16_384), (1, 16_384, 16_384)], 2));
    assert_eq!(take(&mut outgoing, at(1)), (vec![], vec![]), "nothing was acknowledged");
    let mut sent = 32_768;
    for step in 1.. {
        let token = tokens.remove(0);
        assert!(Outgoing::is_token(token) && outgoing.acknowledge(at(step), LINK, token).is_some());
        let (pieces, more) = take(&mut outgoing, at(step));
        for (_, offset, len) in pieces {
            assert_eq!(offset, sent);
            sent += len as u64;
        }
        tokens.extend(more);
        if tokens.is_empty() {
            break;
        }
    }
    assert_eq!((sent, outgoing.bytes(), outgoing.deadline()), (100_000, 0, None));
}

#[test]
fn what_waits_is_told_of_at_once() {
    let mut outgoing = Outgoing::new(10 << 20, PATIENCE);
    for sequence in 1..=3 {
        assert!(outgoing.push(LINK, message(sequence, 100_000)));
    }
    let heads: Vec<_> = outgoing
        .take_frames(at(0))
        .into_iter()
        .filter_map(|(_, frame)| match frame {
            Frame::Chunk(Chunk { number, head: Some(head), bytes, .. }) => Some((number, *head, bytes.len())),
            _ => None,
        })
        .collect();
    let told: Vec<_> = heads.iter().map(|(number, head, len)| (*number, head.body().unwrap().len(), *len)).collect();
    assert_eq!(told, [(1, 0, 16_384), (2, 0, 0), (3, 0, 0)]);
    assert!((1..=3).all(|sequence| holds(&outgoing, LINK, sequence)) && !holds(&outgoing, Slot(4), 1));
}

#[test]
fn what_the_far_end_has_is_not_sent_and_what_waits_is_bounded() {
    let mut outgoing = Outgoing::new(250_000, PATIENCE);
    let room: Vec<_> = (1..=4).map(|sequence| outgoing.push(LINK, message(sequence, 100_000))).collect();
    assert_eq!(room, [true, true, false, false]);
    assert!(outgoing.is_pressed(at(0)));
    let (_, tokens) = take(&mut outgoing, at(0));
    outgoing.known_to(LINK, &id(1).stream(), &[(1, 1)]);
    assert!(!holds(&outgoing, LINK, 1));
    outgoing.acknowledge(at(10), LINK, tokens[1]).unwrap();
    let (pieces, _) = take(&mut outgoing, at(10));
    assert_eq!(pieces[0], (2, 0, pieces[0].2));
    assert_eq!((outgoing.forget(LINK), outgoing.bytes()), (1, 0));
}

#[test]
fn a_batch_waits_until_the_far_end_has_all_of_it() {
    let mut outgoing = Outgoing::new(10 << 20, PATIENCE);
    outgoing.push(LINK, Frame::Message(batch(1, 9, 70_000)));
    outgoing.push(LINK, message(12, 70_000));
    let stream = id(1).stream();
    outgoing.known_to(LINK, &stream, &[(1, 4), (6, 9)]);
    let is_held = |outgoing: &Outgoing, first, count| outgoing.holds(LINK, &batch(first, count, 0));
    assert_eq!([(1, 9), (3, 2)].map(|(first, count)| is_held(&outgoing, first, count)), [true, true]);
    assert_eq!(
        [(9, 2), (11, 3)].map(|(first, count)| is_held(&outgoing, first, count)),
        [false, false],
        "a part of it"
    );
    outgoing.known_to(LINK, &stream, &[(1, 11)]);
    assert_eq!([(1, 9), (12, 1)].map(|(first, count)| is_held(&outgoing, first, count)), [false, true]);
    assert_eq!(outgoing.bytes(), 70_000);
}

#[test]
fn a_lost_answer_is_asked_for_again_and_a_later_one_counts_for_it() {
    let mut outgoing = Outgoing::new(10 << 20, PATIENCE);
    outgoing.push(LINK, message(1, 100_000));
    take(&mut outgoing, at(0));
    assert_eq!(outgoing.deadline(), Some(at(4000)));
    let again = outgoing.on_tick(at(4000));
    let [(LINK, Frame::Ping { token, .. })] = again[..] else { panic!("{again:?}") };
    assert_eq!(outgoing.acknowledge(at(4005), LINK, token), Some(Duration::from_millis(5)));
    let (pieces, _) = take(&mut outgoing, at(4005));
    assert_eq!(pieces[0].1, 32_768);
    assert_eq!(outgoing.acknowledge(at(4006), LINK, 7), None);
}

#[test]
fn a_queue_that_moves_no_more_presses_nobody() {
    let mut outgoing = Outgoing::new(150_000, PATIENCE);
    outgoing.push(LINK, message(1, 140_000));
    take(&mut outgoing, at(0));
    assert!(outgoing.is_pressed(at(1900)));
    assert!(!outgoing.is_pressed(at(2100)));
}

#[test]
fn a_link_whose_far_end_takes_no_pieces_may_be_silent_while_a_large_body_crosses() {
    let mut outgoing = Outgoing::new(1 << 20, PATIENCE);
    outgoing.push_whole(LINK, 1 << 20);
    take(&mut outgoing, at(0));
    let excused = |outgoing: &Outgoing, now| outgoing.excused(now).next();
    assert_eq!(excused(&outgoing, at(1)), Some((LINK, at(64_000))), "at the slowest rate");
    outgoing.answered(at(3_000), LINK, at(1));
    assert_eq!(excused(&outgoing, at(3_001)), None, "it has crossed");
}
