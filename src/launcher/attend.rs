//! Staying with a network that was started: its processes are children here, and their ends are seen at once.

use super::{
    error::LaunchError,
    process::{Process, poll},
};
use std::{
    process::{Child, ExitStatus},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Time to wait before looking whether the user wants to end it: a signal ends the wait early, but one that
/// comes just before the wait begins does not.
const GLANCE: Duration = Duration::from_millis(250);

/// Waits until all children have ended (`true`) or `interrupted` is set (`false`). Those that end are reaped, and
/// `on_end` is told their pid and how they ended.
pub fn attend(
    mut children: Vec<Child>,
    interrupted: &AtomicBool,
    mut on_end: impl FnMut(u32, ExitStatus),
) -> Result<bool, LaunchError> {
    loop {
        let mut left = Vec::with_capacity(children.len());
        let mut holds = Vec::with_capacity(children.len());
        for mut child in children {
            // Not reaped yet, so the pid is still its own; a zombie gives no hold and is reaped here.
            let process = Process::of(child.id()).map_err(LaunchError::Watch)?;
            match process.map_or(Ok(None), |process| process.hold())? {
                Some(held) => {
                    holds.push(held);
                    left.push(child);
                }
                None => on_end(child.id(), child.wait().map_err(LaunchError::Watch)?),
            }
        }
        if left.is_empty() {
            return Ok(true);
        }
        let mut waits: Vec<_> = holds.iter().map(super::process::ProcessHandle::poll_fd).collect();
        while poll(&mut waits, GLANCE)? == 0 {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(false);
            }
        }
        children = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn the_last_end_is_seen() {
        let spawn = || Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mut children = [spawn(), spawn()];
        let pids = children.each_ref().map(Child::id);
        let inputs = children.each_mut().map(|child| child.stdin.take());
        drop(inputs);
        let mut ends = Vec::new();
        assert!(attend(children.into(), &AtomicBool::new(false), |pid, end| ends.push((pid, end.code()))).unwrap());
        ends.sort_unstable();
        let mut expected = pids.map(|pid| (pid, Some(0)));
        expected.sort_unstable();
        assert_eq!(ends, expected);
        assert_eq!(pids.map(|pid| Process::of(pid).unwrap()), [None, None], "they were not reaped");
    }

    #[test]
    fn an_interrupt_ends_the_wait_alone() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let (pid, input) = (child.id(), child.stdin.take());
        let process = Process::of(pid).unwrap().unwrap();
        let nobody_ends = |pid, end| panic!("{pid} has ended: {end}");
        assert!(!attend(vec![child], &AtomicBool::new(true), nobody_ends).unwrap());
        let held = process.hold().unwrap().expect("the child lives on");
        drop(input);
        let deadline = crate::clock::Deadline::after(Duration::from_secs(20));
        assert!(super::super::process::wait_for_all([&held], &deadline).unwrap());
    }
}
