//! Gaps of nodes: they are named, fetched from whoever has them after all, and swallow nothing.

use crate::{
    dealer::{Dealer, message},
    node::{Node, until},
};
use gossip::core::{
    frame::Frame,
    request::{Cursor, Request},
};

/// The gaps that a node lists, by their numbers.
fn gaps(node: &Node) -> Vec<(u64, u64)> {
    node.page_at(Cursor::default()).gaps.iter().map(|gap| (gap.first, gap.last)).collect()
}

#[test]
fn what_a_node_gave_up_is_fetched_once_a_neighbour_has_it() {
    let local = ["--timing", "local"];
    let keeper = Node::start("a", &local);
    let forgetful =
        Node::start("b", &[&local[..], &["--retain-messages", "50", "--peer", &keeper.endpoint.authority()]].concat());
    until("linked", || keeper.peers_up() == 1 && forgetful.peers_up() == 1);
    for number in 0..200 {
        keeper.client().publish(number.to_string().as_bytes().into(), None).unwrap();
    }
    until("spread", || forgetful.client().status().unwrap().seen_messages == Some(200));
    let late = Node::start("c", &[&local[..], &["--peer", &forgetful.endpoint.authority()]].concat());
    until("given up", || late.client().status().unwrap().given_up == 150);
    assert_eq!(gaps(&late), [(1, 150)]);

    late.client().call(&Request::Connect { peers: vec![(None, keeper.endpoint.clone())] }).unwrap();
    until("fetched", || late.client().status().unwrap().given_up == 0);
    let status = late.client().status().unwrap();
    assert_eq!((status.retained_messages, status.counters["delivered"], gaps(&late)), (200, 200, vec![]));
    assert!((0..200).all(|number: u32| late.holds_since(0, number.to_string().as_bytes())));
}

#[test]
fn holes_are_named_and_what_comes_late_is_delivered() {
    let node = Node::start("a", &["--timing", "local"]);
    let dealer = Dealer::named(&node, "z").meets();
    let status = || node.client().status().unwrap();
    for number in [1, 2, 5] {
        dealer.frame(&Frame::Message(message("o", 1, number)));
    }
    dealer.settled();
    assert_eq!(status().seen_messages, Some(3));
    until("named", || gaps(&node) == [(3, 4)]);
    dealer.frame(&Frame::Message(message("o", 1, 3)));
    dealer.frame(&Frame::Message(message("o", 1, 3)));
    dealer.settled();
    assert_eq!((status().retained_messages, status().given_up, gaps(&node)), (4, 1, vec![(4, 4)]));

    // More holes than there is room for: none is lost sight of.
    for number in (0..5000).map(|number| 2 * number + 1) {
        dealer.frame(&Frame::Message(message("odd", 1, number)));
    }
    dealer.settled();
    until("all are named", || status().given_up == 1 + 4999);
    assert_eq!(status().seen_messages, Some(5 + 9999));
    dealer.frame(&Frame::Message(message("odd", 1, 2)));
    dealer.settled();
    assert_eq!((status().retained_messages, status().given_up), (4 + 5001, 4999));
    node.serves();
}

#[test]
fn what_comes_of_a_life_that_is_forgotten_is_named_and_counted() {
    // All that a node remembers, of which its own life is one.
    const LIVES: u64 = 65_536;
    let node = Node::start("a", &["--timing", "local"]);
    let dealer = Dealer::named(&node, "z").meets();
    for life in 1..=LIVES + 1 {
        dealer.frame(&Frame::Message(message("o", life, 1)));
        if life <= 2 {
            dealer.frame(&Frame::Message(message("o", life, 4)));
        }
        if life % 1000 == 0 {
            dealer.settled();
        }
    }
    dealer.settled();
    let of_forgotten = || {
        let gaps = node.page_at(Cursor::default()).gaps;
        let first = gaps.first().map(|gap| (gap.stream.incarnation.0, gap.first, gap.last, gap.count));
        (first, node.client().status().unwrap().given_up)
    };
    until("named", || of_forgotten() == (Some((2, 1, 4, 4)), 4));
    assert_eq!(node.counter("unsure"), 0);
    // One was had, one was not: they cannot be told apart any more.
    for number in [1, 2] {
        dealer.frame(&Frame::Message(message("o", 1, number)));
    }
    dealer.settled();
    assert_eq!((node.counter("unsure"), node.client().status().unwrap().retained_messages), (2, LIVES + 3));
}
