//! The processes of a network that is being started: each starts, says in one line that it listens, and is killed
//! with all others unless the whole network comes up.

use super::{
    error::LaunchError,
    folders::{Folder, stored::StoredNetwork},
    process::{Process, poll},
    ranges::nodes_are,
};
use crate::{
    clock::Deadline,
    core::{endpoint::Endpoint, id::NodeId},
};
use rustix::event::{PollFd, PollFlags};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Longest ready line in bytes; more comes from no node.
const LINE_LEN_MAX: usize = 64 << 10;
/// Length of the end of a log that is searched for a node's last words, in bytes.
const TAIL_LEN: u64 = 4096;
/// Time to wait before looking whether the user wants to end it all. A signal ends the wait early, too.
const GLANCE: Duration = Duration::from_millis(50);

/// Settings that all nodes of a network are started with.
#[derive(Debug)]
pub(super) struct SpawnSettings<'a> {
    pub(super) executable: PathBuf,
    /// `--network NAME --instance TEXT`, limits.
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: &'a Folder,
    /// The folder with the data of the nodes, if they keep any.
    pub(super) data: Option<StoredNetwork>,
    /// Set when the user wants to end it all.
    pub(super) interrupted: &'a AtomicBool,
}

/// Children that end with this value, unless it is [released](Self::release).
#[derive(Debug)]
pub(super) struct Spawner<'a> {
    settings: SpawnSettings<'a>,
    starting: Vec<StartingNode>,
}

#[derive(Debug)]
struct StartingNode {
    node: NodeId,
    child: Child,
    /// `None` once its line was read, or its end.
    stdout: Option<ChildStdout>,
    line: Vec<u8>,
}

/// Line that a node prints when it listens, or that says why it does not.
#[derive(serde::Deserialize)]
struct Line {
    error: Option<LineError>,
}

#[derive(serde::Deserialize)]
struct LineError {
    message: String,
}

impl<'a> Spawner<'a> {
    pub(super) fn new(settings: SpawnSettings<'a>) -> Self {
        Self { settings, starting: Vec::new() }
    }

    /// Starts a node in a process group of its own, so that Ctrl-C in this terminal does not reach it.
    pub(super) fn spawn(&mut self, node: &NodeId, bind: &Endpoint) -> Result<Process, LaunchError> {
        self.glance()?;
        let SpawnSettings { executable, arguments, folder, data, .. } = &self.settings;
        let log = folder.log(node);
        let stderr = File::options().create(true).append(true).open(&log).map_err(LaunchError::file("create", log))?;
        let mut command = Command::new(executable);
        command.args(["node", "--json", "--name", node.as_str(), "--bind", &bind.authority()]).args(arguments);
        if let Some(data) = data {
            command.arg("--data").arg(data.node(node));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).current_dir("/").process_group(0);
        let failed = |source| LaunchError::Spawn { node: node.clone(), executable: executable.clone(), source };
        let mut child = command.spawn().map_err(failed)?;
        let stdout = child.stdout.take();
        let pid = child.id();
        self.starting.push(StartingNode { node: node.clone(), child, stdout, line: Vec::new() });
        // Nobody but us can reap it, so the pid is still its own.
        Process::of(pid).map_err(LaunchError::Watch)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// Waits until every node listens.
    pub(super) fn await_lines(&mut self, deadline: &Deadline, patience: Duration) -> Result<(), LaunchError> {
        loop {
            let waiting: Vec<_> = (0..self.starting.len()).filter(|&i| self.starting[i].stdout.is_some()).collect();
            if waiting.is_empty() {
                return Ok(());
            }
            if deadline.is_over() {
                return Err(self.not_ready(waiting.iter().map(|&index| &self.starting[index].node), patience));
            }
            let pipes = self.starting.iter().filter_map(|starting| starting.stdout.as_ref());
            let mut waits: Vec<_> = pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
            poll(&mut waits, deadline.at_most(GLANCE).remaining())?;
            let ready: Vec<_> = waits.iter().map(|wait| !wait.revents().is_empty()).collect();
            for index in waiting.into_iter().zip(ready).filter_map(|(index, is_ready)| is_ready.then_some(index)) {
                self.read(index)?;
            }
            self.glance()?;
        }
    }

    /// Refuses to go on if the user wants to end it all, or a node has ended.
    pub(super) fn check(&mut self) -> Result<(), LaunchError> {
        self.glance()?;
        for index in 0..self.starting.len() {
            if self.starting[index].child.try_wait().map_err(LaunchError::Watch)?.is_some() {
                return Err(self.failed(index));
            }
        }
        Ok(())
    }

    /// Lets the children live on.
    pub(super) fn release(mut self) -> Vec<Child> {
        std::mem::take(&mut self.starting).into_iter().map(|starting| starting.child).collect()
    }

    pub(super) fn not_ready<'n>(&self, nodes: impl IntoIterator<Item = &'n NodeId>, patience: Duration) -> LaunchError {
        LaunchError::NotReady { nodes: nodes_are(nodes), after: patience, logs: self.settings.folder.nodes() }
    }

    fn glance(&self) -> Result<(), LaunchError> {
        if self.settings.interrupted.load(Ordering::Relaxed) { Err(LaunchError::Interrupted) } else { Ok(()) }
    }

    /// Takes what a node wrote; its first line tells whether it listens.
    fn read(&mut self, index: usize) -> Result<(), LaunchError> {
        let starting = &mut self.starting[index];
        let Some(pipe) = starting.stdout.as_mut() else { return Ok(()) };
        let mut buffer = [0; 4096];
        let count = match pipe.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(LaunchError::Watch(error)),
            Ok(count) => count,
        };
        starting.line.extend(&buffer[..count]);
        if count == 0 || starting.line.len() > LINE_LEN_MAX {
            return Err(self.failed(index));
        }
        if starting.line.ends_with(b"\n") {
            match serde_json::from_slice::<Line>(&starting.line) {
                Ok(Line { error: None }) => starting.stdout = None,
                Ok(Line { error: Some(_) }) | Err(_) => return Err(self.failed(index)),
            }
        }
        Ok(())
    }

    /// Error of a node that does not listen: what it said on stdout, or else the last line of its log.
    fn failed(&self, index: usize) -> LaunchError {
        let starting = &self.starting[index];
        let log = self.settings.folder.log(&starting.node);
        let said = serde_json::from_slice::<Line>(&starting.line).ok().and_then(|line| line.error);
        let last_words = || last_line(&log).ok().flatten();
        let why = said.map(|error| error.message).or_else(last_words);
        LaunchError::NodeFailed {
            node: starting.node.clone(),
            why: why.unwrap_or_else(|| "it exited without output".into()),
            log,
        }
    }
}

impl Drop for Spawner<'_> {
    /// Kills what was not released: none of it has served anybody yet.
    fn drop(&mut self) {
        for starting in &mut self.starting {
            // It has ended already, then.
            let _ = starting.child.kill();
        }
        for starting in &mut self.starting {
            let _ = starting.child.wait();
        }
    }
}

fn last_line(log: &std::path::Path) -> io::Result<Option<String>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_LEN)))?;
    let mut tail = Vec::new();
    file.take(TAIL_LEN).read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    Ok(tail.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned))
}

/// The most descriptors that this process may have open, after asking for as many as the system allows.
pub(super) fn descriptor_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // A system that refuses leaves the soft limit as it is; read what holds.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Number of descriptors that this process has open.
pub(super) fn descriptors_open() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}
