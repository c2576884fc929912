//! A node more: it finds its place, and every message reaches it once.

use crate::{
    testnet::{TestNet, World, wait_until},
    traffic::{Traffic, assert_all_hold},
};
use serde_json::json;

fn send(net: &TestNet, node: &str, text: &str) -> String {
    net.run(&["send-message", node, text]).done();
    text.to_owned()
}

#[test]
fn a_node_is_put_into_a_ring_between_two_neighbours() {
    let net = TestNet::start("circular --seed 3", 6);
    let mut texts = vec![send(&net, "2", "before")];
    let added = net.json(&["add-node"]);
    assert_eq!((&added["node"], &added["endpoint"]), (&json!("7"), &json!(format!("tcp://{}", net.address(7)))));
    let peers = net.peers("7");
    assert_eq!((json!(peers), peers.len()), (added["peers"].clone(), 2));
    assert_eq!(added["dropped"], json!(peers), "it is between them");
    assert_eq!(added["pid"].as_u64().unwrap(), u64::from(net.current("7").pid));
    texts.push(send(&net, "4", "after"));
    texts.push(send(&net, "7", "from the new one"));
    assert_all_hold(&net, (1..=7).map(|node| node.to_string()), &texts);
    // What is gone stays away, also after healing had its time.
    net.run(&["send-message", "1", "x"]).done();
    for node in (1..=7).map(|node| node.to_string()) {
        assert_eq!((net.peers(&node).len(), net.recorded_peers(&node)), (2, net.peers(&node)));
    }
    let shown = net.run(&["add-node", "east"]).done().stdout;
    assert!(
        shown.starts_with("Gossip-Node-east added on 127.0.0.1:")
            && shown.contains("was dropped: the new node is between them"),
        "{shown}"
    );
    assert_all_hold(&net, ["east".to_owned()], &texts);
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_node_is_added_to_a_regular_graph_while_messages_flow() {
    let net = TestNet::start("random 4 --seed 5", 8);
    let traffic = Traffic::start(&net, &[1, 5]);
    traffic.go_on(20);
    for number in 9..=10 {
        let added = net.json(&["add-node"]);
        assert_eq!(
            (added["node"].as_str().unwrap(), added["peers"].as_array().unwrap().len()),
            (&*number.to_string(), 4)
        );
        traffic.go_on(20);
    }
    let texts = traffic.end();
    assert_all_hold(&net, (1..=10).map(|node| node.to_string()), &texts);
    let degrees: Vec<_> = (1..=10).map(|node| net.recorded_peers(&node.to_string()).len()).collect();
    assert!(degrees.iter().all(|degree| (4..=6).contains(degree)), "{degrees:?}");
    assert_eq!(degrees.iter().sum::<usize>(), 8 * 4 + 2 * 8);
}

#[test]
fn a_removed_number_is_given_again_and_its_place_with_it() {
    let net = TestNet::start("circular", 5);
    let texts = vec![send(&net, "1", "before")];
    net.run(&["remove-node", "3"]).done();
    let added = net.json(&["add-node"]);
    assert_eq!(added["node"], "3");
    assert_all_hold(&net, net.nodes(), &texts);
    for node in net.nodes() {
        wait_until("the ring is closed", || net.peers(&node).len() == 2);
        assert_eq!(net.recorded_peers(&node).len(), 2, "of node {node}");
    }
}

#[test]
fn peers_can_be_chosen_and_mistakes_are_told_in_a_line() {
    let net = TestNet::start("circular", 4);
    let added = net.json(&["add-node", "9", "--peers", &format!("1,{}", net.address(3))]);
    assert_eq!(added["peers"], json!(["1", "3"]));
    assert_eq!(net.peers("9"), ["1", "3"]);
    net.kill(2);
    for (words, code, says) in [
        (&["add-node", "9"][..], 1, "network 'default' already has a node '9'; choose another NAME"),
        (&["add-node", "5", "--peers", "1,17"], 1, "network 'default' has no node '17'; its nodes are 1-4, 9"),
        (&["add-node", "5", "--peers", "1,2"], 3, "node 2 is down: its process has ended"),
        (&["add-node", "5", "--peers", "1,1"], 2, "node 1 is named twice"),
        (&["add-node", "5", "--peers", "127.0.0.1:9"], 1, "no node of network 'default' listens on 127.0.0.1:9"),
        (&["add-node", "70000"], 2, "ports end at 65535; choose a lower number, or a name"),
        (&["add-node", "--network", "none"], 1, "network 'none' is not running"),
    ] {
        net.run(words).fails(code, says);
    }
    let taken = std::net::TcpListener::bind(net.address(5)).unwrap();
    net.run(&["add-node", "5"]).fails(1, &format!("node 5 cannot start: port {} is in use", net.port_base() + 5));
    drop(taken);
    let record = net.record("default").unwrap();
    assert_eq!(record["nodes"].as_array().unwrap().len(), 5, "a refusal changes nothing");
    // The dead are not chosen.
    let added = net.json(&["add-node"]);
    assert!(added["peers"].as_array().unwrap().iter().all(|peer| peer != "2"), "{added}");
}

#[test]
fn where_nothing_runs_nothing_is_added() {
    let world = World::new();
    world.run(&["add-node"]).fails(1, "network 'default' is not running; start it with 'gossip start-network'");
    let net = TestNet::start("circular", 2);
    net.kill(1);
    net.kill(2);
    net.run(&["add-node"]).fails(1, "no node of network 'default' is running; start one with 'gossip restart-node'");
}
