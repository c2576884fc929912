//! Messages that nodes miss, proven from what nodes have seen.

use crate::testnet::{TestNet, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

fn send(net: &TestNet, node: &str, text: &str) -> String {
    net.json(&["send-message", node, text])["id"].as_str().unwrap().to_owned()
}

/// The stream of an id, and its number in it.
fn stream(id: &str) -> (String, u64) {
    let (stream, number) = id.rsplit_once('-').unwrap();
    (stream.to_owned(), number.parse().unwrap())
}

#[test]
fn a_healthy_network_misses_nothing() {
    let net = TestNet::start("random 3 --seed 5", 8);
    for node in ["1", "4", "8"] {
        (0..5).for_each(|_| drop(send(&net, node, "apple")));
    }
    let outcome = net.run(&["audit"]).done();
    assert_eq!(outcome.stdout, "All 8 nodes that answered have seen the same 15 messages; nothing is missing\n");
    let told = net.json(&["audit"]);
    assert_eq!((&told["ok"], &told["messages"], &told["nodes"][7]["missing"]), (&json!(true), &json!(15), &json!([])));
}

#[test]
fn what_a_node_that_is_cut_off_misses_is_named_by_its_ids() {
    let net = TestNet::start("circular --no-heal", 6);
    send(&net, "5", "before");
    net.run(&["audit"]).done();
    // Without its neighbours, node 2 hears nothing any more.
    net.kill(1);
    net.kill(3);
    let [first, .., last] = ["a", "b", "c"].map(|text| send(&net, "5", text));
    let ((of, from), (_, to)) = (stream(&first), stream(&last));
    wait_until("the others have it", || {
        let told = net.run(&["audit", "--json", "--timeout", "0.5"]).json();
        told["nodes"].as_array().unwrap().iter().filter(|node| node["missing_count"] != 0).count() == 1
    });
    let outcome =
        net.run(&["audit", "--timeout", "0.5"]).fails(1, "1 of 6 nodes misses messages: 2; 2 of 6 nodes could");
    assert!(
        outcome.stdout.contains(&format!("\nGossip-Node-2 misses 3 messages:\n  {of}: {from}–{to}\n")),
        "{outcome:?}"
    );
    let told = net.run(&["audit", "--json", "--timeout", "0.5"]).json();
    let missing = &told["nodes"][1]["missing"];
    assert_eq!(
        (&missing[0]["origin"], &missing[0]["from"], &missing[0]["to"]),
        (&json!("5"), &json!(from), &json!(to))
    );
    assert_eq!((&told["ok"], &told["nodes"][0]["answered"]), (&json!(false), &json!(false)));
    let state = |node: usize| told["nodes"][node]["state"].clone();
    assert_eq!((state(0), state(2), state(4)), (json!("down"), json!("down"), json!("up")), "as status judges them");
}

#[test]
fn what_nobody_keeps_any_more_is_a_gap() {
    let net = TestNet::start("circular --no-heal --retain-messages 2", 3);
    // Whoever sleeps misses what the others keep no more when it wakes.
    net.signal(3, Signal::STOP);
    let down = |told: &Value| {
        let peers = told["nodes"][0]["peers"].as_array().unwrap();
        peers.iter().any(|peer| peer["node"] == "3" && peer["up"] == false)
    };
    wait_until("its neighbours take it for down", || ["1", "2"].iter().all(|node| down(&net.json(&["status", node]))));
    let ids: Vec<_> = (0..6).map(|number| send(&net, "1", &number.to_string())).collect();
    wait_until("node 2 has the last", || net.json(&["status", "2"])["nodes"][0]["seen_messages"] == 6);
    net.signal(3, Signal::CONT);
    let gaps = || net.run(&["audit", "--json"]).json()["nodes"][2].clone();
    wait_until("it gives them up", || gaps()["gap_count"] == 4 && gaps()["missing_count"] == 0);
    let outcome = net.run(&["audit"]).fails(1, "1 of 3 nodes misses messages: 3");
    let (of, from) = stream(&ids[0]);
    let words = "Gossip-Node-3 could not recover 4 messages, which none of the 3 nodes asked holds:";
    assert!(outcome.stdout.contains(&format!("{words}\n  {of}: {from}–{}\n", from + 3)), "{outcome:?}");
}

#[test]
fn a_node_that_does_not_answer_proves_nothing() {
    let net = TestNet::start("circular --no-heal", 3);
    net.signal(2, Signal::STOP);
    let outcome = net.run(&["audit", "--timeout", "0.5"]).fails(3, "1 of 3 nodes could not be audited: 2");
    assert!(outcome.stdout.starts_with("All 2 nodes that answered have seen the same 0 messages"), "{outcome:?}");
    assert!(outcome.stdout.contains("\nGossip-Node-2 (silent) was not audited: "), "{outcome:?}");
    net.signal(2, Signal::CONT);
}
