//! Links of nodes, near and far.

use crate::testnet::{TestNet, wait_until};

#[test]
fn peers_are_listed_with_their_addresses() {
    let net = TestNet::start("circular", 5);
    let outcome = net.run(&["list-peers", "5"]).done();
    let [one, four] = [net.address(1), net.address(4)];
    let expected = format!("Gossip-Node-5 has peers:\n* Gossip-Node-1 ({one})\n* Gossip-Node-4 ({four})\n");
    assert_eq!(outcome.stdout, expected);
    assert_eq!(net.run(&["list-peers", &net.address(5)]).done().stdout, expected);
    assert_eq!(net.run(&["list-peers", "Gossip-Node-5"]).done().stdout, expected);
    let told = net.json(&["list-peers", "5"]);
    assert_eq!((&told["node"], &told["peers"][1]["node"]), (&"5".into(), &"4".into()));
    assert_eq!(told["peers"][1]["endpoint"], format!("tcp://{four}"));
}

#[test]
fn a_ring_is_walked_around_from_both_sides() {
    let net = TestNet::start("circular", 6);
    let told = net.json(&["list-peers", "1", "--depth", "9"]);
    let seen: Vec<_> = told["peers"].as_array().unwrap().iter().collect();
    let line = |number: usize| {
        let peer = seen[number];
        (peer["node"].as_str().unwrap(), peer["distance"].as_u64().unwrap(), peer["via"].to_string())
    };
    assert_eq!(seen.len(), 5);
    assert_eq!(line(0), ("2", 1, "null".into()));
    assert_eq!(line(2), ("3", 2, "[\"2\"]".into()));
    assert_eq!(line(4), ("4", 3, "[\"3\",\"5\"]".into()));
    assert_eq!(net.json(&["list-peers", "1", "--depth", "2"])["peers"].as_array().unwrap().len(), 4);
    net.run(&["list-peers", "1", "--depth", "0"]).fails(2, "'0'");
}

#[test]
fn a_dead_peer_is_listed_and_marked() {
    let net = TestNet::start("circular", 4);
    net.kill(2);
    wait_until("the link is seen to be down", || net.json(&["list-peers", "1"])["peers"][0]["up"] == false);
    let outcome = net.run(&["list-peers", "1"]).done();
    assert!(outcome.stdout.contains(&format!("* Gossip-Node-2 ({}, not connected)", net.address(2))), "{outcome:?}");
    let far = net.json(&["list-peers", "1", "--depth", "3"]);
    let distances: Vec<_> = far["peers"].as_array().unwrap().iter().map(|peer| peer["distance"].clone()).collect();
    assert_eq!(distances, [1, 1, 2], "node 3 is reached the other way round: {far}");
}

#[test]
fn one_halted_node_does_not_use_up_the_time_of_the_others() {
    let net = TestNet::start("circular", 8);
    net.signal(2, rustix::process::Signal::STOP);
    let told = net.json(&["list-peers", "1", "--depth", "9", "--timeout", "4"]);
    let peers = told["peers"].as_array().unwrap();
    let silent: Vec<_> = peers.iter().filter(|peer| peer["answered"] == false).map(|peer| &peer["node"]).collect();
    assert_eq!(silent, ["2"], "{told}");
    // Node 3 is found the long way round.
    let last = peers.last().unwrap();
    assert_eq!((peers.len(), &last["node"], &last["distance"]), (7, &"3".into(), &6.into()), "{told}");
}

#[test]
fn a_peer_that_does_not_answer_holds_nobody_up() {
    let net = TestNet::start("circular", 5);
    net.signal(2, rustix::process::Signal::STOP);
    let told = net.json(&["list-peers", "1", "--depth", "2", "--timeout", "0.5"]);
    assert_eq!((&told["peers"][0]["node"], &told["peers"][0]["answered"]), (&"2".into(), &false.into()));
    assert_eq!(told["peers"].as_array().unwrap().len(), 3, "{told}");
}
