//! A network gets another topology while it runs.

use crate::{
    testnet::{TestNet, wait_until},
    traffic::{Traffic, assert_all_hold},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Insists that each node has the links that the record says and no other, and gives the degrees.
#[track_caller]
fn degrees(net: &TestNet) -> BTreeSet<usize> {
    let record = net.record("default").unwrap();
    let nodes: Vec<&str> =
        record["nodes"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap()).collect();
    for node in &nodes {
        assert_eq!(net.peers(node), net.recorded_peers(node), "peers of node {node}");
    }
    nodes.into_iter().map(|node| net.recorded_peers(node).len()).collect()
}

fn count(told: &Value, what: &str) -> usize {
    told[what].as_array().unwrap().len()
}

#[test]
fn a_ring_becomes_random_and_a_ring_again_while_messages_flow() {
    let net = TestNet::start("circular", 10);
    let traffic = Traffic::start(&net, &[1, 6]);
    traffic.go_on(20);
    let told = net.json(&["restructure", "random", "4", "--seed", "7"]);
    assert_eq!((&told["topology"], &told["seed"], &told["links"]), (&json!("random 4"), &json!(7), &json!(20)));
    assert_eq!((count(&told, "made") + 10 - count(&told, "dropped"), &told["degrees"]), (20, &json!({"4": 10})));
    assert_eq!(degrees(&net), BTreeSet::from([4]));
    traffic.go_on(40);
    let shown = net.run(&["restructure", "circular"]).done().stdout;
    assert!(shown.starts_with("Gossip network 'default' restructured: circular, seed "), "{shown}");
    assert!(shown.contains("10 links: ") && shown.ends_with("10 nodes with 2 peers\n"), "{shown}");
    assert_eq!(degrees(&net), BTreeSet::from([2]));
    traffic.go_on(40);
    let texts = traffic.end();
    assert_all_hold(&net, net.nodes(), &texts);
    assert_eq!(degrees(&net), BTreeSet::from([2]), "nothing comes back");
    assert_eq!(net.record("default").unwrap()["topology"], "circular");
    // The same shape again changes nothing.
    let told = net.json(&["restructure", "circular"]);
    assert_eq!((count(&told, "made"), count(&told, "dropped")), (0, 0));
}

#[test]
fn degrees_are_brought_within_bounds() {
    let net = TestNet::start("powerlaw --seed 4", 12);
    net.run(&["restructure", "--min-degree", "3", "--max-degree", "4"]).done();
    assert!(degrees(&net).iter().all(|degree| (3..=4).contains(degree)));
    net.run(&["restructure", "--max-degree", "3"]).done();
    assert!(degrees(&net).iter().all(|&degree| degree <= 3));
    let told = net.json(&["restructure", "--min-degree", "1"]);
    assert_eq!((count(&told, "made"), count(&told, "dropped")), (0, 0), "it is within already");
    net.run(&["send-message", "1", "x"]).done();
    assert_all_hold(&net, net.nodes(), &["x".to_owned()]);
}

#[test]
fn the_dead_have_no_part_in_it_and_come_back_into_it() {
    let net = TestNet::start("circular", 7);
    net.kill(4);
    wait_until("its place is taken", || net.peers("3").contains(&"5".to_owned()));
    let told = net.json(&["restructure", "random", "2"]);
    assert_eq!(told["degrees"], json!({"2": 6}));
    for node in ["1", "2", "3", "5", "6", "7"] {
        assert_eq!((net.peers(node).len(), net.peers(node)), (2, net.recorded_peers(node)));
    }
    assert!(net.recorded_peers("4").is_empty());
    net.run(&["send-message", "1", "meanwhile"]).done();
    let back = net.json(&["restart-node", "4"]);
    assert_eq!(back["peers"].as_array().unwrap().len(), 2);
    assert_all_hold(&net, net.nodes(), &["meanwhile".to_owned()]);
}

#[test]
fn mistakes_are_told_in_a_line() {
    let net = TestNet::start("circular", 5);
    for (words, says) in [
        (&["restructure", "random", "3"][..], "nodes x degree must be even, 5 x 3 is odd"),
        (&["restructure", "random", "5"], "each of 5 nodes has only 4 others"),
        (&["restructure", "--max-degree", "1"], "choose a maximum degree of 2 or more"),
        (&["restructure", "--min-degree", "3", "--max-degree", "2"], "a minimum degree of 3 is above the maximum of 2"),
        (&["restructure", "--min-degree", "5"], "choose a minimum degree of at most 4"),
    ] {
        net.run(words).fails(2, says);
    }
    net.run(&["restructure", "circular", "--network", "none"]).fails(1, "network 'none' is not running");
    assert_eq!(degrees(&net), BTreeSet::from([2]), "a refusal changes nothing");
}
