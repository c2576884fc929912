//! Logs: what an operator would act on, a line each, for people or for programs.

use crate::testnet::{TestNet, World, free_ports, wait_until};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// The log of a node, each line parsed.
fn lines(net: &TestNet, node: u16) -> Vec<Value> {
    let log = log(net, node);
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn log(net: &TestNet, node: u16) -> String {
    fs::read_to_string(net.networks().join(format!("default/nodes/{node}.log"))).unwrap()
}

fn has(net: &TestNet, node: u16, room: &str, event: &str) -> bool {
    lines(net, node).iter().any(|line| line["room"] == room && line["event"] == event)
}

#[test]
fn lines_of_json_are_objects_and_tell_nothing_of_single_messages() {
    let net = TestNet::start("circular --log json", 4);
    for number in 0..20 {
        net.run(&["send-message", "1", &format!("message {number}")]).done();
    }
    net.kill(3);
    wait_until("a death is told", || has(&net, 2, "links", "down") && has(&net, 4, "links", "down"));
    net.run(&["restart-node", "3"]).done();
    for node in 1..=4 {
        let lines = lines(&net, node);
        assert!(!lines.is_empty());
        for line in &lines {
            let keys: BTreeSet<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, BTreeSet::from(["time", "level", "room", "event", "message", "fields"]), "{line}");
            let level = line["level"].as_str().unwrap();
            assert!(["info", "warn", "error"].contains(&level) && line["event"].is_string(), "{line}");
            assert!(line["room"] != "messages" && line["room"] != "requests", "{line}");
        }
    }
    let down = lines(&net, 2).into_iter().find(|line| line["event"] == "down").unwrap();
    assert_eq!((&down["fields"]["peer"], &down["level"]), (&"3".into(), &"warn".into()));
    let text = log(&net, 3);
    assert!(
        text.ends_with('\n') && has(&net, 3, "links", "link_up"),
        "a node that is restarted logs as before: {text}"
    );
    net.run(&["stop-network"]).done();
    assert!(lines(&net, 1).last().is_some_and(|line| line["event"] == "ends"));
}

#[test]
fn levels_are_set_by_room() {
    let net = TestNet::start("circular --log json --log-level warn,requests=debug,messages=trace,links=off", 3);
    net.run(&["send-message", "2", "apple"]).done();
    for node in 1..=3 {
        wait_until("each message is told", || has(&net, node, "messages", "arrived"));
    }
    let request = lines(&net, 2).into_iter().find(|line| line["fields"]["request"] == "publish");
    assert_eq!(request.map(|line| line["level"].clone()), Some("debug".into()));
    assert!(lines(&net, 2).iter().all(|line| line["room"] != "links"));
}

#[test]
fn levels_come_from_the_environment_too_and_wrong_ones_are_refused() {
    let world = World::new();
    let base = free_ports(1);
    let address = format!("127.0.0.1:{base}");
    let mut command = world.command(["node", "--name", "a", "--bind", &address, "--json"]);
    let node = crate::testnet::Running::spawn(command.env("GOSSIP_LOG", "requests=debug"));
    wait_until("it listens", || node.stdout().ends_with('\n'));
    world.run(&["list-peers", &address]).done();
    wait_until("a request is told", || node.stderr().contains("DEBUG requests: request from a client request=peers\n"));
    for (levels, words) in
        [("loud", "'loud' is not a log level"), ("kitchen=info", "'kitchen' is not a component of the log")]
    {
        world.run(&["start-network", "--log-level", levels]).fails(2, words);
    }
}
