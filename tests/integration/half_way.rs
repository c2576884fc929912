//! A start that does not come to its end: interrupted, failed, killed. Nothing is left running that cannot be
//! stopped.

use crate::testnet::{Running, World, free_ports, wait_until};
use gossip::launcher::process::Process;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};
use std::{fs, path::PathBuf};

/// The node of a start that [`begin`] has begun that never listens. The first one, so that others may be yet to come.
const STUCK: &str = "1";

/// Begins a start that cannot come to its end: one node waits for ever for somebody to write its incarnation. Returns
/// when that one runs.
fn begin(world: &World, args: &[&str]) -> (Running, Process) {
    let fifo = fifo(world);
    fs::create_dir_all(fifo.parent().unwrap()).unwrap();
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let base = free_ports(24).to_string();
    let start = world.spawn(&[&["start-network", "-n", "24", "--port-base", &base], args].concat());
    let mut stuck = None;
    wait_until("a node has started", || {
        stuck = world.processes().into_iter().find_map(|(name, process)| (name == STUCK).then_some(process));
        stuck.is_some()
    });
    (start, stuck.unwrap())
}

fn fifo(world: &World) -> PathBuf {
    world.networks().join(format!("default/nodes/{STUCK}.incarnation"))
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
    let (start, stuck) = begin(&world, &[]);
    stuck.hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
    start.wait().fails(1, "did not start");
    world.assert_nothing_is_left();
}

#[test]
fn what_a_killed_starter_left_can_be_stopped() {
    let world = World::new();
    let (start, _) = begin(&world, &[]);
    // Halted before it is killed: once it stands still no child of it is about to become a node.
    start.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", start.process().pid);
    let stands = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T'));
    wait_until("the starter stands still", || fs::read_to_string(&stat).is_ok_and(stands));
    start.signal(Signal::KILL);
    assert_eq!(start.wait().code, None);
    let base = free_ports(4).to_string();
    let again = ["start-network", "-n", "4", "--port-base", &base];
    world.run(&again).fails(1, "is already running");
    // A starter makes the log of a node before its process.
    let stopped = world.json(&["stop-network"]);
    for node in stopped["nodes"].as_array().unwrap() {
        let log = world.networks().join(format!("default/nodes/{}.log", node["node"].as_str().unwrap()));
        assert_eq!(node["ended"] == "not_started", !log.exists(), "{node}");
    }
    world.assert_nothing_is_left();
    fs::remove_file(fifo(&world)).unwrap();
    world.run(&again).done();
    world.run(&["stop-network"]).done();
    world.assert_nothing_is_left();
}
