//! Links whose connection stands and leads nowhere: something on the way has forgotten it, or another socket has taken the
//! name of its node. Each is noticed, opened anew, and what it swallowed arrives.

use crate::{
    dealer::Dealer,
    node::{Node, STEP, until},
    relay::Relay,
    zmtp,
};
use gossip::{
    clock::{Deadline, seed},
    core::{
        neighbours::MemberState,
        request::{Reply, Request},
    },
};
use std::{
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// A node of that network at that address.
fn node(name: &str, network: &str, bind: &str, arguments: &[&str]) -> Node {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
    command.args(["node", "--json", "--network", network, "--bind", bind, "--name", name]).stdin(Stdio::null());
    Node::run(command, arguments)
}

/// Checks that what is published at one node now comes to the other.
fn reaches(from: &Node, to: &Node) {
    let (payload, since) = (seed().to_string(), to.last_position());
    from.client().publish(payload.as_bytes().into(), None).unwrap();
    until("there", || to.holds_since(since, payload.as_bytes()));
}

/// Returns whether the link to its one peer is up, and what the node thinks of the peer.
fn link(node: &Node) -> (bool, Option<MemberState>) {
    let peers = node.client().peers().unwrap().1;
    (peers[0].up, peers[0].state)
}

/// Two nodes, of which the first dials the second by a relay.
fn apart() -> (Node, Node, Relay) {
    let far = Node::start("b", &[]);
    let relay = Relay::to(&far.endpoint);
    let near = Node::start("a", &["--peer", &relay.address]);
    until("linked", || [&near, &far].iter().all(|node| node.peers_up() == 1));
    (near, far, relay)
}

#[test]
fn a_connection_that_carries_nothing_is_replaced_and_what_it_swallowed_arrives() {
    let (near, far, relay) = apart();
    for round in 1..3 {
        let made = relay.made();
        relay.forget();
        reaches(&near, &far);
        until("opened anew", || relay.made() > made && near.counter("reopened") >= round);
        reaches(&far, &near);
    }
    assert_eq!(far.counter("reopened"), 0, "its own link was sound");
}

#[test]
fn a_link_whose_peer_is_heard_all_the_same_is_half_open_and_not_up() {
    let (near, far, relay) = apart();
    relay.forget_all();
    until("half-open", || link(&near) == (false, Some(MemberState::Up)));
    assert_eq!(link(&far), (true, Some(MemberState::Up)));
    relay.forget();
    until("up again", || link(&near) == (true, Some(MemberState::Up)));
    reaches(&near, &far);
}

#[test]
fn one_handshake_under_the_name_of_a_neighbour_mutes_it_for_seconds_alone() {
    let centre = Node::start("c", &[]);
    let other = Node::beside("x", &centre);
    let thief = zmtp::connect(&centre, "x");
    reaches(&other, &centre);
    // The message may have come before its link was muted.
    until("opened anew", || other.counter("reopened") >= 1);
    reaches(&centre, &other);
    drop(thief);
}

#[test]
fn a_client_under_the_name_of_a_neighbour_mutes_it_for_seconds_alone() {
    let centre = Node::start("c", &[]);
    let other = Node::beside("x", &centre);
    let thief = Dealer::named(&centre, "x");
    thief.request(1, &Request::Status);
    assert!(matches!(thief.response().reply, Reply::Status(_)));
    reaches(&other, &centre);
    // The message may have come before its link was muted.
    until("opened anew", || other.counter("reopened") >= 1);
}

#[test]
fn a_namesake_of_another_network_mutes_a_neighbour_for_seconds_alone() {
    let centre = Node::start("c", &[]);
    let other = Node::beside("x", &centre);
    let stranger = node("x", "other", "127.0.0.1:0", &["--peer", &centre.endpoint.authority()]);
    until("refused", || centre.counter("refused_other_network") > 0);
    for _ in 0..3 {
        reaches(&other, &centre);
        reaches(&centre, &other);
    }
    assert_eq!(stranger.peers_up(), 0);
}

#[test]
fn messages_arrive_while_somebody_takes_a_name_again_and_again() {
    let centre = Node::start("c", &[]);
    let other = Node::beside("x", &centre);
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::SeqCst) {
                let _thief = zmtp::connect(&centre, "x");
                let pause = Deadline::after(Duration::from_millis(1_500));
                loop {
                    let is_over = ends.load(Ordering::SeqCst) || !pause.pause(STEP);
                    if is_over {
                        break;
                    }
                }
            }
        });
        // Whatever fails here ends the thief first.
        let all = thread::scope(|scope| scope.spawn(|| (0..3).for_each(|_| reaches(&other, &centre))).join());
        ends.store(true, Ordering::SeqCst);
        all.unwrap();
    });
    reaches(&other, &centre);
    reaches(&centre, &other);
}

#[test]
fn a_node_of_another_network_at_the_address_of_a_neighbour_is_not_taken_for_it() {
    let first = Node::start("b", &[]);
    let watcher = Node::beside("a", &first);
    let address = first.endpoint.authority();
    drop(first);
    let stranger = node("b", "other", &address, &[]);
    until("greeted", || stranger.counter("refused_other_network") > 0);
    until("down", || link(&watcher) == (false, Some(MemberState::Down)));
    assert!(stranger.counter("refused_other_network") > 0, "it answers all the time");
    drop(stranger);
    let again = node("b", "abuse", &address, &["--peer", &watcher.endpoint.authority()]);
    until("met again", || watcher.peers_up() == 1 && again.peers_up() == 1);
    reaches(&watcher, &again);
    reaches(&again, &watcher);
}
