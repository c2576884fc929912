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
        id::{Instance, NetworkName, NodeId},
        request::Request,
    },
};
use rustix::process::Signal;
use std::time::Duration;

/// How long nodes may take to answer, and to end after each way of asking.
const STEP: Duration = Duration::from_secs(2);

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
}

impl Ended {
    /// The word that programs see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
            Self::Killed => "killed",
            Self::Gone => "gone",
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

/// Stops a network; only that one start of it if `instance` is given. `timeout` bounds the wait for another command that starts or stops it; the nodes themselves
/// have at most 2 s for each way of asking.
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
    let _lock = folder.lock(&Deadline::after(timeout))?;
    let mut manifest = folder.require_record(networks)?;
    if instance.is_some_and(|instance| manifest.instance != *instance) {
        return Err(LaunchError::NoNetwork { network: network.clone(), others: Vec::new() });
    }
    complete(&mut manifest);
    let mut ended = vec![Ended::Gone; manifest.nodes.len()];
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
        match way {
            None => ask(&manifest, &running)?,
            Some(signal) => running.iter().try_for_each(|node| node.held.signal(signal))?,
        }
        if !wait_for_all(running.iter().map(|node| &node.held), &Deadline::after(STEP))? {
            running = still_running(running)?;
        } else {
            running.clear();
        }
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

/// Asks all over the wire. Who does not answer, or not well, is met again by signal.
fn ask(manifest: &Manifest, running: &[Running]) -> Result<(), LaunchError> {
    let endpoint = |node: &Running| manifest.nodes[node.index].endpoint.clone();
    let targets: Vec<_> = running.iter().map(|node| (endpoint(node), Request::Stop)).collect();
    ask_all(&targets, STEP)?;
    Ok(())
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
