//! Faults that are ordered do what they say, what broke is mended, and the checker names what is not as it should be.

use crate::testnet::{TestNet, wait_until};
use gossip::launcher::process::{Life, Process};
use rustix::process::Signal;
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// Ids of the messages that a node holds.
fn held(net: &TestNet, node: &str) -> BTreeSet<String> {
    let told = net.json(&["get-messages", node, "all"]);
    told["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

fn send(net: &TestNet, node: &str) -> String {
    net.json(&["send-message", node, "apple", "--no-trace"])["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn wait_for(net: &TestNet, nodes: &[&str], id: &str) {
    for node in nodes {
        wait_until(&format!("node {node} has {id}"), || held(net, node).contains(id));
    }
}

/// The process that the record knows for a node.
fn process(net: &TestNet, node: usize) -> Process {
    let record = net.record("default").unwrap();
    let pid = record["nodes"][node - 1]["pid"].as_u64().unwrap();
    Process::of(u32::try_from(pid).unwrap()).unwrap().unwrap()
}

/// Objects printed one a line; the last is the summary of a schedule.
fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn faults_of_links_need_a_network_that_takes_them() {
    let net = TestNet::start("circular", 3);
    let words = "does not accept link faults: stop it, and start it with 'gossip start-network --chaos'";
    for order in [&["chaos", "cut", "1", "2"][..], &["chaos", "drop", "1", "2", "5%"], &["chaos", "partition", "1"]] {
        net.run(order).fails(1, words);
    }
    net.run(&["chaos", "--for", "1s"]).fails(1, "or choose --faults kill,pause,restart");
    net.run(&["chaos", "kill", "9"]).fails(1, "no node '9'; its nodes are 1-3");
    net.run(&["chaos", "cut", "2", "2"]).fails(2, "node 2 is named twice");
    // Processes need no such leave, and nothing was disturbed.
    assert_eq!(net.run(&["chaos", "kill", "3"]).done().stdout, "Done: kill 3\n");
    assert_ne!(net.process(3).life(), Life::Running);
    net.run(&["chaos", "kill", "3"]).fails(3, "node 3 is down");
    net.run(&["chaos", "heal"]).done();
    let id = send(&net, "1");
    wait_for(&net, &["2"], &id);
}

#[test]
fn a_killed_node_comes_back_with_nothing_and_catches_up() {
    let net = TestNet::start("circular", 4);
    let before = send(&net, "2");
    wait_for(&net, &["1", "3", "4"], &before);
    net.run(&["chaos", "kill", "1-2"]).done();
    assert!([1, 2].iter().all(|&node| net.process(node).life() != Life::Running));
    let during = send(&net, "3");
    net.run(&["chaos", "restart", "1,2"]).done();
    assert_ne!(process(&net, 1), net.process(1), "the record knows the new process");
    for id in [&before, &during] {
        wait_for(&net, &["1", "2", "3", "4"], id);
    }
    // One that runs is killed first.
    let old = process(&net, 1);
    net.run(&["chaos", "restart", &net.address(1)]).done();
    assert!(old.life() != Life::Running && process(&net, 1) != old);
    assert!(
        net.run(&["chaos", "check"])
            .done()
            .stdout
            .contains("Delivered    2 of 2 on all live nodes, 0 missing, 0 twice")
    );
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_paused_node_stands_still_and_catches_up() {
    let net = TestNet::start("circular", 4);
    net.run(&["chaos", "pause", "3"]).done();
    wait_until("node 3 stands still", || net.process(3).is_halted());
    let id = send(&net, "1");
    wait_for(&net, &["2", "4"], &id);
    net.run(&["chaos", "resume", "3"]).done();
    wait_for(&net, &["3"], &id);
    // By itself after a while, and at once on Ctrl-C.
    assert_eq!(
        net.run(&["chaos", "pause", "1", "2", "--for", "100ms"]).done().stdout,
        "Done: pause 1 2\nDone: resume 1 2\n"
    );
    assert!(!net.process(1).is_halted() && !net.process(2).is_halted());
    let pause = net.spawn(&["chaos", "pause", "1", "--for", "10min"]);
    wait_until("it is paused", || net.process(1).is_halted() && pause.stdout().contains("pause"));
    pause.signal(Signal::INT);
    pause.wait().fails(130, "interrupted; all faults are removed");
    assert!(!net.process(1).is_halted());
}

#[test]
fn a_cut_link_leaves_other_ways_and_a_partition_none() {
    let net = TestNet::start("circular --chaos", 4);
    net.run(&["chaos", "cut", "1", "2"]).done();
    let around = send(&net, "1");
    wait_for(&net, &["2", "3", "4"], &around);
    net.run(&["chaos", "mend", "1", "2"]).done();
    net.run(&["chaos", "partition", "1-4"]).fails(1, "a partition needs nodes on both sides");

    net.run(&["chaos", "partition", "1,2"]).done();
    let [here, there] = ["1", "3"].map(|node| send(&net, node));
    wait_for(&net, &["2"], &here);
    wait_for(&net, &["4"], &there);
    assert!(!held(&net, "3").contains(&here) && !held(&net, "1").contains(&there), "it went through");
    let checked = net.run(&["chaos", "check"]).fails(1, "node 1 misses 3-");
    for words in ["links are disturbed: 1 to ", ", 2 to 3, ", "clear them with 'gossip chaos heal'"] {
        assert!(checked.stderr.contains(words), "{checked:#?}");
    }
    net.run(&["chaos", "heal"]).done();
    for id in [&here, &there] {
        wait_for(&net, &["1", "2", "3", "4"], id);
    }
    net.run(&["chaos", "check"]).done();
}

#[test]
fn a_link_is_slow_one_way_deaf_or_lossy_until_it_is_mended() {
    let net = TestNet::start("circular --chaos --no-heal", 2);
    net.run(&["chaos", "delay", "1", "2", "300ms"]).done();
    let id = send(&net, "1");
    wait_for(&net, &["2"], &id);
    let told = net.json(&["get-messages", "2", "all"]);
    let time =
        |field: &str| chrono::DateTime::parse_from_rfc3339(told["messages"][0][field].as_str().unwrap()).unwrap();
    let took = time("received_at") - time("published_at");
    assert!(took.num_milliseconds() >= 300, "{took}");

    // What 1 says does not reach 2; what 2 says reaches 1.
    net.run(&["chaos", "heal"]).done();
    net.run(&["chaos", "cut", "1", "2", "--one-way"]).done();
    let [deaf, heard] = ["1", "2"].map(|node| send(&net, node));
    wait_for(&net, &["1"], &heard);
    assert!(!held(&net, "2").contains(&deaf), "it went through");
    net.run(&["chaos", "drop", "1", "2", "100%"]).done();
    let lost = send(&net, "2");
    assert!(!held(&net, "1").contains(&lost), "it went through");
    net.run(&["chaos", "mend", "1", "2"]).done();
    wait_for(&net, &["1", "2"], &lost);
    wait_for(&net, &["2"], &deaf);
}

#[test]
fn a_schedule_is_drawn_carried_out_mended_and_proved() {
    let net = TestNet::start("random 3 --seed 5 --chaos", 8);
    let schedule = ["chaos", "--for", "8s", "--seed", "7", "--json"];
    let planned = net.run(&[&schedule[..], &["--dry-run"]].concat()).done();
    let outcome = net.run(&[&schedule[..], &["--timeout", "60"]].concat()).done();
    let mut told = lines(&outcome.stdout);
    let summary = told.pop().unwrap();
    let words =
        |lines: &[Value]| lines.iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert!(told.iter().all(|line| line.get("error").is_none()), "{told:?}");
    assert_eq!(words(&told), words(&lines(&planned.stdout)));
    assert!(summary["clean"] == true && summary["acknowledged"].as_u64() > Some(100), "{summary}");
    for nothing in ["duplicates", "missing"] {
        assert_eq!(summary[nothing], serde_json::json!({}));
    }
    assert_eq!((&summary["held"], &summary["lost"]), (&summary["everywhere"], &serde_json::json!([])));
    net.run(&["chaos", "check"]).done();
}

#[test]
fn ctrl_c_mends_what_a_schedule_broke() {
    let net = TestNet::start("circular --chaos", 4);
    let script = net.networks().join("script");
    fs::write(&script, "0s partition 1\n0s pause 3\n0s kill 2\n600s heal\n").unwrap();
    let run = net.spawn(&["chaos", "--script", script.to_str().unwrap(), "--rate", "20"]);
    wait_until("all is broken", || run.stdout().contains("kill 2"));
    assert!(net.process(3).is_halted());
    run.signal(Signal::INT);
    let outcome = run.wait().fails(130, "interrupted; all faults are removed");
    assert!(outcome.stdout.contains("heal") && outcome.stdout.contains("restart 2"), "{outcome:#?}");
    assert!(!net.process(3).is_halted());
    net.run(&["chaos", "check"]).done();
}

#[test]
fn what_died_with_its_only_holder_is_listed_as_such() {
    let net = TestNet::start("circular --chaos", 4);
    let script = net.networks().join("script");
    fs::write(&script, "0s partition 1\n3s kill 1\n").unwrap();
    let outcome = net.run(&["chaos", "--script", script.to_str().unwrap(), "--rate", "100", "--json"]).done();
    let summary = lines(&outcome.stdout).pop().unwrap();
    let died = summary["died_with_holder"].as_array().unwrap();
    assert!(!died.is_empty() && died.iter().all(|id| id.as_str().unwrap().starts_with("1-")), "{summary}");
    assert_eq!(summary["lost"], serde_json::json!([]));
}

#[test]
fn memory_that_is_lost_behind_its_back_is_named() {
    let net = TestNet::start("circular", 2);
    let script = net.networks().join("script");
    fs::write(&script, "").unwrap();
    let run = net.spawn(&["chaos", "--script", script.to_str().unwrap(), "--for", "8s", "--rate", "50"]);
    wait_until("messages come", || held(&net, "1").len() > 20);
    // Both at once, so that no holder is left.
    net.run(&["chaos", "kill", "1-2"]).done();
    net.run(&["chaos", "restart", "1-2"]).done();
    run.wait().fails(1, "acknowledged and lost: ");
}

#[test]
fn a_node_of_another_network_in_the_place_of_a_dead_one_is_not_taken_for_it() {
    let net = TestNet::start("circular", 3);
    let id = send(&net, "1");
    wait_for(&net, &["2", "3"], &id);
    net.run(&["chaos", "check"]).done();
    net.kill(3);
    // Of another start of the network, so that nobody talks to it.
    let heir = ["node", "--name", "3", "--bind", &net.address(3), "--instance", "0ther", "--no-heal", "--json"];
    let heir = net.spawn(&heir);
    wait_until("the heir listens", || heir.stdout().contains("endpoint"));
    let outcome = net.run(&["chaos", "check", "--timeout", "2"]).done();
    assert!(outcome.stdout.contains("2 of 3 nodes up, 1 down (3)"), "{outcome:#?}");
    assert!(outcome.stdout.contains("Delivered    1 of 1 on all live nodes, 0 missing"), "{outcome:#?}");
}

#[test]
fn the_checker_changes_nothing_and_names_what_is_out_of_order() {
    let net = TestNet::start("circular --chaos", 4);
    net.run(&["chaos", "check"]).done();
    // At once, before anybody has missed anything.
    net.run(&["chaos", "delay", "1", "2", "30s"]).done();
    net.run(&["chaos", "cut", "3", "4", "--one-way"]).done();
    let words = "links are disturbed: 1 to 2, 2 to 1, 3 to 4; clear them with 'gossip chaos heal'";
    net.run(&["chaos", "check"]).fails(1, words);
    net.run(&["chaos", "check"]).fails(1, words);
    net.run(&["chaos", "heal"]).done();
    net.run(&["chaos", "pause", "2"]).done();
    for _ in 0..2 {
        let outcome = net.run(&["chaos", "check", "--json"]).fails(1, "node 2 is paused");
        let summary = lines(&outcome.stdout).pop().unwrap();
        assert_eq!((&summary["clean"], &summary["paused"]), (&Value::Bool(false), &serde_json::json!(["2"])));
        assert!(net.process(2).is_halted(), "it was resumed");
    }
    net.run(&["chaos", "resume", "2"]).done();
    net.run(&["chaos", "check"]).done();
}
