//! A start that does not come to its end: interrupted, failed, killed. Nothing is left running that cannot be
//! stopped.

use crate::testnet::{Running, World, free_ports, wait_until};
use gossip::launcher::process::Process;
use rustix::process::Signal;

/// Begins a start of many nodes that cannot end well: some node of it is halted as soon as it is seen.
fn begin(world: &World, args: &[&str]) -> (Running, Process) {
    let base = free_ports(48).to_string();
    let start = world.spawn(&[&["start-network", "-n", "48", "--port-base", &base], args].concat());
    let mut halted = None;
    wait_until("a node has started", || {
        // The last one seen is the least likely to be ready.
        halted = world.processes().last().map(|(_, process)| *process);
        halted.is_some()
    });
    let halted = halted.unwrap();
    halted.hold().unwrap().unwrap().signal(Signal::STOP).unwrap();
    (start, halted)
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let world = World::new();
        let (start, _) = begin(&world, &[]);
        start.signal(signal);
        start.wait().fails(130, "interrupted");
        world.assert_nothing_is_left();
    }
}

#[test]
fn a_start_that_takes_too_long_leaves_nothing() {
    let world = World::new();
    let (start, _) = begin(&world, &["--timeout", "2"]);
    start.wait().fails(3, "not ready after 2s");
    world.assert_nothing_is_left();
}

#[test]
fn a_node_that_dies_ends_the_start_and_is_named() {
    let world = World::new();
    let (start, halted) = begin(&world, &[]);
    halted.hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
    start.wait().fails(1, "did not start");
    world.assert_nothing_is_left();
}

#[test]
fn what_a_killed_starter_left_can_be_stopped() {
    let world = World::new();
    let (start, _) = begin(&world, &[]);
    start.signal(Signal::KILL);
    assert_eq!(start.wait().code, None);
    assert!(!world.processes().is_empty());
    let base = free_ports(4).to_string();
    let again = ["start-network", "-n", "4", "--port-base", &base];
    world.run(&again).fails(1, "runs already");
    // A starter makes the log of a node before its process.
    let stopped = world.json(&["stop-network"]);
    for node in stopped["nodes"].as_array().unwrap() {
        let log = world.networks().join(format!("default/nodes/{}.log", node["node"].as_str().unwrap()));
        assert_eq!(node["ended"] == "not_started", !log.exists(), "{node}");
    }
    world.assert_nothing_is_left();
    world.run(&again).done();
    world.run(&["stop-network"]).done();
    world.assert_nothing_is_left();
}
