//! A network as a user starts it: by the command, with a state folder and ports of its own.

use crate::Failure;
use gossip::{
    client::{Client, ask_all},
    clock::{Clock, Deadline},
    core::{
        endpoint::Endpoint,
        request::{Cursor, Fetch, Fetched, NodeStatus, Page, Reply, Request, Status},
    },
};
use serde_json::Value;
use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Longest wait for one node's reply.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ports are looked for from here on, below those that the system gives to whoever asks for any.
const PORTS: std::ops::Range<usize> = 12_000..30_000;

/// One node of it.
pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) pid: u32,
}

/// A network that runs; stopped when dropped.
pub(crate) struct Network<'p> {
    program: &'p Path,
    state: tempfile::TempDir,
    pub(crate) nodes: Vec<Node>,
    /// From the command to its return.
    pub(crate) took: Duration,
}

impl<'p> Network<'p> {
    /// `start-network random 3` with this many nodes.
    pub(crate) fn start(program: &'p Path, size: usize, seed: usize) -> Result<Self, Failure> {
        let mut network = Self { program, state: tempfile::tempdir()?, nodes: Vec::new(), took: Duration::ZERO };
        let [count, seed, base] = [size, seed, free_ports(size)?].map(|number| number.to_string());
        let arguments = ["start-network", "-n", &count, "--seed", &seed, "--port-base", &base, "--json"];
        let (took, printed) = network.run(&arguments)?;
        network.took = took;
        let document: Value = serde_json::from_slice(&printed)?;
        let nodes = document["nodes"].as_array().into_iter().flatten();
        network.nodes = nodes.map(node).collect::<Option<_>>().ok_or_else(|| Failure::new("a node without pid"))?;
        if network.nodes.len() != size {
            return Err(Failure::new(format!("{} nodes were started instead of {size}", network.nodes.len())));
        }
        Ok(network)
    }

    /// A command on this network, as a shell would run it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(arguments).env("XDG_STATE_HOME", self.state.path()).env_remove("GOSSIP_NETWORK");
        command
    }

    /// Runs a command on this network. How long it took, and what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(Duration, Vec<u8>), Failure> {
        let clock = Clock::new();
        let output = self.command(arguments).stdin(Stdio::null()).output()?;
        let took = Duration::from_nanos(clock.now().mono.0);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("'gossip {}' failed: {}", arguments.join(" "), said.trim())));
        }
        Ok((took, output.stdout))
    }

    /// The processes of the nodes.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().map(|node| node.pid)
    }

    /// What each node says of itself.
    pub(crate) fn statuses(&self) -> Result<Vec<NodeStatus>, Failure> {
        self.answering(|_| true)
    }

    /// What some nodes say of themselves.
    pub(crate) fn answering(&self, counts: impl Fn(usize) -> bool) -> Result<Vec<NodeStatus>, Failure> {
        self.ask(&Request::Status, counts, status)
    }

    /// Asks some nodes, by their places.
    fn ask<T>(
        &self,
        request: &Request,
        counts: impl Fn(usize) -> bool,
        understand: impl Fn(Reply) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let nodes = self.nodes.iter().enumerate().filter(|&(place, _)| counts(place));
        let targets: Vec<_> = nodes.map(|(_, node)| (node.endpoint.clone(), request.clone())).collect();
        let answers = ask_all(&targets, PATIENCE)?;
        answers.into_iter().map(|answer| understand(answer?.reply)).collect()
    }

    /// Waits until each node has delivered `count` messages in all, looking each `step`.
    pub(crate) fn await_delivered(&self, count: u64, step: Duration, patience: Duration) -> Result<(), Failure> {
        self.await_delivered_at(count, step, patience, |_| true)
    }

    /// The same for some nodes.
    pub(crate) fn await_delivered_at(
        &self,
        count: u64,
        step: Duration,
        patience: Duration,
        counts: impl Fn(usize) -> bool,
    ) -> Result<(), Failure> {
        let deadline = Deadline::after(patience);
        loop {
            let least = self.answering(&counts)?.iter().map(delivered).min().unwrap_or_default();
            if least >= count {
                return Ok(());
            }
            if !deadline.pause(step) {
                let text = format!("after {} s a node has {least} messages instead of {count}", patience.as_secs());
                return Err(Failure::new(text));
            }
        }
    }

    /// The message that each of some nodes received as its `position`th.
    pub(crate) fn at(&self, position: u64, counts: impl Fn(usize) -> bool) -> Result<Vec<Fetched>, Failure> {
        let one = |reply| page(reply)?.messages.pop().ok_or_else(|| Failure::new(format!("no message {position}")));
        self.ask(&Request::Fetch(from(position, 1)), counts, one)
    }

    /// All that a node received from its `position`th message on.
    pub(crate) fn since(&self, node: usize, position: u64) -> Result<Vec<Fetched>, Failure> {
        let mut client = Client::connect(&self.nodes[node].endpoint, PATIENCE)?;
        let mut found = Vec::new();
        let mut next = Some(Cursor { position, paths: 0 });
        while let Some(cursor) = next {
            let page = page(client.call(&Request::Fetch(from(cursor.position, u64::MAX)))?.reply)?;
            next = page.next;
            found.extend(page.messages);
        }
        Ok(found)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        // Without a record there is nothing to stop.
        if let Err(failure) = self.run(&["stop-network"])
            && !self.nodes.is_empty()
        {
            eprintln!("{failure}");
        }
    }
}

/// Messages that reached the node.
pub(crate) fn delivered(status: &NodeStatus) -> u64 {
    counter(status, "delivered")
}

/// One of a node's counters; those that are zero are not in its status.
pub(crate) fn counter(status: &NodeStatus, name: &str) -> u64 {
    status.counters.get(name).copied().unwrap_or_default()
}

fn node(value: &Value) -> Option<Node> {
    let pid = u32::try_from(value["pid"].as_u64()?).ok()?;
    Some(Node { endpoint: value["endpoint"].as_str()?.parse().ok()?, pid })
}

fn status(reply: Reply) -> Result<NodeStatus, Failure> {
    match reply {
        Reply::Status(status) => Ok(*status),
        other => Err(Failure::new(format!("no status but {other:?}"))),
    }
}

fn page(reply: Reply) -> Result<Page, Failure> {
    match reply {
        Reply::Page(page) => Ok(page),
        other => Err(Failure::new(format!("no page but {other:?}"))),
    }
}

fn from(position: u64, limit: u64) -> Fetch {
    Fetch { status: Status::All, from: Cursor { position, paths: 0 }, through: None, limit, mark: false }
}

/// A port behind which `count` are free.
fn free_ports(count: usize) -> Result<usize, Failure> {
    let is_free = |port| u16::try_from(port).is_ok_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let bases = PORTS.step_by(count + 1);
    let mut free = bases.filter(|base| (base + 1..=base + count).all(is_free));
    free.next().ok_or_else(|| Failure::new(format!("no {count} free ports in a row")))
}
