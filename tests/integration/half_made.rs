//! Commands that fail, or are killed, half-way: what they cannot record they do not do, and what they began the next command
//! completes or undoes, so that the record says what is.

use crate::testnet::{Running, TestNet, World, free_ports, wait_until};
use gossip::{clock::Deadline, launcher::process::Life};
use rustix::process::Signal;
use serde_json::Value;
use std::{collections::BTreeSet, fs, process::Command, time::Duration};

/// On a disk without room, then with room again: each line of `$3` as a command, and what becomes of it.
const FULL_DISK: &str = r#"
mount -t tmpfs -o size=1m state "$XDG_STATE_HOME" || exit 77
gossip=$0 base=$1 copy=$2 network=$XDG_STATE_HOME/gossip/default
"$gossip" start-network circular -n 4 --port-base "$base" > /dev/null || exit 1
cp "$network/network.json" "$copy/before"
cat /dev/zero > "$XDG_STATE_HOME/fill" 2> /dev/null
printf '%s\n' "$3" | while read -r command; do
    "$gossip" $command > "$copy/out" 2>&1
    echo "$? $command: $(head -n 1 "$copy/out")"
done
cmp "$network/network.json" "$copy/before" && echo same
"$gossip" status > "$copy/out" 2>&1; echo "$? status"
rm "$XDG_STATE_HOME/fill"
for command in 'remove-node 2' 'restart-node 3' 'add-node 2' status stop-network; do
    "$gossip" $command > "$copy/out" 2>&1; echo "$? $command with room: $(head -n 1 "$copy/out")"
done
"#;

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let (world, copy) = (World::new(), tempfile::tempdir().unwrap());
    let changes = [
        "remove-node 2",
        "remove-node 2 --force",
        "restart-node 2",
        "chaos restart 2 3",
        "add-node",
        "add-node leaf --peers 1",
        "connect 1 3",
        "disconnect 1 2",
        "restructure random 3",
    ];
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", FULL_DISK, env!("CARGO_BIN_EXE_gossip"), &free_ports(8).to_string()]);
    command.arg(copy.path()).arg(changes.join("\n"));
    let outcome = Running::spawn(world.inside(&mut command)).wait();
    if outcome.code == Some(77) || outcome.stderr.contains("unshare") {
        eprintln!("\n*** SKIPPED: this machine makes no mount namespaces ({}) ***\n", outcome.stderr.trim());
        return;
    }
    let lines: Vec<_> = outcome.stdout.lines().collect();
    for change in changes {
        let refusal = format!("1 {change}: error: cannot write ");
        let is_refused = |line: &&str| line.starts_with(&refusal) && line.contains("No space left on device");
        assert!(lines.iter().any(is_refused), "{change}: {outcome:#?}");
    }
    assert!(lines.contains(&"same") && lines.contains(&"0 status"), "{outcome:#?}");
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("0 ") && line.contains("with room")).count(),
        5,
        "{outcome:#?}"
    );
    world.assert_nothing_is_left();
}

/// Insists that the record says what is: which processes there are, and which links are declared.
#[track_caller]
fn assert_record_is_true(net: &TestNet, after: &str) {
    // Any command settles what was left half made.
    let _ = net.run(&["status"]);
    assert!(!net.networks().join("default/network.json.next").exists(), "after {after} something is left half made");
    let record = net.record("default").unwrap();
    let names: BTreeSet<_> =
        record["nodes"].as_array().unwrap().iter().map(|node| node["node"].as_str().unwrap()).collect();
    let processes = net.processes();
    for (name, process) in &processes {
        assert!(names.contains(name.as_str()), "after {after} node {name} runs and is in no record");
        let node = record["nodes"].as_array().unwrap().iter().find(|node| node["node"] == name.as_str()).unwrap();
        let noted = node.get("pid").and_then(Value::as_u64);
        assert!(noted.is_none_or(|pid| pid == u64::from(process.pid)), "after {after}: {node}, runs as {process:?}");
    }
    let runs = |name: &str| processes.iter().any(|(node, _)| node == name);
    for (name, _) in &processes {
        let recorded: BTreeSet<_> = net.recorded_peers(name).into_iter().filter(|peer| runs(peer)).collect();
        let mut declared = BTreeSet::new();
        let is_so = || {
            let told = net.json(&["status", name]);
            let peers = told["nodes"][0]["peers"].as_array().unwrap().iter().filter(|peer| peer["role"] == "declared");
            declared = peers.map(|peer| peer["node"].as_str().unwrap().to_owned()).filter(|peer| runs(peer)).collect();
            declared == recorded
        };
        wait_until(&format!("after {after} node {name} has the links of the record, {recorded:?}"), is_so);
    }
}

#[test]
fn a_killed_command_is_completed_or_undone_by_the_next() {
    let net = TestNet::start("circular", 5);
    let commands: [&[&str]; 6] = [
        &["restart-node", "2"],
        &["connect", "1", "3"],
        &["add-node", "6", "--peers", "3,5"],
        &["restructure", "random", "2"],
        &["chaos", "restart", "4"],
        &["disconnect", "1", "3"],
    ];
    // Steps take longer the later they are: so the moments lie closer to each other at first.
    for round in 0..5_u64 {
        for command in commands {
            let running = net.spawn(command);
            // It is cut off at whatever it does by then, or has ended.
            let moment = Deadline::after(Duration::from_millis(15 + round * round * 25));
            while moment.pause(Duration::from_millis(5)) {}
            running.signal(Signal::KILL);
            running.wait();
            assert_record_is_true(&net, &format!("{command:?} in round {round}"));
        }
        for node in net.record("default").unwrap()["nodes"].as_array().unwrap() {
            let name = node["node"].as_str().unwrap();
            if !net.processes().iter().any(|(one, _)| one == name) {
                net.run(&["restart-node", name]).done();
            }
        }
        let _ = net.run(&["remove-node", "6", "--force"]);
        net.run(&["restructure", "circular"]).done();
        assert_record_is_true(&net, "all is well again");
    }
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_removal_that_was_killed_is_completed_once_the_node_has_left() {
    let net = TestNet::start("circular", 4);
    // It cannot answer yet, so the command cannot come to its end.
    net.signal(3, Signal::STOP);
    let removal = net.spawn(&["remove-node", "3", "--timeout", "60"]);
    let next = net.networks().join("default/network.json.next");
    wait_until("it is about to remove it", || next.exists());
    removal.signal(Signal::KILL);
    removal.wait();
    net.kill(3);
    net.run(&["status"]).done();
    let names = |net: &TestNet| {
        let record = net.record("default").unwrap();
        record["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["node"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!((names(&net), next.exists()), (vec!["1".to_owned(), "2".into(), "4".into()], false));
    // One that stays is a member still.
    net.signal(2, Signal::STOP);
    let removal = net.spawn(&["remove-node", "2", "--timeout", "60"]);
    wait_until("it is about to remove it", || next.exists());
    removal.signal(Signal::KILL);
    removal.wait();
    let _ = net.run(&["status", "--timeout", "0.5"]);
    assert_eq!((names(&net).len(), next.exists()), (3, false));
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_node_that_a_killed_command_added_is_no_member() {
    let net = TestNet::start("circular", 3);
    // Its peer cannot answer, so that the command cannot come to its end.
    net.signal(2, Signal::STOP);
    let addition = net.spawn(&["add-node", "leaf", "--peers", "2", "--timeout", "60"]);
    wait_until("the node runs", || net.processes().iter().any(|(name, _)| name == "leaf"));
    addition.signal(Signal::KILL);
    addition.wait();
    net.signal(2, Signal::CONT);
    net.run(&["status"]).done();
    assert!(net.processes().iter().all(|(name, _)| name != "leaf"), "it runs on");
    assert_record_is_true(&net, "an addition that was killed");
    net.run(&["add-node", "leaf", "--peers", "2"]).done();
    assert_record_is_true(&net, "an addition that was not");
}

#[test]
fn a_dead_node_is_removed_by_force_and_its_neighbours_close_the_gap() {
    let net = TestNet::start("circular", 6);
    net.kill(3);
    net.run(&["remove-node", "3"]).fails(3, "remove it with 'gossip remove-node 3 --force'");
    assert_eq!(net.run(&["remove-node", "3", "--force"]).done().stdout, "Gossip-Node-3 removed\n");
    assert_eq!(
        (net.recorded_peers("2"), net.recorded_peers("4")),
        (vec!["1".into(), "4".into()], vec!["2".into(), "5".into()])
    );
    for (node, peers) in [("1", ["2", "6"]), ("2", ["1", "4"]), ("4", ["2", "5"])] {
        wait_until("the ring closes and speaks of the dead node no more", || net.peers(node) == peers);
    }
    net.run(&["status"]).done();
    assert_record_is_true(&net, "a removal by force");
    // One that hangs is ended.
    net.signal(5, Signal::STOP);
    net.run(&["remove-node", "5", "--force"]).done();
    assert_ne!(net.process(5).life(), Life::Running);
    wait_until("the ring closes again", || net.peers("4") == ["2", "6"]);
    // One that is well takes leave.
    net.run(&["remove-node", "6", "-f"]).done();
    assert!(fs::read_to_string(net.networks().join("default/nodes/6.log")).unwrap().contains("leaving the network"));
    // Its name can be had again.
    net.run(&["add-node", "3"]).done();
    net.run(&["stop-network"]).done();
    net.assert_nothing_is_left();
}

#[test]
fn a_node_that_a_killed_command_has_ended_is_started() {
    let net = TestNet::start("circular", 4);
    for command in [&["status"][..], &["connect", "1", "3"]] {
        let running = net.processes().into_iter().find(|(name, _)| name == "2").unwrap().1;
        running.hold().unwrap().unwrap().signal(Signal::KILL).unwrap();
        wait_until("it is gone", || running.life() != Life::Running);
        // As a restart leaves it that was killed before it started the node.
        let folder = net.networks().join("default");
        let mut next: Value = serde_json::from_slice(&fs::read(folder.join("network.json")).unwrap()).unwrap();
        next["change"] = serde_json::json!({"kind": "restart", "nodes": ["2"]});
        let node = next["nodes"].as_array_mut().unwrap().iter_mut().find(|node| node["node"] == "2").unwrap();
        for field in ["pid", "start_time"] {
            node.as_object_mut().unwrap().remove(field);
        }
        fs::write(folder.join("network.json.next"), next.to_string()).unwrap();
        let _ = net.run(command);
        assert!(net.processes().iter().any(|(name, _)| name == "2"), "after {command:?} node 2 is still down");
        assert_record_is_true(&net, "a restart that was killed");
    }
    wait_until("all is well", || net.run(&["status"]).code == Some(0));
}
