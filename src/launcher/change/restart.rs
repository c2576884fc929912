//! A node is started anew: a dead one comes back at its port, a live one is ended first.

use super::{
    add::{Place, raise},
    site::LockedNetwork,
};
use crate::{
    core::id::NetworkName,
    launcher::{
        ending::{Ended, end_one},
        error::LaunchError,
        folders::Networks,
        manifest::{ChangeKind, NodeRecord},
        ports::require_free_for,
        resolve::Target,
    },
};
use std::{collections::BTreeSet, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

/// A node to be started anew.
#[derive(Debug, Clone)]
pub struct Restart {
    /// Which.
    pub target: Target,
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// Time that all of it may take.
    pub timeout: Duration,
}

/// A node that runs again.
#[derive(Debug, Clone)]
pub struct Restarted {
    /// Its record.
    pub record: NodeRecord,
    /// End of its former process: [`Ended::Gone`] if nothing was left of it.
    pub ended: Ended,
}

/// Starts a node anew, with its name, port, folder and declared peers, and returns when the links to those that live are up.
/// A node whose peers were all removed is given others. On an error its new process is not left running.
pub fn restart(
    networks: &Networks,
    network: &NetworkName,
    restart: &Restart,
    interrupted: &AtomicBool,
) -> Result<Restarted, LaunchError> {
    let mut site = LockedNetwork::open(networks, network, restart.timeout, Some(interrupted))?;
    let node = site.node(&restart.target)?.node.clone();
    let Some(index) = site.manifest.nodes.iter().position(|record| record.node == node) else {
        return Err(LaunchError::Ended { node });
    };
    let before = site.manifest.clone();
    // Pids of another boot mean nothing; those that follow do.
    site.manifest.renew_boot();
    let place = match site.live() {
        Ok(live) if site.manifest.nodes[index].peers.is_empty() => Some(Place::find(&site, &node, &live)),
        _ => None,
    };
    for peer in place.as_ref().map_or(&[][..], |place| &place.peers[..]) {
        site.manifest.link(&node, peer);
    }
    let gone = place.as_ref().map_or_else(BTreeSet::new, |place| place.clear(&mut site.manifest, &node));
    site.manifest.nodes[index].process = None;
    let former = before.clone();
    let done = site.carry_out(ChangeKind::Restart, vec![node.clone()], before, |site| {
        let ended = end_one(&former, index, &site.deadline)?;
        require_free_for(networks, &site.manifest.nodes[index], &site.deadline, interrupted)?;
        let raised = raise(site, &node, &restart.executable, interrupted)?;
        place.as_ref().map_or(Ok(()), |place| place.make_way(site, &gone))?;
        Ok((ended, raised))
    });
    let (ended, raised) = done.map_err(|error| match error {
        LaunchError::Interrupted => LaunchError::LeftDown { node },
        error => error,
    })?;
    drop(raised.release());
    Ok(Restarted { record: site.manifest.nodes[index].clone(), ended })
}
