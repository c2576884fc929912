//! `--foreground`: the command stays with its network until either ends.

use crate::testnet::{Running, World, free_ports, wait_until};
use gossip::launcher::process::Life;
use rustix::process::Signal;
use std::{
    fs::File,
    process::{Command, Stdio},
};

fn attached(world: &World) -> Running {
    let base = free_ports(3).to_string();
    let start = world.spawn(&["start-network", "circular", "-n", "3", "--port-base", &base, "--foreground"]);
    wait_until("the network is announced", || start.stdout().contains("started: 3 nodes, circular"));
    start
}

#[test]
fn ctrl_c_or_a_closed_terminal_stops_the_network_and_is_no_error() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let world = World::new();
        let start = attached(&world);
        assert_eq!(world.json(&["list-peers", "1"])["peers"].as_array().unwrap().len(), 2);
        start.signal(signal);
        let outcome = start.wait().done();
        assert!(outcome.stdout.ends_with("\nGossip network stopped\n"), "{outcome:?}");
        world.assert_nothing_is_left();
    }
}

#[test]
fn a_stop_from_elsewhere_ends_it_well() {
    let world = World::new();
    let start = attached(&world);
    world.run(&["stop-network"]).done();
    start.wait().done();
    world.assert_nothing_is_left();
}

#[test]
fn nodes_that_end_by_themselves_are_an_error() {
    let world = World::new();
    let start = attached(&world);
    for (_, process) in world.processes() {
        process.hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
    }
    let outcome = start.wait();
    let (notes, error) = outcome.stderr.trim_end().rsplit_once('\n').unwrap();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(error.starts_with("error: ") && error.contains("have exited"), "{outcome:?}");
    let mut notes: Vec<_> = notes.lines().map(|note| note.split_once(" (signal: 9").unwrap().0).collect();
    notes.sort_unstable();
    assert_eq!(notes, [1, 2, 3].map(|node| format!("note: node {node} has exited")));
    world.assert_nothing_is_left();
}

#[test]
fn a_node_that_dies_meanwhile_is_told_at_once_and_at_the_end() {
    let world = World::new();
    let start = attached(&world);
    let (_, process) = world.processes().into_iter().find(|(name, _)| name == "2").unwrap();
    process.hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
    wait_until("the end is told", || start.stderr().starts_with("note: node 2 has exited (signal: 9"));
    start.signal(Signal::INT);
    let outcome = start.wait();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.ends_with("\nGossip network stopped\nNode 2 had exited already\n"), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    world.assert_nothing_is_left();
}

#[test]
fn a_node_that_is_removed_meanwhile_is_nothing_to_speak_of() {
    let world = World::new();
    let start = attached(&world);
    world.run(&["remove-node", "2"]).done();
    start.signal(Signal::INT);
    assert!(start.wait().done().stdout.ends_with("\nGossip network stopped\n"));
}

#[test]
fn a_zombie_counts_as_gone() {
    let world = World::new();
    let start = attached(&world);
    // Halted, the parent reaps nobody.
    start.signal(Signal::STOP);
    let processes = world.processes();
    let (_, dead) = processes.iter().find(|(name, _)| name == "2").unwrap();
    dead.hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
    wait_until("the killed node is a zombie", || dead.life() == Life::Zombie);
    let outcome = world.run(&["stop-network"]).done();
    assert_eq!(outcome.stdout, "Gossip network stopped\nNode 2 had exited already\n");
    assert!(processes.iter().all(|(_, process)| process.life() == Life::Zombie));
    start.signal(Signal::CONT);
    let outcome = start.wait();
    assert!(outcome.code == Some(0) && outcome.stderr.starts_with("note: node 2 has exited"), "{outcome:?}");
    world.assert_nothing_is_left();
}

#[test]
fn what_cannot_be_announced_is_stopped() {
    let base = free_ports(3).to_string();
    let args = ["start-network", "circular", "-n", "3", "--port-base", &base, "--foreground"];
    let world = World::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status = world.command(args).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    world.assert_nothing_is_left();

    // Nobody reads: no error, as behind `| head`.
    let mut start = world.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(start.stdout.take());
    assert_eq!(start.wait().unwrap().code(), Some(0));
    world.assert_nothing_is_left();
}

#[test]
fn a_picture_that_fails_ends_nothing() {
    let world = World::new();
    let base = free_ports(2).to_string();
    // Files of 2 KiB are enough for the record and the logs, not for a picture.
    let script = r#"trap "" XFSZ; ulimit -f 4; exec "$0" "$@""#;
    let gossip = env!("CARGO_BIN_EXE_gossip");
    let args = ["start-network", "circular", "-n", "2", "--port-base", &base, "--foreground", "--plot"];
    let mut shell = Command::new("sh");
    shell.args(["-c", script, gossip]).args(args);
    let start = Running::spawn(world.inside(&mut shell));
    wait_until("the network is announced", || start.stdout().contains("started: 2 nodes, circular"));
    assert_eq!(world.json(&["list-peers", "1"])["peers"].as_array().unwrap().len(), 1);
    start.signal(Signal::INT);
    let outcome = start.wait();
    assert!(outcome.code == Some(0) && outcome.stderr.starts_with("cannot draw its picture: "), "{outcome:?}");
    world.assert_nothing_is_left();
}
