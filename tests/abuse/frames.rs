//! Messages that are none: not ZMTP, not MessagePack, not this protocol, or not all of it.

use crate::{
    dealer::Dealer,
    node::{Node, until},
    zmtp,
};
use gossip::{
    core::{
        batch::Body,
        frame::Frame,
        request::{Request, RequestId},
        stats::Refusal,
    },
    wire::{Incoming, encode, types},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use std::io::{Read, Write};

const HEADERS: &str = include_str!("../vectors/headers.json");
const REFUSED: &str = include_str!("../vectors/refused.json");

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn bodies(case: &Value) -> Vec<Vec<u8>> {
    case["body"].as_array().unwrap().iter().map(bytes).collect()
}

#[test]
fn what_is_not_even_zeromq_is_dropped() {
    let node = Node::start("a", &[]);
    node.serves();
    let before = node.descriptors();
    let noise: Vec<u8> = (0..4096_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut huge = zmtp::greeting().to_vec();
    // A command of 2^63 − 1 bytes.
    huge.extend(b"\x06\x7f\xff\xff\xff\xff\xff\xff\xff");
    let greeting = zmtp::greeting();
    let silent: Vec<_> = (0..20).map(|_| zmtp::tcp(&node)).collect();
    let speeches: [&[u8]; 6] = [&noise, b"GET / HTTP/1.1\r\n\r\n", &greeting[..11], &greeting, &huge, &[0xff; 200]];
    for speech in speeches {
        for _ in 0..10 {
            // The node may close while we speak.
            let mut stream = zmtp::tcp(&node);
            let _ = stream.write_all(speech);
        }
        node.serves();
    }
    drop(silent);
    until("closed", || node.descriptors() <= before + 1);
}

#[test]
fn a_client_is_told_what_is_wrong_with_its_message() {
    let node = Node::start("a", &[]);
    let dealer = Dealer::client(&node);
    let cases = cases(REFUSED);
    for case in &cases {
        dealer.send(&bytes(&case["header"]), &bodies(case));
        let (request, refusal, text) = dealer.error();
        assert_eq!(refusal.name(), case["code"], "{}: {text}", case["name"]);
        let id = case["request"].as_u64().map_or(RequestId::None, RequestId::Number);
        assert_eq!(request, id, "{}", case["name"]);
        assert!(!text.is_empty());
    }
    assert_eq!(node.refused(), cases.len() as u64);
    node.serves();
}

#[test]
fn every_beginning_of_every_header_is_refused() {
    let node = Node::start("a", &[]);
    let before = node.memory();
    let dealer = Dealer::client(&node);
    let (mut sent, mut answered) = (0, 0);
    for case in cases(HEADERS) {
        let header = bytes(&case["header"]);
        let is_answer = types::is_answer(case["fields"][2].as_u64().unwrap());
        for end in 0..header.len() {
            dealer.send(&header[..end], &bodies(&case));
            sent += 1;
            // What can be told to be an answer or a reply is never answered: its type is the sixth byte.
            answered += u64::from(!is_answer || end < 6);
        }
    }
    for _ in 0..answered {
        assert_ne!(dealer.error().1, Refusal::Busy);
    }
    // What is not answered comes last.
    until("counted", || node.refused() == sent);
    node.serves();
    // Nothing of it is kept: what grows is the heap's slack and the buffers of two connections.
    assert!(node.memory() < before + 16, "{before} MiB became {}", node.memory());
}

#[test]
fn wrong_numbers_of_frames_are_refused() {
    let node = Node::start("a", &[]);
    let dealer = Dealer::client(&node);
    let mut publish = Vec::new();
    let body = Body::one(b""[..].into());
    encode::request(&mut publish, &RequestId::Number(7), &Request::Publish { trace: None, body });
    let header = &publish[..];
    let known: [&[&[u8]]; 2] = [&[b"", header], &[b"", header, b"one", b"two"]];
    for frames in known {
        dealer.send_raw(frames);
        assert_eq!(dealer.error(), (RequestId::Number(7), Refusal::Envelope, dealer_text(frames.len() - 2)));
    }
    let long: Vec<&[u8]> = std::iter::repeat_n(&b"x"[..], 70).collect();
    let deep: Vec<&[u8]> = long.iter().copied().chain([&b""[..], header, b"payload"]).collect();
    let wide = vec![b'x'; 5000];
    let unknown: [&[&[u8]]; 6] =
        [&[header], &[b""], &[header, b"no delimiter"], &long, &deep, &[&wide, b"", header, b"payload"]];
    for frames in unknown {
        dealer.send_raw(frames);
        let (_, refusal, text) = dealer.error();
        assert_eq!(refusal, Refusal::Envelope, "{text}");
    }
    assert_eq!(node.counter("refused_envelope"), 8);
    node.serves();
}

#[test]
fn an_envelope_may_be_as_long_as_the_specification_says() {
    let node = Node::start("a", &[]);
    let dealer = Dealer::client(&node);
    let mut status = Vec::new();
    encode::request(&mut status, &RequestId::Number(7), &Request::Status);
    // The routing id takes 5 bytes and 2, each further frame its length and 2.
    for (count, len, is_read) in [(61, 1, true), (62, 1, false), (4, 1_020, true), (4, 1_021, false)] {
        let frame = vec![b'x'; len];
        let envelope = std::iter::repeat_n(&frame[..], count);
        let frames: Vec<&[u8]> = envelope.chain([&b""[..], &status]).collect();
        dealer.send_raw(&frames);
        if is_read {
            let back = dealer.raw();
            assert_eq!((back.len(), back[count].len()), (count + 2, 0), "it comes back as it was");
        } else {
            assert_eq!(dealer.error().1, Refusal::Envelope, "{count} frames of {len} bytes");
        }
    }
}

#[test]
fn a_node_of_another_version_is_refused_as_a_node() {
    let node = Node::start("a", &[]);
    let dealer = Dealer::named(&node, "z");
    // HELLO, PING and a request of version 2; an answer and a reply of it are not answered.
    for header in [&b"\x93\xa2GS\x02\x01"[..], b"\x94\xa2GS\x02\x04\x07", b"\x93\xa2GS\x02\x14", b"\x93\xa2GS\x02\x40"]
    {
        dealer.send(header, &[] as &[&[u8]]);
    }
    assert_eq!([dealer.refused(), dealer.refused()], ["unsupported_version", "unsupported_version"]);
    dealer.send(b"\x94\xa2GS\x02\x23\x07", &[] as &[&[u8]]);
    assert_eq!(dealer.error().1, Refusal::UnsupportedVersion);
    assert_eq!(node.counter("refused_unsupported_version"), 5);
}

fn dealer_text(found: usize) -> String {
    format!("header type 32 has 1 payload frames, not {found}")
}

#[test]
fn answers_and_replies_are_never_answered() {
    let node = Node::start("a", &[]);
    let dealer = Dealer::named(&node, "z");
    let mut sent = 0;
    for case in cases(HEADERS) {
        if matches!(case["fields"][2].as_u64(), Some(16..=31 | 64..=95)) {
            dealer.send(&bytes(&case["header"]), &bodies(&case));
            sent += 1;
        }
    }
    dealer.frame(&Frame::Ping { token: 1, digest: None });
    assert_eq!(dealer.refused(), "not_introduced", "the first answer is the one to PING");
    assert_eq!(node.counter("refused_envelope"), sent);
    assert!(sent >= 10);
}

#[test]
fn arbitrary_messages_change_nothing() {
    let node = Node::start("a", &[]);
    let before = node.memory();
    let dealer = Dealer::client(&node);
    let frame = prop_oneof![
        Just(Vec::new()),
        Just(b"\x95\xa2GS\x01\x20\x07\x01".to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|tail| [b"\x9f\xa2GS\x01", &tail[..]].concat()),
    ];
    let messages = prop::collection::vec(prop::collection::vec(frame, 1..6), 1..40);
    // STOP and REMOVE are requests like others, and would be obeyed.
    let is_obeyed = |frames: &Vec<Vec<u8>>| {
        let split = gossip::wire::Frames::split(frames);
        let decoded = split.map(|f| gossip::wire::Decoder::new(64).decode(f.header, f.body));
        matches!(decoded, Ok(Ok(Incoming::Request(_, Request::Stop | Request::Remove))))
    };
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    runner
        .run(&messages, |messages| {
            messages.iter().filter(|frames| !is_obeyed(frames)).for_each(|frames| dealer.send_raw(frames));
            dealer.request(u64::MAX, &Request::Status);
            while dealer.response().request != RequestId::Number(u64::MAX) {}
            Ok(())
        })
        .unwrap();
    node.serves();
    // Up to 8000 messages of some bytes may have been published by chance; they are retained.
    assert!(node.memory() < before + 32, "{before} MiB became {}", node.memory());
}

#[test]
fn a_handshake_by_hand_is_served_too() {
    let node = Node::start("a", &[]);
    let mut stream = zmtp::connect(&node, "hand");
    zmtp::send(&mut stream, &[b"", b"\x94\xa2GS\x01\x24\x07"]);
    let mut reply = [0; 2];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply, [1, 0], "an empty frame, and more");
}

#[test]
fn answers_and_replies_are_never_answered_however_broken() {
    let node = Node::start("a", &[]);
    let stranger = Dealer::client(&node);
    // Whole or not, known or not: two programs that answer such frames would never end.
    let headers: [&[u8]; 8] = [
        b"\x93\xa2GS\x01\x13",
        b"\x93\xa2GS\x01\x11",
        b"\x93\xa2GS\x01\x14",
        b"\x94\xa2GS\x01\x1f\xa1x",
        b"\x93\xa2GS\x01\x1e",
        b"\x93\xa2GS\x01\x5f",
        b"\x94\xa2GS\x01\x40\x01",
        b"\x93\xa2GS\x01\x4d",
    ];
    for header in headers {
        stranger.send(header, &[] as &[&[u8]]);
    }
    stranger.request(7, &Request::Status);
    assert_eq!(stranger.response().request, RequestId::Number(7), "the first that comes back is what was asked for");
    assert_eq!(node.refused(), headers.len() as u64);
}
