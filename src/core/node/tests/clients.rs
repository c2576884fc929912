//! Clients of a node: receipts, and what replies wait for.

use super::*;
use crate::core::event::record::{Condition, Level};

fn client() -> ReturnAddress {
    ReturnAddress([1].into())
}

fn requested(id: RequestId, request: Request) -> Input {
    Input::Requested { principal: Principal::Unnamed, client: client(), id, request }
}

fn publish(payload: &[u8]) -> Request {
    Request::Publish { trace: None, body: Body::one(payload.into()) }
}

/// The requests that were answered, in the order of the replies.
fn answered(net: &mut Net) -> Vec<u64> {
    let number = |(_, id, _)| match id {
        RequestId::Number(number) => number,
        other => panic!("{other:?}"),
    };
    net.replies.drain(..).map(number).collect()
}

#[test]
fn a_repeated_submission_is_published_once() {
    let mut net = Net::of(1, 0, &Limits::default());
    let unique = RequestId::Unique([9; 16].into());
    (0..3).for_each(|_| net.input(0, requested(unique.clone(), publish(b"once"))));
    assert!(net.replies.iter().all(|(_, id, reply)| *id == unique && *reply == net.replies[0].2));
    assert_eq!(net.replies.len(), 3);
    assert_eq!((net.count(0, Counter::Published), net.count(0, Counter::Repeated)), (1, 2));
}

#[test]
fn a_reply_waits_for_its_own_record_and_for_nothing_else() {
    let mut net = Net::of(1, 0, &Limits { payload_len_max: 4, ..Limits::default() });
    net.sync = false;
    let unique = RequestId::Unique([9; 16].into());
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: 9, mark: false };
    let requests = [
        publish(b"a"),
        publish(b"large"),
        Request::Mark { first: 1, last: 1 },
        Request::Mark { first: 1, last: 1 },
        publish(b"b"),
        Request::Fetch(Fetch { mark: true, ..fetch.clone() }),
        Request::Fetch(fetch),
        Request::Status,
    ];
    for (number, request) in (0..).zip(requests) {
        net.input(0, requested(RequestId::Number(number), request));
    }
    assert_eq!(answered(&mut net), [1, 2, 3, 5, 6, 7], "only a receipt promises something");
    for _ in 0..2 {
        net.input(0, requested(unique.clone(), publish(b"c")));
    }
    assert_eq!(net.replies, [], "the repeated one waits for what the first one waits for");
    net.input(0, Input::Synced(LogSeq(1)));
    assert_eq!(answered(&mut net), [0]);
    net.input(0, Input::Synced(LogSeq(2)));
    assert_eq!(answered(&mut net), [0; 0], "that was a mark");
    net.input(0, Input::Synced(LogSeq(4)));
    assert_eq!(answered(&mut net), [4]);
    net.input(0, Input::Synced(LogSeq(9)));
    let receipts: Vec<_> = net.replies.iter().map(|(_, id, reply)| (id, reply)).collect();
    assert_eq!((receipts.len(), receipts[0].0, receipts[0]), (2, &unique, receipts[1]));
    assert!(matches!(receipts[0].1, Reply::Receipt { level: Level::Memory, .. }));
}

#[test]
fn a_log_that_is_far_behind_keeps_clients_from_waiting_for_it() {
    let mut net = Net::of(1, 0, &Limits { receipts_waiting_max: 3, ..Limits::default() });
    net.sync = false;
    for _ in 0..3 {
        net.input(0, requested(RequestId::None, publish(b"x")));
        assert_eq!(net.replies, [], "all of them wait");
    }
    assert!(matches!(net.reply(0, publish(b"x")), Reply::Refused { refusal: Refusal::Busy, .. }));
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: 9, mark: true };
    assert!(matches!(net.reply(0, Request::Fetch(fetch)), Reply::Page(_)), "it waits for nothing");
    net.input(0, Input::Synced(LogSeq(3)));
    net.replies.clear();
    net.input(0, requested(RequestId::None, publish(b"x")));
    net.input(0, Input::Synced(LogSeq(9)));
    assert!(matches!(net.replies[..], [(_, _, Reply::Receipt { .. })]));
}

#[test]
fn a_node_whose_log_cannot_keep_more_serves_and_takes_nothing() {
    let mut net = Net::of(1, 0, &Limits::default());
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: 9, mark: true };
    net.reply(0, publish(b"a"));
    let troubles = [
        (Condition::Busy, Refusal::Busy, None),
        (Condition::Full("no space".into()), Refusal::DiskFull, Some("the disk is full: no space")),
        (Condition::Failed("EIO".into()), Refusal::LogFailed, Some("the log cannot be written: EIO")),
    ];
    for (condition, code, trouble) in troubles {
        net.input(0, Input::Log(condition));
        assert!(matches!(net.reply(0, publish(b"b")), Reply::Refused { refusal, .. } if refusal == code));
        assert!(matches!(net.reply(0, Request::Fetch(fetch.clone())), Reply::Page(page) if page.messages.len() == 1));
        let Reply::Status(status) = net.reply(0, Request::Status) else { panic!("no status") };
        assert_eq!(status.log_trouble.as_deref(), trouble);
    }
    net.input(0, Input::Log(Condition::Well));
    assert!(matches!(net.reply(0, publish(b"b")), Reply::Receipt { .. }));
    assert!(matches!(net.reply(0, Request::Reopen), Reply::Refused { refusal: Refusal::BadRequest, .. }), "no disk");
    net.nodes[0] =
        Node::new(Config { level: Level::Disk, ..config(0, Limits::default()) }, Incarnation(8), 0, "test", net.now());
    let reopened = outputs(&mut net.nodes[0], Duration::ZERO, requested(RequestId::None, Request::Reopen));
    assert!(matches!(reopened[..], [Output::Reopen, Output::Reply(.., Reply::Done)]), "{reopened:?}");
}

#[test]
fn events_and_arrivals_are_told_in_the_order_in_which_they_happened() {
    let mut node = with_peer();
    let watch = |number, from| requested(RequestId::Number(number), Request::Watch { from, wait: Duration::ZERO });
    outputs(&mut node, Duration::ZERO, watch(1, None));
    // It claims to be of this life: the node takes up another one, and then it is as good as all others.
    let id = MessageId { origin: name(0), incarnation: Incarnation(7), sequence: 5 };
    outputs(&mut node, Duration::ZERO, arrived(Frame::Message(single(id, b"x"))));
    let told = outputs(&mut node, Duration::ZERO, watch(2, Some(1)));
    let Some(Output::Reply(_, _, Reply::Events { told, .. })) = told.last() else { panic!("{told:?}") };
    let kinds: Vec<&str> = told.happenings.iter().map(|told| &*told.kind).collect();
    assert_eq!(kinds, ["link_up", "renewed", "arrived"]);
}

#[test]
fn a_frame_of_somebody_without_a_name_is_counted_and_goes_no_further() {
    let mut net = Net::of(1, 0, &Limits::default());
    let hello = || Frame::Hello(hello(|_| {}), JoinPriority::Declared);
    for from in [Principal::Unnamed, Principal::Own] {
        net.input(0, Input::Arrived { from, frame: hello() });
    }
    assert_eq!((net.refused(0, Refusal::BadIdentity), net.wires.len()), (2, 0));
}

/// All that a client can see of what a node holds.
fn held(net: &mut Net) -> (Page, Reply, (u64, u64)) {
    let page = net.inbox(0);
    let vector = net.reply(0, Request::Seen { after: None, of: Vec::new() });
    let Reply::Status(status) = net.reply(0, Request::Status) else { panic!("no state") };
    (page, vector, (status.unread, status.given_up))
}

/// A node that has published, received, given up and marked, and the records of all that.
fn recorded() -> (Net, Vec<(LogSeq, Record)>) {
    let mut net = Net::of(1, 0, &Limits::default());
    let mut records = Vec::new();
    let mut input = |net: &mut Net, at: u64, input: Input| {
        let now = Now { mono: Mono(at * 1_000_000_000), wall: Wall(at) };
        for output in turn(&mut net.nodes[0], now, input) {
            match output {
                Output::Append(place, record) => records.push((place, record)),
                Output::Reply(_, id, reply) => net.replies.push((0, id, reply)),
                _ => {}
            }
        }
    };
    let unique = |number: u8| RequestId::Unique([number; 16].into());
    input(&mut net, 1, requested(unique(1), publish(b"own")));
    input(&mut net, 1, requested(RequestId::Number(2), publish(b"numbered")));
    let who = || hello(|hello| hello.capabilities = vec!["repair".into()]);
    input(&mut net, 1, arrived(Frame::Hello(who(), JoinPriority::Declared)));
    input(&mut net, 1, Input::Answered { link: LinkId(0), answer: Answer::Welcome(who(), None) });
    for sequence in [1, 2, 5] {
        let id = MessageId { origin: name(8), incarnation: Incarnation(1), sequence };
        input(&mut net, 2, arrived(Frame::Message(single(id, b"received"))));
    }
    // Nobody sends what is missing.
    (3..60).for_each(|at| input(&mut net, at, Input::Tick));
    input(&mut net, 60, requested(RequestId::Number(3), Request::Mark { first: 2, last: 3 }));
    input(&mut net, 60, requested(unique(4), publish(b"late")));
    input(&mut net, 60, Input::Synced(LogSeq(u64::MAX)));
    net.clock = 60_000_000_000;
    (net, records)
}

#[test]
fn a_node_recovers_from_its_log_all_that_a_client_can_see() {
    let (mut net, records) = recorded();
    assert_eq!(records.iter().map(|(place, _)| place.0).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    let receipts: Vec<_> =
        net.replies.drain(..).filter(|(_, _, reply)| matches!(reply, Reply::Receipt { .. })).collect();
    assert_eq!(receipts.len(), 3);
    let before = held(&mut net);
    assert_eq!((before.0.messages.len(), before.0.gaps.len(), before.2), (6, 1, (4, 2)));
    let now = net.now();
    net.nodes[0] = Node::recover(config(0, Limits::default()), Incarnation(8), 0, "test", now, records);
    assert_eq!(held(&mut net), before);
    net.input(0, Input::Synced(LogSeq(1_000)));
    // Whoever asks again under a unique id gets the receipt of the life before; numbers repeat.
    for (_, id, reply) in receipts {
        net.input(0, requested(id.clone(), publish(b"again")));
        let (_, answered, receipt) = net.replies.pop().unwrap();
        assert_eq!((answered, receipt == reply), (id.clone(), matches!(id, RequestId::Unique(_))));
    }
    assert_eq!((net.count(0, Counter::Published), net.count(0, Counter::Repeated)), (1, 2));
}

#[test]
fn an_empty_log_tells_of_a_new_node() {
    let new = Node::new(config(0, Limits::default()), Incarnation(7), 5, "test", Now::default());
    let recovered = Node::recover(config(0, Limits::default()), Incarnation(7), 5, "test", Now::default(), []);
    assert_eq!(format!("{new:?}"), format!("{recovered:?}"));
}
