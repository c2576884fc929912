//! A neighbour that hangs while messages keep coming.

use crate::node::{Node, until};
use gossip::clock::{Deadline, seed};
use rustix::process::Signal;

#[test]
fn a_neighbour_that_hangs_costs_its_link_and_no_more() {
    let node = Node::start("a", &[]);
    let (hung, fine) = (Node::beside("b", &node), Node::beside("c", &node));
    let before = node.memory();
    hung.signal(Signal::STOP);
    let mut client = node.client();
    let deadline = Deadline::after(crate::node::PATIENCE);
    let mut most = 0;
    // The link holds 64 MiB; until it counts as hung, clients are told to wait.
    while node.counter("queue_full") < 20 {
        let _ = client.publish(vec![7; 1 << 20][..].into(), None);
        most = most.max(node.memory());
        assert!(!deadline.is_over(), "the link never filled up");
    }
    // 64 MiB in the link and 64 MiB in the inbox, which share most of it.
    assert!(most < before + 64 + 64 + 64, "{before} MiB became {most}");
    let arrives = |at: &Node| {
        let (payload, since) = (seed().to_string(), at.last_position());
        until("published", || node.client().publish(payload.as_bytes().into(), None).is_ok());
        until("arrived", || at.holds_since(since, payload.as_bytes()));
    };
    arrives(&fine);
    hung.signal(Signal::CONT);
    until("caught up", || hung.counter("delivered") >= 32);
    arrives(&hung);
    arrives(&fine);
}
