//! Events of a network are shown as they happen: arrivals, suspicions, deaths, and who comes back.

use crate::testnet::{TestNet, wait_until};
use rustix::process::Signal;
use serde_json::Value;

/// Events that were shown so far.
fn shown(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn a_watcher_sees_a_message_everywhere_and_a_death_and_a_return() {
    let net = TestNet::start("circular", 4);
    let watcher = net.spawn(&["watch", "--json"]);
    let tells = |node: &str, kind: &str| {
        shown(&watcher.stdout()).iter().any(|line| line["node"] == node && line["kind"] == kind)
    };
    wait_until("all nodes are watched", || watcher.stdout().contains("watching"));
    net.run(&["send-message", "2", "apple"]).done();
    for node in net.nodes() {
        wait_until("its arrival is shown", || tells(&node, "arrived"));
    }
    net.kill(3);
    for node in ["2", "4"] {
        wait_until("a neighbour tells of the death", || tells(node, "down"));
    }
    wait_until("its silence is shown", || tells("3", "silent"));
    net.run(&["restart-node", "3"]).done();
    wait_until("it is followed again", || tells("3", "restarted"));
    watcher.signal(Signal::INT);
    let outcome = watcher.wait();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
