//! Partitions made outside the process: each node in a network namespace of its own, wires between them that are cut and
//! slowed. Needs root, `ip` and `tc`; where these are not to be had it says so and tests nothing.

use crate::testnet::{Running, World, wait_until};
use std::{collections::BTreeSet, process::Command};

/// Nodes: two on each side of the middle.
const NODES: usize = 4;

/// Namespaces, a bridge in each half, and a wire between the halves. All is gone when it is dropped.
struct Site {
    /// Prefix of names; other tests have others.
    prefix: String,
}

fn system(words: &str) -> Result<String, String> {
    let mut parts = words.split_whitespace();
    let output =
        Command::new(parts.next().unwrap()).args(parts).output().map_err(|error| format!("{words}: {error}"))?;
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(stdout) } else { Err(format!("{words}: {stderr}")) }
}

impl Site {
    /// Two halves of two nodes. Each half is a namespace with a bridge; the wire between the bridges is `left` and `right`.
    fn build() -> Result<Self, String> {
        let site = Self { prefix: format!("g{}", std::process::id() % 100_000) };
        let at = |name: &str| format!("{}{name}", site.prefix);
        for half in ["l", "r"] {
            system(&format!("ip netns add {}", at(half)))?;
            system(&format!("ip -n {} link add br type bridge", at(half)))?;
            system(&format!("ip -n {} link set br up", at(half)))?;
        }
        let (left, right) = (at("l"), at("r"));
        system(&format!("ip link add wire netns {left} type veth peer name wire netns {right}"))?;
        for half in [&left, &right] {
            system(&format!("ip -n {half} link set wire master br"))?;
            system(&format!("ip -n {half} link set wire up"))?;
        }
        for node in 1..=NODES {
            let (own, half) = (at(&node.to_string()), if node <= NODES / 2 { &left } else { &right });
            system(&format!("ip netns add {own}"))?;
            system(&format!("ip link add eth netns {own} type veth peer name port{node} netns {half}"))?;
            system(&format!("ip -n {half} link set port{node} master br"))?;
            system(&format!("ip -n {half} link set port{node} up"))?;
            system(&format!("ip -n {own} addr add 10.77.0.{node}/24 dev eth"))?;
            system(&format!("ip -n {own} link set eth up"))?;
            system(&format!("ip -n {own} link set lo up"))?;
        }
        Ok(site)
    }

    fn inside(&self, node: usize, world: &World, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}{node}", self.prefix), env!("CARGO_BIN_EXE_gossip")]);
        world.inside(command.args(words));
        command
    }

    /// Cuts the wire between the halves, or joins it: packets vanish, and nobody is told.
    fn set_wire(&self, is_whole: bool) {
        let state = if is_whole { "up" } else { "down" };
        // In the middle, so that the ends see nothing but silence.
        system(&format!("ip -n {}l link set wire {state}", self.prefix)).unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for name in ["l", "r", "1", "2", "3", "4"] {
            let _ = system(&format!("ip netns del {}{name}", self.prefix));
        }
    }
}

/// Ids of the messages that a node holds.
fn held(site: &Site, world: &World, node: usize) -> BTreeSet<String> {
    let address = format!("10.77.0.{node}:7000");
    let told = Running::spawn(&mut site.inside(node, world, &["get-messages", &address, "all", "--json"]))
        .wait()
        .done()
        .json();
    told["messages"].as_array().unwrap().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

fn send(site: &Site, world: &World, node: usize) -> String {
    let address = format!("10.77.0.{node}:7000");
    let words = ["send-message", &address, "apple", "--no-trace", "--json"];
    Running::spawn(&mut site.inside(node, world, &words)).wait().done().json()["id"].as_str().unwrap().to_owned()
}

fn wait_for(site: &Site, world: &World, nodes: &[usize], id: &str) {
    for &node in nodes {
        wait_until(&format!("node {node} has {id}"), || held(site, world, node).contains(id));
    }
}

#[test]
fn halves_that_a_cut_wire_parted_become_equal_when_it_is_joined() {
    let site = match Site::build() {
        Ok(site) => site,
        Err(why) => {
            eprintln!("\n*** SKIPPED: this machine makes no network namespaces ({why}) ***\n");
            return;
        }
    };
    let world = World::new();
    let nodes: Vec<_> = (1..=NODES)
        .map(|node| {
            let [name, bind] = [node.to_string(), format!("10.77.0.{node}:7000")];
            let peers =
                [node % NODES + 1, (node + NODES - 2) % NODES + 1].map(|peer| format!("{peer}@10.77.0.{peer}:7000"));
            let words = ["node", "--name", &name, "--bind", &bind, "--peer", &peers[0], "--peer", &peers[1], "--json"];
            let state = world.networks().join(format!("state-{node}"));
            let words = [&words[..], &["--state", state.to_str().unwrap(), "--timing", "local"]].concat();
            Running::spawn(&mut site.inside(node, &world, &words))
        })
        .collect();
    wait_until("all listen", || nodes.iter().all(|node| node.stdout().contains("endpoint")));
    let all: Vec<_> = (1..=NODES).collect();
    let first = send(&site, &world, 1);
    wait_for(&site, &world, &all, &first);

    site.set_wire(false);
    let [left, right] = [1, 3].map(|node| send(&site, &world, node));
    wait_for(&site, &world, &[2], &left);
    wait_for(&site, &world, &[4], &right);
    assert!(!held(&site, &world, 3).contains(&left) && !held(&site, &world, 1).contains(&right), "it went through");
    site.set_wire(true);
    for id in [&left, &right] {
        wait_for(&site, &world, &all, id);
    }

    // Slow: some kernels have no such discipline.
    match system(&format!("ip netns exec {}l tc qdisc add dev wire root netem delay 100ms loss 5%", site.prefix)) {
        Err(why) => eprintln!("\n*** SKIPPED: this machine slows no wires ({why}) ***\n"),
        Ok(_) => {
            let slow = send(&site, &world, 2);
            wait_for(&site, &world, &all, &slow);
        }
    }
    for node in 1..=NODES {
        assert_eq!(held(&site, &world, node).len(), held(&site, &world, 1).len(), "node {node}");
    }
}
