//! Nodes that die, or are ended, and come back: nothing is lost and nothing comes twice.

use crate::{
    testnet::{TestNet, wait_until},
    traffic::{Traffic, assert_all_hold},
};
use gossip::launcher::process::{Life, Process};
use rustix::process::Signal;
use serde_json::json;
use std::net::TcpListener;

fn end(process: Process) {
    process.hold().unwrap().expect("it runs").signal(Signal::KILL).unwrap();
    wait_until("it is gone", || process.life() != Life::Running);
}

#[test]
fn killed_nodes_come_back_and_hold_every_message_once() {
    let net = TestNet::start("random 3 --seed 9", 8);
    let traffic = Traffic::start(&net, &[1, 2]);
    for node in ["4", "7", "4"] {
        traffic.go_on(20);
        let former = net.current(node);
        end(former);
        traffic.go_on(40);
        let back = net.json(&["restart-node", node]);
        assert_eq!((&back["node"], &back["ended"]), (&json!(node), &json!("gone")));
        assert_ne!(net.current(node), former);
        assert_eq!(net.current(node).life(), Life::Running);
        assert!(net.recorded_peers(node).iter().all(|peer| net.peers(node).contains(peer)));
    }
    let texts = traffic.end();
    assert_all_hold(&net, net.nodes(), &texts);
    net.run(&["send-message", "4", "still here"]).done();
    assert_all_hold(&net, net.nodes(), &["still here".to_owned()]);
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_live_node_is_ended_first_and_its_own_messages_are_kept() {
    let net = TestNet::start("circular", 5);
    let traffic = Traffic::start(&net, &[1, 4]);
    net.run(&["send-message", "3", "my own"]).done();
    traffic.go_on(20);
    let former = net.current("3");
    let shown = net.run(&["restart-node", "3"]).done().stdout;
    assert_eq!(shown, format!("Gossip-Node-3 restarted on {}, peers 2, 4\n", net.address(3)));
    assert_ne!(former.life(), Life::Running);
    traffic.go_on(20);
    let mut texts = traffic.end();
    net.run(&["send-message", "3", "my own, in another life"]).done();
    texts.extend(["my own", "my own, in another life"].map(str::to_owned));
    assert_all_hold(&net, net.nodes(), &texts);
}

#[test]
fn a_node_that_hangs_is_ended_by_force() {
    let net = TestNet::start("circular", 3);
    net.signal(2, Signal::STOP);
    let back = net.json(&["restart-node", "2"]);
    assert_eq!(back["ended"], "killed");
    assert_eq!(net.peers("2"), ["1", "3"]);
}

#[test]
fn all_nodes_of_a_dead_network_come_back_one_by_one() {
    let net = TestNet::start("circular", 4);
    for node in 1..=4 {
        net.kill(node);
    }
    for node in net.nodes() {
        net.run(&["restart-node", &node]).done();
    }
    for node in net.nodes() {
        assert_eq!((net.peers(&node).len(), net.recorded_peers(&node).len()), (2, 2));
    }
    net.run(&["send-message", "1", "again"]).done();
    assert_all_hold(&net, net.nodes(), &["again".to_owned()]);
}

#[test]
fn a_node_is_removed_while_messages_flow() {
    let net = TestNet::start("random 3 --seed 2", 8);
    let traffic = Traffic::start(&net, &[1, 2]);
    net.run(&["send-message", "6", "last words"]).done();
    traffic.go_on(20);
    net.run(&["remove-node", "6"]).done();
    traffic.go_on(40);
    let mut texts = traffic.end();
    texts.push("last words".into());
    assert_all_hold(&net, net.nodes().filter(|node| node != "6"), &texts);
    let record = net.record("default").unwrap();
    assert!(record["nodes"].as_array().unwrap().iter().all(|node| node["node"] != "6"));
}

#[test]
fn mistakes_are_told_in_a_line() {
    let net = TestNet::start("circular", 3);
    net.run(&["restart-node", "9"]).fails(1, "network 'default' has no node '9'; its nodes are 1-3");
    net.run(&["restart-node", "127.0.0.1:9"]).fails(1, "no node of network 'default' listens on 127.0.0.1:9");
    net.run(&["restart-node", "1", "--network", "none"]).fails(1, "network 'none' is not running");
    net.kill(2);
    // The threads of a killed process end one after the other.
    wait_until("its port is free", || TcpListener::bind(net.address(2)).is_ok());
    let heir = net.spawn(&["node", "--name", "2", "--bind", &net.address(2), "--network", "two", "--json"]);
    wait_until("the heir listens", || heir.stdout().contains("endpoint"));
    net.run(&["restart-node", "2"]).fails(1, &format!("node 2 cannot start: port {} is in use", net.port_base() + 2));
    assert_eq!(heir.process().life(), Life::Running, "a stranger was ended");
    drop(heir);
    net.run(&["restart-node", "2"]).done();
    assert_eq!(net.peers("2"), ["1", "3"]);
}

#[test]
fn an_interrupted_restart_says_that_the_node_is_down() {
    let net = TestNet::start("circular", 3);
    for other in [1, 3] {
        net.signal(other, Signal::STOP);
    }
    let former = net.current("2");
    let restart = net.spawn(&["restart-node", "2"]);
    wait_until("its former process has ended", || former.life() != Life::Running);
    restart.signal(Signal::INT);
    restart.wait().fails(130, "node '2' is down now, start it with 'gossip restart-node 2'");
    for other in [1, 3] {
        net.signal(other, Signal::CONT);
    }
    net.run(&["restart-node", "2"]).done();
    assert_eq!(net.peers("2"), ["1", "3"]);
    net.run(&["status"]).done();
}
