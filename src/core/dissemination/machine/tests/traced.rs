//! Traced messages, seen from the door.

use super::*;

fn copy(batch: &Batch, from: u32) -> Frame {
    let Batch { id, published_at, hops, .. } = batch.clone();
    Frame::Path(PathCopy { id, published_at, hops, trace: trace(from) })
}

/// The links by which paths go without their payloads.
fn paths(outputs: &[Output]) -> Vec<u32> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { links, frame: Frame::Path(_), .. } => Some(links),
        _ => None,
    });
    sent.flatten().map(|link| link.0).collect()
}

fn large(sequence: u64) -> Batch {
    Batch { body: Body::one(Payload::from(&[7; 1_000][..])), ..message(sequence, Some(trace(2))) }
}

#[test]
fn copies_that_come_before_their_payload_are_noted_and_go_on_with_it() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    apply(&mut machine, at(1), from(1, copy(&large(1), 3)), &nothing);
    let outputs = apply(&mut machine, at(2), from(0, Frame::Message(large(1))), &nothing);
    let noted = outputs.iter().filter(|output| matches!(output, Output::Path { .. })).count();
    assert_eq!((noted, pushed(&outputs), paths(&outputs)), (2, vec![2], vec![0, 1]));
}

#[test]
fn a_large_payload_goes_to_whoever_may_lack_it_and_the_path_alone_to_others() {
    let (mut machine, kept) = (machine(), Held(vec![large(1)]));
    let outputs = apply(&mut machine, at(1), from(0, Frame::Message(large(1))), &kept);
    assert_eq!((pushed(&outputs), paths(&outputs)), (vec![1, 2], vec![]));
    let outputs = apply(&mut machine, at(2), from(1, copy(&large(1), 3)), &kept);
    assert_eq!((pushed(&outputs), paths(&outputs)), (vec![], vec![0]), "it has sent it");
}

#[test]
fn who_spares_a_payload_pushes_the_next_one_where_the_parent_is_gone() {
    let (mut machine, nothing) = (machine(), Held(Vec::new()));
    apply(&mut machine, at(1), from(0, Frame::Message(large(1))), &nothing);
    apply(&mut machine, at(2), Input::Fell(Slot(0)), &nothing);
    let outputs = apply(&mut machine, at(3), from(1, copy(&large(2), 3)), &nothing);
    let grafts = |output: &Output| matches!(output, Output::Send { frame: Frame::Graft(_), .. });
    assert!(!outputs.iter().any(grafts), "{outputs:?}");
}

#[test]
fn a_path_that_others_would_refuse_for_its_length_is_not_sent_on_request() {
    let mut machine = machine_with(Limits { path_len_max: 2, ..Limits::default() });
    let kept = Held(vec![message(1, Some(trace(2)))]);
    apply(&mut machine, at(1), from(0, Frame::Message(kept.0[0].clone())), &kept);
    let long =
        Trace { path: [9, 8, 2].map(|number| Hop { node: NodeId::numbered(number), micros: 0 }).into(), ..trace(2) };
    let kept = Held(vec![message(1, Some(long))]);
    let asked = StreamRanges { stream: message(1, None).id.stream(), ranges: vec![(1, 1)] };
    let outputs = apply(&mut machine, at(2), from(1, pull(vec![asked])), &kept);
    assert_eq!(sent(&outputs), [(&Batch { hops: 2, ..message(1, None) }, vec![1])]);
}
