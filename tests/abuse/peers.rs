//! Programs that say they are nodes, and are not: what one of them can make a node remember is bounded.

use crate::{
    dealer::{Dealer, introduction, message},
    node::{Node, STEP, until},
    zmtp,
};
use gossip::{
    clock::Deadline,
    core::{
        batch::{Batch, Body},
        endpoint::Endpoint,
        frame::{Answer, Frame, Introduction, JoinPriority},
        id::{Incarnation, NodeId},
        message::{Hop, Relays, Trace},
    },
    wire::encode,
};
use std::{io::Read, time::Duration};

#[test]
fn strangers_are_refused_with_the_reason() {
    type Change = fn(&mut Introduction);
    let node = Node::start("a", &["--instance", "one"]);
    let cases: [(&str, &str, Change); 5] = [
        ("other_network", "z", |hello| hello.network = "other".parse().unwrap()),
        ("other_instance", "z", |hello| hello.instance = "two".parse().unwrap()),
        ("bad_identity", "z", |hello| hello.node = NodeId::numbered(9)),
        ("name_taken", "a", |_| {}),
        ("bad_request", "z", |hello| hello.endpoint = Endpoint::from_ip([0, 0, 0, 0].into(), 7)),
    ];
    for (code, name, change) in cases {
        let dealer = Dealer::named(&node, name);
        let mut hello = introduction(name);
        change(&mut hello);
        dealer.frame(&Frame::Hello(hello, JoinPriority::Declared));
        assert_eq!(dealer.refused(), code);
        for frame in [Frame::Message(message(name, 1, 1)), Frame::Ping { token: 1, digest: None }, Frame::Leave] {
            dealer.frame(&frame);
            assert_eq!(dealer.refused(), "not_introduced");
        }
        assert_eq!(node.counter(&format!("refused_{code}")), 1);
    }
    let nameless = Dealer::client(&node);
    nameless.frame(&Frame::Hello(introduction("z"), JoinPriority::Declared));
    assert_eq!(nameless.error().1.name(), "bad_identity");
    assert_eq!(node.client().peers().unwrap().1.len(), 0);
    node.serves();
}

/// libzmq refuses to connect to some of these, which must not be the end of the node.
#[test]
fn addresses_that_nobody_can_dial_end_nothing() {
    let node = Node::start("a", &[]);
    let odd = ["tcp://_x:7", "tcp://-:7", "tcp://.:7", "tcp://a..b:7", "tcp://[::1]:7", "tcp://1.2:7", "tcp://x%y:7"];
    for (index, endpoint) in odd.iter().enumerate() {
        let name = format!("z{index}");
        let dealer = Dealer::named(&node, &name);
        let mut header = b"\x98\xa2GS\x01\x01".to_vec();
        for text in [&name, *endpoint, "abuse", ""] {
            header.push(0xa0 | text.len() as u8);
            header.extend(text.as_bytes());
        }
        header.push(1);
        dealer.send::<&[u8]>(&header, &[]);
        dealer.incoming();
        node.serves();
    }
}

#[test]
fn forged_messages_are_refused() {
    let node = Node::start("a", &[]);
    let dealer = Dealer::named(&node, "z").meets();
    let hop = |name: &str| Hop { node: NodeId::new(name).unwrap(), micros: 0 };
    let traced = |path: &[Hop]| {
        let trace = Trace { relays: Relays::ONE, path: path.into() };
        Batch { trace: Some(trace), ..message("o", 1, 1) }
    };
    let forged = [
        message("o", 1, 0),
        traced(&[]),
        traced(&[hop("o")]),
        traced(&[hop("z")]),
        traced(&[hop("x"), hop("z")]),
        Batch { body: Body::one(vec![0; (1 << 20) + 1][..].into()), ..message("o", 1, 1) },
        traced(&vec![hop("o"); 4097]),
    ];
    for message in forged {
        dealer.frame(&Frame::Message(message));
        let code = dealer.refused();
        assert!(["bad_request", "too_large"].contains(&&*code), "{code}");
    }
    assert_eq!(node.client().status().unwrap().retained_messages, 0);
    assert_eq!((node.counter("refused_bad_request"), node.counter("refused_too_large")), (5, 2));
    dealer.frame(&Frame::Message(traced(&[hop("o"), hop("z")])));
    until("delivered", || node.client().status().unwrap().retained_messages == 1);
}

#[test]
fn new_origins_and_gaps_are_bounded() {
    const ORIGINS: u64 = 65_536;
    let node = Node::start("a", &[]);
    let before = node.memory();
    let dealer = Dealer::named(&node, "z").meets();
    for sequence in (1..=5000).map(|number| 2 * number) {
        dealer.frame(&Frame::Message(message("gaps", 1, sequence)));
    }
    dealer.settled();
    assert_eq!(node.counter("closed_gaps"), 5000 - 4096, "the oldest gaps are given up");
    for origin in 0..ORIGINS + 1000 {
        dealer.frame(&Frame::Message(message(&format!("o{}", origin / 64), origin, 1)));
        if origin % 5000 == 0 {
            dealer.settled();
        }
    }
    dealer.settled();
    // The one with the gaps and the node's own life take their room, too: the last two lives that had any took that of
    // an older one of their origin.
    assert_eq!(node.counter("refused_origins_full"), 1000);
    node.serves();
    // 65,536 lives of some 100 bytes, and 70,000 messages in the inbox of some 200.
    assert!(node.memory() < before + 96, "{before} MiB became {}", node.memory());
}

#[test]
fn ever_new_peers_are_bounded() {
    const PEERS_MAX: usize = 1024;
    let node = Node::start("a", &[]);
    node.serves();
    let before = node.memory();
    for index in 0..PEERS_MAX + 20 {
        let name = format!("n{index}");
        let mut hello = introduction(&name);
        hello.endpoint = format!("127.1.{}.{}:1", index / 200, index % 200 + 1).parse().unwrap();
        let mut header = Vec::new();
        encode::frame(&mut header, &Frame::Hello(hello, JoinPriority::Declared));
        let mut stream = zmtp::connect(&node, &name);
        zmtp::send(&mut stream, &[b"", &header]);
        stream.read_exact(&mut [0; 2]).unwrap();
    }
    node.serves();
    assert_eq!(node.client().peers().unwrap().1.len(), PEERS_MAX);
    // Some may have been dead for long enough to give way by then.
    assert_eq!(node.counter("refused_peers_full") + node.counter("peers_forgotten"), 20);
    // Few of them are dialled at one time: a socket of libzmq each, below 64 KiB and three descriptors.
    assert!(node.memory() < before + 16, "{before} MiB became {}", node.memory());
    assert!(node.descriptors() < 256, "{} descriptors", node.descriptors());
    // Who lives is let in.
    let late = Node::beside("late", &node);
    assert!(node.counter("peers_forgotten") > 0);
    drop(late);
    node.serves();
}

/// Whoever greets may name anybody's address: that must not become a stream of connections to it.
#[test]
fn an_address_that_a_stranger_names_is_dialled_seldom() {
    let node = Node::start("a", &[]);
    let victim = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    victim.set_nonblocking(true).unwrap();
    let endpoint = victim.local_addr().unwrap().to_string().parse().unwrap();
    let dealer = Dealer::named(&node, "z");
    dealer.frame(&Frame::Hello(Introduction { endpoint, ..introduction("z") }, JoinPriority::Declared));
    assert!(matches!(dealer.answer(), Answer::Welcome(..)));
    drop(dealer);
    until("dialled", || victim.accept().is_ok());
    let (mut connections, deadline) = (1, Deadline::after(Duration::from_secs(5)));
    while deadline.pause(STEP) {
        // It closes each at once, as a server does that understands nothing.
        connections += usize::from(victim.accept().is_ok());
    }
    assert!(connections <= 4, "{connections} connections to a third party for one HELLO");
}

#[test]
fn the_same_refusal_is_told_a_few_times_and_counted_each_time() {
    const GREETINGS: u64 = 500;
    let node = Node::start("a", &[]);
    let dealer = Dealer::named(&node, "z");
    for _ in 0..GREETINGS {
        let network = "other".parse().unwrap();
        dealer.frame(&Frame::Hello(Introduction { network, ..introduction("z") }, JoinPriority::Declared));
        assert_eq!(dealer.refused(), "other_network");
    }
    assert_eq!(node.counter("refused_other_network"), GREETINGS);
    let told = node.log().lines().filter(|line| line.contains("refused a node")).count();
    assert!((3..10).contains(&told), "{told} lines");
}

#[test]
fn storms_of_small_frames_pass() {
    const STORM: u64 = 10_000;
    let node = Node::start("a", &[]);
    node.serves();
    let (memory, descriptors) = (node.memory(), node.descriptors());
    let dealer = Dealer::named(&node, "z");
    for number in 0..STORM / 10 {
        // Each moves the node to another address: a link is closed and another one opened.
        let endpoint = format!("127.0.0.1:{}", 1 + number % 9).parse().unwrap();
        let incarnation = Incarnation(number);
        dealer
            .frame(&Frame::Hello(Introduction { endpoint, incarnation, ..introduction("z") }, JoinPriority::Declared));
        dealer.frame(&Frame::Leave);
    }
    let hello = || dealer.frame(&Frame::Hello(introduction("z"), JoinPriority::Declared));
    (0..STORM).for_each(|_| hello());
    (0..STORM).for_each(|number| dealer.frame(&Frame::Ping { token: number, digest: None }));
    (0..STORM).for_each(|_| dealer.frame(&Frame::Leave));
    hello();
    dealer.frame(&Frame::Ping { token: u64::MAX, digest: None });
    node.serves();
    let mut welcomes = 0;
    loop {
        match dealer.answer() {
            Answer::Welcome(..) => welcomes += 1,
            Answer::Pong(u64::MAX) => break,
            _ => {}
        }
    }
    assert!(welcomes > 0);
    until("closed", || node.descriptors() <= descriptors + 8);
    assert!(node.memory() < memory + 32, "{memory} MiB became {}", node.memory());
    assert!(node.log().len() < 256 << 10, "a log of {} bytes", node.log().len());
    node.serves();
}
