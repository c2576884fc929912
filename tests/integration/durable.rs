//! Networks that keep their messages on disk: killed, stopped, started again, and asked what their disks hold.

use crate::testnet::{World, free_ports, wait_until};
use gossip::{
    client::Client,
    clock::Deadline,
    core::{batch::Body, endpoint::Endpoint, event::record::Level, request::RequestId},
    launcher::process::{Life, wait_for_all},
};
use rustix::process::Signal;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::PathBuf, sync::mpsc, thread, time::Duration};

/// A durable ring of three nodes, and its port base.
fn ring() -> (World, String) {
    let world = World::new();
    for _ in 0..20 {
        let base = free_ports(3).to_string();
        let started = world.run(&["start-network", "circular", "-n", "3", "--durable", "--port-base", &base]);
        if started.code == Some(0) {
            return (world, base);
        }
    }
    panic!("no free ports")
}

fn kill_all(world: &World) {
    let held: Vec<_> = world.processes().iter().filter_map(|(_, process)| process.hold().unwrap()).collect();
    held.iter().for_each(|held| held.signal(Signal::KILL).unwrap());
    assert!(wait_for_all(&held, &Deadline::after(Duration::from_secs(10))).unwrap());
}

fn data(world: &World, node: u32) -> PathBuf {
    world.networks().join("default/data").join(node.to_string())
}

/// Of each node, the messages that it keeps and those that are unread.
fn kept(world: &World) -> Vec<(u64, u64)> {
    let told = world.json(&["status"]);
    let number = |node: &Value, field: &str| node[field].as_u64().unwrap_or(0);
    let of = |node: &Value| (number(node, "retained_messages"), number(node, "unread"));
    told["nodes"].as_array().unwrap().iter().map(of).collect()
}

/// Texts of the messages of a node, in the order of their arrival. They are read then.
fn texts(world: &World, node: &str) -> Vec<String> {
    let told = world.json(&["get-messages", node]);
    let text = |message: &Value| message["text"].as_str().unwrap().to_owned();
    told["messages"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn what_was_acknowledged_survives_the_end_of_all_processes() {
    let (world, _) = ring();
    let receipt = world.json(&["send-message", "1", "apple"]);
    assert_eq!(receipt["level"], "disk");
    let lines: String = (0..2000).map(|number| format!("line {number}\n")).collect();
    world.run_with_stdin(&["send-message", "2", "--lines"], lines.as_bytes()).done();
    wait_until("all have all", || kept(&world) == [(2001, 2001); 3]);
    world.run(&["get-messages", "3"]).done();
    wait_until("the mark is safe", || kept(&world)[2] == (2001, 0));
    world.run(&["send-message", "3", "pear"]).done();
    wait_until("all have that, too", || kept(&world) == [(2002, 2002), (2002, 2002), (2002, 1)]);
    kill_all(&world);

    let again = world.json(&["start-network"]);
    assert_eq!(again["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(kept(&world), [(2002, 2002), (2002, 2002), (2002, 1)], "each has its messages and marks");
    world.run(&["send-message", "3", "plum"]).done();
    wait_until("it goes on", || kept(&world) == [(2003, 2003), (2003, 2003), (2003, 2)]);
    world.run(&["audit"]).done();
    let status = world.json(&["status"]);
    assert!(status["nodes"].as_array().unwrap().iter().all(|node| node["level"] == "disk"));
    world.run(&["stop-network"]).done();
    for node in 1..=3 {
        let folder = data(&world, node);
        let told = world.json(&["log", "verify", folder.to_str().unwrap()]);
        assert_eq!((told["messages"].as_u64(), told["holes"].as_array().unwrap().len()), (Some(2003), 0));
        let exported = world.run(&["log", "export", folder.to_str().unwrap()]).done().stdout;
        assert!(
            exported.lines().count() == 2003 && exported.starts_with("apple\n") && exported.ends_with("pear\nplum\n")
        );
    }
}

#[test]
fn data_are_gone_on_with_or_set_aside_and_never_mixed() {
    let (world, base) = ring();
    world.run(&["send-message", "1", "apple"]).done();
    world.run(&["log", "inspect", data(&world, 1).to_str().unwrap()]).fails(1, "stop it first");
    world.run(&["log", "reopen", "1"]).done();
    world.run(&["stop-network"]).done();
    world.run(&["start-network", "circular"]).fails(1, "add --durable");
    world.run(&["start-network", "random", "2", "--durable"]).fails(1, "random 2 was asked for");
    world.run(&["start-network", "--durable", "-n", "4"]).fails(1, "4 nodes was asked for");
    world.run(&["start-network", "--durable", "--retain-messages", "5"]).fails(1, "leave others out");
    world.run(&["start-network", "circular", "-n", "3", "--durable", "--port-base", &base]).done();
    assert_eq!(kept(&world), [(1, 1); 3]);
    world.run(&["start-network", "--fresh"]).fails(1, "already running");
    world.run(&["remove-node", "3"]).done();
    assert!(data(&world, 3).with_extension("aside-1").is_dir(), "its data are set aside");
    world.run(&["stop-network"]).done();
    let aside = world.run(&["start-network", "--fresh", "circular", "-n", "3", "--port-base", &base]);
    assert!(aside.code == Some(0) && aside.stderr.contains("data.aside-1"), "{aside:?}");
    assert_eq!(
        (kept(&world), world.json(&["status"])["nodes"][0]["level"].as_str()),
        (vec![(0, 0); 3], Some("memory"))
    );
    world.run(&["stop-network"]).done();
    assert!(world.networks().join("default/data.aside-1/1/log").is_dir());
}

#[test]
fn a_flipped_bit_is_named_and_the_messages_come_back_from_a_neighbour() {
    let (world, _) = ring();
    for word in ["apple", "pear", "plum"] {
        world.run(&["send-message", "1", word]).done();
    }
    wait_until("all have all", || kept(&world) == [(3, 3); 3]);
    world.run(&["stop-network"]).done();
    let segment = data(&world, 2).join("log/0000000000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(4).position(|bytes| bytes == b"pear").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let folder = data(&world, 2);
    world.run(&["log", "verify", folder.to_str().unwrap()]).fails(1, "0000000000000001.seg");
    let exported = world.run(&["log", "export", folder.to_str().unwrap()]).done().stdout;
    assert_eq!(exported, "apple\nplum\n");
    world.run(&["start-network"]).done();
    wait_until("it is fetched again", || kept(&world) == [(3, 3); 3]);
    assert_eq!(texts(&world, "2"), ["apple", "plum", "pear"]);
}

#[test]
fn a_node_by_hand_keeps_its_messages_in_its_folder() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let address = format!("127.0.0.1:{}", free_ports(1) + 1);
    let words = ["node", "--name", "solo", "--bind", &address, "--instance", "0ne", "--data"];
    let start = || {
        let node = world.spawn(&[&words[..], &[folder.path().to_str().unwrap()]].concat());
        wait_until("it listens", || node.stdout().contains("listens"));
        node
    };
    let first = start();
    assert_eq!(world.json(&["send-message", &address, "apple"])["level"], "disk");
    first.signal(Signal::KILL);
    drop(first);
    let _second = start();
    assert_eq!(texts(&world, &address), ["apple"]);
}

#[test]
fn twenty_kills_lose_nothing_that_was_acknowledged() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let address = format!("127.0.0.1:{}", free_ports(1) + 1);
    let endpoint: Endpoint = address.parse().unwrap();
    let words = ["node", "--name", "solo", "--bind", &address, "--instance", "0ne", "--data"];
    let mut acknowledged = BTreeSet::new();
    for kill in 0..20 {
        let node = world.spawn(&[&words[..], &[folder.path().to_str().unwrap()]].concat());
        wait_until("it listens", || node.stdout().contains("listens"));
        let process = node.process();
        // After so many receipts, while the next request is on its way.
        let (enough, (tell, told)) = (kill * 37 % 150, mpsc::channel::<()>());
        let killer = thread::spawn(move || {
            told.recv().unwrap();
            if let Some(held) = process.hold().unwrap() {
                held.signal(Signal::KILL).unwrap();
            }
        });
        let mut client = Client::connect(&endpoint, Duration::from_millis(700)).unwrap();
        for number in 0_u32.. {
            if number == enough {
                tell.send(()).unwrap();
            }
            let body = Body::one(format!("{kill} {number}").as_bytes().into());
            match client.publish_all(&RequestId::None, body) {
                Ok(receipt) => assert!(receipt.level == Level::Disk && acknowledged.insert(receipt.id.to_string())),
                Err(_) => break,
            }
        }
        killer.join().unwrap();
        wait_until("it is gone", || process.life() != Life::Running);
    }
    let folder = folder.path().to_str().unwrap();
    world.run(&["log", "verify", folder]).done();
    let exported = world.run(&["log", "export", folder, "--json"]).done().stdout;
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    let kept: Vec<String> = exported.lines().map(id).collect();
    assert!(acknowledged.len() >= 20, "{} were acknowledged", acknowledged.len());
    let once: BTreeSet<_> = kept.iter().cloned().collect();
    assert_eq!((once.len(), acknowledged.difference(&once).next()), (kept.len(), None));
}
