//! Verdict of `gossip status` on a member that was written in another language and serves no requests: its neighbours
//! vouch for it.

use crate::programs::Program;
use gossip::clock::Deadline;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Time that something may take to be seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const PACE: Duration = Duration::from_millis(50);
/// Places to look for free ports.
const PORT_BASES: std::ops::Range<u16> = 31_100..31_400;

/// A network in the background, with a folder of its own; stopped when the test is over.
struct Background {
    state: TempDir,
    first: String,
}

impl Background {
    fn start() -> Self {
        let mut network = Self { state: TempDir::new().expect("a temporary folder"), first: String::new() };
        for base in PORT_BASES.step_by(10) {
            let started =
                network.gossip(&["start-network", "circular", "-n", "3", "--json", "--port-base", &base.to_string()]);
            if started.status.success() {
                network.first = format!("tcp://127.0.0.1:{}", base + 1);
                return network;
            }
        }
        panic!("no network starts at {PORT_BASES:?}");
    }

    fn gossip(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
        command.args(arguments).env("XDG_STATE_HOME", self.state.path()).env_remove("GOSSIP_NETWORK");
        command.stdin(Stdio::null()).output().expect("the program runs")
    }

    /// Waits until `gossip status` shows something, and gives its exit code.
    fn awaits(&self, what: &str, is_shown: impl Fn(&Value) -> bool) -> Option<i32> {
        let deadline = Deadline::after(PATIENCE);
        loop {
            let output = self.gossip(&["status", "--json", "--timeout", "1"]);
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            if serde_json::from_str(&shown).is_ok_and(|shown| is_shown(&shown)) {
                return output.status.code();
            }
            assert!(deadline.pause(PACE), "not shown: {what}\n{shown}");
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.gossip(&["stop-network"]);
    }
}

/// A process that ends with the test.
struct Member(Child);

impl Member {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it can be signalled");
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.0.wait();
    }
}

/// It is up for as long as its neighbours hear it, and a part of the overlay; when it hangs it is silent.
pub(crate) fn by_its_neighbours(foreign: &Program) {
    let network = Background::start();
    let words = foreign.command_line();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(["foreign", "tcp://127.0.0.1:0", &network.first]).stdout(Stdio::null());
    let member = Member(command.env_remove("GOSSIP_NETWORK").spawn().expect("the member starts"));
    let of_it = |shown: &Value| -> Value {
        let nodes = shown["nodes"].as_array().cloned().unwrap_or_default();
        nodes.into_iter().find(|node| node["node"] == "foreign").unwrap_or_default()
    };
    let code = network.awaits("the member is up", |shown| {
        let verdict = &shown["verdict"];
        let is_one = verdict["components"].as_array().is_some_and(|parts| parts.len() == 1);
        of_it(shown)["state"] == "up" && verdict["ok"] == true && verdict["links"] == 4 && is_one
    });
    assert_eq!(code, Some(0));
    member.signal(Signal::STOP);
    let code = network.awaits("the member is silent", |shown| of_it(shown)["state"] == "silent");
    assert_eq!(code, Some(3));
}
