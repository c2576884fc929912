//! Refusals before anything starts. The whole start is told by `tests/integration`.

use super::*;
use crate::{
    core::id::NodeId,
    topology::{Shape, generate},
};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

fn plan(port_base: u32, nodes: u32) -> Plan {
    Plan {
        network: "net".parse().unwrap(),
        topology: "circular".into(),
        seed: 1,
        graph: generate(Shape::Circular, nodes, 1).unwrap(),
        port_base,
        executable: "/nonexistent/gossip".into(),
        node_arguments: Vec::new(),
        data: None,
        timeout: Duration::from_secs(10),
    }
}

/// A port base with `count` free ports behind it, at most 15, below those that systems give to outgoing connections.
/// Each call gives another one, as tests run side by side.
fn free_base(count: u32) -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const STRIDE: u32 = 16;
    let is_free = |port: u32| TcpListener::bind((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap())).is_ok();
    let place = || NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id().wrapping_mul(61);
    let mut bases = (0..600).map(|_| 20_000 + place() % 600 * STRIDE);
    bases.find(|base| (base + 1..=base + count).all(is_free)).expect("free ports in a row")
}

fn refusal(networks: &Networks, plan: &Plan) -> LaunchError {
    start(networks, plan, &AtomicBool::new(false)).unwrap_err()
}

#[test]
fn the_record_follows_the_graph() {
    let manifest = draft(&plan(7000, 4)).unwrap();
    let peers: Vec<_> = manifest.nodes[0].peers.iter().map(NodeId::as_str).collect();
    assert_eq!(peers, ["2", "4"]);
    assert_eq!(manifest.nodes[3].endpoint.to_string(), "tcp://127.0.0.1:7004");
    assert!(manifest.nodes.iter().all(|record| record.process.is_none()));
    assert_eq!(draft(&plan(65_519, 16)).unwrap().nodes[15].endpoint.port(), 65_535);
    assert!(matches!(draft(&plan(65_520, 16)), Err(LaunchError::PortRange { .. })));
    assert!(matches!(draft(&plan(u32::MAX, 16)), Err(LaunchError::PortRange { .. })));
    assert_ne!(manifest.instance, draft(&plan(7000, 4)).unwrap().instance);
}

#[test]
fn a_taken_port_is_named_and_nothing_is_left() {
    let root = tempfile::tempdir().unwrap();
    let networks = Networks::at(root.path());
    let base = free_base(4);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, u16::try_from(base + 3).unwrap())).unwrap();
    let error = refusal(&networks, &plan(base, 4));
    assert_eq!(error.to_string(), format!("port {} is in use; choose others with --port-base", base + 3));
    assert!(networks.recorded().is_empty());
    drop(taken);
}

#[test]
fn a_program_that_does_not_start_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let networks = Networks::at(root.path());
    let error = refusal(&networks, &plan(free_base(4), 4));
    assert!(matches!(error, LaunchError::Spawn { .. }), "{error}");
    assert!(networks.recorded().is_empty());
}

#[test]
fn the_last_words_of_a_node_are_told() {
    let root = tempfile::tempdir().unwrap();
    let networks = Networks::at(root.path());
    // `false node …` ends at once and says nothing; `ls` complains of its arguments on stderr.
    let mut plan = plan(free_base(4), 4);
    for (program, words) in [("false", "it exited without output"), ("ls", "ls --help")] {
        plan.executable = program.into();
        let error = refusal(&networks, &plan);
        assert!(matches!(error, LaunchError::NodeFailed { .. }) && error.to_string().contains(words), "{error}");
        assert!(networks.recorded().is_empty());
    }
}

#[test]
fn a_network_with_a_live_process_is_not_started_again() {
    let root = tempfile::tempdir().unwrap();
    let networks = Networks::at(root.path());
    let plan = plan(free_base(4), 4);
    let folder = networks.folder(&plan.network);
    folder.create().unwrap();
    let mut manifest = draft(&plan).unwrap();
    manifest.nodes[2].process = crate::launcher::process::Process::of(std::process::id()).unwrap();
    manifest.nodes.truncate(3);
    manifest.nodes.drain(..2);
    folder.write_record(&manifest).unwrap();
    assert!(matches!(refusal(&networks, &plan), LaunchError::RunsAlready { alive: 1, .. }));
    assert_eq!(networks.recorded().len(), 1, "the record of a running network was removed");

    // A record whose processes are gone stands in nobody's way: here the start gets as far as the program.
    manifest.boot = "another".into();
    folder.write_record(&manifest).unwrap();
    assert!(matches!(refusal(&networks, &plan), LaunchError::Spawn { .. }));
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let networks = Networks::at(root.path());
    let error = start(&networks, &plan(free_base(4), 4), &AtomicBool::new(true)).unwrap_err();
    assert!(matches!(error, LaunchError::Interrupted), "{error}");
    assert!(networks.recorded().is_empty());
}
