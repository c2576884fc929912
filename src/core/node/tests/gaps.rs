//! Gaps: what is given up, what is only said to exist, and that neither keeps a message out that comes after all.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A node with links to two peers that repair: 0 to node 2 and 1 to node 3. It asks each for 512 messages at a time.
fn between_two() -> Node {
    let limits = Limits { pull_max: 512, ..Limits::default() };
    let mut node = Node::new(config(0, limits), Incarnation(7), 0, "test", Now::default());
    for (index, link) in [(1, LinkId(0)), (2, LinkId(1))] {
        meet(&mut node, Duration::ZERO, index, link);
    }
    node
}

fn meet(node: &mut Node, at: Duration, index: usize, link: LinkId) {
    let who = || {
        hello(|hello| {
            (hello.node, hello.endpoint) = (name(index), endpoint(index));
            hello.capabilities = vec!["repair".into()];
        })
    };
    outputs(node, at, from(index, Frame::Hello(who(), JoinPriority::Declared)));
    outputs(node, at, Input::Answered { link, answer: Answer::Welcome(who(), None) });
}

fn from(index: usize, frame: Frame) -> Input {
    Input::Arrived { from: name(index).into(), frame }
}

fn stream() -> StreamId {
    StreamId { origin: name(8), incarnation: Incarnation(1) }
}

fn held(ranges: &[(u64, u64)]) -> Vec<StreamRanges> {
    vec![StreamRanges { stream: stream(), ranges: ranges.to_vec() }]
}

fn message(sequence: u64) -> Frame {
    Frame::Message(single(stream().message(sequence), b"x"))
}

/// Questions, and whom they are asked of.
fn pulls(outputs: &[Output]) -> Vec<(LinkId, Vec<(u64, u64)>)> {
    let pull = |output: &Output| match output {
        Output::Send(links, Frame::Pull { streams, .. }) => Some((links[0], streams[0].ranges.clone())),
        _ => None,
    };
    let mut pulls: Vec<_> = outputs.iter().filter_map(pull).collect();
    // Who does not answer is asked again.
    pulls.dedup();
    pulls
}

/// Gaps that are told and those that are told to be filled.
fn told(outputs: &[Output]) -> Vec<(&'static str, u64, u64)> {
    let told = |output: &Output| match output {
        Output::Notify(event @ (Event::Gap { first, last, .. } | Event::GapFilled { first, last, .. })) => {
            Some((event.kind(), *first, *last))
        }
        _ => None,
    };
    outputs.iter().filter_map(told).collect()
}

/// Lets time pass to `until`, and gives all that the node does.
fn pass(node: &mut Node, until: Duration) -> Vec<Output> {
    let mut all = Vec::new();
    while let Some(at) = node.deadline().map(|at| Duration::from_nanos(at.0)).filter(|at| *at <= until) {
        let done = outputs(node, at, Input::Tick);
        let pings = done.iter().filter_map(|output| match output {
            Output::Send(links, Frame::Ping { token, .. }) => Some((links[0], *token)),
            _ => None,
        });
        // Its neighbours live.
        for (link, token) in pings.collect::<Vec<_>>() {
            all.extend(outputs(node, at, Input::Answered { link, answer: Answer::Pong(token) }));
        }
        all.extend(done);
    }
    all.extend(outputs(node, until, Input::Tick));
    all
}

fn counts(node: &Node, at: Duration) -> [u64; 3] {
    let status = node.status(Now { mono: Mono(0) + at, wall: Wall(0) });
    [status.seen_messages.unwrap(), status.given_up, status.unproven]
}

#[test]
fn what_was_given_up_is_fetched_from_whoever_offers_it_later() {
    let mut node = between_two();
    let digest = |ranges: &[(u64, u64)], given_up: &[(u64, u64)]| {
        let given_up = if given_up.is_empty() { Vec::new() } else { held(given_up) };
        Frame::Digest { streams: held(ranges), given_up, spans: Vec::new() }
    };
    outputs(&mut node, SECOND, from(1, digest(&[(1, 200)], &[])));
    assert_eq!(pulls(&pass(&mut node, 2 * SECOND))[0], (LinkId(0), vec![(1, 200)]));
    let lost = Answer::Lost(held(&[(1, 150)]));
    outputs(&mut node, 2 * SECOND, Input::Answered { link: LinkId(0), answer: lost });
    (151..=200).for_each(|number| drop(outputs(&mut node, 2 * SECOND, from(1, message(number)))));
    assert_eq!(told(&pass(&mut node, 20 * SECOND)), [("gap", 1, 150)]);
    assert_eq!(counts(&node, 20 * SECOND), [200, 150, 0]);

    // One that gave up the same has nothing, and the one that dropped it is not asked again.
    outputs(&mut node, 21 * SECOND, from(2, digest(&[(1, 200)], &[(1, 200)])));
    outputs(&mut node, 21 * SECOND, from(1, digest(&[(1, 201)], &[])));
    assert_eq!(pulls(&pass(&mut node, 22 * SECOND)), [(LinkId(0), vec![(201, 201)])]);
    outputs(&mut node, 22 * SECOND, from(1, message(201)));

    outputs(&mut node, 23 * SECOND, from(2, digest(&[(1, 200)], &[(150, 200)])));
    assert_eq!(pulls(&pass(&mut node, 24 * SECOND)), [(LinkId(1), vec![(1, 149)])]);
    let filled: Vec<_> =
        (1..=149).flat_map(|number| outputs(&mut node, 24 * SECOND, from(2, message(number)))).collect();
    let delivered = filled.iter().filter(|output| matches!(output, Output::Append(_, Record::Received { .. })));
    assert_eq!(delivered.count(), 149);
    let again = outputs(&mut node, 24 * SECOND, from(2, message(7)));
    assert!(!again.iter().any(|output| matches!(output, Output::Append(..))), "once");
    assert_eq!(told(&pass(&mut node, 26 * SECOND)), [("gap_filled", 1, 149)]);
    assert_eq!(counts(&node, 26 * SECOND), [201, 1, 0]);
    let page = node.machines.dissemination.seen().gaps().collect::<Vec<_>>();
    assert_eq!(page.iter().map(|gap| (gap.first, gap.last)).collect::<Vec<_>>(), [(150, 150)]);

    // Who comes back is asked anew.
    outputs(&mut node, 27 * SECOND, Input::Disconnected(LinkId(0)));
    outputs(&mut node, 28 * SECOND, from(1, Frame::Leave));
    meet(&mut node, 29 * SECOND, 1, LinkId(2));
    outputs(&mut node, 30 * SECOND, from(1, digest(&[(1, 201)], &[])));
    assert_eq!(pulls(&pass(&mut node, 31 * SECOND)), [(LinkId(2), vec![(150, 150)])]);
}

#[test]
fn a_claim_that_nobody_can_prove_swallows_no_message() {
    let mut node = between_two();
    (1..=3).for_each(|number| drop(outputs(&mut node, SECOND, from(2, message(number)))));
    outputs(
        &mut node,
        SECOND,
        from(1, Frame::Digest { streams: held(&[(1, 600)]), given_up: Vec::new(), spans: Vec::new() }),
    );
    assert_eq!(pulls(&pass(&mut node, 2 * SECOND)), [(LinkId(0), vec![(4, 515)])]);
    let lost = || Answer::Lost(held(&[(4, 600)]));
    outputs(&mut node, 2 * SECOND, Input::Answered { link: LinkId(0), answer: lost() });
    assert_eq!(told(&pass(&mut node, 20 * SECOND)), [], "nothing is named that may not exist");
    assert_eq!(counts(&node, 20 * SECOND), [3, 0, 597]);
    for number in (4..=600).rev() {
        let outputs = outputs(&mut node, 21 * SECOND, from(2, message(number)));
        assert!(outputs.iter().any(|output| matches!(output, Output::Append(..))), "{number} was swallowed");
    }
    assert_eq!((told(&pass(&mut node, 40 * SECOND)), counts(&node, 40 * SECOND)), (vec![], [600, 0, 0]));
}

#[test]
fn what_lies_below_a_message_is_missing_and_named_when_it_does_not_come() {
    let mut node = between_two();
    [1, 2, 5].into_iter().for_each(|number| drop(outputs(&mut node, SECOND, from(1, message(number)))));
    let status = node.status(Now { mono: Mono(0) + SECOND, wall: Wall(0) });
    assert_eq!((status.missing, status.given_up), (1, 0));
    assert_eq!(told(&pass(&mut node, 5 * SECOND)), [], "it may come");
    assert_eq!(told(&pass(&mut node, 10 * SECOND)), [("gap", 3, 4)]);
    outputs(&mut node, 11 * SECOND, from(1, message(4)));
    assert_eq!(told(&pass(&mut node, 13 * SECOND)), [("gap_filled", 4, 4)]);
    let status = node.status(Now { mono: Mono(0) + 13 * SECOND, wall: Wall(0) });
    assert_eq!((status.seen_messages, status.missing, status.given_up), (Some(5), 0, 1));

    // What comes in another order than it was sent is no gap.
    [9, 8, 6, 7].into_iter().for_each(|number| drop(outputs(&mut node, 14 * SECOND, from(1, message(number)))));
    assert_eq!(node.machines.dissemination.missing_len(), 0);
    assert_eq!(told(&pass(&mut node, 60 * SECOND)), []);
}

#[test]
fn a_node_that_comes_back_seeks_what_it_missed_before() {
    let records = [1, 5].map(|sequence| received(single(stream().message(sequence), b"x")));
    let config = config(0, Limits::default());
    let mut node = Node::recover(config, Incarnation(7), 0, "test", Now::default(), numbered(records));
    assert_eq!(told(&pass(&mut node, 10 * SECOND)), [("gap", 2, 4)]);
}

#[test]
fn who_asks_and_cannot_be_reached_is_sent_nothing() {
    let mut node = Node::new(config(0, Limits::default()), Incarnation(7), 0, "test", Now::default());
    let who = hello(|hello| hello.capabilities = vec!["repair".into()]);
    outputs(&mut node, Duration::ZERO, from(1, Frame::Hello(who, JoinPriority::Declared)));
    outputs(&mut node, Duration::ZERO, from(1, message(1)));
    let sent = |at, node: &mut Node| {
        let done = outputs(node, at, from(1, Frame::Pull { streams: held(&[(1, 1)]), spans: Vec::new() }));
        done.iter().filter(|output| matches!(output, Output::Send(_, Frame::Message(_)))).count()
    };
    assert_eq!(sent(SECOND, &mut node), 1, "its link may come up");
    let mut at = SECOND;
    while !outputs(&mut node, at, Input::Tick).contains(&Output::Disconnect(LinkId(0))) {
        at = Duration::from_nanos(node.deadline().unwrap().0);
    }
    assert_eq!(sent(at, &mut node), 0, "there is no connection");
}
