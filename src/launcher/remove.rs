//! A node leaves its network: it is asked to, its process is seen to end, the record forgets it.

use super::{error::LaunchError, folders::Networks, process::wait_for_all, resolve::Target};
use crate::{
    client::Client,
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
    /// Its name, as it said it.
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
    let _lock = if folder.path().exists() { Some(folder.lock(&deadline)?) } else { None };
    let mut manifest = folder.read_record()?;
    let record = manifest.as_ref().and_then(|m| m.nodes.iter().find(|record| record.endpoint == target.endpoint));
    let process = record.and_then(|record| record.process);
    // Held before it is asked, so that its end cannot be missed.
    let held = process.map_or(Ok(None), |process| process.hold())?;
    let node = Client::connect(&target.endpoint, deadline.remaining())?.tell(&Request::Remove)?;
    if let (Some(held), Some(process)) = (&held, process)
        && !wait_for_all([held], &deadline)?
    {
        return Err(LaunchError::Lingers { node, pid: process.pid, after: timeout });
    }
    if let Some(manifest) =
        manifest.as_mut().filter(|manifest| manifest.node(&node).is_some_and(|r| r.endpoint == target.endpoint))
    {
        manifest.forget(&node);
        folder.write_record(manifest)?;
    }
    Ok(Removed { node, endpoint: target.endpoint.clone() })
}
