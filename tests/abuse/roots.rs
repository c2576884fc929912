//! Rumours of a stranger under the name of a neighbour about roots and members: the true root goes on being followed, a false
//! one is forgotten, and addresses that it names are dialled a bounded number of times.

use crate::{
    dealer::Dealer,
    node::{Node, STEP, until},
};
use gossip::{
    clock::Deadline,
    core::{
        frame::{Beacon, Frame, Member, Walk, WalkKind},
        id::{Incarnation, NodeId},
    },
};
use std::{net::TcpListener, time::Duration};

/// Longer than anybody follows a root without a beat.
const SILENCE: Duration = Duration::from_secs(6);
/// Servers that have nothing to do with the network.
const VICTIMS: usize = 24;
/// Names lower than its own that a root keeps and dials, each again after 8 s at most.
const LOWEST: usize = 16;
/// Below all names that are here.
const FALSE_ROOT: &str = "a";

fn name(text: &str) -> NodeId {
    NodeId::new(text).unwrap()
}

fn follows(node: &Node, root: &str) -> bool {
    node.client().status().unwrap().root == Some(name(root))
}

/// A root `b`, its neighbour `c`, and two neighbours of that, `d` and `z`.
fn network() -> [Node; 4] {
    let root = Node::start("b", &[]);
    let centre = Node::beside("c", &root);
    let [other, last] = ["d", "z"].map(|name| Node::beside(name, &centre));
    let nodes = [root, centre, other, last];
    until("one root", || nodes.iter().all(|node| follows(node, "b")));
    nodes
}

fn beacon(root: &str, incarnation: u64, beat: u64) -> Frame {
    Frame::Beacon(Beacon { root: name(root), incarnation: Incarnation(incarnation), beat, hops: 1 })
}

#[test]
fn beats_with_the_largest_numbers_move_nobody_from_the_root() {
    let nodes = network();
    let life = nodes[0].client().status().unwrap().incarnation.0;
    let stranger = Dealer::named(&nodes[1], "z");
    for incarnation in [life, life + 1, u64::MAX, 1] {
        for root in ["b", FALSE_ROOT] {
            stranger.frame(&beacon(root, incarnation, u64::MAX));
            stranger.frame(&beacon(root, incarnation, u64::MAX - 1));
        }
    }
    stranger.settled();
    drop(stranger);
    let deadline = Deadline::after(SILENCE);
    while deadline.pause(STEP) {
        for node in &nodes {
            assert!(follows(node, "b"), "{} follows {:?}", node.endpoint, node.client().status().unwrap().root);
        }
    }
}

#[test]
fn a_false_root_is_followed_for_no_longer_than_somebody_beats_for_it() {
    let nodes = network();
    let (stranger, mut beat, mut pause) = (Dealer::named(&nodes[1], "z"), 0, Deadline::after(Duration::ZERO));
    until("a false root", || {
        if pause.is_over() {
            (beat, pause) = (beat + 1, Deadline::after(Duration::from_millis(700)));
            stranger.frame(&beacon(FALSE_ROOT, 7, beat));
        }
        nodes[2..].iter().any(|node| follows(node, FALSE_ROOT))
    });
    drop(stranger);
    let deadline = Deadline::after(SILENCE + SILENCE);
    while !nodes.iter().all(|node| follows(node, "b")) {
        assert!(deadline.pause(STEP), "a root that is not there is followed for ever");
    }
}

#[test]
fn low_names_that_a_stranger_makes_up_are_dialled_a_bounded_number_of_times() {
    let root = Node::start("b", &[]);
    let _neighbour = Node::beside("z", &root);
    let victims: Vec<_> = (0..VICTIMS).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    victims.iter().for_each(|victim| victim.set_nonblocking(true).unwrap());
    let member = |number: usize| {
        let endpoint = victims[number % VICTIMS].local_addr().unwrap().to_string().parse().unwrap();
        Member { node: name(&format!("a{number}")), endpoint }
    };
    let stranger = Dealer::named(&root, "z");
    stranger.frame(&Frame::Neighbours((0..256).map(member).collect()));
    for kind in [WalkKind::Join, WalkKind::Shuffle, WalkKind::Reply, WalkKind::News] {
        let members = (256..512).map(member).collect();
        stranger.frame(&Frame::Walk(Walk { kind, steps: 1, path: Vec::new(), members }));
    }
    // They close each at once, as servers do that understand nothing.
    let dialled = || victims.iter().filter(|victim| victim.accept().is_ok()).count();
    until("dialled", || dialled() > 0);
    drop(stranger);
    let (mut connections, deadline) = (0, Deadline::after(2 * SILENCE));
    while deadline.pause(STEP) {
        connections += dialled();
    }
    assert!(connections <= LOWEST * 4, "{connections} connections to third parties");
    root.serves();
}
