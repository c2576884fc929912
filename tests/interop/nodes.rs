//! Networks of real node processes, on ports that the system chooses, gone when the test is over.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Time that a node may take to be ready, or to end after it was told to.
const DEADLINE: Duration = Duration::from_secs(30);

/// Nodes that run, each linked to the one before it, and the last to the first.
pub(crate) struct Network {
    nodes: Vec<Node>,
    /// Held for its end: the nodes keep their state there.
    _folder: TempDir,
}

/// One process.
pub(crate) struct Node {
    endpoint: String,
    pid: Pid,
    exit: Receiver<ExitStatus>,
    log: PathBuf,
}

impl Network {
    /// A ring of nodes named `1` to `len`; one or two nodes make no ring but a point or a line.
    pub(crate) fn ring(len: usize) -> Self {
        let names: Vec<String> = (1..=len).map(|number| number.to_string()).collect();
        Self::named(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A ring of nodes with these names.
    pub(crate) fn named(names: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut nodes: Vec<Node> = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let mut peers: Vec<&Node> = nodes.last().into_iter().collect();
            if index >= 2 && index + 1 == names.len() {
                peers.push(&nodes[0]);
            }
            nodes.push(Node::start(name, &peers, &folder));
        }
        Self { nodes, _folder: folder }
    }

    /// Addresses of the nodes, in their order.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.endpoint.clone()).collect()
    }

    /// A node by its number, from 1.
    pub(crate) fn node(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number - 1]
    }
}

impl Node {
    fn start(name: &str, peers: &[&Self], folder: &TempDir) -> Self {
        let log = folder.path().join(format!("{name}.log"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_gossip"))
            .args(["node", "--json", "--network", "default", "--bind", "127.0.0.1:0", "--name", name])
            .args(["--instance", "interop", "--state"])
            .arg(folder.path().join(name))
            .args(peers.iter().flat_map(|peer| ["--peer", peer.endpoint.trim_start_matches("tcp://")]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log can be written"))
            .spawn()
            .expect("a node starts");
        let (pid, stdout) = (Pid::from_child(&child), child.stdout.take().expect("it is piped"));
        let (ready, line) = channel();
        thread::spawn(move || ready.send(BufReader::new(stdout).lines().next()));
        let (ended, exit) = channel();
        thread::spawn(move || ended.send(child.wait().expect("a child can be waited for")));
        let mut node = Self { endpoint: String::new(), pid, exit, log };
        match line.recv_timeout(DEADLINE) {
            Ok(Some(Ok(line))) => node.endpoint = endpoint(&line),
            _ => panic!("node {name} did not become ready:\n{}", node.said()),
        }
        node
    }

    /// Waits for the end of a process that was told to stop, and wants it to be a good one.
    pub(crate) fn ends_well(&mut self) {
        let status = self.exit.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("it still runs:\n{}", self.said()));
        assert!(status.success(), "{status}:\n{}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(TryRecvError::Empty) = self.exit.try_recv() {
            // It may end by itself just now; then there is nothing left to end.
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.exit.recv_timeout(DEADLINE);
        }
        if thread::panicking() {
            eprintln!("node at {} said:\n{}", self.endpoint, self.said());
        }
    }
}

/// The endpoint that a ready line names.
fn endpoint(line: &str) -> String {
    let ready: serde_json::Value = serde_json::from_str(line).expect("the ready line is JSON");
    ready["endpoint"].as_str().expect("it names an endpoint").to_owned()
}
