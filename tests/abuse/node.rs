//! One `gossip node` process under test, and what can be asked of it from outside.

use gossip::{
    client::{Client, ClientError},
    clock::{self, Deadline},
    core::{
        endpoint::Endpoint,
        request::{Cursor, Fetch, Page, Reply, Request, Status},
    },
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Time that anything may take that should happen at once, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Interval at which a condition is looked at.
pub(crate) const STEP: Duration = Duration::from_millis(5);

/// A running node. Killed when dropped; its log is shown if the test fails.
pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    child: Guard,
    folder: TempDir,
}

/// A process that is killed when dropped.
pub(crate) struct Guard(pub(crate) Child);

impl Guard {
    /// Its first line on stdout; `None` if it says none in time. Its stdout is closed then.
    pub(crate) fn line(&mut self) -> Option<String> {
        let stdout = self.0.stdout.take().unwrap();
        let (said, line) = mpsc::channel();
        thread::spawn(move || said.send(BufReader::new(stdout).lines().next()));
        line.recv_timeout(PATIENCE).ok()?.map(Result::unwrap)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command for a node named `name`, without its state folder.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
    command.args(["node", "--json", "--network", "abuse", "--bind", "127.0.0.1:0", "--name", name]);
    command.stdin(Stdio::null());
    command
}

/// Waits until `done`, and fails with `what` if that never comes.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Deadline::after(PATIENCE);
    while !done() {
        assert!(deadline.pause(STEP), "never {what}");
    }
}

impl Node {
    /// Starts a node and waits until it listens.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::run(command(name), arguments)
    }

    /// The same, linked with `peer`.
    pub(crate) fn beside(name: &str, peer: &Self) -> Self {
        let node = Self::start(name, &["--peer", &peer.endpoint.authority()]);
        until("linked", || [&node, peer].iter().all(|node| node.peers_up() > 0));
        node
    }

    pub(crate) fn run(mut command: Command, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        command.args(arguments).arg("--state").arg(folder.path()).stdout(Stdio::piped());
        command.stderr(File::create(folder.path().join("log")).unwrap());
        let mut child = Guard(command.spawn().unwrap());
        let log = || fs::read_to_string(folder.path().join("log")).unwrap();
        let line = child.line().unwrap_or_else(|| panic!("it says nothing\n{}", log()));
        let ready: serde_json::Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}\n{}", log()));
        let endpoint = ready["endpoint"].as_str().unwrap_or_else(|| panic!("{line}\n{}", log())).parse().unwrap();
        Self { endpoint, child, folder }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.endpoint, PATIENCE).unwrap()
    }

    /// Shows that the node serves whoever asks decently: what one client publishes, another one reads.
    pub(crate) fn serves(&self) {
        let payload = clock::seed().to_string();
        let since = self.last_position();
        let deadline = Deadline::after(PATIENCE);
        loop {
            match self.client().publish(payload.as_bytes().into(), None) {
                Ok(_) => break,
                // It says so itself: try again.
                Err(ClientError::Refused { refusal: gossip::core::stats::Refusal::Busy, .. }) => {
                    assert!(deadline.pause(STEP), "busy for ever");
                }
                Err(error) => panic!("{error}\n{}", self.log()),
            }
        }
        assert!(self.holds_since(since, payload.as_bytes()), "{payload} was published and is not there");
    }

    /// Position where the next message will be filed.
    pub(crate) fn last_position(&self) -> u64 {
        self.page(u64::MAX).through
    }

    /// Returns whether a message behind `position` has this payload.
    pub(crate) fn holds_since(&self, position: u64, payload: &[u8]) -> bool {
        let mut from = Some(Cursor { position: position + 1, paths: 0 });
        while let Some(cursor) = from {
            let page = self.page_at(cursor);
            if page.messages.iter().any(|message| *message.payload == *payload) {
                return true;
            }
            from = page.next;
        }
        false
    }

    fn page(&self, position: u64) -> Page {
        self.page_at(Cursor { position, paths: 0 })
    }

    pub(crate) fn page_at(&self, from: Cursor) -> Page {
        let fetch = Fetch { status: Status::All, from, through: None, limit: u64::MAX, mark: false };
        match self.client().call(&Request::Fetch(fetch)).map(|response| response.reply) {
            Ok(Reply::Page(page)) => page,
            other => panic!("no page but {other:?}\n{}", self.log()),
        }
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.client().status().unwrap().counters.get(name).copied().unwrap_or(0)
    }

    /// All counts of things refused.
    pub(crate) fn refused(&self) -> u64 {
        let counters = self.client().status().unwrap().counters;
        counters
            .iter()
            .filter(|(name, _)| name.starts_with("refused_") && *name != "refused_by_peer")
            .map(|c| c.1)
            .sum()
    }

    pub(crate) fn peers_up(&self) -> usize {
        self.client().peers().unwrap().1.iter().filter(|peer| peer.up).count()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn proc(&self, file: &str) -> std::path::PathBuf {
        format!("/proc/{}/{file}", self.child.0.id()).into()
    }

    /// Memory in MiB that the process takes by itself.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }

    /// Sends a signal and waits for the end that a node promises within two seconds.
    pub(crate) fn ends_by(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        let deadline = Deadline::after(Duration::from_secs(2));
        loop {
            if let Some(status) = self.child.0.try_wait().unwrap() {
                return status;
            }
            assert!(deadline.pause(STEP), "still there after 2 s\n{}", self.log());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            eprintln!("--- log of {}:\n{}", self.endpoint, log.lines().take(30).collect::<Vec<_>>().join("\n"));
        }
    }
}
