//! Links are made and taken away by command, and healing keeps to it.

use crate::{
    testnet::{TestNet, wait_until},
    traffic::{Traffic, assert_all_hold},
};

/// Kills a node and waits until its neighbours have replaced it: healing has had its time.
fn let_heal(net: &TestNet, dead: u16, orphans: [&str; 2]) {
    net.kill(dead);
    wait_until("the orphans find each other", || net.peers(orphans[0]).contains(&orphans[1].to_owned()));
}

#[test]
fn links_are_made_and_taken_away_while_messages_flow() {
    let net = TestNet::start("circular", 8);
    let traffic = Traffic::start(&net, &[2, 6]);
    traffic.go_on(10);
    assert_eq!(net.run(&["connect", "1", "4"]).done().stdout, "Gossip-Node-1 and Gossip-Node-4 connected\n");
    assert_eq!(net.json(&["connect", "3", &net.address(7)]), serde_json::json!({"connected": ["3", "7"]}));
    assert_eq!(net.peers("1"), ["2", "4", "8"]);
    assert_eq!((net.peers("7"), net.recorded_peers("7")), (net.peers("7"), net.peers("7")));
    traffic.go_on(30);
    assert_eq!(net.run(&["disconnect", "4", "5"]).done().stdout, "Gossip-Node-4 and Gossip-Node-5 disconnected\n");
    assert_eq!(net.json(&["disconnect", "1", "2"]), serde_json::json!({"disconnected": ["1", "2"]}));
    traffic.go_on(30);
    assert_eq!(
        [net.peers("4"), net.peers("5"), net.peers("1"), net.peers("2")].map(|peers| peers.join(" ")),
        ["1 3", "6", "4 8", "3"]
    );
    let texts = traffic.end();
    assert_all_hold(&net, net.nodes(), &texts);

    // Elsewhere something is healed; here nothing is, and what was made is kept.
    let_heal(&net, 8, ["1", "7"]);
    assert_eq!([net.peers("4"), net.peers("5"), net.peers("2")].map(|peers| peers.join(" ")), ["1 3", "6", "3"]);
    net.run(&["restart-node", "8"]).done();
    assert_eq!(net.peers("8"), ["1", "7"]);
    // Disconnected, and connected again at once.
    net.run(&["disconnect", "1", "4"]).done();
    net.run(&["connect", "4", "1"]).done();
    assert_eq!(net.recorded_peers("4"), ["1", "3"]);
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_link_that_was_made_is_a_declared_one() {
    let net = TestNet::start("circular", 4);
    net.run(&["connect", "1", "3"]).done();
    net.kill(3);
    net.run(&["restart-node", "3"]).done();
    assert_eq!(net.peers("3"), ["1", "2", "4"]);
    assert_eq!(net.recorded_peers("1"), ["2", "3", "4"]);
}

#[test]
fn mistakes_are_told_in_a_line() {
    let net = TestNet::start("circular", 4);
    net.run(&["add-node", "leaf", "--peers", "2"]).done();
    net.kill(4);
    for (words, code, says) in [
        (["connect", "1", "2"], 1, "nodes 1 and 2 are already connected"),
        (["connect", "2", "Gossip-Node-2"], 2, "node 2 is named twice; give different nodes"),
        (["disconnect", "1", "1"], 2, "node 1 is named twice; give different nodes"),
        (["disconnect", "1", "3"], 1, "nodes 1 and 3 are not connected; the peers of node 1 are 2, 4"),
        (["disconnect", "2", "leaf"], 1, "the link between nodes 2 and leaf alone holds the network together"),
        (["connect", "1", "17"], 1, "network 'default' has no node '17'; its nodes are 1-4, leaf"),
        (["connect", "1", "127.0.0.1:9"], 1, "no node of network 'default' listens on 127.0.0.1:9"),
        (["connect", "2", "4"], 3, "node 4 is down: its process has ended"),
        (["disconnect", "4", "1"], 3, "node 4 is down: its process has ended"),
    ] {
        // Orphans of the dead node may have found each other.
        if words == ["disconnect", "1", "3"] && net.peers("1").contains(&"3".to_owned()) {
            continue;
        }
        net.run(&words).fails(code, says);
    }
    assert_eq!(net.recorded_peers("2"), ["1", "3", "leaf"]);
}
