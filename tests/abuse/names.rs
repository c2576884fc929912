//! Two nodes of one name.

use crate::node::{Node, until};
use gossip::clock::seed;

/// Waits until what is published at one node is read at the other, trying again: what was sent over a connection that
/// the second one cut off is lost.
fn reaches(from: &Node, to: &Node) {
    until("heard", || {
        let (payload, since) = (seed().to_string(), to.last_position());
        from.client().publish(payload.as_bytes().into(), None).unwrap();
        gossip::clock::Deadline::after(crate::node::STEP).pause(crate::node::STEP);
        to.holds_since(since, payload.as_bytes())
    });
}

#[test]
fn the_second_node_of_a_name_is_told_and_the_first_goes_on() {
    let centre = Node::start("c", &[]);
    let first = Node::beside("x", &centre);
    let second = Node::start("x", &["--peer", &centre.endpoint.authority()]);
    until("told", || second.log().contains("give this node another name"));
    assert_eq!(centre.counter("refused_name_taken"), 1);
    assert_eq!(second.peers_up(), 0);
    until("linked anew", || first.counter("reopened") == 1 && first.peers_up() == 1);
    reaches(&first, &centre);
    reaches(&centre, &first);
    let peers = centre.client().peers().unwrap().1;
    assert_eq!((peers.len(), &peers[0].endpoint), (1, &first.endpoint));
    let refused = second.client().publish(b"x"[..].into(), None).unwrap_err().to_string();
    for node in [&first, &second] {
        assert!(refused.contains(&node.endpoint.authority()), "{refused}");
        assert!(second.log().contains(&node.endpoint.authority()), "{}", second.log());
    }
    assert_eq!(second.client().status().unwrap().retained_messages, 0, "what nobody hears of is not accepted");
}

#[test]
fn a_node_that_came_back_elsewhere_takes_its_name_again() {
    let centre = Node::start("c", &[]);
    drop(Node::beside("x", &centre));
    let again = Node::start("x", &["--peer", &centre.endpoint.authority()]);
    until("linked", || again.peers_up() == 1);
    reaches(&again, &centre);
    reaches(&centre, &again);
    assert_eq!(centre.client().peers().unwrap().1.len(), 1);
}
