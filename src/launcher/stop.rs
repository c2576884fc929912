//! A network is stopped by its record. What is gone already does not stand in the way.

use super::{
    ending::{Ended, end, hold},
    error::LaunchError,
    folders::Networks,
    intent::{self, HalfRestarted, require_record},
    manifest::NodeRecord,
    process::Process,
    ranges::nodes_are,
    spawn::{descriptor_limit, descriptors_open},
};
use crate::{
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{Instance, NetworkName, NodeId},
    },
};
use std::time::Duration;

/// Descriptors that stopping needs beside the nodes, and for each: a hold on its process, a client's socket and its
/// connections, one of which may be on its way out.
const OWN_DESCRIPTORS: u64 = 24;
const NODE_DESCRIPTORS: u64 = 4;
/// Most nodes that are stopped at a time.
const PART_MAX: usize = 1024;

/// A node of a stopped network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedNode {
    /// Its name.
    pub node: NodeId,
    /// Address that it listened on.
    pub endpoint: Endpoint,
    /// Its process, if it was known.
    pub process: Option<Process>,
    /// Way in which it ended.
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
        require_record(&folder, networks)?;
    }
    let deadline = Deadline::after(timeout);
    let lock = folder.lock(&deadline, None)?;
    intent::settle(&folder, &lock, HalfRestarted::Leave)?;
    let manifest = require_record(&folder, networks)?;
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

/// Number of nodes that are stopped at a time: as many as there are descriptors for.
fn part_len() -> usize {
    let free = descriptor_limit().saturating_sub(descriptors_open() + OWN_DESCRIPTORS);
    usize::try_from(free / NODE_DESCRIPTORS).unwrap_or(usize::MAX).clamp(1, PART_MAX)
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
        let stop = |instance: &str| stop(&networks, &network, Some(&instance.parse().unwrap()), Duration::from_secs(2));
        assert!(matches!(stop("0ther"), Err(LaunchError::NoNetwork { .. })));
        assert!(folder.record().exists(), "the record of another start was removed");
        assert_eq!(stop("5eed").unwrap().nodes.len(), 3);
        assert!(!folder.record().exists());
    }
}
