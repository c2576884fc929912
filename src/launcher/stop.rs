//! A network is stopped by its record: asked over the wire, then by signals, each only to a process that is proven
//! ours. What is gone already does not stand in the way.

use super::{
    error::{LaunchError, nodes_are},
    folders::Networks,
    manifest::{Manifest, NodeRecord},
    process::{Held, Process, find, wait_for_all},
};
use crate::{
    client::ask_all,
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId},
        request::Request,
    },
};
use rustix::process::Signal;
use std::time::Duration;

/// How long nodes may take to answer, and to end after each way of asking, at most.
const STEP: Duration = Duration::from_secs(2);
/// How long killed processes may take to be gone, however little time is left: the system needs no more.
const KILL_MIN: Duration = Duration::from_secs(1);

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
    held: Held,
}

/// Stops a network. `timeout` bounds the whole: the wait for another command that starts or stops it, and the three
/// ways of asking. Each wait has at most 2 s, and half of the time that is left; SIGKILL is sent in any case.
pub fn stop(networks: &Networks, network: &NetworkName, timeout: Duration) -> Result<Stopped, LaunchError> {
    let folder = networks.folder(network);
    if !folder.path().exists() {
        folder.require_record(networks)?;
    }
    let deadline = Deadline::after(timeout);
    let _lock = folder.lock(&deadline)?;
    let mut manifest = folder.require_record(networks)?;
    complete(&mut manifest);
    // A starter makes the log of a node before its process.
    let was_begun = |record: &NodeRecord| record.process.is_some() || folder.log(&record.node).exists();
    let before = |record: &NodeRecord| if was_begun(record) { Ended::Gone } else { Ended::Unborn };
    let mut ended: Vec<_> = manifest.nodes.iter().map(before).collect();
    let mut running = hold(&manifest)?;
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
            None => ask(&manifest, &running, half())?,
            Some(signal) => {
                running.iter().try_for_each(|node| node.held.signal(signal))?;
                running.iter().collect()
            }
        };
        let wait = if name == Ended::Killed { deadline.remaining().clamp(KILL_MIN, STEP) } else { half() };
        wait_for_all(asked.into_iter().map(|node| &node.held), &Deadline::after(wait))?;
        running = still_running(running)?;
    }
    if !running.is_empty() {
        let nodes = nodes_are(running.iter().map(|node| &manifest.nodes[node.index].node));
        return Err(LaunchError::Survivors { nodes });
    }
    folder.remove_record()?;
    let nodes = manifest.nodes.into_iter().zip(ended);
    let nodes =
        nodes.map(|(NodeRecord { node, endpoint, process, .. }, ended)| StoppedNode { node, endpoint, process, ended });
    Ok(Stopped { network: manifest.network, nodes: nodes.collect() })
}

/// Finds processes that a starter which was killed could not note any more.
fn complete(manifest: &mut Manifest) {
    if manifest.is_of_this_boot() && manifest.nodes.iter().any(|record| record.process.is_none()) {
        let found = find(&manifest.instance);
        for record in &mut manifest.nodes {
            record.process = record.process.or_else(|| found.get(&record.node).copied());
        }
    }
}

fn hold(manifest: &Manifest) -> Result<Vec<Running>, LaunchError> {
    let mut running = Vec::new();
    if !manifest.is_of_this_boot() {
        return Ok(running);
    }
    super::spawn::descriptor_limit();
    for (index, record) in manifest.nodes.iter().enumerate() {
        if let Some(process) = record.process
            && let Some(held) = process.hold()?
        {
            running.push(Running { index, held });
        }
    }
    Ok(running)
}

/// Asks all over the wire, and returns who says that it will end. The others are met again by signal.
fn ask<'a>(manifest: &Manifest, running: &'a [Running], wait: Duration) -> Result<Vec<&'a Running>, LaunchError> {
    let endpoint = |node: &Running| manifest.nodes[node.index].endpoint.clone();
    let targets: Vec<_> = running.iter().map(|node| (endpoint(node), Request::Stop)).collect();
    let answers = ask_all(&targets, wait)?;
    Ok(running.iter().zip(answers).filter_map(|(node, answer)| answer.is_ok().then_some(node)).collect())
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
