//! Nodes that were started by hand: one address is enough to see, watch, change and judge their network, and what cannot be
//! done says what can.

use crate::testnet::{Running, World, free_ports, wait_until};
use gossip::launcher::process::Life;
use std::net::TcpListener;

/// A ring of nodes a, b, c … that nobody has a record of.
struct Ring {
    world: World,
    nodes: Vec<Running>,
    base: u16,
}

impl Ring {
    fn start(names: &[&str], network: &str) -> Self {
        let (world, base) = (World::new(), free_ports(8));
        let count = names.len();
        let address = |at: usize| format!("{}@127.0.0.1:{}", names[at % count], usize::from(base) + 1 + at % count);
        let node = |(at, name): (usize, &&str)| {
            let bind = format!("127.0.0.1:{}", usize::from(base) + 1 + at);
            let peers = [address(at + 1), address(at + count - 1)];
            let words = ["node", "--name", name, "--bind", &bind, "--peer", &peers[0], "--peer", &peers[1], "--json"];
            world.spawn(&[&words[..], &["--network", network, "--timing", "local", "--instance", "0ne"]].concat())
        };
        let nodes = names.iter().enumerate().map(node).collect();
        let ring = Self { world, nodes, base };
        for at in 1..=count {
            wait_until("both neighbours are there", || ring.peers(at).len() == 2.min(count - 1));
        }
        ring
    }

    fn address(&self, at: usize) -> String {
        format!("127.0.0.1:{}", usize::from(self.base) + at)
    }

    /// Names of those to which a node has a link that is up.
    fn peers(&self, at: usize) -> Vec<String> {
        let outcome = self.world.run(&["list-peers", &self.address(at), "--json"]);
        if outcome.code != Some(0) {
            return Vec::new();
        }
        let told = outcome.json();
        let up = told["peers"].as_array().unwrap().iter().filter(|peer| peer["up"] == true);
        let mut names: Vec<_> = up.filter_map(|peer| Some(peer["node"].as_str()?.to_owned())).collect();
        names.sort();
        names
    }

    fn kill(&self, at: usize) {
        self.nodes[at - 1].signal(rustix::process::Signal::KILL);
        wait_until("it is gone", || self.nodes[at - 1].process().life() != Life::Running);
    }
}

#[test]
fn one_address_shows_the_whole_network() {
    let ring = Ring::start(&["a", "b", "c", "d"], "hand");
    let (world, entry) = (&ring.world, &ring.address(3));
    let status = world.json(&["status", entry]);
    assert_eq!((&status["network"], &status["verdict"]["up"]), (&"hand".into(), &4.into()), "{status}");
    assert!(world.run(&["status", entry]).done().stdout.contains("all 4 nodes are up"));
    let audit = world.json(&["audit", entry]);
    assert_eq!((&audit["ok"], audit["nodes"].as_array().unwrap().len()), (&true.into(), 4));
    for kind in [&[][..], &["--declared"]] {
        let plot = world.json(&[&["plot", entry], kind].concat());
        assert_eq!(plot["network"], "hand");
        assert!(plot["caption"].as_str().unwrap().contains('4'), "{plot}");
        assert!(std::fs::metadata(plot["plot"][0].as_str().unwrap()).unwrap().len() > 0);
    }
    let watch = world.spawn(&["watch", entry, "--json", "--count", "4"]);
    wait_until("all are watched", || watch.stdout().contains("\"nodes\":4"));
    world.run(&["send-message", &ring.address(1), "apple"]).done();
    assert!(watch.wait().done().stdout.contains("arrived"));

    // A dead node is seen by what its neighbours say, and does not stand in the way.
    ring.kill(2);
    let status = world.run(&["status", entry, "--json"]);
    let nodes = status.json()["nodes"].as_array().unwrap().len();
    assert!(status.code != Some(0) && nodes == 4, "{status:#?}");
    world.run(&["status", &ring.address(2), "--timeout", "0.5"]).fails(3, "did not answer");
    world.run(&["plot", &ring.address(2), "--timeout", "0.5"]).fails(3, "no node answers at 127.0.0.1:");
}

#[test]
fn links_are_made_and_taken_away_by_address() {
    let ring = Ring::start(&["a", "b", "c", "d"], "hand");
    let [a, b, c] = [1, 2, 3].map(|at| ring.address(at));
    assert_eq!(ring.world.json(&["connect", &a, &c]), serde_json::json!({"connected": ["a", "c"]}));
    assert_eq!(
        (ring.peers(1), ring.peers(3)),
        (vec!["b".into(), "c".into(), "d".into()], vec!["a".into(), "b".into(), "d".into()])
    );
    ring.world.run(&["connect", &a, &c]).fails(1, "nodes a and c are already connected");
    ring.world.run(&["connect", &a, &a]).fails(2, "node a is named twice");
    ring.world.run(&["disconnect", &a, &b]).done();
    assert_eq!((ring.peers(1), ring.peers(2)), (vec!["c".into(), "d".into()], vec!["c".into()]));
    ring.world.run(&["disconnect", &a, &b]).fails(1, "nodes a and b are not connected");
    ring.world.run(&["disconnect", &b, &c]).fails(1, "holds the network together");
}

#[test]
fn a_dead_node_is_forgotten_by_name() {
    let ring = Ring::start(&["a", "b", "c", "d"], "hand");
    ring.kill(3);
    let entry = ring.address(1);
    ring.world.run(&["remove-node", "z", "--via", &entry]).fails(1, "knows node z");
    ring.world.run(&["remove-node", "c", "--via", &entry]).fails(3, "remove it with 'gossip remove-node c --via ");
    let address = ring.address(3);
    let told = ring.world.run(&["remove-node", &address, "--force"]).fails(3, "HOST:PORT'").stderr;
    let command = told.split('\'').nth(1).unwrap().replace("HOST:PORT", &entry);
    ring.world.run(&command.split(' ').skip(1).collect::<Vec<_>>()).done();
    wait_until("the ring closes", || ring.peers(2) == ["a", "d"] && ring.peers(4) == ["a", "b"]);
    let status = ring.world.json(&["status", &entry]);
    assert_eq!(status["nodes"].as_array().unwrap().len(), 3, "{status}");
    // One that lives takes leave.
    ring.world.run(&["remove-node", "b", "--via", &entry]).done();
    wait_until("it ends", || ring.nodes[1].process().life() != Life::Running);
}

#[test]
fn one_address_stops_the_whole_network() {
    let ring = Ring::start(&["a", "b", "c", "d"], "hand");
    let entry = ring.address(2);
    ring.world.run(&["stop-network", &entry, "--network", "other"]).fails(1, "belongs to network 'hand'");
    let told = ring.world.json(&["stop-network", &entry]);
    let names: Vec<_> = told["nodes"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap()).collect();
    assert_eq!((&told["network"], names), (&"hand".into(), vec!["a", "b", "c", "d"]));
    for node in &ring.nodes {
        wait_until("it ends", || node.process().life() != Life::Running);
    }
    ring.world.run(&["stop-network", &entry, "--timeout", "1"]).fails(3, "no node answers at 127.0.0.1:");
}

#[test]
fn what_is_said_to_restart_a_node_restarts_it() {
    let ring = Ring::start(&["a", "b", "c"], "hand");
    let (entry, mut done) = (ring.address(1), Vec::new());
    let told = ring.world.run(&["restart-node", &entry]).fails(1, "was not started with 'gossip start-network'").stderr;
    let commands: Vec<Vec<&str>> = told.split('\'').skip(1).step_by(2).map(|text| text.split(' ').collect()).collect();
    assert_eq!((commands[1][1], commands[2][1]), ("remove-node", "node"), "{told}");
    ring.world.run(&commands[1][1..]).done();
    wait_until("it ends", || ring.nodes[0].process().life() != Life::Running);
    ring.world.run(&["restart-node", &entry]).fails(3, "start it on its machine with 'gossip node --name NAME --bind");
    done.push(ring.world.spawn(&[&commands[2][1..], &["--timing", "local"]].concat()));
    wait_until("it is back", || !ring.peers(1).is_empty());
    assert_eq!(ring.world.json(&["status", &entry])["verdict"]["up"], 3);
}

#[test]
fn a_watch_by_address_follows_nodes_that_join_later() {
    let ring = Ring::start(&["a", "b"], "hand");
    let (world, entry) = (&ring.world, ring.address(1));
    let watch = world.spawn(&["watch", &entry, "--json"]);
    let has = |node: &str, kind: &str| {
        let told = watch.stdout();
        let is_meant = |line: &str| line.contains(&format!("\"node\":\"{node}\",\"kind\":\"{kind}\""));
        told.lines().any(is_meant)
    };
    wait_until("both are watched", || watch.stdout().contains("\"nodes\":2"));
    let bind = ring.address(3);
    let words = ["node", "--name", "c", "--bind", &bind, "--join", &entry, "--network", "hand", "--timing", "local"];
    let joined = world.spawn(&words);
    wait_until("it is followed", || has("c", "added"));
    world.run(&["send-message", &entry, "apple"]).done();
    wait_until("it tells of arrivals", || has("c", "arrived"));
    joined.signal(rustix::process::Signal::KILL);
    wait_until("it is missed", || has("c", "silent"));
    watch.signal(rustix::process::Signal::INT);
    watch.wait().done();
}

#[test]
fn what_needs_a_record_says_what_does_not() {
    let world = World::new();
    for (words, remedy) in [
        (&["send-message", "a", "x"][..], "give the address HOST:PORT of a node started by hand"),
        (&["status"], "give the address HOST:PORT of a node started by hand"),
        (&["plot"], "give the address HOST:PORT of a node started by hand"),
        (&["watch"], "give the address HOST:PORT of a node started by hand"),
        (&["connect", "a", "b"], "give the address HOST:PORT of a node started by hand"),
        (&["restart-node", "a"], "restart a node that was started by hand with 'gossip node'"),
        (&["add-node"], "run 'gossip node --join HOST:PORT'"),
        (
            &["restructure", "circular"],
            "change links of nodes started by hand with 'gossip connect' and 'gossip disconnect'",
        ),
        (&["chaos", "kill", "1"], "with 'gossip start-network --chaos'"),
        (&["stop-network"], "stop nodes started by hand with 'gossip stop-network HOST:PORT'"),
    ] {
        let outcome = world.run(words).fails(1, "network 'default' is not running; ");
        assert!(outcome.stderr.contains(remedy), "{outcome:#?}");
    }
}

#[test]
fn a_node_of_another_network_is_refused() {
    let ring = Ring::start(&["a", "b"], "hand");
    let (one, two) = (ring.address(1), ring.address(2));
    let text = format!("node a at {one} belongs to network 'hand', not to network 'other'");
    for words in [
        &["send-message", &one, "x"][..],
        &["get-messages", &one],
        &["list-peers", &one],
        &["status", &one],
        &["audit", &one],
        &["plot", &one],
        &["watch", &one, "--count", "1"],
        &["remove-node", &one],
        &["remove-node", "b", "--via", &one],
        &["connect", &one, &two],
        &["disconnect", &one, &two],
    ] {
        ring.world.run(&[words, &["--network", "other"]].concat()).fails(1, &text);
    }
    let mut command = ring.world.command(["send-message", &one, "x", "--json"]);
    let outcome = Running::spawn(command.env("GOSSIP_NETWORK", "other")).wait().fails(1, &text);
    assert_eq!(outcome.json()["error"]["code"], "other_network");
    ring.world.run(&["send-message", &one, "x", "--network", "hand"]).done();
    ring.world.run(&["send-message", &one, "x"]).done();
    assert_eq!(ring.world.json(&["get-messages", &one, "all"])["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn nodes_with_different_limits_of_payloads_name_both_in_both_logs() {
    let (world, base) = (World::new(), free_ports(2));
    let [one, two] = [base + 1, base + 2].map(|port| format!("127.0.0.1:{port}"));
    let node = |name: &str, bind: &str, payload_max: &str, peer: &[&str]| {
        let words = ["node", "--name", name, "--bind", bind, "--payload-max", payload_max, "--instance", "0ne"];
        world.spawn(&[&words[..], peer].concat())
    };
    // Only the second knows of the other: one refuses, the other is refused.
    let refusing = node("a", &one, "1KiB", &[]);
    let refused = node("b", &two, "2KiB", &["--peer", &format!("a@{one}")]);
    let values = "payloads have at most 1024 bytes here, not 2048: --payload-max sets it";
    wait_until("the one that refuses says why", || {
        let log = refusing.stderr();
        log.lines().any(|line| line.contains("refused a node") && line.contains("peer=b") && line.contains(values))
    });
    wait_until("so does the other", || refused.stderr().contains(values));
}

#[test]
fn a_node_that_finds_nobody_says_so_soon() {
    // Somebody who never answers, and nobody at all.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = mute.local_addr().unwrap().to_string();
    for option in ["--join", "--peer"] {
        for address in [mute.as_str(), "127.0.0.1:9"] {
            let world = World::new();
            let node = world.spawn(&["node", "--name", "a", "--bind", "127.0.0.1:0", option, address]);
            wait_until("it says so", || node.stderr().contains("no node has answered yet"));
            let line = node.stderr();
            let line = line.lines().find(|line| line.contains("no node has answered yet")).unwrap();
            assert!(line.contains(&format!("addresses={address}")), "{line}");
        }
    }
}
