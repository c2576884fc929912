//! Refusals before anything starts, each with one line that says what to do.

use crate::testnet::{TestNet, World, free_ports};
use std::net::TcpListener;

#[test]
fn what_can_never_work_is_a_usage_error() {
    let world = World::new();
    for (args, words) in [
        (&["random", "3", "-n", "5"][..], "5 x 3 is odd"),
        (&["random", "16"], "degree 16 is too large"),
        (&["random", "3", "-n", "2"], "degree 3 is too large"),
        (&["-n", "1"], "2 to 1024 nodes"),
        (&["circular", "-n", "1025"], "2 to 1024 nodes"),
        (&["random", "1", "-n", "4"], "form separate pairs"),
        (&["random", "0"], "degree 0"),
        (&["circular", "3"], "takes no degree"),
        (&["powerlaw", "3"], "takes no degree"),
        (&["star"], "unknown topology 'star'"),
        (&["random", "three"], "'three'"),
        (&["-n", "many"], "'many'"),
        (&["--port-base", "65520"], "65535"),
        (&["--port-base", "4294967295"], "65535"),
        (&["--network", "a/b"], "not a network name"),
        (&["--network", ""], "network"),
        (&["--seed", "x"], "'x'"),
        (&["--timeout", "0"], "'0'"),
        (&["--timing", "slow"], "[possible values: local, lan, wan]"),
        (&["--dissemination", "rumour"], "[possible values: tree, flood]"),
        (&["--no-heal=yes"], "unexpected value 'yes' for '--no-heal'"),
        (&["random", "3", "4"], "'4'"),
        (&["--forground"], "--foreground"),
    ] {
        let outcome = world.run(&[&["start-network"], args].concat()).fails(2, words);
        assert_eq!(outcome.stdout, "");
        let outcome = world.run(&[&["start-network", "--json"], args].concat()).fails(2, words);
        let error = &outcome.json()["error"];
        assert_eq!(error["code"], "usage");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    assert!(!world.networks().exists(), "a refused start left something");
}

#[test]
fn a_wrong_name_is_blamed_on_whoever_says_it() {
    let world = World::new();
    let run = |args: &[&str], name: &str| {
        crate::testnet::Running::spawn(world.command(args).env("GOSSIP_NETWORK", name)).wait()
    };
    let outcome = run(&["status"], "a b").fails(2, "invalid value 'a b' for the variable GOSSIP_NETWORK: not a");
    assert!(!outcome.stderr.contains("--network"), "{outcome:?}");
    run(&["status", "--network", "c d"], "a").fails(2, "invalid value 'c d' for '--network <NAME>': not a");
}

#[test]
fn a_wrong_level_is_blamed_on_whoever_says_it() {
    let world = World::new();
    let args = ["node", "--name", "a", "--bind", "127.0.0.1:0"];
    let run = |more: &[&str]| {
        let mut command = world.command([&args[..], more].concat());
        crate::testnet::Running::spawn(command.env("GOSSIP_LOG", "loud")).wait()
    };
    run(&[]).fails(2, "invalid value 'loud' for the variable GOSSIP_LOG: 'loud' is not a log level");
    run(&["--log-level", "shy"]).fails(2, "invalid value 'shy' for '--log-level <LEVELS>': 'shy' is not a log level");
}

#[test]
fn nothing_typed_is_answered_by_the_short_help() {
    let world = World::new();
    let outcome = world.run(&[]);
    assert_eq!((outcome.code, &*outcome.stdout), (Some(2), ""), "{outcome:?}");
    assert!(outcome.stderr.contains("Usage: gossip [OPTIONS] <COMMAND>"), "{outcome:?}");
    assert_eq!(world.run(&["--json"]).fails(2, "a command is missing").json()["error"]["code"], "usage");
}

#[test]
fn diagnostics_are_as_many_as_are_wanted() {
    let net = TestNet::start("circular", 2);
    let told = net.run(&["status", "-v"]);
    let lines: Vec<_> = told.stderr.lines().collect();
    assert!(told.code == Some(0) && lines.iter().all(|line| line.starts_with("gossip: ")), "{told:?}");
    assert!(
        lines[0].starts_with("gossip: reading /") && lines[1].starts_with("gossip: asking 2 nodes at once"),
        "{told:?}"
    );
    assert!(lines.last().is_some_and(|line| line.starts_with("gossip: finished after ")), "{told:?}");
    net.run(&["status", "-q"]).done();
    net.run(&["list-peers", "9", "-q"]).fails(1, "no node '9'");
}

#[test]
fn a_node_that_nobody_could_dial_is_a_usage_error() {
    let world = World::new();
    for bind in ["0.0.0.0:0", "[::]:0"] {
        let outcome = world.run(&["node", "--name", "a", "--bind", bind]).fails(2, "--advertise HOST:PORT");
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn a_taken_port_is_refused_before_anything_starts() {
    let world = World::new();
    let base = free_ports(4);
    let _squatter = TcpListener::bind(("127.0.0.1", base + 3)).unwrap();
    let args = ["start-network", "-n", "4", "--port-base", &base.to_string()];
    let outcome = world.run(&args).fails(1, &format!("port {} is in use", base + 3));
    assert_eq!(outcome.stdout, "");
    assert_eq!(world.run(&[&args[..], &["--json"]].concat()).json()["error"]["code"], "refused");
    assert!(!world.networks().exists(), "a refused start left something");
    world.assert_nothing_is_left();
}

#[test]
fn a_network_that_runs_is_not_started_again() {
    let net = TestNet::start("circular", 3);
    let base = free_ports(3).to_string();
    let again = ["start-network", "circular", "-n", "3", "--port-base", &base];
    net.run(&again).fails(1, "network 'default' is already running (3 of 3 nodes)");
    net.kill(1);
    net.run(&again).fails(1, "network 'default' is already running (2 of 3 nodes)");

    let same_ports = net.port_base().to_string();
    let beside = ["start-network", "circular", "-n", "3", "--network", "b", "--port-base", &same_ports];
    net.run(&beside).fails(1, "in use by network 'default'");
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn two_starts_at_once_make_one_network() {
    let world = World::new();
    let bases = [free_ports(8), free_ports(8)].map(|base| base.to_string());
    let starts = bases.each_ref().map(|base| world.spawn(&["start-network", "-n", "8", "--port-base", base]));
    let mut codes = starts.map(|start| start.wait().code);
    codes.sort();
    assert_eq!(codes, [Some(0), Some(1)]);
    assert_eq!(world.processes().len(), 8);
    world.run(&["stop-network"]).done();
    world.assert_nothing_is_left();
}

#[test]
fn too_few_descriptors_are_refused_before_anything_starts() {
    let world = World::new();
    let base = free_ports(64).to_string();
    let mut command = std::process::Command::new("sh");
    let line = format!("ulimit -n 100; exec \"$0\" start-network -n 64 --port-base {base}");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_gossip")]);
    command.env("XDG_STATE_HOME", world.networks().parent().unwrap());
    let outcome = crate::testnet::Running::spawn(&mut command).wait();
    outcome.fails(1, "file descriptors, the limit is 100");
    world.assert_nothing_is_left();
}

#[test]
fn nodes_that_are_not_there_are_named() {
    let world = World::new();
    world.run(&["stop-network"]).fails(1, "network 'default' is not running");
    world.run(&["list-peers", "1"]).fails(1, "network 'default' is not running");
    world.run(&["remove-node", "1"]).fails(1, "network 'default' is not running");

    let net = TestNet::start("circular", 3);
    for command in ["list-peers", "remove-node"] {
        net.run(&[command, "9"]).fails(1, "no node '9'; its nodes are 1-3");
        net.run(&[command, "127.0.0.1:0"]).fails(2, "port");
        net.run(&[command, "a b"]).fails(2, "a b");
        net.run(&[command]).fails(2, "NODE");
    }
    net.kill(2);
    for command in ["list-peers", "remove-node"] {
        let outcome = net.run(&[command, "2", "--json"]).fails(3, "its process has ended");
        assert_eq!(outcome.json()["error"]["code"], "unreachable");
    }
    net.run(&["remove-node", "2"])
        .fails(3, "restart it with 'gossip restart-node 2', or remove it with 'gossip remove-node 2 --force'");
    net.run(&["send-message", "2", "x"]).fails(3, "node 2 is down: its process has ended; see its log /");
    net.run(&["send-message", &net.address(2), "x"]).fails(3, "is the node running?");
    net.signal(3, rustix::process::Signal::STOP);
    for command in ["list-peers", "remove-node"] {
        let outcome = net.run(&[command, "3", "--json", "--timeout", "0.3"]).fails(3, "within 300ms");
        assert_eq!(outcome.json()["error"]["code"], "timeout");
    }
}

#[test]
fn nodes_that_do_not_answer_are_told_in_short_with_the_place_of_their_logs() {
    let net = TestNet::start("circular", 5);
    [1, 2, 3, 5].iter().for_each(|&node| net.kill(node));
    let answer = |args: &[&str]| net.run(args).stderr;
    assert!(answer(&["status"]).starts_with("error: 4 of 5 nodes are down: 1-3, 5; see the logs in /"));
    assert!(answer(&["status", "2", "4"]).starts_with("error: 1 of 2 nodes is down: 2; see the logs in /"));
    // There is no log of what was not started here.
    let address = net.address(1);
    let expected = format!("error: 1 of 1 node did not answer: {address}\n");
    assert_eq!(answer(&["status", &address, "--timeout", "0.5"]), expected);
}
