//! Clients of a node: receipts, and what replies wait for.

use super::*;
use crate::core::request::Level;

fn client() -> ReturnAddress {
    ReturnAddress([1].into())
}

fn requested(id: RequestId, request: Request) -> Input {
    Input::Requested { principal: Principal::Unnamed, client: client(), id, request }
}

fn publish(payload: &[u8]) -> Request {
    Request::Publish { trace: None, payload: payload.into() }
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
    assert_eq!(answered(&mut net), [1, 6, 7], "a refusal, a page and a state promise nothing");
    for _ in 0..2 {
        net.input(0, requested(unique.clone(), publish(b"c")));
    }
    assert_eq!(net.replies, [], "the repeated one waits for what the first one waits for");
    net.input(0, Input::Synced(LogSeq(1)));
    assert_eq!(answered(&mut net), [0]);
    net.input(0, Input::Synced(LogSeq(2)));
    assert_eq!(answered(&mut net), [2, 3], "the second mark found nothing to do, and says that it is done");
    net.input(0, Input::Synced(LogSeq(4)));
    assert_eq!(answered(&mut net), [4, 5], "in the order of their records");
    net.input(0, Input::Synced(LogSeq(9)));
    let receipts: Vec<_> = net.replies.iter().map(|(_, id, reply)| (id, reply)).collect();
    assert_eq!((receipts.len(), receipts[0].0, receipts[0]), (2, &unique, receipts[1]));
    assert!(matches!(receipts[0].1, Reply::Receipt { level: Level::Memory, .. }));
}
