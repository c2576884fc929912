//! A node leaves its network: it is asked to, its process is seen to end, the record forgets it. For one that is dead its
//! neighbours are told, and linked to each other in its place.

use super::site::{GLANCE, LockedNetwork};
use crate::{
    client::{Client, ClientError},
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId},
        request::Request,
    },
    launcher::{
        ending::end_one,
        error::LaunchError,
        folders::{Networks, stored::StoredNetwork},
        manifest::{ChangeKind, NodeRecord, Pair, pair},
        process::{ProcessHandle, wait_for_all},
        resolve::Target,
    },
};
use std::{collections::BTreeSet, time::Duration};

/// Time that a node may take to leave before it is ended.
const LEAVING: Duration = Duration::from_secs(5);

/// Way in which a node is removed.
#[derive(Debug, Clone, Copy)]
pub struct Removal {
    /// Time that all of it may take.
    pub timeout: Duration,
    /// True if one that does not leave is ended, and one that is dead is removed, too.
    pub force: bool,
}

/// A node that is no member any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its name: as recorded, or else as it said it.
    pub node: NodeId,
    /// Address that it listened on.
    pub endpoint: Endpoint,
}

/// Removes a node and waits for the end of its process, if that is in the record of `network`. A node known only by
/// its address is asked the same, and its word taken.
pub fn remove(
    networks: &Networks,
    network: &NetworkName,
    target: &Target,
    removal: Removal,
) -> Result<Removed, LaunchError> {
    let endpoint = target.endpoint.clone();
    let is_listed = |nodes: &[NodeRecord]| nodes.iter().any(|record| record.endpoint == endpoint);
    let is_ours = match networks.folder(network).read_record() {
        Ok(manifest) => manifest.is_some_and(|manifest| is_listed(&manifest.nodes)),
        Err(error) => return Err(error),
    };
    if target.node.is_none() && !is_ours {
        // There is nothing to keep in step.
        let node = ask(&endpoint, &Deadline::after(removal.timeout))?;
        return Ok(Removed { node, endpoint });
    }
    let mut site = LockedNetwork::open(networks, network, removal.timeout, None)?;
    let NodeRecord { node, endpoint, .. } = site.node(target)?.clone();
    let process = site.manifest.alive().find(|record| record.node == node).and_then(|record| record.process);
    match process.map_or(Ok(None), |process| process.hold())? {
        Some(held) => leave(&mut site, &node, &endpoint, &held, removal)?,
        None if removal.force => forget(&mut site, &node)?,
        None => return Err(LaunchError::Ended { node }),
    }
    if let Some(stored) = StoredNetwork::of(&site.manifest) {
        stored.set_node_aside(&node)?;
    }
    Ok(Removed { node, endpoint })
}

/// A node that runs leaves; one that does not is ended, if that is wanted.
fn leave(
    site: &mut LockedNetwork<'_>,
    node: &NodeId,
    endpoint: &Endpoint,
    held: &ProcessHandle,
    Removal { force, timeout }: Removal,
) -> Result<(), LaunchError> {
    let pid = site.manifest.node(node).and_then(|record| record.process).map_or(0, |process| process.pid);
    // Half of the time is left to those who are to end it.
    let deadline = site.deadline.at_most(if force { LEAVING.min(timeout / 2) } else { timeout });
    let before = site.manifest.clone();
    site.manifest.forget(node);
    let left = site.carry_out(ChangeKind::Remove, vec![node.clone()], before, |_| {
        let answer = ask(endpoint, &deadline);
        let may_end = matches!(answer, Ok(_) | Err(ClientError::Unreachable { .. } | ClientError::TimedOut { .. }));
        // It may leave before it can say so.
        if may_end && wait_for_all([held], &deadline)? {
            return Ok(());
        }
        answer.map_err(|error| match error {
            // What was asked for, not what writing left of it.
            ClientError::TimedOut { endpoint, .. } => ClientError::TimedOut { endpoint, after: timeout },
            error => error,
        })?;
        Err(LaunchError::Lingers { node: node.clone(), pid, after: timeout })
    });
    match left {
        Err(LaunchError::Lingers { .. } | LaunchError::Client(_)) if force => forget(site, node),
        left => left,
    }
}

/// The neighbours of a node forget it, and are linked in its place as they would have linked themselves had it left. It is
/// ended first, if it is not dead.
fn forget(site: &mut LockedNetwork<'_>, node: &NodeId) -> Result<(), LaunchError> {
    site.adopt()?;
    let peers = site.manifest.node(node).map(|record| record.peers.clone()).unwrap_or_default();
    let orphans: Vec<NodeId> = peers.into_iter().filter(|peer| site.is_alive(peer)).collect();
    let heals = !site.manifest.arguments.iter().any(|word| word == "--no-heal");
    let made = if heals { replacements(site, &orphans)? } else { BTreeSet::new() };
    let before = site.manifest.clone();
    site.manifest.erase(node);
    for (a, b) in &made {
        site.manifest.link(a, b);
    }
    let former = before.clone();
    let gone = orphans.iter().map(|orphan| pair(orphan, node)).collect();
    site.carry_out(ChangeKind::Remove, vec![node.clone()], before, |site| {
        if let Some(index) = former.nodes.iter().position(|record| record.node == *node) {
            end_one(&former, index, &site.deadline)?;
        }
        site.declare(&made)?;
        site.undeclare(&gone)?;
        site.await_links(&made, &BTreeSet::new(), || Ok(()))
    })
}

/// Each orphan with one other that it is not linked to by declaration: first those that have found each other.
fn replacements(site: &LockedNetwork<'_>, orphans: &[NodeId]) -> Result<BTreeSet<Pair>, LaunchError> {
    let (links, _) = site.look(orphans, GLANCE)?;
    let all = orphans.iter().enumerate().flat_map(|(at, a)| orphans[at + 1..].iter().map(move |b| pair(a, b)));
    let (mut placed, mut made) = (BTreeSet::new(), BTreeSet::new());
    for (a, b) in links.whole().into_iter().chain(all) {
        if !site.manifest.are_peers(&a, &b) && !placed.contains(&a) && !placed.contains(&b) {
            placed.extend([a.clone(), b.clone()]);
            made.insert((a, b));
        }
    }
    Ok(made)
}

fn ask(endpoint: &Endpoint, deadline: &Deadline) -> Result<NodeId, ClientError> {
    Client::connect(endpoint, deadline.remaining())?.tell(&Request::Remove)
}
