//! Clients that ask and never read, and clients that write faster than a network carries.

use crate::{
    dealer::Dealer,
    node::{Node, until},
};
use gossip::core::{
    batch::Body,
    request::{Cursor, Fetch, Reply, Request, Status},
    stats::Refusal,
};
use rustix::process::Signal;
use std::{process::Command, time::Duration};

/// Fills the inbox with 4 MiB, so that a fetch has a full page of 1 MiB.
fn with_pages() -> Node {
    let node = Node::start("a", &[]);
    let mut client = node.client();
    for number in 0..64_u8 {
        client.publish(vec![number; 64 << 10][..].into(), None).unwrap();
    }
    node
}

fn fetch() -> Request {
    let from = Cursor::default();
    Request::Fetch(Fetch { status: Status::All, from, through: None, limit: u64::MAX, mark: false })
}

#[test]
fn one_that_never_reads_harms_nobody() {
    let node = with_pages();
    let before = node.memory();
    let deaf = Dealer::deaf(&node);
    (0..200_000).for_each(|id| deaf.request(id, &fetch()));
    until("dropped", || node.counter("replies_dropped") > 100);
    for _ in 0..5 {
        node.serves();
    }
    // 8 MiB of replies may wait for it, and 1000 of its requests; the rest is slack of the heap.
    assert!(node.memory() < before + 48, "{before} MiB became {}", node.memory());
    drop(deaf);
    node.serves();
}

#[test]
fn many_that_never_read_leave_room_for_others() {
    let node = with_pages();
    let before = node.memory();
    let deaf: Vec<_> = (0..24).map(|_| Dealer::deaf(&node)).collect();
    for dealer in &deaf {
        (0..200).for_each(|id| dealer.request(id, &fetch()));
        // Small ones fill up what large ones leave.
        (0..2000).for_each(|id| dealer.request(id, &Request::Peers));
    }
    until("dropped", || node.counter("replies_dropped") > 1000);
    for _ in 0..5 {
        node.serves();
    }
    assert!(node.memory() > before + 32, "nothing waits: {} MiB", node.memory());
    // 64 MiB may wait for all together.
    assert!(node.memory() < before + 64 + 64, "{before} MiB became {}", node.memory());
    drop(deaf);
    node.serves();
}

#[test]
fn one_that_publishes_faster_than_links_drain_is_told_and_loses_nothing() {
    const COUNT: u64 = 1000;
    let node = Node::start("a", &["--retain-bytes", "268435456"]);
    let slow = Node::beside("b", &node);
    let before = node.memory();
    let dealer = Dealer::client(&node);
    slow.signal(Signal::STOP);
    for id in 0..COUNT {
        let payload = [&id.to_be_bytes()[..], &[0; 60 << 10]].concat();
        dealer.request(id, &Request::Publish { trace: None, body: Body::one(payload[..].into()) });
    }
    let (mut taken, mut busy) = (Vec::new(), 0);
    for _ in 0..COUNT {
        match dealer.response().reply {
            Reply::Receipt { id, .. } => taken.push(id),
            Reply::Refused { refusal: Refusal::Busy, .. } => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(busy > 0 && taken.len() > 100, "{} taken, {busy} refused", taken.len());
    assert_eq!(node.counter("refused_busy"), busy);
    // Inbox and link share each payload: 60 MiB, and what of it libzmq and the kernel hold besides.
    assert!(node.memory() < before + 160, "{before} MiB became {}", node.memory());
    slow.signal(Signal::CONT);
    let held = |node: &Node| {
        let (mut held, mut from) = (Vec::new(), Some(Cursor::default()));
        while let Some(cursor) = from {
            let page = node.page_at(cursor);
            held.extend(page.messages.into_iter().map(|message| message.id));
            from = page.next;
        }
        held
    };
    assert_eq!(held(&node), taken, "what was acknowledged is there, in order");
    assert_eq!(node.counter("queue_full"), 0);
    until("caught up", || slow.client().status().unwrap().retained_messages == taken.len() as u64);
    assert_eq!(held(&slow), taken);
    until("relieved", || node.client().publish(b"again"[..].into(), None).is_ok());
}

#[test]
fn clients_that_watch_leave_places_for_others() {
    let node = Node::start("a", &[]);
    let watch = |place: &Dealer, id| place.request(id, &Request::Watch { from: None, wait: Duration::from_secs(30) });
    let greedy: Vec<_> = (0..4).map(|_| Dealer::client(&node)).collect();
    greedy.iter().for_each(|dealer| (0..20).for_each(|id| watch(dealer, id)));
    until("refused", || node.counter("refused_busy") == 16);
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
        command.args(["watch", &node.endpoint.authority(), "--for", "1s"]).output().unwrap()
    };
    let told = run();
    assert!(told.status.success() && !String::from_utf8_lossy(&told.stdout).contains("unwatched"), "{told:?}");
    assert_eq!(node.counter("refused_busy"), 16);
    // A connection for each place takes them all.
    let many: Vec<_> = (0..100).map(|_| Dealer::client(&node)).collect();
    many.iter().for_each(|dealer| watch(dealer, 1));
    until("refused", || node.counter("refused_busy") > 32);
    let told = run();
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.code() == Some(1) && error.contains("no node could be watched: "), "{told:?}");
}
