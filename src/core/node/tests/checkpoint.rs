//! A node that goes on from its log, and from a checkpoint in place of what a log has dropped.

use super::*;
use crate::core::message::{Hop, Relays, Trace};

fn requested(id: RequestId, request: Request) -> Input {
    Input::Requested { principal: Principal::Unnamed, client: ReturnAddress([1].into()), id, request }
}

fn publish(number: u8, trace: Option<Relays>) -> Input {
    let request = Request::Publish { trace, body: Body::one([number][..].into()) };
    requested(RequestId::Unique([number; 8].into()), request)
}

fn life(incarnation: u64, records: impl IntoIterator<Item = Record>) -> Node {
    let limits = Limits::default();
    Node::recover(config(0, limits), Incarnation(incarnation), 0, "test", Now::default(), numbered(records))
}

fn recorded(outputs: Vec<Output>) -> Vec<Record> {
    let record = |output| if let Output::Append(_, record) = output { Some(record) } else { None };
    outputs.into_iter().filter_map(record).collect()
}

fn inbox(node: &mut Node) -> Vec<Fetched> {
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: u64::MAX, mark: false };
    match turn(node, Now::default(), requested(RequestId::None, Request::Fetch(fetch))).pop() {
        Some(Output::Reply(.., Reply::Page(page))) => page.messages,
        other => panic!("no page but {other:?}"),
    }
}

/// A node that took three messages, one of them traced, the first of them read; and its records.
fn busy() -> (Node, Vec<Record>) {
    let (mut node, mut records) = (life(7, []), Vec::new());
    let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: 1, mark: true };
    let read = requested(RequestId::None, Request::Fetch(fetch));
    for input in [publish(1, None), publish(2, Some(Relays::MAX)), publish(3, None), read] {
        records.extend(recorded(turn(&mut node, Now::default(), input)));
    }
    turn(&mut node, Now::default(), Input::Synced(LogSeq(records.len() as u64)));
    (node, records)
}

#[test]
fn an_inbox_with_its_marks_and_paths_comes_back_from_the_log() {
    let (mut node, records) = busy();
    let mut again = life(8, records);
    assert_eq!(inbox(&mut again), inbox(&mut node));
    assert_eq!(
        inbox(&mut node).iter().map(|m| (m.unread, m.paths.len())).collect::<Vec<_>>(),
        [(false, 0), (true, 1), (true, 0)]
    );
    assert!(again.checkpoint().eq(node.checkpoint()));
}

#[test]
fn from_a_checkpoint_alone_nothing_is_taken_twice() {
    let (node, _) = busy();
    let mut again = life(8, node.checkpoint());
    assert_eq!(inbox(&mut again), []);
    let unsafe_yet = turn(&mut again, Now::default(), publish(3, None));
    let is_receipt = |output: &Output| matches!(output, Output::Reply(.., Reply::Receipt { .. }));
    assert!(!unsafe_yet.iter().any(is_receipt), "what can be read need not be safe");
    turn(&mut again, Now::default(), Input::Synced(LogSeq(1_000)));
    let repeated = turn(&mut again, Now::default(), publish(3, None));
    let id = MessageId { origin: name(0), incarnation: Incarnation(7), sequence: 3 };
    let receipt = |output: &Output| matches!(output, Output::Reply(.., Reply::Receipt { id: told, .. }) if *told == id);
    assert!(repeated.iter().any(receipt) && recorded(repeated).is_empty(), "the receipt of the first time");
    let new = recorded(turn(&mut again, Now::default(), publish(4, None)));
    let is_next = |record: &Record| matches!(record, Record::Received { first: 1, position: 4, .. });
    assert!(new.iter().any(is_next), "{new:?}");
    assert_eq!(again.checkpoint().filter(|record| matches!(record, Record::Had { .. })).count(), 2, "of both lives");
}

#[test]
fn copies_of_an_earlier_life_count_towards_the_relay_rule() {
    let batch = |sequence| {
        let trace = Trace { relays: Relays::ONE, path: [Hop { node: name(1), micros: 0 }].into() };
        let id = MessageId { origin: name(1), incarnation: Incarnation(2), sequence };
        Batch { trace: Some(trace), ..single(id, b"x") }
    };
    let path = [name(1), name(0)].map(|node| Hop { node, micros: 1 }).into();
    let records = [received(batch(1)), Record::Path { id: batch(1).id, path }];
    let mut again = met(life(8, records));
    let copies =
        |outputs: Vec<Output>| recorded(outputs).iter().filter(|record| matches!(record, Record::Path { .. })).count();
    let arrived = |batch: Batch| Input::Arrived { from: Principal::Node(name(1)), frame: Frame::Message(batch) };
    assert_eq!(copies(turn(&mut again, Now::default(), arrived(batch(1)))), 0, "its neighbour has sent it once before");
    assert_eq!(copies(turn(&mut again, Now::default(), arrived(batch(2)))), 1, "a new one");
}
