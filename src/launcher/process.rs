//! Processes that are proven ours before they are watched or signalled: a pid alone may by now belong to somebody
//! else, a pid with the time at which its process started may not (`/proc/PID/stat`, field 22; proc(5)).

use super::error::LaunchError;
use crate::{
    clock::Deadline,
    core::id::{Instance, NetworkName, NodeId},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, env, ffi::OsStr, fs, io, os::fd::OwnedFd, time::Duration};

/// A process for all time: no other one ever has the same pid and start time within one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Time of its start, in clock ticks since the machine was booted.
    pub start_time: u64,
}

/// State of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It runs, sleeps, or was halted.
    Running,
    /// It has ended, and its parent has not asked how: nothing of it is left but the entry.
    Zombie,
    /// It is no more; its pid may be another process.
    Gone,
}

impl Process {
    /// The process that has this pid now, zombies included.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        Ok(read_stat(pid)?.map(|stat| Self { pid, start_time: stat.start_time }))
    }

    /// State of the process. A system that hides its processes makes them `Gone`.
    pub fn life(self) -> Life {
        match read_stat(self.pid) {
            Ok(Some(stat)) if stat.start_time != self.start_time => Life::Gone,
            Ok(Some(stat)) if matches!(stat.state, 'Z' | 'X' | 'x') => Life::Zombie,
            Ok(Some(_)) => Life::Running,
            Ok(None) | Err(_) => Life::Gone,
        }
    }

    /// Returns whether it is halted, as SIGSTOP does.
    pub fn is_halted(self) -> bool {
        matches!(read_stat(self.pid), Ok(Some(Stat { state: 'T' | 't', start_time })) if start_time == self.start_time)
    }

    /// A hold on the process, if it runs.
    pub fn hold(self) -> Result<Option<ProcessHandle>, LaunchError> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let descriptor = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => return Err(LaunchError::Watch(error.into())),
        };
        // Only now: had the pid changed hands before the descriptor was opened, its start time differs.
        Ok((self.life() == Life::Running).then_some(ProcessHandle { descriptor }))
    }
}

/// A process that can be watched and signalled without ever meeting another one.
#[derive(Debug)]
pub struct ProcessHandle {
    descriptor: OwnedFd,
}

impl ProcessHandle {
    /// Sends a signal; a process that has just ended is no error.
    pub fn signal(&self, signal: Signal) -> Result<(), LaunchError> {
        match pidfd_send_signal(&self.descriptor, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(LaunchError::Watch(error.into())),
        }
    }

    /// Returns whether it has ended; a zombie has.
    pub fn has_ended(&self) -> Result<bool, LaunchError> {
        let mut waits = [PollFd::new(&self.descriptor, PollFlags::IN)];
        Ok(poll(&mut waits, Duration::ZERO)? > 0)
    }

    /// To wait for its end among other things.
    pub fn poll_fd(&self) -> PollFd<'_> {
        PollFd::new(&self.descriptor, PollFlags::IN)
    }
}

/// Waits until all have ended, or until `deadline`. Returns whether all have.
pub fn wait_for_all<'a>(
    held: impl IntoIterator<Item = &'a ProcessHandle>,
    deadline: &Deadline,
) -> Result<bool, LaunchError> {
    let mut waits: Vec<_> = held.into_iter().map(ProcessHandle::poll_fd).collect();
    loop {
        poll(&mut waits, Duration::ZERO)?;
        waits.retain(|wait| wait.revents().is_empty());
        if waits.is_empty() || deadline.is_over() {
            return Ok(waits.is_empty());
        }
        poll(&mut waits, deadline.remaining())?;
    }
}

/// Waits until one of `waits` has something to tell, at most for `wait`. A signal ends the wait early.
pub(super) fn poll(waits: &mut [PollFd<'_>], wait: Duration) -> Result<usize, LaunchError> {
    let wait = Timespec::try_from(wait).ok();
    match rustix::event::poll(waits, wait.as_ref()) {
        Ok(count) => Ok(count),
        Err(Errno::INTR) => {
            waits.iter_mut().for_each(PollFd::clear_revents);
            Ok(0)
        }
        Err(error) => Err(LaunchError::Watch(error.into())),
    }
}

/// Processes of one start of a network, by node: told by their arguments. For nodes that a starter which was
/// killed could not note any more.
pub fn find(instance: &Instance) -> BTreeMap<NodeId, Process> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        // The process is taken before its arguments are read: should the pid change hands, it is gone.
        let (Ok(Some(process)), Ok(line)) = (Process::of(pid), fs::read(format!("/proc/{pid}/cmdline"))) else {
            continue;
        };
        let arguments: Vec<_> = line.split(|&byte| byte == 0).filter_map(|part| str::from_utf8(part).ok()).collect();
        let value = |flag| arguments.windows(2).find(|pair| pair[0] == flag).map(|pair| pair[1]);
        if arguments.get(1) == Some(&"node")
            && value("--instance") == Some(instance.as_str())
            && let Some(Ok(node)) = value("--name").map(NodeId::new)
        {
            found.insert(node, process);
        }
    }
    found
}

/// Number of node processes that run of each network below the state folder that `is_root` knows, whoever started them: told by
/// their program, their arguments and their environment.
pub fn count_nodes(is_root: impl Fn(&dyn Fn(&str) -> Option<String>) -> bool) -> BTreeMap<NetworkName, usize> {
    let own = env::current_exe().ok().and_then(|path| path.file_name().map(OsStr::to_owned));
    let mut counts = BTreeMap::new();
    for folder in fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path()) {
        let parts = |file: &str| -> Vec<String> {
            let bytes = fs::read(folder.join(file)).unwrap_or_default();
            bytes.split(|&byte| byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        };
        // A program that was replaced meanwhile has a mark behind its name.
        let program = fs::read_link(folder.join("exe")).ok();
        let program = program.as_ref().and_then(|path| path.file_name()?.to_str()?.split(' ').next());
        let (arguments, variables) = (parts("cmdline"), parts("environ"));
        if program.is_none() || program != own.as_deref().and_then(OsStr::to_str) || !arguments.contains(&"node".into())
        {
            continue;
        }
        let variable = |name: &str| {
            let found = variables.iter().find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='));
            found.map(str::to_owned)
        };
        let typed = arguments.windows(2).find(|pair| pair[0] == "--network").map(|pair| pair[1].clone());
        let joined = || arguments.iter().find_map(|argument| argument.strip_prefix("--network=").map(str::to_owned));
        let named = typed.or_else(joined).or_else(|| variable("GOSSIP_NETWORK"));
        if let Ok(network) = named.map_or_else(|| Ok(NetworkName::default()), |name| name.parse())
            && is_root(&variable)
        {
            *counts.entry(network).or_insert(0) += 1;
        }
    }
    counts
}

struct Stat {
    state: char,
    start_time: u64,
}

fn read_stat(pid: u32) -> io::Result<Option<Stat>> {
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(bytes) => Ok(parse_stat(&String::from_utf8_lossy(&bytes))),
        // ESRCH: it ended between the opening and the reading.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The program's name, in parentheses, may hold anything, so fields are counted from its last one.
fn parse_stat(text: &str) -> Option<Stat> {
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // Field 3 was the state; field 22 is 19 after it.
    Some(Stat { state, start_time: fields.nth(18)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};

    fn sleeper() -> (Child, Process) {
        let child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
        let process = Process::of(child.id()).unwrap().unwrap();
        (child, process)
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(20))
    }

    #[test]
    fn names_with_parentheses_do_not_shift_the_fields() {
        let fields = (4..=52).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        let stat = parse_stat(&format!("17 (a) S 1 (b) R {fields}\n")).unwrap();
        assert_eq!((stat.state, stat.start_time), ('R', 22));
        assert!(parse_stat("17 (a) S 1 2").is_none() && parse_stat("").is_none());
    }

    #[test]
    fn a_process_runs_becomes_a_zombie_and_is_gone() {
        let (mut child, process) = sleeper();
        assert_eq!(process.life(), Life::Running);
        let held = process.hold().unwrap().unwrap();
        assert!(!held.has_ended().unwrap());
        assert!(!wait_for_all([&held], &Deadline::after(Duration::from_millis(10))).unwrap());
        for (signal, is_halted) in [(Signal::STOP, true), (Signal::CONT, false)] {
            held.signal(signal).unwrap();
            let deadline = soon();
            while process.is_halted() != is_halted && deadline.pause(Duration::from_millis(1)) {}
            assert_eq!((process.is_halted(), process.life()), (is_halted, Life::Running));
        }
        held.signal(Signal::TERM).unwrap();
        assert!(wait_for_all([&held], &soon()).unwrap());
        assert_eq!(process.life(), Life::Zombie);
        assert!(process.hold().unwrap().is_none(), "a zombie was held");
        child.wait().unwrap();
        assert_eq!(process.life(), Life::Gone);
        assert!(process.hold().unwrap().is_none());
        held.signal(Signal::TERM).unwrap();
    }

    #[test]
    fn another_process_with_our_pid_is_not_ours() {
        let (mut child, process) = sleeper();
        let ours = Process { start_time: process.start_time - 1, ..process };
        assert_eq!(ours.life(), Life::Gone);
        assert!(ours.hold().unwrap().is_none());
        assert!(child.try_wait().unwrap().is_none(), "the stranger was hit");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn pids_that_cannot_be_are_gone() {
        for pid in [0, u32::MAX, i32::MAX as u32] {
            assert_eq!(Process { pid, start_time: 0 }.life(), Life::Gone);
            assert!(Process { pid, start_time: 0 }.hold().unwrap().is_none());
        }
    }

    #[test]
    fn nodes_are_found_by_their_arguments() {
        // A shell that waits for its input, with the arguments of a node behind its own.
        let script = ["node", "--name", "4", "--instance", "f00d-found-by-arguments"];
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("node"), "read line").unwrap();
        let shell = Command::new("sh").args(script).current_dir(&directory).stdin(Stdio::piped()).spawn();
        let mut shell = shell.unwrap();
        // A process that has just begun may not show its arguments yet.
        let (instance, deadline) = (script[4].parse().unwrap(), Deadline::after(Duration::from_secs(30)));
        let mut found = find(&instance);
        while found.is_empty() && deadline.pause(Duration::from_millis(5)) {
            found = find(&instance);
        }
        assert_eq!(found.get(&NodeId::numbered(4)), Process::of(shell.id()).unwrap().as_ref());
        assert!(find(&"f00d-somebody-else".parse().unwrap()).is_empty());
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
