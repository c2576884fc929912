//! A network is started, seen, stopped; what is left of it, and what is not.

use crate::testnet::{Running, TestNet, World, free_ports, wait_until};
use gossip::launcher::process::Life;
use rustix::process::Signal;
use serde_json::Value;
use std::process::Command;

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[test]
fn every_shape_starts_and_every_node_has_its_declared_peers() {
    for (shape, nodes) in [("random", 16), ("random 1", 2), ("circular", 2), ("circular", 5), ("powerlaw", 12)] {
        let net = TestNet::start(shape, nodes);
        let record = net.record("default").unwrap();
        assert_eq!(record["nodes"].as_array().unwrap().len(), usize::from(nodes));
        for node in record["nodes"].as_array().unwrap() {
            let told = net.json(&["list-peers", node["node"].as_str().unwrap()]);
            let peers: Vec<_> = told["peers"].as_array().unwrap().iter().collect();
            let mut declared = names(&node["peers"]);
            declared.sort_by_key(|name| name.parse::<u32>().unwrap());
            assert_eq!(peers.iter().map(|peer| peer["node"].as_str().unwrap()).collect::<Vec<_>>(), declared);
            assert!(peers.iter().all(|peer| peer["up"] == true), "{shape}: {told}");
        }
        net.run(&["stop-network"]).done();
        net.assert_nothing_is_left();
    }
}

#[test]
fn the_same_seed_makes_the_same_network() {
    let peers = |net: &TestNet| {
        let record = net.record("default").unwrap();
        record["nodes"].as_array().unwrap().iter().map(|node| node["peers"].clone()).collect::<Vec<_>>()
    };
    let first = TestNet::start("random 3", 10);
    let seed = first.record("default").unwrap()["seed"].as_u64().unwrap();
    let second = TestNet::start(&format!("random 3 --seed {seed}"), 10);
    assert_eq!(peers(&first), peers(&second));
}

#[test]
fn nodes_behave_as_their_network_was_told_to() {
    for (options, expected) in [
        ("", "--dissemination tree --timing local"),
        ("--dissemination flood --no-heal --timing wan", "--dissemination flood --timing wan --no-heal"),
    ] {
        let net = TestNet::start(&format!("circular {options}"), 3);
        let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", net.process(3).pid)).unwrap();
        assert!(arguments.replace('\0', " ").contains(&format!("{expected} --payload-max")), "{arguments:?}");
    }
}

#[test]
fn the_headline_says_what_runs_where() {
    let world = World::new();
    let base = free_ports(16);
    let outcome = world.run(&["start-network", "--seed", "42", "--port-base", &base.to_string()]).done();
    let expected = format!(
        "Gossip network 'default' started: 16 nodes, random (degree 3), seed 42, on 127.0.0.1:{}-{}",
        base + 1,
        base + 16
    );
    assert_eq!(outcome.stdout.lines().next(), Some(expected.as_str()));
    assert_eq!(outcome.stdout.lines().filter(|line| line.contains("Gossip-Node-")).count(), 16);
    assert_eq!(world.run(&["stop-network"]).done().stdout, "Gossip network stopped\n");
}

#[test]
fn programs_read_what_was_started_and_how_it_ended() {
    let world = World::new();
    let base = free_ports(3);
    let started = world.json(&["start-network", "circular", "-n", "3", "--port-base", &base.to_string(), "--plot"]);
    assert_eq!((&started["network"], &started["topology"]), (&"default".into(), &"circular".into()));
    let first = &started["nodes"][0];
    assert_eq!(first["endpoint"], format!("tcp://127.0.0.1:{}", base + 1));
    assert_eq!(names(&first["peers"]), ["2", "3"]);
    let plots = names(&started["plot"]);
    assert!(plots.iter().all(|plot| std::fs::metadata(plot).unwrap().len() > 0), "{plots:?}");
    assert!(plots[0].ends_with("default/topology.svg") && plots[1].ends_with("default/topology.png"), "{plots:?}");

    let stopped = world.json(&["stop-network"]);
    assert_eq!(stopped["nodes"][2]["ended"], "stopped");
    assert_eq!(stopped["nodes"][0]["pid"], first["pid"]);
    assert!(std::fs::exists(plots[0]).unwrap(), "the last picture stays");
    world.assert_nothing_is_left();
}

#[test]
fn a_network_with_dead_nodes_is_stopped_all_the_same() {
    let net = TestNet::start("circular", 5);
    net.kill(2);
    net.kill(3);
    let outcome = net.run(&["stop-network"]).done();
    assert_eq!(outcome.stdout, "Gossip network stopped\nNodes 2-3 had exited already\n");
    net.assert_nothing_is_left();
}

#[test]
fn a_network_whose_nodes_are_all_dead_can_be_stopped_or_started_again() {
    let net = TestNet::start("circular", 3);
    let base = net.port_base().to_string();
    (1..=3).for_each(|node| net.kill(node));
    let again = ["start-network", "circular", "-n", "3", "--port-base", &base];
    net.run(&again).done();
    net.run(&["stop-network"]).done();

    let net = TestNet::start("circular", 3);
    (1..=3).for_each(|node| net.kill(node));
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
    net.run(&["stop-network"]).fails(1, "network 'default' is not running");
}

#[test]
fn a_node_that_does_not_answer_is_ended_by_signal() {
    let net = TestNet::start("circular", 3);
    // A halted process takes SIGTERM only when it goes on: it has to be killed.
    net.signal(2, Signal::STOP);
    let outcome = net.run(&["stop-network"]).done();
    assert_eq!(outcome.stdout, "Gossip network stopped\nNode 2 was killed\n");
    net.assert_nothing_is_left();
}

#[test]
fn the_time_to_stop_is_bounded_and_suffices_for_every_way_of_asking() {
    let net = TestNet::start("circular", 3);
    net.signal(2, Signal::STOP);
    // Without a bound it takes at least 4 s: two for an answer, two for SIGTERM.
    let deadline = gossip::clock::Deadline::after(std::time::Duration::from_millis(3500));
    let outcome = net.run(&["stop-network", "--timeout", "0.5"]).done();
    assert!(!deadline.is_over(), "--timeout was not heeded");
    assert!(outcome.stdout.contains("Node 2 was killed"), "{outcome:?}");
    net.assert_nothing_is_left();
}

#[test]
fn few_descriptors_do_not_keep_a_network_running() {
    let net = TestNet::start("circular", 24);
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -n 48; exec "$0" stop-network"#, env!("CARGO_BIN_EXE_gossip")]);
    let outcome = Running::spawn(net.inside(&mut shell)).wait().done();
    assert_eq!(outcome.stdout, "Gossip network stopped\n");
    net.assert_nothing_is_left();
}

#[test]
fn a_pid_that_is_somebody_elses_by_now_is_not_touched() {
    let net = TestNet::start("circular", 3);
    net.kill(3);
    // The record claims a process of ours: this test's own, which started at another time.
    let path = net.networks().join("default/network.json");
    let mut record = net.record("default").unwrap();
    record["nodes"][2]["pid"] = std::process::id().into();
    std::fs::write(&path, record.to_string()).unwrap();
    let stopped = net.json(&["stop-network"]);
    assert_eq!(stopped["nodes"][2]["ended"], "gone");
    net.assert_nothing_is_left();
}

#[test]
fn a_damaged_record_is_named_with_the_way_out() {
    let net = TestNet::start("circular", 2);
    let path = net.networks().join("default/network.json");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len() / 2]).unwrap();
    for command in [&["stop-network"][..], &["start-network"], &["list-peers", "1"]] {
        net.run(command).fails(1, "network.json is damaged");
    }
    std::fs::write(&path, good).unwrap();
    net.run(&["stop-network"]).done();
}

#[test]
fn two_networks_run_side_by_side() {
    let one = TestNet::start("circular", 3);
    let base = free_ports(4).to_string();
    one.run(&["start-network", "-n", "4", "--network", "two", "--port-base", &base]).done();
    one.run(&["send-message", "1", "apple", "--network", "two"]).done();
    wait_until("the message is on node 4 of network two", || {
        let fetched = one.json(&["--network", "two", "get-messages", "4"]);
        fetched["messages"].as_array().unwrap().len() == 1
    });
    assert_eq!(one.json(&["get-messages", "1"])["messages"], Value::Array(Vec::new()));
    one.run(&["list-peers", "4"]).fails(1, "network 'default' has no node '4'; its nodes are 1-3");

    assert_eq!(one.run(&["stop-network", "--network", "two"]).done().stdout, "Gossip network 'two' stopped\n");
    assert!((1..=3).all(|node| one.process(node).life() == Life::Running), "the wrong network was stopped");
    one.run(&["stop-network", "--network", "two"]).fails(1, "running: default");
    one.run(&["stop-network"]).done();
    one.assert_nothing_is_left();
}

#[test]
fn twenty_starts_and_stops_leave_nothing() {
    let world = World::new();
    let base = free_ports(8).to_string();
    for _ in 0..20 {
        world.run(&["start-network", "-n", "8", "--port-base", &base]).done();
        world.run(&["stop-network"]).done();
        world.assert_nothing_is_left();
    }
}

#[test]
fn no_life_of_a_node_begins_twice() {
    let world = World::new();
    let base = free_ports(2).to_string();
    let mut lives = std::collections::BTreeSet::new();
    for _ in 0..3 {
        world.run(&["start-network", "circular", "-n", "2", "--port-base", &base]).done();
        let id = world.json(&["send-message", "1", "apple"])["id"].as_str().unwrap().to_owned();
        assert!(lives.insert(id.clone()), "{id} was given twice");
        world.run(&["stop-network"]).done();
    }
}

#[test]
fn any_number_of_nodes_has_a_random_network() {
    for (nodes, degree) in [(2, 1), (3, 2), (4, 3), (5, 4), (7, 4), (15, 4)] {
        let world = World::new();
        let (base, count) = (free_ports(nodes).to_string(), nodes.to_string());
        let start = ["start-network", "-n", &count, "--port-base", &base];
        let stdout = world.run(&start).done().stdout;
        let says = format!("\nUsing degree {degree}: degree 3 needs ");
        assert!(stdout.contains(&format!("random (degree {degree})")), "{stdout}");
        assert_eq!(stdout.contains(&says), degree != 3, "{stdout}");
        let record = world.record("default").unwrap();
        assert!(record["nodes"].as_array().unwrap().iter().all(|node| names(&node["peers"]).len() == degree));
        world.run(&["stop-network"]).done();
    }
    // What was asked for is not changed.
    World::new()
        .run(&["start-network", "random", "3", "-n", "15"])
        .fails(2, "15 x 3 is odd; choose degree 2, 4 or 16 nodes");
    let net = TestNet::start("circular", 5);
    assert!(net.run(&["restructure", "random"]).done().stdout.contains("restructured: random 4, seed"));
    net.run(&["restructure", "random", "3"]).fails(2, "5 x 3 is odd");
}
