//! A network is stopped by its record: asked over the wire, then by signals, each only to a process that is proven
//! ours. What is gone already does not stand in the way.

use super::{
    error::LaunchError,
    folders::Networks,
    intent,
    manifest::{Manifest, NodeRecord},
    process::{Process, ProcessHandle, wait_for_all},
    ranges::nodes_are,
    spawn::{descriptor_limit, descriptors_open},
};
use crate::{
    client::ask_all,
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{Instance, NetworkName, NodeId},
        request::Request,
    },
};
use rustix::process::Signal;
use std::time::Duration;

/// How long nodes may take to answer, and to end after each way of asking, at most.
const STEP: Duration = Duration::from_secs(2);
/// How long killed processes may take to be gone, however little time is left: the system needs no more.
const KILL_MIN: Duration = Duration::from_secs(1);

/// Descriptors that stopping needs beside the nodes, and for each: a hold on its process, a client's socket and its
/// connections, one of which may be on its way out.
const OWN_DESCRIPTORS: u64 = 24;
const NODE_DESCRIPTORS: u64 = 4;
/// Most nodes that are stopped at a time.
const PART_MAX: usize = 1024;

/// How a node of a stopped network ended.
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

/// A node of a stopped network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedNode {
    /// Its name.
    pub node: NodeId,
    /// Where it listened.
    pub endpoint: Endpoint,
    /// Its process, if it was known.
    pub process: Option<Process>,
    /// How it ended.
    pub ended: Ended,
}

/// A network that was stopped: no process of it is left, and no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Its name.
    pub network: NetworkName,
    /// Its nodes, as recorded.
    pub nodes: Vec<StoppedNode>,
}

/// A node whose process runs.
struct Running {
    index: usize,
    held: ProcessHandle,
}

/// Stops a network; only that one start of it if `instance` is given. `timeout` bounds the whole: the wait for another
/// command that starts or stops it, and the three ways of asking. Each wait has at most 2 s, and half of the time that
/// is left; SIGKILL is sent in any case.
pub fn stop(
    networks: &Networks,
    network: &NetworkName,
    instance: Option<&Instance>,
    timeout: Duration,
) -> Result<Stopped, LaunchError> {
    let folder = networks.folder(network);
    if !folder.path().exists() {
        folder.require_record(networks)?;
    }
    let deadline = Deadline::after(timeout);
    let lock = folder.lock(&deadline, None)?;
    intent::settle(&folder, &lock, intent::Ended::Left)?;
    let manifest = folder.require_record(networks)?;
    if instance.is_some_and(|instance| manifest.instance != *instance) {
        return Err(LaunchError::NoNetwork { network: network.clone(), others: Vec::new() });
    }
    // A starter makes the log of a node before its process.
    let was_begun = |record: &NodeRecord| record.process.is_some() || folder.log(&record.node).exists();
    let before = |record: &NodeRecord| if was_begun(record) { Ended::Gone } else { Ended::Unborn };
    let mut ended: Vec<_> = manifest.nodes.iter().map(before).collect();
    let mut survivors = Vec::new();
    for part in (0..manifest.nodes.len()).collect::<Vec<_>>().chunks(part_len()) {
        survivors.extend(end(&manifest, hold(&manifest, part)?, &mut ended, &deadline)?);
    }
    if !survivors.is_empty() {
        let nodes = nodes_are(survivors.iter().map(|node| &manifest.nodes[node.index].node));
        return Err(LaunchError::Survivors { nodes });
    }
    folder.remove_record()?;
    let nodes = manifest.nodes.into_iter().zip(ended);
    let nodes =
        nodes.map(|(NodeRecord { node, endpoint, process, .. }, ended)| StoppedNode { node, endpoint, process, ended });
    Ok(Stopped { network: manifest.network, nodes: nodes.collect() })
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

/// How many nodes are stopped at a time: as many as there are descriptors for.
fn part_len() -> usize {
    let free = descriptor_limit().saturating_sub(descriptors_open() + OWN_DESCRIPTORS);
    usize::try_from(free / NODE_DESCRIPTORS).unwrap_or(usize::MAX).clamp(1, PART_MAX)
}

/// Ends these nodes by one way after the other, notes how, and returns who survives them all.
fn end(
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
fn hold(manifest: &Manifest, nodes: &[usize]) -> Result<Vec<Running>, LaunchError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launcher::manifest::tests::sample;

    #[test]
    fn another_start_of_the_network_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let (networks, network) = (Networks::at(root.path()), "net".parse().unwrap());
        let folder = networks.folder(&network);
        folder.create().unwrap();
        folder.write_record(&sample()).unwrap();
        let stop = |instance: &str| stop(&networks, &network, Some(&instance.parse().unwrap()), STEP);
        assert!(matches!(stop("0ther"), Err(LaunchError::NoNetwork { .. })));
        assert!(folder.record().exists(), "the record of another start was removed");
        assert_eq!(stop("5eed").unwrap().nodes.len(), 3);
        assert!(!folder.record().exists());
    }
}
