//! A node that knows one address of a network becomes a member of it.

use crate::testnet::{Running, TestNet, World, free_ports, wait_until};
use rustix::process::Signal;

/// A node in the foreground that joins by `contacts`, and listens.
fn join(world: &World, name: &str, port: u16, contacts: &[&str]) -> Running {
    let bind = format!("127.0.0.1:{port}");
    let mut words = vec!["node", "--name", name, "--bind", &bind, "--timing", "local", "--json"];
    contacts.iter().for_each(|contact| words.extend(["--join", contact]));
    let node = world.spawn(&words);
    wait_until("the node listens", || node.stdout().contains("endpoint"));
    node
}

fn up_peers(world: &World, address: &str) -> usize {
    let told = world.json(&["list-peers", address]);
    told["peers"].as_array().unwrap().iter().filter(|peer| peer["up"] == true).count()
}

fn has(world: &World, address: &str, text: &str) -> bool {
    let told = world.json(&["get-messages", address, "all"]);
    told["messages"].as_array().unwrap().iter().filter(|message| message["text"] == text).count() == 1
}

#[test]
fn nodes_that_join_one_by_one_are_one_network() {
    let (world, base) = (World::new(), free_ports(8));
    let address = |number: u16| format!("127.0.0.1:{}", base + number);
    let mut nodes = vec![join(&world, "n1", base + 1, &[])];
    for number in 2..=8 {
        nodes.push(join(&world, &format!("n{number}"), base + number, &[&address(1)]));
    }
    for number in 1..=8 {
        wait_until("it has two neighbours", || up_peers(&world, &address(number)) >= 2);
    }
    world.run(&["send-message", &address(8), "hello"]).done();
    for number in 1..=8 {
        wait_until("the message is there", || has(&world, &address(number), "hello"));
    }
    // The one that all have joined by goes; the others do not need it.
    nodes[0].signal(Signal::KILL);
    world.run(&["send-message", &address(3), "still here"]).done();
    for number in 2..=8 {
        wait_until("the message is there", || has(&world, &address(number), "still here"));
    }
}

#[test]
fn a_declared_network_takes_in_a_node_that_joins_and_tells_it_what_it_missed() {
    let net = TestNet::start("circular", 5);
    net.run(&["send-message", "2", "before"]).done();
    let base = free_ports(1);
    let record = net.record("default").unwrap();
    let instance = record["instance"].as_str().unwrap();
    let (address, dead) = (format!("127.0.0.1:{}", base + 1), format!("127.0.0.1:{base}"));
    let joins = ["--join", &dead, "--join", &net.address(4)];
    let words = ["node", "--name", "late", "--bind", &address, "--timing", "local", "--instance", instance];
    let late = net.spawn(&[&words[..], &joins].concat());
    wait_until("it knows what was sent before", || late.stdout().contains("listens") && has(&net, &address, "before"));
    net.run(&["send-message", &address, "from the newcomer"]).done();
    for node in net.nodes() {
        wait_until("all have its message", || has(&net, &node, "from the newcomer"));
    }
}

#[test]
fn joining_without_healing_is_refused() {
    let world = World::new();
    let words = ["node", "--name", "a", "--bind", "127.0.0.1:0", "--join", "127.0.0.1:7001", "--no-heal"];
    world.run(&words).fails(2, "'--join <HOST:PORT>' cannot be used with '--no-heal'");
}
