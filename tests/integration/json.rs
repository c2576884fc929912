//! `docs/json.md` against what commands print: each field that comes is described, and each that is described comes.

use crate::testnet::{TestNet, World, free_ports, wait_until};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

/// A field of a table: its path, and whether it may be missing.
struct Field {
    path: String,
    is_optional: bool,
}

/// The fields of a section of the document.
fn described(section: &str) -> Vec<Field> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/json.md")).unwrap();
    let heading = format!("\n## {section}\n");
    let body = text.split(&heading[..]).nth(1).unwrap_or_else(|| panic!("no section '{section}'"));
    let rows = body.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    let field =
        |row: &str| Field { path: row.split('`').next().unwrap().into(), is_optional: row.contains("*optional*") };
    rows.map(field).collect()
}

/// The paths of all leaves of a document, as the tables write them.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                leaves(value, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| leaves(value, &format!("{path}[]"), found)),
        _ => drop(found.insert(path.to_owned())),
    }
}

/// Returns whether a table's path, in which `*` is any key, stands for a leaf. One that ends in `.*` under `report` and `scenario`
/// stands for all that is below it.
fn matches(pattern: &str, leaf: &str) -> bool {
    if let Some(root) = pattern.strip_suffix(".*").filter(|root| ["report", "scenario"].contains(root)) {
        return leaf == root || leaf.starts_with(&format!("{root}."));
    }
    let (mut pattern, mut leaf) = (pattern.split('.'), leaf.split('.'));
    loop {
        match (pattern.next(), leaf.next()) {
            (None, None) => return true,
            (Some(part), Some(key)) => {
                let any =
                    part.strip_prefix('*').is_some_and(|end| key.ends_with(end) && (end.is_empty() || key != end));
                if !any && part != key {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// Compares what came with the table of a section.
#[track_caller]
fn compare(section: &str, documents: &[Value]) {
    let fields = described(section);
    let mut found = BTreeSet::new();
    documents.iter().for_each(|document| leaves(document, "", &mut found));
    let unknown: Vec<_> = found.iter().filter(|leaf| !fields.iter().any(|field| matches(&field.path, leaf))).collect();
    assert!(unknown.is_empty(), "docs/json.md does not describe of '{section}': {unknown:?}");
    let absent =
        fields.iter().filter(|field| !field.is_optional && !found.iter().any(|leaf| matches(&field.path, leaf)));
    let absent: Vec<_> = absent.map(|field| &field.path).collect();
    assert!(absent.is_empty(), "docs/json.md describes of '{section}' what did not come: {absent:?} in {documents:#?}");
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_field_of_json_output_is_described_and_comes() {
    let net = TestNet::start("random 3 --seed 3 --chaos", 6);
    let one = |section: &str, words: &[&str]| {
        let document = net.json(words);
        compare(section, std::slice::from_ref(&document));
        document
    };
    let sent = one("send-message", &["send-message", "4", "apple"]);
    let id = sent["id"].as_str().unwrap();
    let many = net.run_with_stdin(&["send-message", "4", "--lines", "--json"], b"fig\n").done().json();
    compare("send-message --lines", &[many]);
    wait_until("node 3 has it", || net.run(&["get-messages", "3"]).done().stdout.contains("apple"));
    one("get-messages", &["get-messages", "3"]);
    compare("list-peers", &[net.json(&["list-peers", "5"]), net.json(&["list-peers", "5", "--depth", "2"])]);
    one("add-node", &["add-node"]);
    one("connect", &["connect", "1", "7"]);
    one("disconnect", &["disconnect", "1", "7"]);
    one("restart-node", &["restart-node", "2"]);
    one("restructure", &["restructure", "circular"]);
    one("audit", &["audit"]);
    one("status", &["status"]);
    one("plot", &["plot"]);
    wait_until("all have it", || net.run(&["audit"]).code == Some(0));
    one("plot", &["plot", "--message", id]);
    one("remove-node", &["remove-node", "5"]);
    one("list-networks", &["list-networks"]);

    let chaos = |words: &[&str]| lines(&net.run(&[&["chaos"], words, &["--json"]].concat()).done().stdout);
    let orders = [chaos(&["cut", "1", "2"]), chaos(&["heal"])].concat();
    compare("chaos", &[orders, chaos(&["check"]), chaos(&["--for", "1s", "--seed", "4"])].concat());

    let watch = net.spawn(&["watch", "--json"]);
    wait_until("it watches", || watch.stdout().contains("watching"));
    net.run(&["send-message", "1", "pear"]).done();
    wait_until("it tells", || watch.stdout().contains("arrived"));
    watch.signal(rustix::process::Signal::INT);
    compare("watch", &lines(&watch.wait().done().stdout));

    let failed = net.run(&["send-message", "99", "x", "--json"]);
    let stopped = net.run_with_stdin(&["send-message", "1", "--lines", "--json"], &[b'x'; (1 << 20) + 1]);
    compare("Errors", &[failed.json(), stopped.json()]);
    one("stop-network", &["stop-network"]);
}

#[test]
fn fields_of_commands_without_a_network_are_described() {
    let world = World::new();
    world.run(&["start-network", "-n", "4", "--port-base", &free_ports(4).to_string()]);
    compare("bench", &[world.json(&["bench", "--messages", "100", "--paced", "5"])]);
    world.run(&["stop-network"]);
    compare("simulate", &[world.json(&["simulate", "-n", "8"]), world.json(&["simulate", "--chaos"])]);
    let node = world.spawn(&["node", "--name", "a", "--bind", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--json"]);
    wait_until("it listens", || node.stdout().ends_with('\n'));
    compare("node", &lines(&node.stdout()));
    let started = world.spawn(&["start-network", "-n", "4", "--port-base", &free_ports(4).to_string(), "--json"]);
    compare("start-network", &lines(&started.wait().stdout));
    world.run(&["stop-network"]);
}
