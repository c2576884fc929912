//! Nodes that are started by hand: which names, addresses and networks they take for theirs.

use crate::testnet::{Running, World, free_ports, wait_until};
use rustix::process::Signal;
use serde_json::Value;

/// Nodes of one network that somebody starts one by one, on ports of their own.
struct Hands {
    world: World,
    base: u16,
}

impl Hands {
    fn new(ports: u16) -> Self {
        Self { world: World::new(), base: free_ports(ports) }
    }

    fn address(&self, port: u16) -> String {
        format!("127.0.0.1:{}", self.base + port)
    }

    /// Starts a node, with its state in a folder of its port; waits until it listens.
    fn start(&self, name: &str, port: u16, words: &[&str]) -> Running {
        let (address, state) = (self.address(port), self.world.networks().join(format!("state-{name}-{port}")));
        let known =
            ["node", "--name", name, "--bind", &address, "--timing", "local", "--state", state.to_str().unwrap()];
        let node = self.world.spawn(&[&known[..], words].concat());
        wait_until("the node listens", || node.stdout().ends_with('\n'));
        node
    }

    fn texts(&self, port: u16) -> Vec<String> {
        let told = self.world.json(&["get-messages", &self.address(port), "all"]);
        let texts =
            told["messages"].as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned());
        texts.collect()
    }

    fn peers(&self, port: u16) -> Vec<Value> {
        self.world.json(&["list-peers", &self.address(port)])["peers"].as_array().unwrap().clone()
    }

    fn is_linked(&self, port: u16, node: &str) -> bool {
        self.peers(port).iter().any(|peer| peer["node"] == node && peer["up"] == true)
    }

    /// Sends a text; says whether it was accepted.
    fn sends(&self, port: u16, text: &str) -> bool {
        self.world.run(&["send-message", &self.address(port), text]).code == Some(0)
    }
}

#[test]
fn two_nodes_of_one_name_lose_nothing_and_the_later_one_stops_taking_messages() {
    let hands = Hands::new(5);
    let _c = hands.start("c", 1, &[]);
    let _d = hands.start("d", 2, &["--peer", &hands.address(1)]);
    wait_until("c and d are linked", || hands.is_linked(1, "d"));
    let twins = [3, 4].map(|port| hands.start("x", port, &["--peer", &hands.address(port - 2)]));
    wait_until("both are linked", || [1, 2].iter().all(|&port| hands.is_linked(port, "x")));
    let mut acknowledged = Vec::new();
    let mut number = 0;
    wait_until("one of them takes no more messages", || {
        number += 1;
        let taken = [3, 4].map(|port| {
            let text = format!("{port}-{number}");
            let is_taken = hands.sends(port, &text);
            acknowledged.extend(is_taken.then_some(text));
            is_taken
        });
        taken != [true; 2]
    });
    for port in [1, 2] {
        wait_until("all that was acknowledged is there", || {
            let texts = hands.texts(port);
            acknowledged.iter().all(|text| texts.contains(text))
        });
    }
    let refused = [3, 4].map(|port| hands.world.run(&["send-message", &hands.address(port), "more"]));
    let (refused, log) = refused.iter().zip(&twins).find(|(outcome, _)| outcome.code == Some(1)).unwrap();
    for address in [3, 4].map(|port| hands.address(port)) {
        assert!(refused.stderr.contains(&address), "{refused:?} does not name {address}");
        assert!(log.stderr().contains(&address), "{} does not name {address}", log.stderr());
    }
}

#[test]
fn every_message_of_a_node_that_was_killed_seventy_times_reaches_one_that_joins_then() {
    let hands = Hands::new(3);
    let _a = hands.start("a", 1, &[]);
    let texts: Vec<_> = (1..=70).map(|life| format!("of life {life}")).collect();
    for text in &texts {
        let x = hands.start("x", 2, &["--peer", &hands.address(1)]);
        assert!(hands.sends(2, text));
        wait_until("its neighbour has it", || hands.texts(1).contains(text));
        drop(x);
    }
    let _late = hands.start("late", 3, &["--peer", &hands.address(1)]);
    wait_until("the one that is late has them all", || hands.texts(3).len() == texts.len());
    let mut heard = hands.texts(3);
    heard.sort_by_key(|text| texts.iter().position(|other| other == text));
    assert_eq!(heard, texts, "each once");
}

#[test]
fn another_node_than_was_named_is_no_peer() {
    let hands = Hands::new(3);
    let _e = hands.start("e", 1, &[]);
    let a = hands.start("a", 2, &["--peer", &format!("z@{}", hands.address(1))]);
    wait_until("it is said", || a.stderr().contains("another node answers there than expected"));
    let said = a.stderr();
    let line = said.lines().find(|line| line.contains("another node answers")).unwrap();
    assert!(["ERROR", "z", "peer=e", &hands.address(1)].iter().all(|word| line.contains(word)), "{line}");
    let peers = hands.peers(2);
    assert_eq!((peers.len(), &peers[0]["node"], &peers[0]["up"]), (1, &"z".into(), &false.into()), "{peers:?}");
    wait_until("e has no link either", || !hands.is_linked(1, "a"));
}

#[test]
fn an_address_that_nobody_can_dial_is_a_usage_error_whichever_way_it_comes() {
    let world = World::new();
    let bind = ["node", "--name", "a", "--bind", "127.0.0.1:0"];
    for (host, says) in [
        ("0.0.0.0", "means all interfaces"),
        ("[::]", "means all interfaces"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("[fe80::1%lo]", "link-local"),
        ("[fe80::1]", "link-local"),
        ("0", "neither an IP address nor a host name"),
    ] {
        let address = format!("{host}:7001");
        for flag in ["--advertise", "--peer", "--join"] {
            world.run(&[&bind[..], &[flag, &address]].concat()).fails(2, says);
        }
    }
    for address in ["224.0.0.1:0", "[fe80::1%1]:0", "[fe80::1%lo]:0"] {
        world.run(&["node", "--name", "a", "--bind", address]).fails(2, "is not a dialable address");
    }
}

#[test]
fn two_networks_of_one_name_stay_two_when_an_address_is_used_again() {
    let hands = Hands::new(6);
    let a = hands.start("a", 1, &[]);
    let b = hands.start("b", 2, &["--peer", &hands.address(1)]);
    wait_until("a and b are linked", || hands.is_linked(1, "b"));
    let _c = hands.start("c", 3, &[]);
    let _d = hands.start("d", 4, &["--peer", &hands.address(3)]);
    wait_until("c and d are linked", || hands.is_linked(3, "d"));
    b.signal(Signal::KILL);
    b.wait();
    // A node of the other network comes to live where b was, and a still dials that address.
    let e = hands.start("e", 2, &["--peer", &hands.address(3)]);
    wait_until("e and c are linked", || hands.is_linked(3, "e"));
    wait_until("a is refused", || a.stderr().contains("other_instance"));
    assert!(hands.sends(4, "of the other network"));
    wait_until("e has it", || hands.texts(2) == ["of the other network"]);
    assert_eq!(hands.texts(1), Vec::<String>::new());
    assert!(!hands.is_linked(1, "e") && !hands.is_linked(2, "a"));
    assert!(e.stdout().contains("of network 'default'"), "{}", e.stdout());

    // Commands tell them apart as well, whoever lives where b was.
    let (world, [one, two, three]) = (&hands.world, [1, 2, 3].map(|port| hands.address(port)));
    world.run(&["connect", &one, &three]).fails(1, "belongs to instance");
    world.run(&["status", &one, &three]).fails(1, "belongs to instance");
    let judge = |who: &str| {
        let status = world.run(&["status", &one, "--json"]).fails(3, "1 of 2 nodes did not answer: b").json();
        let names: Vec<_> = status["nodes"].as_array().unwrap().iter().map(|node| &node["node"]).collect();
        assert!(names == ["a", "b"] && status["verdict"]["up"] == 1, "{status}");
        let why = status["nodes"][1]["error"]["message"].as_str().unwrap();
        assert!(why.contains(&two) && why.contains(who), "{status}");
    };
    judge("node e of another network 'default' (instance ");
    let audit = world.run(&["audit", &one, "--json"]).json();
    assert_eq!(
        (audit["nodes"].as_array().unwrap().len(), &audit["nodes"][1]["answered"]),
        (2, &false.into()),
        "{audit}"
    );
    let watch = world.run(&["watch", &one, "--json", "--count", "1"]).done();
    assert!(watch.stdout.contains("\"answer\":1,\"nodes\":1"), "{watch:?}");
    e.signal(Signal::KILL);
    e.wait();
    for name in ["f", "b"] {
        let stranger = hands.start(name, 2, &["--network", "other"]);
        judge(&format!("node {name} of network 'other'"));
        stranger.signal(Signal::KILL);
        stranger.wait();
    }

    // What a belongs to outlives it, and overrides nothing that is said.
    a.signal(Signal::KILL);
    a.wait();
    let again = hands.start("a", 1, &["--peer", &hands.address(3)]);
    wait_until("a is refused", || again.stderr().contains("other_instance"));
    again.signal(Signal::KILL);
    again.wait();
    let told = hands.start("d2", 5, &["--json", "--instance", "told"]);
    assert!(told.stdout().contains("\"instance\":\"told\""), "{}", told.stdout());
}

#[test]
fn nodes_that_name_each_other_become_one_network_whatever_their_order() {
    let hands = Hands::new(4);
    // Each names the next one, and the last one the first.
    let nodes: Vec<_> =
        (1..=3).map(|port| hands.start(&format!("n{port}"), port, &["--peer", &hands.address(port % 3 + 1)])).collect();
    for port in 1..=3 {
        for other in (1..=3).filter(|&other| other != port) {
            wait_until("all are linked", || hands.is_linked(port, &format!("n{other}")));
        }
    }
    assert!(hands.sends(1, "hello"));
    for port in 1..=3 {
        wait_until("the message is there", || hands.texts(port) == ["hello"]);
    }
    drop(nodes);
}

#[test]
fn an_instance_that_cannot_be_stored_is_told_by_the_status() {
    let hands = Hands::new(2);
    let b = hands.start("b", 2, &["--join", &hands.address(1)]);
    let place = hands.world.networks().join("state-b-2").join("b.instance");
    std::fs::create_dir(&place).unwrap();
    let _a = hands.start("a", 1, &[]);
    wait_until("they are linked", || hands.is_linked(2, "a"));
    let status = hands.world.json(&["status", &hands.address(2)]);
    let why = |node: usize| status["nodes"][node]["instance_unstored"].as_str();
    assert!(why(1).is_some_and(|why| why.contains("b.instance")) && why(0).is_none(), "{status}");
    let told = hands.world.run(&["status", &hands.address(1)]).done().stdout;
    assert!(told.contains("could not store its instance: "), "{told}");
    assert!(b.stderr().contains("cannot store its instance"), "{}", b.stderr());
}
