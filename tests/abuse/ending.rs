//! Ends of a node, and attempts that do not end it: signals, streams that are closed, folders and ports that cannot be used.

use crate::{
    dealer::Dealer,
    node::{Guard, Node, PATIENCE, STEP, command, until},
    zmtp,
};
use gossip::{
    clock::Deadline,
    core::{
        batch::Body,
        frame::{Frame, JoinPriority},
        request::{Cursor, Fetch, Request, Status},
    },
    transport::context::raise_descriptor_limit,
};
use rustix::process::Signal;
use std::{
    fs,
    os::unix::fs::symlink,
    process::{Output, Stdio},
};

const BOTH: [Signal; 2] = [Signal::TERM, Signal::INT];

#[test]
fn signals_end_an_idle_node() {
    for signal in BOTH {
        assert!(Node::start("a", &[]).ends_by(signal).success());
    }
}

#[test]
fn signals_end_a_node_under_load() {
    for signal in BOTH {
        let node = Node::start("a", &[]);
        let other = Node::beside("b", &node);
        let dealer = Dealer::client(&node);
        for id in 0..50_000 {
            dealer.request(id, &Request::Publish { trace: None, body: Body::one([7; 100][..].into()) });
        }
        dealer.response();
        assert!(node.ends_by(signal).success());
        other.serves();
    }
}

#[test]
fn signals_end_a_node_whose_neighbour_hangs() {
    for signal in BOTH {
        let node = Node::start("a", &[]);
        let hung = Node::beside("b", &node);
        hung.signal(Signal::STOP);
        let mut client = node.client();
        for _ in 0..20 {
            client.publish(vec![7; 1 << 20][..].into(), None).unwrap();
        }
        assert!(node.ends_by(signal).success());
    }
}

#[test]
fn signals_end_a_node_with_a_thousand_idle_connections() {
    let limit = raise_descriptor_limit().unwrap();
    let count = usize::try_from(limit / 4).unwrap_or(usize::MAX).min(1000);
    for signal in BOTH {
        let node = Node::start("a", &[]);
        let idle: Vec<_> = (0..count).map(|_| zmtp::tcp(&node)).collect();
        until("accepted", || node.descriptors() > count);
        assert!(node.ends_by(signal).success());
        drop(idle);
    }
}

#[test]
fn signals_end_a_node_whose_client_does_not_read() {
    for signal in BOTH {
        let node = Node::start("a", &[]);
        let mut client = node.client();
        (0..4).for_each(|_| drop(client.publish(vec![7; 1 << 20][..].into(), None).unwrap()));
        let deaf = Dealer::deaf(&node);
        let fetch = Fetch { status: Status::All, from: Cursor::default(), through: None, limit: u64::MAX, mark: false };
        (0..50_000).for_each(|id| deaf.request(id, &Request::Fetch(fetch.clone())));
        until("dropped", || node.counter("replies_dropped") > 0);
        assert!(node.ends_by(signal).success());
    }
}

#[test]
fn a_node_outlives_whoever_read_its_streams() {
    let folder = tempfile::tempdir().unwrap();
    // Chatty: each refused HELLO is a line. Nobody reads the one pipe, the other is closed.
    for reads in [true, false] {
        let mut child = command("a");
        child.arg("--state").arg(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut orphan = Guard(child.spawn().unwrap());
        let line = orphan.line().expect("the ready line");
        let stderr = orphan.0.stderr.take().filter(|_| reads);
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let endpoint = ready["endpoint"].as_str().unwrap().parse().unwrap();
        let dealer = Dealer::to(&endpoint, Some("z"));
        let mut hello = crate::dealer::introduction("z");
        hello.network = "other".parse().unwrap();
        for _ in 0..2000 {
            dealer.frame(&Frame::Hello(hello.clone(), JoinPriority::Declared));
            assert_eq!(dealer.refused(), "other_network");
        }
        assert!(orphan.0.try_wait().unwrap().is_none());
        drop(stderr);
    }
}

/// Runs a node that must not start.
fn failing(mut command: std::process::Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Deadline::after(PATIENCE);
    while child.try_wait().unwrap().is_none() {
        if !deadline.pause(STEP) {
            let _ = child.kill();
            panic!("it runs");
        }
    }
    child.wait_with_output().unwrap()
}

fn assert_one_line(output: &Output, words: &[&str]) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.starts_with("error: ") && words.iter().all(|word| error.contains(word)), "{error}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "failed");
}

#[test]
fn a_port_in_use_is_one_line() {
    let node = Node::start("a", &[]);
    let folder = tempfile::tempdir().unwrap();
    let mut second = command("b");
    second.arg("--state").arg(folder.path());
    let arguments: Vec<_> = second.get_args().map(|word| word.to_owned()).collect();
    let mut second = std::process::Command::new(second.get_program());
    second.args(
        arguments.iter().map(
            |word| {
                if word == "127.0.0.1:0" { node.endpoint.authority().into() } else { word.clone() }
            },
        ),
    );
    assert_one_line(&failing(second), &["in use", &node.endpoint.authority()]);
    node.serves();
}

#[test]
fn a_folder_that_cannot_be_used_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut below_a_file = command("a");
    below_a_file.arg("--state").arg(file.join("state"));
    assert_one_line(&failing(below_a_file), &["cannot create", "state"]);
    // A disk without room, as far as the file of the incarnation can tell.
    symlink("/dev/full", folder.path().join("a.incarnation.new")).unwrap();
    let mut full = command("a");
    full.arg("--state").arg(folder.path());
    assert_one_line(&failing(full), &["a.incarnation.new", "No space left"]);
}
