//! Endings of running nodes: they are asked over the wire, then by signals, each only to a process that is proven ours.

use super::{
    error::LaunchError,
    manifest::Manifest,
    process::{ProcessHandle, wait_for_all},
    ranges::nodes_are,
};
use crate::{client::ask_all, clock::Deadline, core::request::Request};
use rustix::process::Signal;
use std::time::Duration;

/// Longest time that nodes may take to answer, and to end after each way of asking.
const STEP: Duration = Duration::from_secs(2);
/// Time that killed processes may take to be gone, however little time is left: the system needs no more.
const KILL_MIN: Duration = Duration::from_secs(1);

/// Way in which a node of a stopped network ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Asked over the wire.
    Stopped,
    /// By SIGTERM: it did not answer.
    Terminated,
    /// By SIGKILL: it did not heed SIGTERM.
    Killed,
    /// It was gone before.
    Gone,
    /// It never ran: its starter was cut off before.
    Unborn,
}

impl Ended {
    /// The word that programs see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Killed => "killed",
            Self::Gone => "gone",
            Self::Unborn => "not_started",
        }
    }
}

/// A node whose process runs.
pub(super) struct Running {
    /// Its place in the record.
    pub(super) index: usize,
    held: ProcessHandle,
}

/// Ends one node of a network that goes on, as a whole network is ended; gives how.
pub(super) fn end_one(manifest: &Manifest, index: usize, deadline: &Deadline) -> Result<Ended, LaunchError> {
    let mut ended = vec![Ended::Gone; manifest.nodes.len()];
    let survivors = end(manifest, hold(manifest, &[index])?, &mut ended, deadline)?;
    if survivors.is_empty() {
        return Ok(ended[index]);
    }
    Err(LaunchError::Survivors { nodes: nodes_are([&manifest.nodes[index].node]) })
}

/// Ends these nodes by one way after the other, notes how, and returns who survives them all.
pub(super) fn end(
    manifest: &Manifest,
    mut running: Vec<Running>,
    ended: &mut [Ended],
    deadline: &Deadline,
) -> Result<Vec<Running>, LaunchError> {
    for (way, name) in
        [(None, Ended::Stopped), (Some(Signal::TERM), Ended::Terminated), (Some(Signal::KILL), Ended::Killed)]
    {
        if running.is_empty() {
            break;
        }
        for node in &running {
            ended[node.index] = name;
        }
        let half = || STEP.min(deadline.remaining() / 2);
        let asked: Vec<_> = match way {
            None => ask(manifest, &running, half()),
            Some(signal) => {
                running.iter().try_for_each(|node| node.held.signal(signal))?;
                running.iter().collect()
            }
        };
        let wait = if name == Ended::Killed { deadline.remaining().clamp(KILL_MIN, STEP) } else { half() };
        wait_for_all(asked.into_iter().map(|node| &node.held), &Deadline::after(wait))?;
        running = still_running(running)?;
    }
    Ok(running)
}

/// Those of `nodes`, by index, that run.
pub(super) fn hold(manifest: &Manifest, nodes: &[usize]) -> Result<Vec<Running>, LaunchError> {
    let mut running = Vec::new();
    if !manifest.is_of_this_boot() {
        return Ok(running);
    }
    for &index in nodes {
        if let Some(process) = manifest.nodes[index].process
            && let Some(held) = process.hold()?
        {
            running.push(Running { index, held });
        }
    }
    Ok(running)
}

/// Asks all over the wire, and returns who says that it will end. The others are met again by signal, and so are all
/// if this process has no means to ask.
fn ask<'a>(manifest: &Manifest, running: &'a [Running], wait: Duration) -> Vec<&'a Running> {
    let endpoint = |node: &Running| manifest.nodes[node.index].endpoint.clone();
    let targets: Vec<_> = running.iter().map(|node| (endpoint(node), Request::Stop)).collect();
    let answers = ask_all(&targets, wait).unwrap_or_default();
    running.iter().zip(answers).filter_map(|(node, answer)| answer.is_ok().then_some(node)).collect()
}

fn still_running(running: Vec<Running>) -> Result<Vec<Running>, LaunchError> {
    let mut left = Vec::new();
    for node in running {
        if !node.held.has_ended()? {
            left.push(node);
        }
    }
    Ok(left)
}
