//! One link of the declared topology is made, or taken away.

use super::site::LockedNetwork;
use crate::{
    core::id::NetworkName,
    launcher::{
        error::LaunchError,
        folders::Networks,
        manifest::{ChangeKind, Pair, pair},
        ranges::ranges,
        resolve::Target,
    },
    topology::change::is_only_way,
};
use std::{collections::BTreeSet, time::Duration};

/// Declares two nodes peers of each other, and returns when the link is up at both ends.
pub fn connect(
    networks: &Networks,
    network: &NetworkName,
    ends: [&Target; 2],
    timeout: Duration,
) -> Result<Pair, LaunchError> {
    let mut site = LockedNetwork::open(networks, network, timeout, None)?;
    site.adopt()?;
    let (a, b) = two(&site, ends)?;
    if site.manifest.are_peers(&a, &b) {
        return Err(LaunchError::Connected { a, b });
    }
    let links = BTreeSet::from([(a.clone(), b.clone())]);
    let before = site.manifest.clone();
    site.manifest.link(&a, &b);
    site.carry_out(ChangeKind::Links, Vec::new(), before, |site| {
        site.declare(&links)?;
        site.await_links(&links, &BTreeSet::new(), || Ok(()))
    })?;
    Ok((a, b))
}

/// Makes two peers strangers, and returns when neither has a link to the other. Not if the network would fall apart.
pub fn disconnect(
    networks: &Networks,
    network: &NetworkName,
    ends: [&Target; 2],
    timeout: Duration,
) -> Result<Pair, LaunchError> {
    let mut site = LockedNetwork::open(networks, network, timeout, None)?;
    site.adopt()?;
    let (a, b) = two(&site, ends)?;
    let links = BTreeSet::from([(a.clone(), b.clone())]);
    let is_declared = site.manifest.are_peers(&a, &b);
    if !is_declared && !site.links(&[a.clone(), b.clone()])?.contains(&(a.clone(), b.clone())) {
        let peers = site.manifest.node(&a).map_or_else(String::new, |record| ranges(&record.peers));
        return Err(LaunchError::NotConnected { a, b, peers });
    }
    let graph = site.graph(&site.live()?);
    if let (Some(from), Some(to)) = (graph.index_of(&a), graph.index_of(&b))
        && is_declared
        && is_only_way(&graph, from, to)
    {
        return Err(LaunchError::OnlyLink { a, b });
    }
    let before = site.manifest.clone();
    site.manifest.unlink(&a, &b);
    site.carry_out(ChangeKind::Links, Vec::new(), before, |site| {
        site.undeclare(&links)?;
        site.await_links(&BTreeSet::new(), &links, || Ok(()))
    })?;
    Ok((a, b))
}

/// Two different nodes that live.
fn two(site: &LockedNetwork<'_>, [a, b]: [&Target; 2]) -> Result<Pair, LaunchError> {
    let (one, other) = (site.node(a)?.node.clone(), site.node(b)?.node.clone());
    if one == other {
        return Err(LaunchError::SameNode { node: one });
    }
    Ok(pair(&site.live_node(a)?, &site.live_node(b)?))
}
