//! A network as a user starts it: by the command, with a state folder and ports of its own.

use crate::failure::Failure;
use gossip::{
    clock::Clock,
    workload::{Member, Nodes},
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

/// A network that runs; stopped when dropped.
pub(crate) struct Network<'p> {
    program: &'p Path,
    state: tempfile::TempDir,
    pub(crate) members: Vec<Member>,
    /// From the command to its return.
    pub(crate) took: Duration,
}

impl<'p> Network<'p> {
    /// `start-network random 3` with this many nodes.
    pub(crate) fn start(program: &'p Path, size: usize, seed: usize, options: &[&str]) -> Result<Self, Failure> {
        let mut network = Self { program, state: tempfile::tempdir()?, members: Vec::new(), took: Duration::ZERO };
        let [count, seed, base] = [size, seed, free_ports(size)?].map(|number| number.to_string());
        let arguments = ["start-network", "-n", &count, "--seed", &seed, "--port-base", &base, "--json"];
        let (took, printed) = network.run(&[&arguments[..], options].concat())?;
        network.took = took;
        let document: Value = serde_json::from_slice(&printed)?;
        let nodes = document["nodes"].as_array().into_iter().flatten();
        network.members = nodes.map(member).collect::<Option<_>>().ok_or_else(|| Failure::new("a node without pid"))?;
        if network.members.len() != size {
            return Err(Failure::new(format!("{} nodes were started instead of {size}", network.members.len())));
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

    /// The node that the publisher submits to.
    pub(crate) fn entry(&self) -> &Member {
        &self.members[0]
    }

    /// The nodes whose places count, connected to.
    pub(crate) fn nodes(&self, counts: impl Fn(usize) -> bool) -> Result<Nodes, Failure> {
        let counting = self.members.iter().enumerate().filter(|&(place, _)| counts(place));
        Ok(Nodes::connect(counting.map(|(_, member)| member.clone()).collect(), PATIENCE)?)
    }

    /// All nodes, connected to.
    pub(crate) fn all(&self) -> Result<Nodes, Failure> {
        self.nodes(|_| true)
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        // Without a record there is nothing to stop.
        if let Err(failure) = self.run(&["stop-network"])
            && !self.members.is_empty()
        {
            eprintln!("{failure}");
        }
    }
}

fn member(value: &Value) -> Option<Member> {
    let pid = u32::try_from(value["pid"].as_u64()?).ok()?;
    Some(Member {
        name: value["node"].as_str()?.parse().ok()?,
        endpoint: value["endpoint"].as_str()?.parse().ok()?,
        pid: Some(pid),
    })
}

/// A port behind which `count` are free.
pub(crate) fn free_ports(count: usize) -> Result<usize, Failure> {
    let is_free = |port| u16::try_from(port).is_ok_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    let bases = PORTS.step_by(count + 1);
    let mut free = bases.filter(|base| (base + 1..=base + count).all(is_free));
    free.next().ok_or_else(|| Failure::new(format!("no {count} free ports in a row")))
}
