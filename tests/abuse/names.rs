//! Two nodes of one name.

use crate::{
    dealer::Dealer,
    node::{Node, until},
};
use gossip::clock::seed;
use std::process::Command;

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
    until("linked anew", || first.counter("reopened") >= 1 && first.peers_up() == 1);
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

#[test]
fn no_terminal_obeys_the_name_of_a_node() {
    let (node, name) = (Node::start("a", &[]), "4\u{202e}5\u{e0041}");
    let _stranger = Dealer::named(&node, name).meets();
    let run = |words: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_gossip")).args(words).arg(node.endpoint.authority()).output();
        let outcome = command.unwrap();
        let [stdout, stderr] = [outcome.stdout, outcome.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(!(stdout.clone() + &stderr).contains(['\u{202e}', '\u{e0041}']), "{words:?}: {stdout} {stderr}");
        stdout
    };
    for words in [&["list-peers"][..], &["status", "--peers"]] {
        assert!(run(words).contains("4\\u{202e}5\\u{e0041}"), "{words:?}");
    }
    let told: serde_json::Value = serde_json::from_str(&run(&["list-peers", "--json"])).unwrap();
    assert_eq!(told["peers"][0]["node"], name);
}
