//! A large message over links that are slow: it crosses each about once, nobody is taken for dead meanwhile, and what is small
//! does not wait for it.

use crate::testnet::{Running, World, free_ports, wait_until};
use gossip::clock::Deadline;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// Bytes a second that each connection carries each way.
const RATE: u64 = 64_000;
const LARGE: usize = 1 << 20;
const NODES: u16 = 3;

/// Bytes that crossed each connection, either way: the node that was dialled, a number, and whether to that node.
type Crossed = Arc<Mutex<BTreeMap<(u16, usize, bool), usize>>>;

/// Carries what is sent to `port` to `target` and back, slowly. Ends with the test's process.
fn slow_way(port: u16, target: u16, crossed: &Crossed) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let crossed = crossed.clone();
    thread::spawn(move || {
        for (number, near) in listener.incoming().map_while(Result::ok).enumerate() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            for (from, to, there) in [(&near, &far, true), (&far, &near, false)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let (crossed, key) = (crossed.clone(), (port, number, there));
                thread::spawn(move || {
                    carry(from, to, |bytes| *crossed.lock().unwrap().entry(key).or_default() += bytes)
                });
            }
        }
    });
}

fn carry(mut from: TcpStream, mut to: TcpStream, count: impl Fn(usize)) {
    let mut buffer = [0; 1024];
    while let Ok(bytes @ 1..) = from.read(&mut buffer) {
        let wait = Duration::from_nanos(bytes as u64 * 1_000_000_000 / RATE);
        Deadline::after(wait).pause(wait);
        if to.write_all(&buffer[..bytes]).is_err() {
            break;
        }
        count(bytes);
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Three nodes that all know each other, each reached over a slow way alone.
fn slow_network(world: &World, base: u16, crossed: &Crossed) -> Vec<Running> {
    let way = |number: u16| format!("127.0.0.1:{}", base + NODES + number);
    (1..=NODES).for_each(|number| slow_way(base + NODES + number, base + number, crossed));
    let start = |number: u16| {
        let (name, bind, here) = (number.to_string(), format!("127.0.0.1:{}", base + number), way(number));
        let mut words =
            vec!["node", "--name", &name, "--bind", &bind, "--advertise", &here, "--timing", "lan", "--json"];
        let peers: Vec<String> = (1..number).map(way).collect();
        peers.iter().for_each(|peer| words.extend(["--peer", peer]));
        let node = world.spawn(&words);
        wait_until("the node listens", || node.stdout().contains("endpoint"));
        node
    };
    (1..=NODES).map(start).collect()
}

/// The lengths of the messages that a node has, in the order of their arrival.
fn messages(world: &World, address: &str) -> Vec<usize> {
    let told = world.json(&["get-messages", address, "all"]);
    told["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().len()).collect()
}

/// Starts a slow network whose links are all up.
fn joined_slow_network(world: &World, base: u16, crossed: &Crossed) -> Vec<Running> {
    let nodes = slow_network(world, base, crossed);
    let is_up = |peer: &&serde_json::Value| peer["up"] == true;
    let links = |number: u16| {
        let told = world.json(&["list-peers", &address(base, number)]);
        told["peers"].as_array().unwrap().iter().filter(is_up).count()
    };
    wait_until("all links are up", || (1..=NODES).all(|number| links(number) == 2));
    nodes
}

fn address(base: u16, number: u16) -> String {
    format!("127.0.0.1:{}", base + number)
}

/// The status of a node, as it says it.
fn status(world: &World, base: u16, number: u16) -> serde_json::Value {
    let told = world.json(&["status", &address(base, number)]);
    let nodes = told["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["node"] == number.to_string().as_str()).unwrap().clone()
}

/// Asserts that no node was ever in doubt about another, and that none of these was counted.
fn assert_undisturbed(world: &World, base: u16, nodes: &[Running], not_counted: &[&str]) {
    for (node, number) in nodes.iter().zip(1..) {
        let log = node.stderr();
        // The values of fields are left out: an instance is a hexadecimal number, and may read like a word.
        let mut words = log.split_whitespace().filter(|word| !word.contains('='));
        let is_verdict = |word: &str| ["suspect", "down", "dead"].iter().any(|verdict| word.contains(verdict));
        assert!(!words.any(is_verdict), "node {number}: {log}");
        let told = &status(world, base, number);
        let is_up = |peer: &serde_json::Value| peer["state"] == "up";
        assert!(told["peers"].as_array().unwrap().iter().all(is_up), "node {number}: {told}");
        let counters = &told["counters"];
        for counter in not_counted {
            assert!(counters[*counter].is_null(), "node {number}: {counters}");
        }
    }
}

#[test]
fn a_large_message_crosses_each_link_about_once_and_small_ones_pass_it() {
    let (world, base, crossed) = (World::new(), free_ports(2 * NODES), Crossed::default());
    let nodes = joined_slow_network(&world, base, &crossed);
    world.run_with_stdin(&["send-message", &address(base, 1), "-"], &vec![b'x'; LARGE]).done();
    let begun = || crossed.lock().unwrap().values().any(|&bytes| bytes > LARGE / 8);
    wait_until("some of it has crossed", begun);
    world.run(&["send-message", &address(base, 1), "small"]).done();
    for number in 2..=NODES {
        let here = address(base, number);
        wait_until("both have arrived", || messages(&world, &here).len() == 2);
        assert_eq!(messages(&world, &here), ["small".len(), LARGE], "at node {number}");
    }
    assert_undisturbed(&world, base, &nodes, &["pulls", "reopened", "queue_full", "not_connected", "chunks_dropped"]);
    let crossed = crossed.lock().unwrap().clone();
    assert!(crossed.values().all(|&bytes| bytes * 10 <= LARGE * 13), "{crossed:?}");
    let large = crossed.values().filter(|&&bytes| bytes > LARGE / 2).count();
    assert_eq!(large, usize::from(NODES) - 1, "who has it is not sent it: {crossed:?}");
}

#[test]
fn batches_pass_a_large_message_and_a_slow_link_shows_life_between_them() {
    const LINES: usize = 3000;
    let (world, base, crossed) = (World::new(), free_ports(2 * NODES), Crossed::default());
    let nodes = joined_slow_network(&world, base, &crossed);
    world.run_with_stdin(&["send-message", &address(base, 1), "-"], &vec![b'x'; LARGE]).done();
    let begun = || crossed.lock().unwrap().values().any(|&bytes| bytes > LARGE / 8);
    wait_until("some of it has crossed", begun);
    // Some 300 KB, in batches of up to 64 KiB: each of these keeps a link busy for a second.
    let lines: Vec<u8> = (0..LINES).flat_map(|number| format!("{number:099}\n").into_bytes()).collect();
    world.run_with_stdin(&["send-message", &address(base, 1), "--lines"], &lines).done();
    for number in 2..=NODES {
        let here = address(base, number);
        let delivered = || status(&world, base, number)["counters"]["delivered"] == LINES + 1;
        wait_until("all have arrived", delivered);
        let lengths = messages(&world, &here);
        assert_eq!(lengths.iter().position(|&length| length == LARGE), Some(LINES), "at node {number}");
        assert!(lengths[..LINES].iter().all(|&length| length == 99));
    }
    assert_undisturbed(&world, base, &nodes, &["reopened", "queue_full", "not_connected"]);
    let most = (LARGE + LINES * 100) * 3 / 2;
    let crossed = crossed.lock().unwrap().clone();
    let counters = (1..=NODES).map(|number| status(&world, base, number)["counters"].to_string());
    let counters: Vec<String> = counters.collect();
    let over: Vec<_> = crossed.iter().filter(|&(_, &bytes)| bytes > most).collect();
    assert!(over.is_empty(), "{over:?}: {counters:?}");
}
