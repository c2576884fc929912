//! Connections that do nothing, up to the last descriptor.

use crate::{
    node::{Node, command, until},
    zmtp,
};
use gossip::{core::request::Request, transport::context::raise_descriptor_limit};
use std::process::Command;

#[test]
fn a_thousand_connections_that_say_nothing() {
    let limit = raise_descriptor_limit().unwrap();
    let count = usize::try_from(limit / 4).unwrap_or(usize::MAX).min(500);
    let node = Node::start("a", &[]);
    node.serves();
    let (memory, descriptors) = (node.memory(), node.descriptors());
    let raw: Vec<_> = (0..count).map(|_| zmtp::tcp(&node)).collect();
    let spoken: Vec<_> = (0..count).map(|index| zmtp::connect(&node, &format!("idle-{index}"))).collect();
    until("accepted", || node.descriptors() >= descriptors + spoken.len());
    node.serves();
    // A connection costs libzmq two buffers of 8 KiB, its session and its pipe: below 64 KiB.
    assert!(node.memory() < memory + 2 * count as u64 / 16, "{memory} MiB became {}", node.memory());
    drop((raw, spoken));
    until("closed", || node.descriptors() <= descriptors + 1);
    node.serves();
}

/// A node that may open this many descriptors.
fn with_descriptors(count: u32) -> Node {
    let node = command("a");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {count}; exec \"$0\" \"$@\"")]).arg(node.get_program()).args(node.get_args());
    Node::run(shell, &[])
}

#[test]
fn out_of_descriptors_for_connections_a_node_goes_on() {
    let node = with_descriptors(64);
    let mut client = node.client();
    // A client connects behind our back: without a reply it may stand in line behind the crowd.
    client.status().unwrap();
    let crowd: Vec<_> = (0..100).map(|_| zmtp::tcp(&node)).collect();
    until("full", || node.descriptors() >= 63);
    for number in 0..10_u8 {
        client.publish([number][..].into(), None).unwrap();
    }
    drop(crowd);
    node.serves();
}

#[test]
fn out_of_descriptors_for_links_a_node_goes_on() {
    let node = with_descriptors(40);
    let mut client = node.client();
    let address = |index| (None, format!("127.0.9.{index}:1").parse().unwrap());
    let crowd: Vec<_> = (1..=60).map(address).collect();
    client.tell(&Request::Connect { peers: crowd.clone() }).unwrap();
    until("said", || node.log().contains("cannot open a link now: will retry"));
    // Whoever was connected is served; there is no descriptor left for anybody else.
    client.publish(b"still here"[..].into(), None).unwrap();
    assert_eq!(client.peers().unwrap().1.len(), crowd.len());
}
