//! A network is measured, and only where nobody's messages are lost by it.

use crate::testnet::{TestNet, wait_until};
use rustix::process::Signal;
use serde_json::Value;

/// Few messages, soon done.
const FEW: [&str; 5] = ["bench", "--messages", "300", "--paced", "5"];

fn kept(net: &TestNet) -> Vec<u64> {
    let status = net.json(&["status"]);
    let kept = |node: &Value| node["retained_messages"].as_u64().unwrap();
    status["nodes"].as_array().unwrap().iter().map(kept).collect()
}

#[test]
fn an_empty_network_is_measured_and_every_node_has_every_message() {
    let net = TestNet::start("random 3 --seed 1", 6);
    let report = net.json(&FEW);
    assert_eq!([&report["messages"], &report["paced"], &report["size"], &report["nodes"]], [300, 5, 100, 6]);
    let figure = |name: &str| report[name].as_f64().unwrap();
    assert!(figure("latency_p50_ms") > 0.0 && figure("latency_p50_ms") <= figure("latency_p999_ms"), "{report}");
    assert!(figure("messages_per_second") > 0.0 && figure("cpu_us") > 0.0, "{report}");
    // The payload crosses a link to each node at least.
    assert!(figure("wire_bytes") >= 80.0, "{report}");
    assert_eq!(kept(&net), [305; 6]);
}

#[test]
fn a_network_that_holds_messages_is_measured_only_if_they_may_go() {
    let net = TestNet::start("circular", 3);
    net.run(&["send-message", "1", "apple"]).done();
    net.run(&FEW).fails(1, "is not empty: node 1 holds a message");
    assert_eq!(kept(&net)[0], 1, "something was submitted all the same");
    let shown = net.run(&[&FEW[..], &["--evict", "--size", "1KiB", "--single"]].concat()).done().stdout;
    assert!(shown.contains("submitted to node 1, each by itself"), "{shown}");
    assert!(shown.contains("Every node received every message, once"), "{shown}");
    assert_eq!(kept(&net), [306; 3]);
}

#[test]
fn there_are_no_figures_if_nodes_cannot_keep_what_is_to_be_checked() {
    let net = TestNet::start("circular --retain-messages 100", 3);
    net.run(&FEW).fails(1, "keeps 100 of 300 messages, so they cannot be checked; send fewer");
}

#[test]
fn a_network_with_a_node_down_is_not_measured() {
    let net = TestNet::start("circular", 3);
    net.run(&["bench", "--network", "none"]).fails(1, "none");
    net.kill(2);
    net.run(&FEW).fails(1, "node 2 is down");
}

#[test]
fn a_node_that_gives_no_receipts_ends_the_load_in_time() {
    let net = TestNet::start("circular", 3);
    let load = net.spawn(&["bench", "--messages", "90000", "--paced", "1", "--window", "10", "--timeout", "2s"]);
    wait_until("loaded", || kept(&net)[0] > 100);
    net.signal(1, Signal::STOP);
    load.wait().fails(3, "is it paused?");
    net.signal(1, Signal::CONT);
}

#[test]
fn a_message_that_the_node_refuses_ends_the_load_with_its_reason() {
    let net = TestNet::start("circular --payload-max 1KiB", 3);
    net.run(&[&FEW[..], &["--size", "4KiB"]].concat()).fails(1, "refused a message, too_large");
}
