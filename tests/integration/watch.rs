//! Watching: what happens anywhere in a network is told as it happens, and a node that says nothing is said to be silent.

use crate::testnet::{Outcome, Running, TestNet, World, wait_until};
use rustix::process::Signal;
use serde_json::Value;

/// Lines that have been told so far.
fn lines(watch: &Running) -> Vec<Value> {
    parsed(&watch.stdout())
}

fn parsed(stdout: &str) -> Vec<Value> {
    // The last line may be under way.
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Returns whether somebody has told that: which node, what, and of which peer.
fn has(watch: &Running, node: Option<&str>, kind: &str, peer: Option<&str>) -> bool {
    let fits = |line: &Value| {
        line["kind"] == kind
            && node.is_none_or(|node| line["node"] == node)
            && peer.is_none_or(|peer| line["peer"] == peer)
    };
    lines(watch).iter().any(fits)
}

/// `gossip watch --json` with more words, once it follows all nodes.
fn watch(world: &World, words: &[&str]) -> Running {
    let watch = world.spawn(&[&["watch", "--json"], words].concat());
    wait_until("all nodes are watched", || has(&watch, None, "watching", None));
    watch
}

fn interrupted(watch: Running) -> Outcome {
    watch.signal(Signal::INT);
    watch.wait().done()
}

#[test]
fn a_message_is_seen_at_every_node_in_the_order_of_time() {
    let net = TestNet::start("circular", 5);
    let watch = watch(&net, &[]);
    let sent = net.json(&["send-message", "2", "apple"]);
    let arrivals = || lines(&watch).into_iter().filter(|line| line["kind"] == "arrived").collect::<Vec<_>>();
    wait_until("all five have it", || arrivals().len() == 5);
    let mut nodes: Vec<_> = arrivals().iter().map(|line| line["node"].as_str().unwrap().to_owned()).collect();
    nodes.sort();
    assert_eq!(nodes, ["1", "2", "3", "4", "5"]);
    for line in arrivals() {
        let is_origin = line["node"] == "2";
        assert_eq!(line["details"]["id"], sent["id"]);
        assert_eq!((line["details"]["hops"] == 0, line["peer"].is_null()), (is_origin, is_origin), "{line}");
    }
    let told = parsed(&interrupted(watch).stdout);
    let times: Vec<_> = told[1..].iter().map(|line| line["time"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_death_and_a_new_life_are_told_by_the_neighbours() {
    let net = TestNet::start("circular", 4);
    let watch = watch(&net, &[]);
    net.kill(3);
    for neighbour in ["2", "4"] {
        wait_until("it is taken for dead", || has(&watch, Some(neighbour), "down", Some("3")));
    }
    let is_silent =
        |line: &Value| line["node"] == "3" && line["kind"] == "silent" && line["details"]["state"] == "down";
    wait_until("it is silent", || lines(&watch).iter().any(is_silent));
    assert!(!has(&watch, Some("3"), "answers", None));
    net.run(&["restart-node", "3"]).done();
    for (node, kind, peer) in
        [("3", "answers", None), ("3", "restarted", None), ("3", "link_up", Some("2")), ("2", "link_up", Some("3"))]
    {
        wait_until("it is back", || has(&watch, Some(node), kind, peer));
    }
    interrupted(watch);
}

#[test]
fn a_node_that_hangs_is_suspected_and_silent_until_it_goes_on() {
    let net = TestNet::start("circular", 3);
    let watch = watch(&net, &["--timeout", "1"]);
    net.signal(2, Signal::STOP);
    let is_silent =
        |line: &Value| line["node"] == "2" && line["kind"] == "silent" && line["details"]["state"] == "silent";
    wait_until("it is silent", || lines(&watch).iter().any(is_silent));
    for kind in ["suspected", "down"] {
        wait_until("its neighbours notice", || has(&watch, Some("1"), kind, Some("2")));
    }
    net.signal(2, Signal::CONT);
    wait_until("it answers again", || has(&watch, Some("2"), "answers", None));
    let is_restart = |line: &Value| line["kind"] == "restarted";
    assert!(!lines(&watch).iter().any(is_restart), "it has never ended");
    interrupted(watch);
}

#[test]
fn nodes_that_come_and_go_are_followed_and_forgotten() {
    let net = TestNet::start("circular", 3);
    let watch = watch(&net, &[]);
    net.run(&["remove-node", "2"]).done();
    wait_until("it says that it leaves", || has(&watch, Some("2"), "leaving", None));
    wait_until("it is forgotten", || has(&watch, Some("2"), "removed", None));
    net.run(&["add-node", "new"]).done();
    wait_until("it is followed", || has(&watch, Some("new"), "added", None));
    wait_until("from its first moment on", || has(&watch, Some("new"), "link_up", None));
    net.run(&["send-message", "1", "apple"]).done();
    wait_until("it tells of arrivals", || has(&watch, Some("new"), "arrived", None));
    interrupted(watch);
}

#[test]
fn a_watch_ends_after_so_many_lines_or_so_much_time() {
    let net = TestNet::start("circular", 3);
    let two = watch(&net, &["1", &net.address(2), "--count", "2"]);
    net.run(&["send-message", "3", "apple"]).done();
    let told = parsed(&two.wait().done().stdout);
    let kinds: Vec<_> = told.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["watching", "arrived", "arrived"]);
    let nodes: Vec<_> = told[1..].iter().map(|line| line["node"].as_str().unwrap()).collect();
    assert!(!nodes.contains(&"3"), "{nodes:?} were not all asked for");

    let text = net.run(&["watch", "2", "--for", "300ms"]).done().stdout;
    assert!(text.ends_with("  -  watching    answer=1  nodes=1\n"), "{text}");
    assert!(!text.contains('T') && !text.contains('Z'), "people read local time: {text}");
    net.run(&["watch", "9"]).fails(1, "no node '9'");
    net.run(&["watch", "--for", "soon"]).fails(2, "not a time; give one from 0s to 168h");
    World::new().run(&["watch"]).fails(1, "network 'default' is not running");
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let net = TestNet::start("circular", 2);
    let mut command = net.command(["watch", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    net.run(&["send-message", "1", "apple"]).done();
    let mut code = None;
    wait_until("it ends", || {
        code = child.try_wait().unwrap().map(|status| status.code());
        code.is_some()
    });
    assert_eq!(code, Some(Some(0)));
}
