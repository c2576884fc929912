//! Real networks for tests. A [`World`] is a state folder of its own in which the binary runs; a [`TestNet`] is a
//! network that was started in one. Every wait has a deadline, nothing is left running, and a test that fails shows
//! the ends of the logs.
#![allow(dead_code, reason = "each story uses its part")]

use gossip::{
    clock::Deadline,
    launcher::process::{Life, Process, wait_for_all},
};
use rustix::process::Signal;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    net::TcpListener,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// Time that anything may take: far more than it takes on a slow and busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Interval at which a condition is looked at.
const STEP: Duration = Duration::from_millis(10);
/// Ports kept free behind those of a network, for nodes that are added to it.
const SPARE_PORTS: u16 = 4;
/// Lines shown of each log when a test fails.
const TAIL_LINES: usize = 8;

/// A state folder of its own, and all that was started with it.
pub(crate) struct World {
    state: TempDir,
}

/// Outcome of a command.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// The command, for messages.
    pub(crate) command: String,
    /// Its exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Insists on exit code 0 and a silent stderr.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert!(self.code == Some(0) && self.stderr.is_empty(), "{self:#?}");
        self
    }

    /// Insists on an exit code and one line on stderr that begins with `error: ` and holds `words`.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &str) -> Self {
        let is_line = self.stderr.starts_with("error: ") && self.stderr.trim_end().lines().count() == 1;
        assert!(self.code == Some(code) && is_line && self.stderr.contains(words), "not {code}, {words:?}: {self:#?}");
        self
    }

    /// Its stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self { state: tempfile::tempdir().unwrap() }
    }

    /// The folder of networks.
    pub(crate) fn networks(&self) -> PathBuf {
        self.state.path().join("gossip")
    }

    /// The record of a network, if there is one.
    pub(crate) fn record(&self, network: &str) -> Option<Value> {
        let bytes = fs::read(self.networks().join(network).join("network.json")).ok()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    /// The binary with arguments, in this world and no other: nothing of the caller's environment that it heeds.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
        self.inside(command.args(args));
        command
    }

    /// Puts a command that runs the binary into this world.
    pub(crate) fn inside<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("XDG_STATE_HOME", self.state.path()).stdin(Stdio::null());
        for name in ["GOSSIP_NETWORK", "GOSSIP_LOG", "DISPLAY", "WAYLAND_DISPLAY", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.spawn(args).wait()
    }

    /// Runs the binary to its end, with something on stdin.
    #[track_caller]
    pub(crate) fn run_with_stdin(&self, args: &[&str], stdin: &[u8]) -> Outcome {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(stdin).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        Running::spawn(self.command(args).stdin(file)).wait()
    }

    /// Runs a command that must succeed with `--json`, and returns its document.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).done().json()
    }

    /// Starts the binary and leaves it running.
    #[track_caller]
    pub(crate) fn spawn(&self, args: &[&str]) -> Running {
        Running::spawn(&mut self.command(args))
    }

    /// Processes of nodes in this world that run, by node; those of several networks all the same.
    pub(crate) fn processes(&self) -> Vec<(String, Process)> {
        node_processes(self.state.path())
    }

    /// Insists that no node runs and no record is left.
    #[track_caller]
    pub(crate) fn assert_nothing_is_left(&self) {
        assert_eq!(self.processes(), [], "processes are left");
        let entries = fs::read_dir(self.networks()).into_iter().flatten().flatten();
        for record in entries.map(|entry| entry.path().join("network.json")) {
            assert!(!record.exists(), "{} is left", record.display());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show_logs();
        }
        for (_, process) in self.processes() {
            if let Ok(Some(held)) = process.hold() {
                let _ = held.signal(Signal::KILL);
                let _ = wait_for_all([&held], &Deadline::after(PATIENCE));
            }
        }
    }
}

impl World {
    fn show_logs(&self) {
        let folders = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        for log in folders(self.networks()).flat_map(|network| folders(network.join("nodes"))) {
            if log.extension() == Some(OsStr::new("log")) {
                let text = fs::read_to_string(&log).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                eprintln!("--- {}", log.strip_prefix(self.networks()).unwrap_or(&log).display());
                lines[lines.len().saturating_sub(TAIL_LINES)..].iter().for_each(|line| eprintln!("{line}"));
            }
        }
    }
}

/// A process of the binary that runs; killed when dropped.
pub(crate) struct Running {
    name: String,
    child: Child,
    process: Process,
    stdout: File,
    stderr: File,
}

impl Running {
    /// Starts a command with its output kept in files, so that no pipe can fill.
    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let [stdout, stderr] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let child = command.spawn().unwrap();
        let process = Process::of(child.id()).unwrap().unwrap();
        Self { name: format!("gossip {}", words.join(" ")), child, process, stdout, stderr }
    }

    pub(crate) fn process(&self) -> Process {
        self.process
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(held) = self.process.hold().unwrap() {
            held.signal(signal).unwrap();
        }
    }

    /// Text that it has printed so far.
    pub(crate) fn stdout(&self) -> String {
        contents(&self.stdout)
    }

    /// Complaints that it has made so far.
    pub(crate) fn stderr(&self) -> String {
        contents(&self.stderr)
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        if let Some(held) = self.process.hold().unwrap() {
            let in_time = wait_for_all([&held], &Deadline::after(PATIENCE)).unwrap();
            assert!(in_time, "'{}' hangs: {}{}", self.name, contents(&self.stdout), contents(&self.stderr));
        }
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(contents);
        Outcome { command: self.name.clone(), code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The file from its beginning, by a position of its own: the process that writes it shares the other one.
fn contents(file: &File) -> String {
    let mut bytes = Vec::new();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A network that runs in a [`World`] of its own, named `default`.
pub(crate) struct TestNet {
    world: World,
    port_base: u16,
    pids: BTreeMap<String, Process>,
}

impl Deref for TestNet {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl TestNet {
    /// Starts `nodes` nodes in a shape, as a user types it: `circular`, `random 3 --seed 5`.
    #[track_caller]
    pub(crate) fn start(shape: &str, nodes: u16) -> Self {
        let world = World::new();
        let count = nodes.to_string();
        for _ in 0..20 {
            let port_base = free_ports(nodes + SPARE_PORTS);
            let base = port_base.to_string();
            let words: Vec<_> = ["start-network"].into_iter().chain(shape.split_whitespace()).collect();
            let outcome = world.run(&[&words[..], &["-n", &count, "--port-base", &base, "--json"]].concat());
            // Somebody else took a port after it was found free.
            if outcome.code == Some(1) && ["taken", "in use"].iter().any(|words| outcome.stderr.contains(words)) {
                continue;
            }
            let document = outcome.done().json();
            let process = |node: &Value| {
                let pid = u32::try_from(node["pid"].as_u64().unwrap()).unwrap();
                (node["node"].as_str().unwrap().to_owned(), Process::of(pid).unwrap().unwrap())
            };
            let pids = document["nodes"].as_array().unwrap().iter().map(process).collect();
            return Self { world, port_base, pids };
        }
        panic!("no {nodes} free ports in a row");
    }

    /// The names of the nodes it was started with: 1, 2, 3 …
    pub(crate) fn nodes(&self) -> impl Iterator<Item = String> {
        (1..=self.pids.len()).map(|number| number.to_string())
    }

    /// Node N listens on this plus N.
    pub(crate) fn port_base(&self) -> u16 {
        self.port_base
    }

    /// `127.0.0.1:port` of a node.
    pub(crate) fn address(&self, node: u16) -> String {
        format!("127.0.0.1:{}", self.port_base + node)
    }

    /// The process of a node.
    #[track_caller]
    pub(crate) fn process(&self, node: u16) -> Process {
        self.pids[&node.to_string()]
    }

    /// The process that a node has now, by the record: it may have been started anew.
    #[track_caller]
    pub(crate) fn current(&self, node: &str) -> Process {
        let record = self.record("default").unwrap();
        let found = record["nodes"].as_array().unwrap().iter().find(|one| one["node"] == node).expect("a node").clone();
        let number = |key: &str| found[key].as_u64().unwrap();
        Process { pid: u32::try_from(number("pid")).unwrap(), start_time: number("start_time") }
    }

    /// Its declared peers, by the record.
    #[track_caller]
    pub(crate) fn recorded_peers(&self, node: &str) -> Vec<String> {
        let record = self.record("default").unwrap();
        let found = record["nodes"].as_array().unwrap().iter().find(|one| one["node"] == node).expect("a node").clone();
        found["peers"].as_array().unwrap().iter().map(|peer| peer.as_str().unwrap().to_owned()).collect()
    }

    /// Peers that it has a link to, up or not, in natural order.
    #[track_caller]
    pub(crate) fn peers(&self, node: &str) -> Vec<String> {
        let told = self.json(&["list-peers", node]);
        let mut peers: Vec<String> =
            told["peers"].as_array().unwrap().iter().map(|peer| peer["node"].as_str().unwrap().to_owned()).collect();
        peers.sort_by_key(|peer| (peer.parse::<u64>().unwrap_or(u64::MAX), peer.clone()));
        peers
    }

    /// Sends a signal to a node.
    #[track_caller]
    pub(crate) fn signal(&self, node: u16, signal: Signal) {
        self.process(node).hold().unwrap().expect("the node runs").signal(signal).unwrap();
    }

    /// Kills a node at once, and waits until it is gone.
    #[track_caller]
    pub(crate) fn kill(&self, node: u16) {
        self.signal(node, Signal::KILL);
        wait_until("the killed node is gone", || self.process(node).life() != Life::Running);
    }
}

/// Waits until `condition` holds; fails with `what` if it does not within [`PATIENCE`].
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Deadline::after(PATIENCE);
    while !condition() {
        assert!(deadline.pause(STEP), "not within {PATIENCE:?}: {what}");
    }
}

/// A port base with `count` free ports behind it, below the ports that systems give to outgoing connections.
/// Different calls, also of other test programs, give different ones, as far as there are.
pub(crate) fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 10_000;
    const SPAN: u32 = 21_000;
    /// More than any network here has nodes. The same for all calls, or their places overlap.
    const COUNT_MAX: u32 = 1024;
    let count = u32::from(count);
    for _ in 0..1000 {
        let place = NEXT.fetch_add(count + 1, Ordering::Relaxed) + std::process::id().wrapping_mul(997);
        let base = FIRST + place % (SPAN - COUNT_MAX);
        let is_free = |port: u32| TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).is_ok();
        if (base + 1..=base + count).all(is_free) {
            return u16::try_from(base).unwrap();
        }
    }
    panic!("no {count} free ports in a row");
}

/// Node processes whose state lies under `state`.
fn node_processes(state: &Path) -> Vec<(String, Process)> {
    let mut found = Vec::new();
    for pid in fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
        let (Ok(Some(process)), Ok(line)) = (Process::of(pid), fs::read(format!("/proc/{pid}/cmdline"))) else {
            continue;
        };
        let words: Vec<OsString> = line.split(|&byte| byte == 0).map(os_string).collect();
        let value = |flag| words.windows(2).find(|pair| pair[0] == flag).map(|pair| &pair[1]);
        if words.get(1).is_some_and(|word| word == "node")
            && value("--state").or_else(|| value("--data")).is_some_and(|folder| Path::new(folder).starts_with(state))
        {
            found.push((value("--name").unwrap().to_string_lossy().into_owned(), process));
        }
    }
    found
}

fn os_string(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}
