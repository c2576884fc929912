//! Lines of an input, each a message: all of them, in their order, at every node, once, however the sender ends.

use crate::testnet::{Running, TestNet, wait_until};
use base64::{Engine, prelude::BASE64_STANDARD};
use gossip::clock::Deadline;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{PipeWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

/// The payloads that a node holds, in the order of their numbers: all are of one life of one node.
fn held(net: &TestNet, node: &str) -> Vec<Vec<u8>> {
    let told = net.json(&["get-messages", node, "all"]);
    let payload = |message: &Value| match message["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => BASE64_STANDARD.decode(message["base64"].as_str().unwrap()).unwrap(),
    };
    let mut messages = told["messages"].as_array().unwrap().clone();
    messages.sort_by_key(|message| message["id"].as_str().unwrap().rsplit('-').next().unwrap().parse::<u64>().unwrap());
    messages.iter().map(payload).collect()
}

fn count(net: &TestNet, node: &str) -> u64 {
    net.json(&["status", node])["nodes"][0]["retained_messages"].as_u64().unwrap()
}

/// Insists that every node has these messages in this order and none beside them.
#[track_caller]
fn assert_all_have(net: &TestNet, expected: &[Vec<u8>]) {
    for node in net.nodes() {
        wait_until("all arrive", || count(net, &node) >= expected.len() as u64);
        let held = held(net, &node);
        let differs = held.iter().zip(expected).position(|(held, expected)| held != expected);
        assert!(held.len() == expected.len() && differs.is_none(), "node {node}: {} from {differs:?} on", held.len());
    }
    net.run(&["audit"]).done();
}

/// Lines by their numbers, and all of them as an input.
fn numbered(count: u32) -> (Vec<Vec<u8>>, Vec<u8>) {
    let lines: Vec<_> = (1..=count).map(|number| format!("line {number}").into_bytes()).collect();
    let input = lines.iter().flat_map(|line| [&line[..], b"\n"].concat()).collect();
    (lines, input)
}

fn pause(time: Duration) {
    Deadline::after(time).pause(time);
}

/// A sender whose input comes through a pipe.
fn piped(net: &TestNet, args: &[&str]) -> (Running, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let running = Running::spawn(net.command(args).stdin(reader));
    (running, writer)
}

/// A folder with an input in a file, and the words that send it to node 1 and keep in another how far it has come.
struct Input {
    _folder: tempfile::TempDir,
    input: PathBuf,
    progress: String,
}

impl Input {
    fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [input, progress] = ["input", "progress"].map(|name| folder.path().join(name));
        std::fs::write(&input, bytes).unwrap();
        Self { _folder: folder, input, progress: progress.to_str().unwrap().into() }
    }

    fn args(&self) -> [&str; 6] {
        ["send-message", "1", "--lines", "--json", "--resume", &self.progress]
    }

    fn send(&self, net: &TestNet) -> Running {
        Running::spawn(net.command(self.args()).stdin(File::open(&self.input).unwrap()))
    }

    fn is_in_doubt(&self) -> bool {
        let text = std::fs::read_to_string(Path::new(&self.progress)).unwrap_or_default();
        serde_json::from_str::<Value>(&text).is_ok_and(|record| !record["doubt"].is_null())
    }
}

#[test]
fn every_node_has_every_line_once_and_in_order() {
    let net = TestNet::start("random 3 --seed 2", 6);
    let (mut lines, mut input) = numbered(10_000);
    let odd: [&[u8]; 6] = [b"", b"", b"cr\r", b"\xff\x00\xfe", &[b'x'; 300_000], b"no end"];
    lines.extend(odd.map(<[u8]>::to_vec));
    input.extend(odd.join(&b'\n'));
    let sent = net.run_with_stdin(&["send-message", "4", "--lines", "--json"], &input).done().json();
    assert_eq!((&sent["node"], &sent["count"], &sent["before"]), (&json!("4"), &json!(10_006), &json!(0)));
    assert_eq!((&sent["consecutive"], &sent["level"]), (&json!(true), &json!("memory")));
    assert_all_have(&net, &lines);
    let [first, last] = ["first", "last"].map(|end| sent[end].as_str().unwrap());
    assert!(first.starts_with("4-") && first.ends_with("-1") && last.ends_with("-10006"), "{sent}");
    let empty = net.run_with_stdin(&["send-message", "4", "--lines"], b"").done();
    assert_eq!(empty.stdout, "No message sent to Gossip-Node-4: there are no lines\n");
    let one = net.run_with_stdin(&["send-message", "4", "--lines"], b"\n").done();
    assert!(one.stdout.starts_with("1 message sent to Gossip-Node-4: 4-") && one.stdout.ends_with("-10007\n"));
}

#[test]
fn what_has_come_is_sent_while_the_rest_is_awaited() {
    let net = TestNet::start("circular", 3);
    let (sender, mut pipe) = piped(&net, &["send-message", "1", "--lines"]);
    pipe.write_all(b"a\nb\nhalf").unwrap();
    wait_until("two lines arrive", || count(&net, "3") == 2);
    net.run(&["send-message", "1", "of another", "--no-trace"]).done();
    pipe.write_all(b" and half").unwrap();
    drop(pipe);
    let told = sender.wait().done().stdout;
    assert!(told.starts_with("3 messages sent to") && told.ends_with("-4, with others between\n"), "{told}");
    assert_all_have(&net, &["a", "b", "of another", "half and half"].map(|text| text.as_bytes().to_vec()));
}

#[test]
fn a_line_over_the_limit_ends_it_and_is_named() {
    let net = TestNet::start("circular --payload-max 1KiB", 3);
    let [fits, over] = [1024, 1025].map(|len| vec![b'x'; len]);
    let input = [&b"a\n"[..], &fits, b"\n", &over, b"\nb\n"].concat();
    let refused = net.run_with_stdin(&["send-message", "1", "--lines", "--json"], &input);
    let error = &refused.json()["error"];
    let fields = ["code", "count", "line", "last_line"].map(|field| &error[field]);
    assert_eq!(fields, [&json!("too_large"), &json!(2), &json!(3), &json!(3)], "{error}");
    let text = "line 3 has 1025 bytes, over the limit of 1 KiB of node 1: shorten it, or start nodes with a larger \
                --payload-max; the 2 lines before were sent";
    refused.fails(1, text);
    net.run_with_stdin(&["send-message", "1", "--lines"], &[b'y'; 3_000_000])
        .fails(1, "line 1 has 3000000 bytes, over the limit of 1 KiB of node 1");
    assert_all_have(&net, &[b"a".to_vec(), fits]);
}

#[test]
fn what_cannot_be_meant_is_refused_in_one_line() {
    let net = TestNet::start("circular", 3);
    let resume =
        "--resume is for lines of stdin: put --lines in the place of MESSAGE, or leave --resume out; see 'gossip ";
    for (words, text) in [
        (&["--lines", "apple"][..], "--lines reads the messages from stdin: leave MESSAGE out, or leave --lines out"),
        (&["--lines", "-"], "--lines reads the messages from stdin: leave MESSAGE out"),
        (&["--lines", "--resume", "progress", "apple"], "--lines reads the messages from stdin: leave MESSAGE out"),
        (&["--lines", "--relays", "2"], "without paths, so --relays has no meaning for them: leave out --relays or"),
        (&["--resume", "progress"], resume),
        (&["--resume", "progress", "apple"], resume),
        (&["--resume", "progress", "apple", "--relays", "2", "--no-trace"], resume),
        (&["apple", "--relays", "2", "--no-trace"], "leave out --relays or --no-trace"),
        (&["--lines", "--resume"], "a value is required for '--resume <FILE>'"),
        (&["--lines", "--trace"], "unexpected argument '--trace' found"),
        (&["--no-trace"], "were not provided: <MESSAGE>"),
    ] {
        let outcome = net.run(&[&["send-message", "1", "--json"], words].concat()).fails(2, text);
        assert_eq!(outcome.json()["error"]["code"], "usage");
    }
    assert!(!Path::new("progress").exists() && count(&net, "1") == 0, "nothing was done");
    net.run(&["send-message", "9", "--lines"]).fails(1, "no node '9'");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    net.run(&["send-message", "1", "--lines", "--resume", folder]).fails(1, "cannot open");
}

#[test]
fn a_sender_that_is_killed_again_and_again_sends_each_line_once() {
    let net = TestNet::start("circular", 3);
    let (lines, bytes) = numbered(90_000);
    let input = Input::new(&bytes);
    let mut kills = 0;
    let told = loop {
        let sender = input.send(&net);
        pause(Duration::from_millis(4 + kills));
        sender.signal(Signal::KILL);
        let outcome = sender.wait();
        if outcome.code.is_some() {
            break outcome.done().json();
        }
        kills += 1;
    };
    assert!(kills >= 5, "killed {kills} times");
    assert_eq!((&told["count"], &told["consecutive"]), (&json!(90_000), &json!(true)));
    assert_all_have(&net, &lines);
    // Once more, and with more: only that is sent.
    let before = input.send(&net).wait().done().json();
    assert_eq!((&before["count"], &before["before"]), (&json!(90_000), &json!(90_000)));
    std::fs::write(&input.input, [&bytes[..], b"more\n"].concat()).unwrap();
    assert_eq!(input.send(&net).wait().done().json()["count"], 90_001);
    assert_all_have(&net, &[lines, vec![b"more".to_vec()]].concat());
}

#[test]
fn a_request_in_doubt_is_answered_as_before() {
    let net = TestNet::start("circular", 3);
    let (lines, bytes) = numbered(1000);
    let input = Input::new(&bytes);
    let (sender, mut pipe) = piped(&net, &input.args());
    pipe.write_all(&bytes[..3000]).unwrap();
    wait_until("the first part arrives", || count(&net, "3") > 100 && !input.is_in_doubt());
    net.signal(1, Signal::STOP);
    pipe.write_all(&bytes[3000..]).unwrap();
    wait_until("something is in doubt", || input.is_in_doubt());
    // Nothing tells when the request that is stored is on its way, too.
    pause(Duration::from_millis(500));
    sender.signal(Signal::KILL);
    assert_eq!(sender.wait().code, None);
    net.signal(1, Signal::CONT);
    wait_until("the node takes what it was sent", || count(&net, "1") == 1000);

    let other = Input::new(&[&bytes[..8000], b"!", &bytes[8001..]].concat());
    let args = input.args();
    let refused = Running::spawn(net.command(args).stdin(File::open(&other.input).unwrap())).wait();
    refused.fails(1, "belongs to another input: the first 8893 bytes of this one are not those sent");
    net.run_with_stdin(&args, &bytes[..5000]).fails(1, "belongs to another input");
    net.run_with_stdin(&["send-message", "2", "--lines", "--resume", &input.progress], &bytes)
        .fails(1, "only node 1 knows whether it took lines");
    let told = input.send(&net).wait().done().json();
    assert_eq!((&told["count"], &told["consecutive"]), (&json!(1000), &json!(true)));
    assert_eq!(net.json(&["status", "1"])["nodes"][0]["counters"]["repeated"], 1);
    assert_all_have(&net, &lines);
}

#[test]
fn what_a_node_has_forgotten_is_not_sent_twice() {
    let net = TestNet::start("circular", 3);
    let input = Input::new(b"a\nb\n");
    let (sender, mut pipe) = piped(&net, &input.args());
    pipe.write_all(b"a\n").unwrap();
    wait_until("the first line arrives", || count(&net, "1") == 1 && !input.is_in_doubt());
    net.signal(1, Signal::STOP);
    pipe.write_all(b"b\n").unwrap();
    wait_until("the second is in doubt", || input.is_in_doubt());
    sender.signal(Signal::KILL);
    net.kill(1);
    net.run(&["restart-node", "1"]).done();
    input.send(&net).wait().fails(1, "node 1 was started anew and does not know whether it took line 2; look with");
}

#[test]
fn a_request_that_may_have_been_taken_by_an_earlier_life_is_not_sent_again_within_a_run() {
    let net = TestNet::start("circular", 3);
    let input = Input::new(b"a\nb\n");
    let (sender, mut pipe) = piped(&net, &[&input.args()[..], &["--timeout", "4s"]].concat());
    pipe.write_all(b"a\n").unwrap();
    wait_until("the first line arrives", || count(&net, "1") == 1 && !input.is_in_doubt());
    net.signal(1, Signal::STOP);
    pipe.write_all(b"b\n").unwrap();
    wait_until("the second is in doubt", || input.is_in_doubt());
    // Nothing tells when it is on its way.
    pause(Duration::from_millis(300));
    net.kill(1);
    net.run(&["restart-node", "1"]).done();
    let unknown =
        "the line before was sent, and whether the node took line 2 is unknown; the same command goes on from there";
    sender.wait().fails(3, unknown);
    input.send(&net).wait().fails(1, "node 1 was started anew and does not know whether it took line 2; look with");
}

#[test]
fn a_last_line_may_get_its_end_and_others_may_follow_but_it_may_not_grow() {
    let net = TestNet::start("circular", 2);
    let input = Input::new(b"a\nb");
    let send = |text: &[u8], words: &[&str]| {
        std::fs::write(&input.input, text).unwrap();
        let args = [&["send-message", words[0], "--lines", "--resume", &input.progress], &words[1..]].concat();
        Running::spawn(net.command(args).stdin(File::open(&input.input).unwrap())).wait()
    };
    assert!(send(b"a\nb", &["1"]).done().stdout.starts_with("2 messages sent to Gossip-Node-1: 1-"));
    send(b"a\nbc\n", &["1"])
        .fails(1, "line 2 was the last one and had no line end when it was sent, and has grown since");
    let told = send(b"a\nb\n", &["2"]).done().stdout;
    assert!(told.starts_with("Nothing more to send to Gossip-Node-2: 2 messages sent by earlier runs: 1-"), "{told}");
    let told = send(b"a\nb\nc\n", &["2"]).done().stdout;
    assert!(told.starts_with("3 messages sent, 2 by earlier runs and 1 to Gossip-Node-2: 1-"), "{told}");
    wait_until("all arrive", || count(&net, "1") == 3);
    net.run(&["audit"]).done();
}

#[test]
fn a_node_that_leaves_takes_no_more_and_it_is_said_how_many_it_took() {
    let net = TestNet::start("circular", 3);
    let (sender, mut pipe) = piped(&net, &["send-message", &net.address(1), "--lines", "--json"]);
    pipe.write_all(b"a\n").unwrap();
    wait_until("the first line arrives", || count(&net, "2") == 1);
    // Its neighbours do not take leave of it, so it waits for them.
    [2, 3].into_iter().for_each(|node| net.signal(node, Signal::STOP));
    let removal = net.spawn(&["remove-node", "1"]);
    let log = net.networks().join("default/nodes/1.log");
    wait_until("it leaves", || std::fs::read_to_string(&log).unwrap().contains("leaving the network"));
    pipe.write_all(b"b\nc\n").unwrap();
    drop(pipe);
    let refused = sender.wait();
    [2, 3].into_iter().for_each(|node| net.signal(node, Signal::CONT));
    let error = &refused.json()["error"];
    let fields = ["code", "count", "line", "last_line"].map(|field| &error[field]);
    assert_eq!(fields, [&json!("leaving"), &json!(1), &json!(2), &json!(3)], "{error}");
    refused
        .fails(1, "node 1 refused lines 2 to 3: the node is leaving its network: submit to another; the line before");
    removal.wait();
}

#[test]
fn an_interrupted_sender_says_how_many_lines_were_sent() {
    let net = TestNet::start("circular", 3);
    let input = Input::new(b"a\nb\nc\n");
    for (args, words) in [
        (&["send-message", "1", "--lines"][..], "interrupted: the 2 lines before were sent"),
        (&input.args(), "interrupted: the 2 lines before were sent; the same command goes on from there"),
    ] {
        let had = count(&net, "1");
        let (sender, mut pipe) = piped(&net, args);
        pipe.write_all(b"a\nb\n").unwrap();
        wait_until("two lines arrive", || count(&net, "1") == had + 2);
        sender.signal(Signal::INT);
        let outcome = sender.wait().fails(130, words);
        let is_told = args.contains(&"--json").then(|| outcome.json()["error"].clone());
        assert!(is_told.is_none_or(|error| error["count"] == 2 && error["line"].is_null()), "{words}");
    }
    assert_eq!(input.send(&net).wait().done().json()["count"], 3);
    assert_eq!(count(&net, "1"), 5);
}

#[test]
fn a_node_that_gives_no_receipt_leaves_it_unknown_what_was_sent() {
    let net = TestNet::start("circular", 3);
    let (sender, mut pipe) = piped(&net, &["send-message", "1", "--lines", "--timeout", "1s"]);
    pipe.write_all(b"a\n").unwrap();
    wait_until("the first line arrives", || count(&net, "1") == 1);
    net.signal(1, Signal::STOP);
    pipe.write_all(b"b\n").unwrap();
    sender.wait().fails(3, "within 1s; the line before was sent, and whether the node took line 2 is unknown");
    net.signal(1, Signal::CONT);
}

#[test]
fn a_busy_node_is_asked_again_for_as_long_as_the_timeout_allows() {
    const LINES: usize = 2_200;
    let net = TestNet::start("circular", 2);
    // More than a link holds whose peer does not read: the node is busy until it takes that one for stalled, a moment later. On a
    // machine that is slow to fill the link it may do so before.
    for attempt in 1..=10 {
        let input = Input::new(&[&[b'x'; 32_000][..], b"\n"].concat().repeat(LINES));
        net.signal(2, Signal::STOP);
        let args = [&input.args()[..], &["--timeout", "20ms"]].concat();
        let sent = Running::spawn(net.command(&args).stdin(File::open(&input.input).unwrap())).wait();
        if sent.json()["count"] != LINES {
            assert_eq!(sent.json()["error"]["code"], "busy");
            assert!(sent.stderr.contains(" for 20ms: the node's queues are filling up: try again in a moment; the "));
            sent.fails(1, " lines before were sent");
            assert_eq!(input.send(&net).wait().done().json()["count"], LINES);
            let status = net.json(&["status", "1"]);
            assert_eq!(status["nodes"][0]["counters"]["published"], attempt * LINES, "{status}");
            return net.signal(2, Signal::CONT);
        }
        net.signal(2, Signal::CONT);
        wait_until("the other has all", || count(&net, "2") >= 1 && net.json(&["status"])["verdict"]["equal"] == true);
    }
    panic!("the node was never busy");
}
