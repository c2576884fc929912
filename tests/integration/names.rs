//! Names that are known without asking a node: those that shells complete, and the list of networks.

use crate::testnet::{TestNet, World, wait_until};
use serde_json::json;
use std::{fs, path::Path, process::Command};

/// Words that bash would offer behind these, the last of them begun.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_gossip"));
    let script = "source <(gossip completions bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _gossip; \
                  printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script, "gossip", "gossip"]).args(words);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    let output = world.inside(&mut command).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_shell_completes_commands_nodes_and_networks() {
    let net = TestNet::start("circular", 3);
    assert_eq!(offered(&net, &["send-m"]), ["send-message"]);
    assert_eq!(offered(&net, &["send-message", ""]), ["1", "2", "3"]);
    assert_eq!(offered(&net, &["chaos", "kill", "1,"]), ["1,1", "1,2", "1,3"]);
    assert_eq!(offered(&net, &["status", "--network", "d"]), ["default"]);
    assert_eq!(offered(&net, &["status", "--network", "two", ""]), Vec::<String>::new());
    assert_eq!(offered(&net, &["get-messages", "2", "un"]), ["unread"]);
}

#[test]
fn networks_are_listed_with_how_they_are() {
    let empty = World::new();
    assert_eq!(empty.json(&["list-networks"]), json!({"networks": []}));
    let text = empty.run(&["list-networks"]).done().stdout;
    assert!(text.starts_with("No networks; start one with"), "{text}");

    let net = TestNet::start("circular", 3);
    fs::create_dir_all(net.networks().join("old/nodes")).unwrap();
    fs::write(net.networks().join("old/nodes/1.log"), "").unwrap();
    fs::create_dir_all(net.networks().join("failed/nodes")).unwrap();
    fs::write(net.networks().join("failed/lock"), "").unwrap();
    fs::create_dir_all(net.networks().join("torn")).unwrap();
    fs::write(net.networks().join("torn/network.json"), "{").unwrap();
    let told = |field: &str| {
        let list = net.json(&["list-networks"]);
        let list = list["networks"].as_array().unwrap();
        list.iter().map(|network| network[field].clone()).collect::<Vec<_>>()
    };
    assert_eq!(told("network"), ["default", "old", "torn"]);
    assert_eq!(told("state"), ["running", "stopped", "damaged"]);
    assert_eq!(told("alive"), [json!(3), json!(null), json!(null)]);
    net.kill(2);
    wait_until("one is dead", || told("alive")[0] == 2);
    let text = net.run(&["list-networks"]).done().stdout;
    let line = text.lines().nth(1).unwrap();
    assert!(line.starts_with("default  running  2 of 3  circular  "), "{text}");
    [1, 3].iter().for_each(|&node| net.kill(node));
    assert_eq!(told("state")[0], "down");
    net.run(&["stop-network"]).done();
    assert_eq!(told("state")[0], "stopped");
    let hand = net.spawn(&["node", "--name", "a", "--bind", "127.0.0.1:0", "--network", "old"]);
    wait_until("it listens", || hand.stdout().ends_with('\n'));
    assert_eq!(
        (told("state"), told("alive")[1].clone()),
        (vec![json!("stopped"), json!("running"), json!("damaged")], json!(1))
    );
    assert!(net.run(&["list-networks"]).done().stdout.contains("old      running  1 by hand"));
}

#[test]
fn a_picture_goes_where_it_is_wanted() {
    let net = TestNet::start("circular --no-heal", 3);
    let folder = tempfile::tempdir().unwrap();
    for (name, begins) in [("a.svg", &b"<"[..]), ("a.png", b"\x89PNG")] {
        let file = folder.path().join(name);
        let told = net.json(&["plot", "-o", file.to_str().unwrap()]);
        assert_eq!(told["plot"], json!([file]));
        assert!(fs::read(&file).unwrap().starts_with(begins), "{name}");
    }
    assert!(!net.networks().join("default/overlay.svg").exists(), "and nowhere else");
    net.run(&["plot", "-o", "a.jpg"]).fails(2, "use a name that ends in .svg or .png");
}
