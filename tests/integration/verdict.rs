//! Verdicts on a network: whole, weak, split, and its distance from a split.

use crate::testnet::{TestNet, wait_until};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The verdict, whatever the exit code.
#[track_caller]
fn verdict(net: &TestNet) -> Value {
    net.run(&["status", "--json"]).json()["verdict"].clone()
}

#[test]
fn a_ring_says_how_many_failures_it_is_from_a_split() {
    let net = TestNet::start("circular --no-heal", 6);
    let whole = net.run(&["status"]).done().stdout;
    assert!(
        whole.starts_with("Network 'default' is healthy: all 6 nodes are up.\nTwo node failures could split it.\n"),
        "{whole}"
    );
    let told = verdict(&net);
    assert_eq!((&told["failures_to_split"], &told["diameter"], &told["up"]), (&json!(2), &json!(3), &json!(6)));
    assert_eq!((&told["degree"]["mean"], &told["bridges"]), (&json!(2.0), &json!([])));

    net.kill(3);
    wait_until("its neighbours notice", || verdict(&net)["links"] == 4);
    let weak = net.run(&["status"]).fails(1, "1 of 6 nodes is down: 3; see the logs in /").stdout;
    let words = "is connected, but degraded: 5 of 6 nodes up, 1 down (3).\nOne node failure could split it: ";
    assert!(weak.starts_with(&format!("Network 'default' {words}")), "{weak}");
    let told = verdict(&net);
    assert_eq!(told["articulation_points"], json!(["1", "5", "6"]));
    assert_eq!(told["bridges"], json!([["1", "2"], ["1", "6"], ["4", "5"], ["5", "6"]]));

    net.kill(6);
    let words = "the network is split into 2 parts: 1-2 | 4-5; 2 of 6 nodes are down: 3, 6";
    wait_until("it is split", || net.run(&["status"]).stderr.contains(words));
    assert_eq!(net.run(&["status"]).fails(1, words).code, Some(1));
    let told = verdict(&net);
    assert_eq!((&told["components"], &told["failures_to_split"]), (&json!([["1", "2"], ["4", "5"]]), &json!(0)));
    assert_eq!((&told["ok"], &told["down"]), (&json!(false), &json!(2)));
}

#[test]
fn a_ring_that_heals_is_connected_again_and_says_by_which_link() {
    let net = TestNet::start("circular", 6);
    net.kill(3);
    wait_until("it heals", || verdict(&net)["healing_links"] == 1);
    let told = verdict(&net);
    assert_eq!((&told["failures_to_split"], &told["links"]), (&json!(2), &json!(5)));
    net.run(&["status"]).fails(1, "1 of 6 nodes is down: 3");
}

#[test]
fn a_network_in_which_every_process_was_killed_is_down_and_nothing_else_is_said_of_it() {
    let net = TestNet::start("circular --no-heal", 4);
    (1..=4).for_each(|node| net.kill(node));
    let outcome = net.run(&["status"]).fails(1, "4 of 4 nodes are down: 1-4; see the logs in /");
    assert!(outcome.stdout.starts_with("Network 'default' is DOWN: 0 of 4 nodes up, 4 down (1-4).\n\n"), "{outcome:?}");
    assert!(!outcome.stdout.contains("split") && !outcome.stdout.contains("link"), "{outcome:?}");
    assert_eq!(verdict(&net)["health"], "down");
    assert_eq!(net.json(&["plot"])["caption"], "overlay now · DOWN · 0 of 4 nodes up");
    net.run(&["audit"]).fails(3, "4 of 4 nodes could not be audited: 1-4");
}

#[test]
fn status_and_plot_count_the_same_nodes_as_up() {
    let net = TestNet::start("circular --no-heal", 5);
    net.kill(2);
    net.signal(4, Signal::STOP);
    wait_until("its neighbours doubt the one that hangs", || {
        let told = net.run(&["status", "--json", "--timeout", "1"]).json();
        let suspect = |node: &Value| node["state"] == "silent" || node["state"] == "suspect";
        suspect(&told["nodes"][3]) && told["verdict"]["links"] == 1
    });
    let [status, plot] = ["status", "plot"].map(|command| net.run(&[command, "--json", "--timeout", "2"]).json());
    let up = &status["verdict"]["up"];
    assert!(plot["caption"].as_str().unwrap().contains(&format!(" {up} of 5 nodes up ")), "{status} {plot}");
    net.signal(4, Signal::CONT);
}

#[test]
fn all_commands_count_the_same_nodes_as_up_whoever_started_them() {
    let net = TestNet::start("circular --no-heal", 4);
    let (instance, entry) = (net.record("default").unwrap()["instance"].as_str().unwrap().to_owned(), net.address(1));
    let by_hand = |name: &str, bind: &str| {
        let words = ["node", "--name", name, "--bind", bind, "--instance", &instance, "--join", &entry];
        net.spawn(&[&words[..], &["--timing", "local"]].concat())
    };
    // One is in no record, and another's process is not the one that the record knows.
    net.kill(3);
    let nodes = [by_hand("3", &net.address(3)), by_hand("hand", "127.0.0.1:0")];
    let watch = net.spawn(&["watch", "--json"]);
    wait_until("all are up", || net.run(&["status"]).stdout.contains("all 5 nodes are up"));
    assert_eq!(verdict(&net)["up"], 5);
    assert!(net.json(&["plot"])["caption"].as_str().unwrap().contains(" 5 of 5 nodes up "));
    let audit = net.json(&["audit"]);
    assert!(audit["nodes"].as_array().unwrap().iter().all(|node| node["state"] == "up"), "{audit}");
    let check = net.json(&["chaos", "check"]);
    assert_eq!((&check["up"], &check["down"]), (&json!(5), &json!([])));
    net.run(&["send-message", "hand", "apple"]).fails(1, "no node 'hand'");
    let has_arrived = |node: &str| {
        let is_meant = |line: &str| line.contains(&format!("\"node\":\"{node}\",\"kind\":\"arrived\""));
        watch.stdout().lines().any(is_meant)
    };
    // What arrives before anybody watches is not told.
    wait_until("both are watched", || {
        net.run(&["send-message", "1", "apple"]).done();
        ["3", "hand"].into_iter().all(has_arrived)
    });
    for node in &nodes {
        node.signal(Signal::KILL);
    }
    wait_until("it is down everywhere", || {
        let [status, check] =
            [&["status", "--json"][..], &["chaos", "check", "--json"]].map(|words| net.run(words).json());
        status["verdict"]["up"] == 4 - 1
            && status["verdict"]["down"] == 1
            && check["up"] == 3
            && check["down"] == json!(["3"])
    });
    watch.signal(Signal::INT);
    watch.wait().done();
}

#[test]
fn a_node_in_the_place_of_another_is_not_taken_for_it() {
    let net = TestNet::start("circular --no-heal", 4);
    let (instance, entry) = (net.record("default").unwrap()["instance"].as_str().unwrap().to_owned(), net.address(1));
    net.kill(3);
    let place = net.address(3);
    let words = ["node", "--name", "x", "--bind", &place, "--instance", &instance, "--join", &entry];
    let _x = net.spawn(&[&words[..], &["--timing", "local"]].concat());
    wait_until("it has joined", || verdict(&net)["up"] == 4);
    let [status, check] = [&["status", "--json"][..], &["chaos", "check", "--json"]].map(|words| net.run(words).json());
    let nodes: Vec<_> =
        status["nodes"].as_array().unwrap().iter().map(|node| (&node["node"], &node["state"])).collect();
    assert_eq!(nodes[2..], [(&json!("3"), &json!("down")), (&json!("4"), &json!("up")), (&json!("x"), &json!("up"))]);
    assert_eq!((&check["up"], &check["down"]), (&json!(4), &json!(["3"])));
}

#[test]
fn a_node_that_runs_and_is_silent_is_not_down() {
    let net = TestNet::start("circular --no-heal", 4);
    net.signal(2, Signal::STOP);
    let outcome = net.run(&["status", "--timeout", "0.5", "--json"]).fails(3, "1 of 4 nodes did not answer: 2");
    assert_eq!(outcome.json()["nodes"][1]["state"], "silent");
    net.signal(2, Signal::CONT);
    wait_until("it answers", || net.run(&["status"]).code == Some(0));
}

#[test]
fn who_watches_sees_it_anew_until_interrupted() {
    let net = TestNet::start("circular --no-heal", 3);
    let watch = net.spawn(&["status", "--watch", "--json"]);
    wait_until("two looks", || watch.stdout().lines().count() >= 2);
    net.kill(3);
    let last_down = || watch.stdout().lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    wait_until("it shows the node that is down", || last_down().is_some_and(|told| told["verdict"]["down"] == 1));
    watch.signal(Signal::INT);
    let outcome = watch.wait();
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "Ctrl-C is its normal end");
}

#[test]
fn the_way_of_a_message_is_drawn_from_what_nodes_recorded() {
    let net = TestNet::start("circular --no-heal", 5);
    let id = net.json(&["send-message", "1", "apple"])["id"].as_str().unwrap().to_owned();
    let steps =
        || net.run(&["plot", "--message", &id, "--json"]).json()["steps"].as_array().cloned().unwrap_or_default();
    wait_until("all have it", || steps().len() == 4);
    let told = net.json(&["plot", "--message", &id]);
    assert_eq!(
        (&told["kind"], &told["message"], &told["steps"][0]["from"]),
        (&json!("message"), &json!(id), &json!("1"))
    );
    for file in told["plot"].as_array().unwrap() {
        assert!(std::path::Path::new(file.as_str().unwrap()).exists(), "{file} is missing");
    }
    let untraced = net.json(&["send-message", "1", "pear", "--no-trace"])["id"].as_str().unwrap().to_owned();
    net.run(&["plot", "--message", &untraced]).fails(1, "was sent without a trace, so its path was not recorded");
    net.run(&["plot", "--message", "1-5-1"]).fails(1, "no node that answered keeps message 1-5-1");
}

#[test]
fn a_picture_shows_the_network_as_it_is() {
    let net = TestNet::start("circular --no-heal", 5);
    net.kill(3);
    wait_until("its neighbours notice", || verdict(&net)["links"] == 3);
    let drawn = |args: &[&str]| {
        let told = net.json(args);
        let svg = told["plot"][0].as_str().unwrap().to_owned();
        (told["caption"].as_str().unwrap().to_owned(), std::fs::read_to_string(svg).unwrap())
    };
    let (caption, svg) = drawn(&["plot"]);
    assert_eq!(caption, "overlay now · 4 of 5 nodes up · 3 links · 1 node failure could split it");
    assert!(svg.contains("node 3, down") && svg.contains("declared, down: 2 links") && svg.contains("bridge: 3 links"));
    let (caption, svg) = drawn(&["plot", "--declared"]);
    assert_eq!(caption, "circular · 5 nodes · 5 links · diameter 2");
    assert!(!svg.contains("down"));
}
