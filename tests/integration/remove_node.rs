//! A node leaves: its process ends, its neighbours and the record forget it.

use crate::testnet::{TestNet, wait_until};
use gossip::launcher::process::Life;
use rustix::process::Signal;
use std::fs;

fn peers(net: &TestNet, node: &str) -> Vec<String> {
    let told = net.json(&["list-peers", node]);
    let peers = told["peers"].as_array().unwrap().iter().filter(|peer| peer["up"] == true);
    let mut names: Vec<_> = peers.map(|peer| peer["node"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_removed_node_is_gone_and_forgotten() {
    let net = TestNet::start("circular", 5);
    let outcome = net.run(&["remove-node", "3"]).done();
    assert_eq!(outcome.stdout, "Gossip-Node-3 removed\n");
    assert_ne!(net.process(3).life(), Life::Running);
    // The ring closes: 1, 2, 4 and 5 have two neighbours each and are one component, and none speaks of 3 any more.
    let ring = [("1", ["2", "5"]), ("2", ["1", "4"]), ("4", ["2", "5"]), ("5", ["1", "4"])];
    for (node, neighbours) in ring {
        wait_until("the ring closes", || peers(&net, node) == neighbours);
    }
    let record = net.record("default").unwrap();
    assert_eq!(record["nodes"].as_array().unwrap().len(), 4);
    assert_eq!(record["nodes"][1]["peers"], serde_json::json!(["1"]));
    net.run(&["remove-node", "3"]).fails(1, "no node '3'; its nodes are 1-2, 4-5");

    let stopped = net.json(&["stop-network"]);
    assert_eq!(stopped["nodes"].as_array().unwrap().len(), 4);
    net.assert_nothing_is_left();
}

#[test]
fn a_node_can_be_removed_by_its_address() {
    let net = TestNet::start("circular", 3);
    let removed = net.json(&["remove-node", &net.address(2)]);
    assert_eq!(removed, serde_json::json!({"node": "2", "endpoint": format!("tcp://{}", net.address(2))}));
    assert_ne!(net.process(2).life(), Life::Running);
    assert_eq!(net.record("default").unwrap()["nodes"].as_array().unwrap().len(), 2);
}

#[test]
fn a_network_without_nodes_can_be_stopped() {
    let net = TestNet::start("circular", 2);
    net.run(&["remove-node", "1"]).done();
    net.run(&["remove-node", "2"]).done();
    let words = "it has no nodes left; stop it with 'gossip stop-network --network default'";
    assert_eq!(net.run(&["status"]).done().stdout, format!("Network 'default': {words}\n"));
    assert_eq!(net.json(&["status"])["nodes"], serde_json::json!([]));
    net.run(&["send-message", "1", "x"]).fails(1, &format!("network 'default' has no node '1'; {words}"));
    assert_eq!(net.run(&["stop-network"]).done().stdout, "Gossip network stopped\n");
    net.assert_nothing_is_left();
}

#[test]
fn a_dead_nodes_port_is_not_dialled() {
    let net = TestNet::start("circular", 3);
    net.kill(2);
    // Another network takes the port of the dead node.
    let heir = net.spawn(&["node", "--name", "2", "--bind", &net.address(2), "--network", "two", "--json"]);
    wait_until("the heir listens", || heir.stdout().contains("endpoint"));
    for command in [&["remove-node", "2"][..], &["send-message", "2", "apple"], &["list-peers", "2"]] {
        net.run(command).fails(3, "its process has ended");
    }
    assert_eq!(heir.process().life(), Life::Running, "a node of another network was removed");
    assert_eq!(net.record("default").unwrap()["nodes"].as_array().unwrap().len(), 3);
}

#[test]
fn a_node_that_ends_without_a_word_has_left() {
    let net = TestNet::start("circular", 3);
    net.signal(2, Signal::STOP);
    let removal = net.spawn(&["remove-node", "2", "--timeout", "3"]);
    let files = format!("/proc/{}/fd", removal.process().pid);
    let is_hold =
        |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|name| name.to_string_lossy().contains("pidfd"));
    wait_until("its process is watched", || fs::read_dir(&files).unwrap().flatten().any(is_hold));
    net.kill(2);
    assert_eq!(removal.wait().done().stdout, "Gossip-Node-2 removed\n");
    assert_eq!(net.record("default").unwrap()["nodes"].as_array().unwrap().len(), 2);
}
