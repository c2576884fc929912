//! Messages: handed to one node, held by each exactly once, with the paths that the relay rule gives, and marked as
//! read when they were shown.

use crate::testnet::{TestNet, wait_until};
use gossip::{
    client::Client,
    core::{batch::Packer, request::RequestId},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Sends `payload` by the command line and returns the message's id.
fn send(net: &TestNet, node: &str, words: &[&str]) -> String {
    let receipt = net.json(&[&["send-message", node], words].concat());
    assert_eq!((&receipt["node"], &receipt["level"]), (&json!(node), &json!("memory")));
    receipt["id"].as_str().unwrap().to_owned()
}

/// The messages that a node holds; fetched as read, so that nothing is marked.
fn held(net: &TestNet, node: &str, status: &str) -> Vec<Value> {
    let told = net.json(&["get-messages", node, status]);
    assert_eq!((&told["node"], &told["status"]), (&json!(node), &json!(status)));
    told["messages"].as_array().unwrap().clone()
}

/// Number of times that each neighbour was the last but one on a path.
fn heard(message: &Value) -> BTreeMap<String, usize> {
    let mut heard = BTreeMap::new();
    for path in message["paths"].as_array().unwrap() {
        let path = path.as_array().unwrap();
        if let [.., neighbour, _] = &path[..] {
            *heard.entry(neighbour.as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    heard
}

fn neighbours(net: &TestNet, node: &str) -> Vec<String> {
    let told = net.json(&["list-peers", node]);
    told["peers"].as_array().unwrap().iter().map(|peer| peer["node"].as_str().unwrap().to_owned()).collect()
}

/// Sends from two nodes with some relays, and insists that every node holds each message once, heard from each
/// neighbour as often as relayed.
fn spreads(shape: &str, nodes: u16, relays: usize) {
    let net = TestNet::start(shape, nodes);
    let count = relays.to_string();
    let sent = ["1", "2"].map(|node| (node, send(&net, node, &["apple", "--relays", &count])));
    for node in net.nodes() {
        let expected: BTreeMap<_, _> = neighbours(&net, &node).into_iter().map(|peer| (peer, relays)).collect();
        wait_until("each neighbour was heard", || {
            let messages = held(&net, &node, "all");
            messages.len() == 2 && messages.iter().all(|message| heard(message) == expected)
        });
        let messages = held(&net, &node, "all");
        for (origin, id) in &sent {
            let matching: Vec<_> = messages.iter().filter(|message| message["id"] == **id).collect();
            assert_eq!(matching.len(), 1, "node {node} holds it once");
            let message = matching[0];
            assert_eq!((&message["origin"], &message["text"]), (&json!(origin), &json!("apple")));
            let paths = message["paths"].as_array().unwrap();
            let own = usize::from(*origin == node);
            assert_eq!(paths.len(), expected.len() * relays + own, "{message}");
            assert!(
                paths.iter().all(|path| path[0] == *origin && path.as_array().unwrap().last() == Some(&json!(node)))
            );
            let times = message["path_times_us"].as_array().unwrap();
            assert!(paths.iter().zip(times).all(|(path, times)| {
                path.as_array().unwrap().len() == times.as_array().unwrap().len() && times[0].is_u64()
            }));
        }
    }
    // Nothing comes later: all frames that the relay rule makes are accounted for.
    let told = net.json(&["status"]);
    let counters = |name: &str| -> u64 {
        let nodes = told["nodes"].as_array().unwrap().iter();
        nodes.map(|node| node["counters"][name].as_u64().unwrap_or(0)).sum()
    };
    let ends: usize = net.nodes().map(|node| neighbours(&net, &node).len()).sum();
    assert_eq!(counters("sent") as usize, 2 * ends * relays, "2·E·R frames a message");
    assert_eq!(counters("delivered"), 2 * u64::from(nodes));
    assert_eq!(counters("surplus") + counters("late") + counters("queue_full"), 0);
}

#[test]
fn a_ring_of_16_spreads() {
    spreads("circular", 16, 1);
}

#[test]
fn a_random_network_of_16_spreads_three_times() {
    spreads("random 3", 16, 3);
}

#[test]
fn a_powerlaw_network_of_16_spreads_twice() {
    spreads("powerlaw", 16, 2);
}

#[test]
fn networks_of_64_spread() {
    for shape in ["circular", "random 3", "powerlaw"] {
        spreads(shape, 64, 1);
    }
}

#[test]
fn a_pair_spreads_in_every_shape() {
    for shape in ["circular", "random 1", "powerlaw"] {
        let net = TestNet::start(shape, 2);
        send(&net, "1", &["apple"]);
        wait_until("it arrives", || held(&net, "2", "all").len() == 1);
        assert_eq!(held(&net, "2", "all")[0]["paths"], json!([["1", "2"]]), "{shape}");
        assert_eq!(held(&net, "1", "all")[0]["paths"], json!([["1"]]), "{shape}");
    }
}

#[test]
fn two_equal_texts_are_two_messages_in_the_order_of_arrival() {
    let net = TestNet::start("circular", 3);
    let ids = [send(&net, "1", &["same"]), send(&net, "1", &["same"]), send(&net, "1", &["other"])];
    wait_until("all arrive", || held(&net, "2", "all").len() == 3);
    let found: Vec<_> = held(&net, "2", "all").iter().map(|message| message["id"].clone()).collect();
    assert_eq!(found, ids);
}

#[test]
fn what_was_shown_is_read_and_nothing_else() {
    let net = TestNet::start("circular", 3);
    for text in ["a", "b", "c"] {
        send(&net, "1", &[text]);
    }
    wait_until("all arrive", || net.json(&["status", "2"])["nodes"][0]["unread"] == 3);
    let texts = |messages: &[Value]| -> Vec<String> {
        messages.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(held(&net, "2", "read"), [] as [Value; 0]);
    let first = net.json(&["get-messages", "2", "unread", "--limit", "1"]);
    let first = first["messages"].as_array().unwrap();
    assert_eq!((texts(first), &first[0]["unread"]), (vec!["a".into()], &json!(true)));
    assert_eq!(texts(&held(&net, "2", "read")), ["a"], "asking for read marks nothing, and finds it");
    assert_eq!(texts(&held(&net, "2", "unread")), ["b", "c"]);
    assert_eq!(texts(&held(&net, "2", "unread")), [] as [&str; 0]);
    let all = held(&net, "2", "all");
    assert!(texts(&all) == ["a", "b", "c"] && all.iter().all(|message| message["unread"] == false));
    assert_eq!(net.json(&["status", "1"])["nodes"][0]["unread"], 3, "each node has its own marks");
}

#[test]
fn a_reader_that_goes_away_has_read_nothing() {
    let net = TestNet::start("circular", 3);
    send(&net, "1", &["a"]);
    wait_until("it arrives", || net.json(&["status", "2"])["nodes"][0]["unread"] == 1);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = net.command(["get-messages", "2"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0), "a broken pipe is no error");
    assert_eq!(net.json(&["status", "2"])["nodes"][0]["unread"], 1);
}

#[test]
fn text_output_is_as_users_know_it() {
    let net = TestNet::start("circular", 4);
    let sent = net.run(&["send-message", "1", "apple"]).done();
    assert_eq!(sent.stdout, "Message sent to Gossip-Node-1\n");
    wait_until("both ways round", || held(&net, "3", "all").first().is_some_and(|m| heard(m).len() == 2));
    let shown = net.run(&["get-messages", "3"]).done().stdout;
    let mut lines: Vec<_> = shown.lines().collect();
    lines[3..].sort_unstable();
    assert_eq!(
        lines,
        [
            "Fetched all messages from Gossip-Node-3; showing all path(s):",
            "",
            "• apple",
            "  ↳ 1 ➜ 2 ➜ 3",
            "  ↳ 1 ➜ 4 ➜ 3",
        ]
    );
    let timed = net.run(&["get-messages", "3", "-p", "-tt"]).done().stdout;
    assert!(
        timed.lines().any(|line| line.starts_with("  ↳ 1 ➜") && line.contains(" (+") && line.ends_with("s)")),
        "{timed}"
    );
    assert_eq!(net.run(&["get-messages", "3", "unread"]).done().stdout, "Gossip-Node-3 has no unread messages\n");
}

#[test]
fn an_untraced_message_arrives_once_and_shows_no_paths() {
    let net = TestNet::start("random 3", 16);
    let id = send(&net, "7", &["quiet", "--no-trace"]);
    for node in net.nodes() {
        wait_until("it arrives", || held(&net, &node, "all").len() == 1);
        let message = &held(&net, &node, "all")[0];
        assert_eq!((&message["id"], &message["paths"]), (&json!(id), &json!([])));
    }
}

#[test]
fn a_submission_that_the_node_would_not_read_is_refused_before_it_is_sent() {
    let net = TestNet::start("circular", 2);
    let mut client = Client::connect(&net.address(1).parse().unwrap(), Duration::from_secs(5)).unwrap();
    let mut submit = |count| {
        let mut packer = Packer::default();
        (0..count).for_each(|_| packer.push(&[b'x'; 1 << 20]));
        client.publish_all(&RequestId::None, packer.take().unwrap())
    };
    assert_eq!(submit(2).unwrap().count, 2, "longer than what is sent unasked, and not too long");
    let text = submit(4).unwrap_err().to_string();
    let (size, remedy) =
        ("a submission of 4194324 B is over the limit of 3 MiB", "submit fewer payloads at a time, or start");
    assert!(text.starts_with(size) && text.contains(remedy) && !text.contains('\n'), "{text}");
    assert_eq!(submit(1).unwrap().count, 1, "the connection is as it was");
}

#[test]
fn a_payload_goes_byte_for_byte_up_to_its_limit() {
    let net = TestNet::start("circular", 3);
    let largest: Vec<u8> = (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    net.run_with_stdin(&["send-message", "1", "-"], &largest).done();
    wait_until("it arrives", || net.json(&["status", "3"])["nodes"][0]["retained_messages"] == 1);
    let shown = net.command(["get-messages", "3", "--json"]).output().unwrap().stdout;
    let message: Value = serde_json::from_slice(&shown).unwrap();
    let encoded = message["messages"][0]["base64"].as_str().expect("it is no UTF-8");
    assert_eq!(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, encoded).unwrap(), largest);

    let over = net.run_with_stdin(&["send-message", "1", "-", "--json"], &[&largest[..], b"x"].concat());
    assert_eq!(over.json()["error"]["code"], "too_large");
    over.fails(1, "node 1 refused: payload on stdin is over the limit of 1 MiB; send less, or start nodes with");
    let empty = net.run_with_stdin(&["send-message", "1", "-"], b"").done();
    assert_eq!(empty.stdout, "Message sent to Gossip-Node-1\n");
}

#[test]
fn an_inbox_of_many_pages_is_read_whole() {
    let net = TestNet::start("circular", 3);
    let payload = vec![b'x'; 400_000];
    for _ in 0..8 {
        net.run_with_stdin(&["send-message", "1", "-", "--no-trace"], &payload).done();
    }
    wait_until("all arrive", || net.json(&["status", "2"])["nodes"][0]["retained_messages"] == 8);
    let messages = held(&net, "2", "all");
    assert_eq!(messages.len(), 8);
    assert!(messages.iter().all(|message| message["text"].as_str().unwrap().len() == payload.len()));
    assert_eq!(net.json(&["status", "2"])["nodes"][0]["unread"], 0);
}

#[test]
fn a_network_that_keeps_little_says_what_it_dropped() {
    let net = TestNet::start("circular --retain-messages 2", 3);
    for text in ["a", "b", "c"] {
        send(&net, "1", &[text]);
    }
    wait_until("the first is dropped", || {
        let told = net.json(&["status", "2"]);
        told["nodes"][0]["counters"]["evicted"] == 1 && told["nodes"][0]["counters"]["evicted_unread"] == 1
    });
    assert_eq!(held(&net, "2", "all").len(), 2);
}

#[test]
fn nodes_are_found_by_number_name_and_address() {
    let net = TestNet::start("circular", 3);
    let id = net.json(&["send-message", &net.address(2), "apple"])["id"].clone();
    wait_until("it arrives", || held(&net, "3", "all").len() == 1);
    let told = net.json(&["get-messages", &format!("tcp://{}", net.address(3))]);
    assert_eq!((&told["node"], &told["messages"][0]["id"]), (&json!("3"), &id));
    let outcome = net.run(&["send-message", "4", "apple", "--json"]);
    assert_eq!(outcome.json()["error"]["code"], "refused");
    outcome.fails(1, "no node '4'");
}

#[test]
fn a_dead_node_is_told_at_once() {
    let net = TestNet::start("circular", 3);
    net.kill(2);
    let outcome = net.run(&["get-messages", "2", "--json"]);
    assert_eq!(outcome.json()["error"]["code"], "unreachable");
    outcome.fails(3, "");
    // A command to nobody must not use up its patience: this one has an hour.
    net.run(&["send-message", &net.address(2), "x", "--timeout", "3600"]).fails(3, "nothing listens");
}

#[test]
fn payloads_forge_nothing_and_come_raw_when_asked_for() {
    let net = TestNet::start("circular", 3);
    let payload = b"a\n\xe2\x80\xa2 forged\n  \x1b[31m\\\xff";
    net.run_with_stdin(&["send-message", "1", "-", "--no-trace"], payload).done();
    let long = "x".repeat(5000);
    net.run(&["send-message", "1", &long, "--no-trace"]).done();
    wait_until("node 2 has both", || held(&net, "2", "all").len() == 2);
    let text = net.run(&["get-messages", "2"]).done().stdout;
    let bullets: Vec<_> = text.lines().filter(|line| line.starts_with('•')).collect();
    assert_eq!(bullets, [r"• a\n• forged\n  \u{1b}[31m\\\xff", &format!("• {long}")]);
    let raw = net.command(["get-messages", "2", "--raw", "--limit", "1"]).output().unwrap();
    assert_eq!(raw.stdout, [&payload[..], b"\n"].concat());
    net.run(&["get-messages", "2", "--raw", "--json"]).fails(2, "--raw");
}
