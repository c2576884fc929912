//! A start that does not come to its end: interrupted, failed, killed. Nothing is left running that cannot be
//! stopped.

use crate::testnet::{Running, World, free_ports, wait_until};
use gossip::launcher::process::Process;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};
use std::fs;

/// The last node of a start that [`begin`] has begun, and the one that never listens.
const STUCK: &str = "24";

/// Begins a start that cannot come to its end: the last node waits for ever for somebody to write its incarnation.
/// Returns when some node runs.
fn begin(world: &World, args: &[&str]) -> Running {
    let nodes = world.networks().join("default/nodes");
    fs::create_dir_all(&nodes).unwrap();
    let fifo = nodes.join(format!("{STUCK}.incarnation"));
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let base = free_ports(24).to_string();
    let start = world.spawn(&[&["start-network", "-n", STUCK, "--port-base", &base], args].concat());
    wait_until("a node has started", || !world.processes().is_empty());
    start
}

/// The node that never listens, as soon as it runs.
fn stuck(world: &World) -> Process {
    let mut stuck = None;
    wait_until("the last node has started", || {
        stuck = world.processes().into_iter().find_map(|(name, process)| (name == STUCK).then_some(process));
        stuck.is_some()
    });
    stuck.unwrap()
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let world = World::new();
        let start = begin(&world, &[]);
        start.signal(signal);
        start.wait().fails(130, "interrupted");
        world.assert_nothing_is_left();
    }
}

#[test]
fn a_start_that_takes_too_long_leaves_nothing() {
    let world = World::new();
    let start = begin(&world, &["--timeout", "2"]);
    start.wait().fails(3, "not ready after 2s");
    world.assert_nothing_is_left();
}

#[test]
fn a_node_that_dies_ends_the_start_and_is_named() {
    let world = World::new();
    let start = begin(&world, &[]);
    stuck(&world).hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
    start.wait().fails(1, "did not start");
    world.assert_nothing_is_left();
}

#[test]
fn what_a_killed_starter_left_can_be_stopped() {
    let world = World::new();
    let start = begin(&world, &[]);
    // Halted before it is killed: once it stands still no child of it is about to become a node.
    start.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", start.process().pid);
    let stands = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'));
    wait_until("the starter stands still", || fs::read_to_string(&stat).is_ok_and(stands));
    let started = world.processes().len();
    start.signal(Signal::KILL);
    assert_eq!(start.wait().code, None);
    assert!(started > 0);
    let base = free_ports(4).to_string();
    let again = ["start-network", "-n", "4", "--port-base", &base];
    world.run(&again).fails(1, "runs already");
    let stopped = world.json(&["stop-network"]);
    let ended: Vec<_> = stopped["nodes"].as_array().unwrap().iter().map(|node| node["ended"].clone()).collect();
    let unborn = ended.iter().filter(|ended| **ended == "not_started").count();
    assert_eq!((unborn, ended.contains(&"gone".into())), (24 - started, false), "{ended:?}");
    world.assert_nothing_is_left();
    world.run(&again).done();
    world.run(&["stop-network"]).done();
    world.assert_nothing_is_left();
}
