//! Trees, questions and digests, seen from the door.

use super::*;
use crate::core::frame::{Answer, Span};

fn stream() -> StreamId {
    message(1, None).id.stream()
}

/// Announcement of messages.
fn have(first: u64, last: u64) -> Frame {
    let held = StreamRanges { stream: stream(), ranges: vec![(first, last)] };
    Frame::Have(vec![Announcement { held, age: Duration::ZERO, was_pushed: false }])
}

/// The links by which frames go that are meant.
fn links(outputs: &[Output], is_meant: impl Fn(&Frame) -> bool) -> Vec<u32> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Send { links, frame, .. } if is_meant(frame) => Some(links),
        _ => None,
    });
    sent.flatten().map(|link| link.0).collect()
}

fn grafts(outputs: &[Output]) -> Vec<u32> {
    links(outputs, |frame| matches!(frame, Frame::Graft(_)))
}

fn prunes(outputs: &[Output]) -> Vec<u32> {
    links(outputs, |frame| matches!(frame, Frame::Prune(_)))
}

/// The links by which exactly these messages are asked for.
fn pulls(outputs: &[Output], first: u64, last: u64) -> Vec<u32> {
    links(outputs, |frame| *frame == pull(vec![StreamRanges { stream: stream(), ranges: vec![(first, last)] }]))
}

/// Inputs at their times; the outputs of the last one.
fn run(machine: &mut Dissemination, inputs: Vec<(u64, Input)>) -> Vec<Output> {
    let nothing = Held(Vec::new());
    inputs.into_iter().map(|(millis, input)| apply(machine, at(millis), input, &nothing)).last().unwrap_or_default()
}

fn pushes(slot: u16, sequence: u64) -> Input {
    from(slot, Frame::Message(message(sequence, None)))
}

#[test]
fn a_second_miss_makes_a_neighbour_the_parent_and_the_first_one_does_not() {
    let mut machine = machine();
    let outputs = run(&mut machine, vec![(1, pushes(0, 1)), (2, from(1, have(2, 2))), (2_000, Input::Tick)]);
    assert_eq!((pulls(&outputs, 2, 2), grafts(&outputs)), (vec![1], vec![]), "one frame may get lost");
    let outputs = run(&mut machine, vec![(2_001, pushes(1, 2)), (2_002, from(1, have(3, 3))), (4_000, Input::Tick)]);
    assert_eq!((pulls(&outputs, 3, 3), grafts(&outputs), prunes(&outputs)), (vec![1], vec![1], vec![0]));
}

#[test]
fn what_was_missed_while_a_link_was_down_is_asked_for_at_once_and_told_instead_of_pushed() {
    let mut machine = machine();
    let held = StreamRanges { stream: stream(), ranges: vec![(1, 3)] };
    let told = Frame::Digest { streams: vec![held.clone()], given_up: Vec::new(), spans: Vec::new() };
    let outputs = run(&mut machine, vec![(1, Input::Rose(Slot(0))), (2, from(0, told)), (2, Input::Tick)]);
    assert_eq!(pulls(&outputs, 1, 3), [0]);
    let outputs = run(&mut machine, vec![(3, from(0, Frame::Message(batch(1, 3))))]);
    assert_eq!((delivered(&outputs), pushed(&outputs)), (vec![(1, 3)], vec![]), "others ask for it like this node");
    let outputs = run(&mut machine, vec![(100, Input::Tick)]);
    let is_told = |frame: &Frame| matches!(frame, Frame::Digest { streams, .. } if streams[..] == [held.clone()]);
    assert_eq!(links(&outputs, is_told), [1, 2], "{outputs:?}");
}

#[test]
fn whoever_brings_what_was_asked_of_another_too_soon_is_not_pruned_and_waited_for_from_then_on() {
    let mut machine = machine();
    let other = Batch { id: MessageId { origin: NodeId::numbered(8), ..message(1, None).id }, ..message(1, None) };
    let first = vec![(1, from(2, Frame::Message(other))), (2, from(1, have(1, 1))), (2_000, Input::Tick)];
    let outputs = run(&mut machine, first);
    assert_eq!((pulls(&outputs, 1, 1), grafts(&outputs)), (vec![1], vec![]), "it may come by the tree of the other");
    let outputs = run(&mut machine, vec![(2_001, pushes(1, 1)), (2_301, pushes(0, 1))]);
    assert_eq!((prunes(&outputs), counted(&outputs)), (vec![], vec![Counter::Duplicates]));
    run(&mut machine, vec![(2_302, pushes(0, 2)), (2_303, pushes(0, 3))]);
    let wait = machine.plumtree.trees().pull_delay(at(2_303).mono, &stream().origin, Duration::ZERO);
    assert!(wait > Duration::from_millis(300), "{wait:?}");
}

#[test]
fn a_neighbour_that_has_nobody_else_is_not_waited_for() {
    let mut machine = machine();
    let grafted = from(0, Frame::Graft(stream().origin));
    let outputs = run(&mut machine, vec![(1, pushes(0, 1)), (2, grafted), (3, from(1, have(2, 2)))]);
    assert_eq!(grafts(&outputs), [1]);
}

#[test]
fn who_was_quicker_three_times_in_a_row_by_more_than_chance_becomes_the_parent() {
    let swaps_at = |early: Duration| {
        let mut machine = machine();
        (1..=9).find(|&sequence| {
            let held = StreamRanges { stream: stream(), ranges: vec![(sequence, sequence)] };
            let had =
                Frame::Have(vec![Announcement { held, age: Duration::from_millis(5) + early, was_pushed: false }]);
            let outputs =
                run(&mut machine, vec![(100 * sequence, pushes(0, sequence)), (100 * sequence + 5, from(1, had))]);
            // The first message goes over all links; from then on the announcer is no pusher.
            if sequence == 1 {
                run(&mut machine, vec![(106, from(1, Frame::Prune(stream().origin)))]);
            }
            grafts(&outputs) == [1] && prunes(&outputs) == [0]
        })
    };
    assert_eq!(swaps_at(Duration::from_millis(20)), Some(4));
    assert_eq!(swaps_at(Duration::from_micros(900)), None, "links are not exact");
}

#[test]
fn a_neighbour_whose_hashes_differ_in_a_quiet_moment_is_probed_so_that_it_learns_it() {
    let mut machine = machine();
    run(&mut machine, vec![(1, Input::Rose(Slot(0))), (1, Input::Tick), (100, Input::Tick)]);
    let hashes = Hashes { seen: 1, given_up: 0 };
    assert_eq!(run(&mut machine, vec![(9_000, Input::Hashes { slot: Slot(0), hashes })]), [Output::Probe(Slot(0))]);
}

#[test]
fn what_the_log_does_not_have_is_sought() {
    let mut machine = machine();
    machine.recover(&Record::Received { batch: message(9, None), first: 9, last: 9, position: 1, at: Wall(0) });
    machine.resume(at(1).mono);
    let outputs = run(&mut machine, vec![(60_000, Input::Tick)]);
    assert!(outputs.contains(&Output::Gap { stream: stream(), first: 1, last: 8 }), "nobody offers it: {outputs:?}");
}

#[test]
fn lives_of_which_a_neighbour_has_seen_something_else_are_asked_for() {
    let (origin, hashes) = (stream().origin, Hashes { seen: 1, given_up: 0 });
    let told = Span { origin: origin.clone(), from: Incarnation(1), below: Incarnation(9), hashes };
    let digest = Frame::Digest { streams: Vec::new(), given_up: Vec::new(), spans: vec![told] };
    let outputs = run(&mut machine(), vec![(1, from(0, digest))]);
    let asks = |frame: &Frame| matches!(frame, Frame::Pull { spans, .. } if spans[0].origin == origin);
    assert_eq!(links(&outputs, asks), [0]);
}

#[test]
fn what_was_given_up_is_asked_for_until_whoever_had_it_says_that_it_is_lost() {
    let mut machine = machine();
    machine.recover(&Record::GivenUp { stream: stream(), first: 1, last: 3 });
    let held = StreamRanges { stream: stream(), ranges: vec![(1, 3)] };
    let told = Frame::Digest { streams: vec![held.clone()], given_up: Vec::new(), spans: Vec::new() };
    let outputs = run(&mut machine, vec![(1, from(0, told.clone())), (2_000, Input::Tick)]);
    assert_eq!(pulls(&outputs, 1, 3), [0]);
    let lost = Input::Lost { slot: Slot(0), streams: vec![held] };
    let outputs = run(&mut machine, vec![(2_001, lost), (9_000, Input::Tick)]);
    assert!(pulls(&outputs, 1, 3).is_empty());
    let outputs = run(&mut machine, vec![(9_001, from(0, told)), (11_000, Input::Tick)]);
    assert!(pulls(&outputs, 1, 3).is_empty(), "it is not asked again and again");
    let outputs = run(&mut machine, vec![(11_001, from(1, have(1, 3))), (14_000, Input::Tick)]);
    assert_eq!(pulls(&outputs, 1, 3), [1], "whoever has just got it keeps it");
}

#[test]
fn what_neighbours_have_given_up_is_named_once_a_later_message_shows_that_it_existed() {
    let gap = Output::Gap { stream: stream(), first: 1, last: 3 };
    for is_proven in [true, false] {
        let mut machine = machine();
        let held = StreamRanges { stream: stream(), ranges: vec![(1, 3)] };
        let told = Frame::Digest { streams: vec![held.clone()], given_up: vec![held], spans: Vec::new() };
        run(&mut machine, vec![(1, from(0, told))]);
        if is_proven {
            run(&mut machine, vec![(2, pushes(0, 4))]);
        }
        let mut outputs = Vec::new();
        while let Some(deadline) = machine.deadline().filter(|&deadline| deadline <= at(20_000).mono) {
            outputs.extend(apply(&mut machine, Now { mono: deadline, ..at(0) }, Input::Tick, &Held(Vec::new())));
        }
        let is_given_up = |output: &Output| matches!(output, Output::GivenUp { .. });
        assert_eq!((outputs.iter().any(is_given_up), outputs.contains(&gap)), (true, is_proven));
    }
}

#[test]
fn what_is_below_a_message_and_nobody_offers_is_given_up() {
    let mut machine = machine();
    let outputs = run(&mut machine, vec![(1, pushes(0, 5)), (60_000, Input::Tick)]);
    assert!(outputs.contains(&Output::Gap { stream: stream(), first: 1, last: 4 }), "{outputs:?}");
}

#[test]
fn a_neighbour_learns_that_what_it_asks_for_is_kept_no_more() {
    let mut machine = machine();
    run(&mut machine, vec![(1, pushes(0, 1))]);
    let asked = StreamRanges { stream: stream(), ranges: vec![(1, 1)] };
    machine.handle(at(2), from(1, pull(vec![asked.clone()])), &neighbours(), &Forgotten);
    let outputs: Vec<_> = std::iter::from_fn(|| machine.poll_output()).collect();
    assert_eq!(outputs, [Output::Answer(NodeId::numbered(3), Answer::Lost(vec![asked]))]);
}

/// A mailbox that keeps nothing of what was seen.
struct Forgotten;

impl Kept for Forgotten {
    fn body(&self, _: &MessageId) -> Option<Body> {
        None
    }

    fn resend(&self, _: &StreamId, _: &[(u64, u64)], seen: &[(u64, u64)], _: usize, _: usize) -> Resent {
        Resent { lost: seen.to_vec(), ..Resent::default() }
    }
}
