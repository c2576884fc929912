//! Messages that come and go in pieces, seen from the door.

use super::*;
use crate::core::frame::Chunk;

fn large() -> Batch {
    Batch { body: Body::one(Payload::from(&vec![7; 200_000][..])), ..message(1, None) }
}

/// A piece of a batch: bytes from one place on and up to another.
fn piece(batch: &Batch, from: usize, upto: usize) -> Frame {
    let (frame, body) = (Frame::Message(batch.clone()), batch.body.bytes());
    let head = (from == 0).then(|| Box::new(frame.with_body(Payload::from(&[][..]))));
    let (offset, length) = (from as u64, body.len() as u64);
    Frame::Chunk(Chunk { number: 1, offset, length, head, bytes: Payload::from(&body[from..upto]) })
}

/// The links by which pieces go.
fn pieces(outputs: &[Output]) -> Vec<u32> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { links, frame: Frame::Chunk(_), .. } => Some(links[0].0),
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_large_message_goes_in_pieces_as_far_as_the_far_end_acknowledges_them() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let outputs = apply(&mut machine, at(1), from(0, Frame::Message(large())), &nothing);
    assert_eq!((pushed(&outputs), pieces(&outputs)), (vec![], vec![]));
    let outputs = apply(&mut machine, at(1), Input::Flush, &nothing);
    assert_eq!(pieces(&outputs), [1, 1, 2, 2], "two pieces fill the window of a link");
}

#[test]
fn who_is_sending_a_message_is_not_sent_it_and_is_told_when_it_is_here() {
    let (mut machine, nothing, whole) = (machine(), Held(Vec::new()), message(1, None));
    apply(&mut machine, at(1), from(1, piece(&whole, 0, 2)), &nothing);
    let outputs = apply(&mut machine, at(2), from(0, Frame::Message(whole.clone())), &nothing);
    let is_told =
        |output: &Output| matches!(output, Output::Send { links, frame: Frame::Have(_), .. } if *links == [LinkId(1)]);
    assert_eq!((pushed(&outputs), outputs.iter().filter(|output| is_told(output)).count()), (vec![2], 1));
    assert_eq!(times(&outputs), [(Counter::Duplicates, 1)], "what has come of it is a copy");
    assert_eq!(
        apply(&mut machine, at(3), from(1, piece(&whole, 2, 5)), &nothing),
        [],
        "the rest of it is not another one"
    );
}

#[test]
fn nobody_is_asked_for_what_comes_in_pieces_until_these_stop() {
    let (mut machine, nothing, whole) = (machine(), Held(Vec::new()), message(2, None));
    let held = StreamRanges { stream: whole.id.stream(), ranges: vec![(2, 2)] };
    let have = Frame::Have(vec![Announcement { held: held.clone(), age: Duration::ZERO, was_pushed: false }]);
    let pull = Output::Send { links: vec![LinkId(1)], frame: pull(vec![held]), counter: Some(Counter::Pulls) };
    apply(&mut machine, at(1), from(0, Frame::Message(message(1, None))), &nothing);
    apply(&mut machine, at(2), from(0, piece(&whole, 0, 2)), &nothing);
    apply(&mut machine, at(3), from(1, have), &nothing);
    let standstill = u64::try_from(machine.standstill.as_millis()).unwrap();
    let outputs = apply(&mut machine, at(standstill - 10), Input::Tick, &nothing);
    assert!(!outputs.contains(&pull), "{outputs:?}");
    let outputs = apply(&mut machine, at(standstill + 10), Input::Tick, &nothing);
    assert!(outputs.contains(&pull), "{outputs:?}");
}

#[test]
fn what_waits_for_a_link_is_not_sent_over_it_once_more_when_it_is_asked_for() {
    let (mut machine, kept) = (machine(), Held(vec![large()]));
    apply(&mut machine, at(1), from(0, Frame::Message(large())), &kept);
    apply(&mut machine, at(1), Input::Flush, &kept);
    let asked = StreamRanges { stream: large().id.stream(), ranges: vec![(1, 1)] };
    let outputs = apply(&mut machine, at(2), from(1, pull(vec![asked])), &kept);
    assert_eq!(times(&outputs), []);
}

#[test]
fn who_sends_pieces_may_be_long_at_answering_what_it_is_asked_meanwhile() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    let held = StreamRanges { stream: message(3, None).id.stream(), ranges: vec![(3, 3)] };
    let have = || Frame::Have(vec![Announcement { held: held.clone(), age: Duration::ZERO, was_pushed: false }]);
    apply(&mut machine, at(1), from(0, Frame::Message(message(1, None))), &nothing);
    apply(&mut machine, at(2), from(0, piece(&message(2, None), 0, 2)), &nothing);
    [0, 1].into_iter().for_each(|slot| _ = apply(&mut machine, at(3), from(slot, have()), &nothing));
    let asked = [1_000, 2_000].map(|millis| {
        let outputs = apply(&mut machine, at(millis), Input::Tick, &nothing);
        let pull = |output: &Output| match output {
            Output::Send { links, frame: Frame::Pull { .. }, .. } => Some(links[0].0),
            _ => None,
        };
        outputs.iter().filter_map(pull).collect::<Vec<_>>()
    });
    assert_eq!(asked, [vec![0], vec![]]);
}
