//! A node leaves its network: it is asked to, its process is seen to end, the record forgets it.

use super::{
    error::LaunchError,
    folders::Networks,
    manifest::Manifest,
    process::{Held, wait_for_all},
    resolve::{Target, find},
};
use crate::{
    client::{Client, ClientError},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId},
        request::Request,
    },
};
use std::time::Duration;

/// A node that has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its name: as recorded, or else as it said it.
    pub node: NodeId,
    /// Where it listened.
    pub endpoint: Endpoint,
}

/// Removes a node and waits for the end of its process, if that is in the record of `network`. A node known only by
/// its address is asked the same, and its word taken.
pub fn remove(
    networks: &Networks,
    network: &NetworkName,
    target: &Target,
    timeout: Duration,
) -> Result<Removed, LaunchError> {
    let deadline = Deadline::after(timeout);
    let folder = networks.folder(network);
    // No record, no lock: there is nothing to keep in step.
    let _lock = if folder.path().exists() { Some(folder.lock(&deadline, None)?) } else { None };
    // Once more, now that nobody else starts or stops it.
    let target = match &target.node {
        Some(name) => find(networks, network, name)?,
        None => target.clone(),
    };
    if let Some(node) = target.node.filter(|_| target.has_ended) {
        return Err(LaunchError::Ended { node });
    }
    let endpoint = target.endpoint;
    let mut manifest = folder.read_record()?.filter(Manifest::is_of_this_boot);
    let record = manifest.as_ref().and_then(|m| m.nodes.iter().find(|record| record.endpoint == endpoint));
    // Held before it is asked, so that its end cannot be missed.
    let known = match record.and_then(|record| Some((record.node.clone(), record.process?))) {
        Some((node, process)) => process.hold()?.map(|held| Known { node, pid: process.pid, held }),
        None => None,
    };
    let answer = ask(&endpoint, &deadline);
    let Some(Known { node, pid, held }) = known else { return Ok(Removed { node: answer?, endpoint }) };
    let has_ended = match answer {
        Err(ClientError::Unreachable { .. } | ClientError::TimedOut { .. }) | Ok(_) => {
            wait_for_all([&held], &deadline)?
        }
        Err(_) => false,
    };
    match answer {
        // It may have left before it could say so.
        _ if has_ended => {}
        Ok(_) => return Err(LaunchError::Lingers { node, pid, after: timeout }),
        Err(error) => return Err(error.into()),
    }
    if let Some(manifest) = &mut manifest {
        manifest.forget(&node);
        folder.write_record(manifest)?;
    }
    Ok(Removed { node, endpoint })
}

/// A node whose process is in the record, and runs.
struct Known {
    node: NodeId,
    pid: u32,
    held: Held,
}

fn ask(endpoint: &Endpoint, deadline: &Deadline) -> Result<NodeId, ClientError> {
    Client::connect(endpoint, deadline.remaining())?.tell(&Request::Remove)
}
