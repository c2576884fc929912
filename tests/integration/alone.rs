//! Stories that need a machine of their own: an ignored test of this program runs in namespaces made for it, where it may
//! change name server and port range. Where the system makes none it says so and tests nothing.

use crate::testnet::{Running, World, free_ports, wait_until};
use std::{
    env, fs,
    net::{TcpListener, UdpSocket},
    process::Command,
    thread,
    time::Duration,
};

/// Set for a test that runs in namespaces of its own.
const MARK: &str = "GOSSIP_TEST_ALONE";
/// Brings the loopback interface up; also the test whether this can be done at all.
const UP: [&str; 5] = ["ip", "link", "set", "lo", "up"];
/// Outgoing ports of the system in the stories: so few that a dead node's is drawn within seconds.
const PORTS: &str = "40000 40063";

/// Runs an ignored test of this file in namespaces for users, network and mounts.
fn alone(test: &str) {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "--mount"]);
        command
    };
    if !unshare().args(UP).status().is_ok_and(|status| status.success()) {
        eprintln!("\n*** SKIPPED: this machine makes no namespaces ***\n");
        return;
    }
    let words = ["--ignored", "--exact", "--nocapture", test];
    let status = unshare().arg(env::current_exe().unwrap()).args(words).env(MARK, "1").status().unwrap();
    assert!(status.success(), "{test} failed in its namespaces");
}

/// Returns whether this is such a test; brings its loopback interface up.
fn is_alone() -> bool {
    let is_alone = env::var_os(MARK).is_some();
    if is_alone {
        assert!(Command::new(UP[0]).args(&UP[1..]).status().unwrap().success());
    }
    is_alone
}

#[test]
fn a_silent_name_server_delays_nobody_but_whom_it_should_name() {
    alone("alone::beside_a_silent_name_server");
}

#[test]
#[ignore = "runs in namespaces of its own"]
fn beside_a_silent_name_server() {
    if !is_alone() {
        return;
    }
    let world = World::new();
    let file = |name: &str, text: &str, over: &str| {
        let path = world.networks().with_file_name(name);
        fs::write(&path, text).unwrap();
        assert!(
            Command::new("mount").arg("--bind").args([path.as_os_str(), over.as_ref()]).status().unwrap().success()
        );
    };
    file("resolv.conf", "nameserver 127.0.0.53\n", "/etc/resolv.conf");
    file("nsswitch.conf", "hosts: files dns\n", "/etc/nsswitch.conf");
    // Takes every question, answers none.
    let _silent = UdpSocket::bind(("127.0.0.53", 53)).unwrap();
    let base = free_ports(3);
    let [a, b, x] = [1, 2, 3].map(|number| format!("127.0.0.1:{}", base + number));
    let far = format!("far.bus.example:{}", base + 3);
    let node = |name: &str, words: &[&str]| {
        let state = world.networks().join(name);
        let fixed = ["node", "--name", name, "--json", "--state", state.to_str().unwrap()];
        let node = world.spawn(&[&fixed[..], words].concat());
        wait_until("it listens", || node.stdout().contains("endpoint"));
        node
    };
    let nodes: Vec<Running> = vec![
        node("a", &["--bind", &a]),
        node("b", &["--bind", &b, "--peer", &a]),
        node("x", &["--bind", &x, "--advertise", &far, "--join", &a]),
    ];
    let is_up = |of: &str, peer: &str| {
        let told = world.json(&["list-peers", of]);
        told["peers"].as_array().unwrap().iter().any(|one| one["node"] == peer && one["up"] == true)
    };
    wait_until("a and b are linked", || is_up(&a, "b") && is_up(&b, "a"));
    wait_until("a looks the name up", || world.json(&["list-peers", &a]).to_string().contains("far.bus.example"));
    // A lookup takes ten seconds in vain; one follows the other. Each message is there long before the first has ended.
    for number in 0..10 {
        let text = format!("m{number}");
        world.run(&["send-message", &a, &text, "--timeout", "2"]).done();
        let has = || world.run(&["get-messages", &b, "--timeout", "2", "--json"]).done().stdout.contains(&text);
        wait_until("b has it", has);
    }
    // Nor does a command wait for the name longer than it was told to.
    world.run(&["status", &far, "--timeout", "1"]).fails(3, "far.bus.example");
    drop(nodes);
}

#[test]
fn a_dead_node_gets_its_port_back_from_the_range_of_outgoing_ones() {
    alone("alone::beside_few_outgoing_ports");
}

#[test]
#[ignore = "runs in namespaces of its own"]
fn beside_few_outgoing_ports() {
    if !is_alone() {
        return;
    }
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", PORTS).unwrap();
    let world = World::new();
    world.run(&["start-network", "circular", "-n", "4", "--port-base", "40000", "--chaos"]).done();
    // An odd port and an even one: systems draw the ones before the others.
    for node in ["3", "4"] {
        world.run(&["chaos", "kill", node]).done();
        let own = format!("127.0.0.1:4000{node}").parse::<std::net::SocketAddr>().unwrap().port();
        // Neighbours dial the dead port until one of them is connected to itself, or long enough.
        let mut looks = 0..100;
        let is_taken = || TcpListener::bind(("127.0.0.1", own)).is_err();
        while looks.next().is_some() && !is_connected_to_itself(own) && !is_taken() {
            thread::park_timeout(Duration::from_millis(50));
        }
        // It returns once its neighbours' links are up, too.
        world.run(&["restart-node", node]).done();
    }
    world.run(&["stop-network"]).done();
}

/// Returns whether some connection leads from this port of 127.0.0.1 to itself.
fn is_connected_to_itself(port: u16) -> bool {
    let end = format!("0100007F:{port:04X}");
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().any(|line| line.matches(&end).count() == 2)
}
