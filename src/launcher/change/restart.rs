//! A node is started anew: a dead one comes back at its port, a live one is ended first.

use super::{
    add::{Place, raise},
    site::{Site, pair},
};
use crate::{
    core::id::NetworkName,
    launcher::{
        error::LaunchError,
        folders::Networks,
        manifest::NodeRecord,
        resolve::Target,
        start::{Taken, find_taken},
        stop::{Ended, end_one},
    },
};
use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

/// A node to be started anew.
#[derive(Debug, Clone)]
pub struct Restart {
    /// Which.
    pub target: Target,
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// A node that runs again.
#[derive(Debug, Clone)]
pub struct Restarted {
    /// What the record says of it.
    pub record: NodeRecord,
    /// How its former process ended: [`Ended::Gone`] if nothing was left of it.
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
    let mut site = Site::open(networks, network, restart.timeout, Some(interrupted))?;
    let node = site.node(&restart.target)?.node.clone();
    let Some(index) = site.manifest.nodes.iter().position(|record| record.node == node) else {
        return Err(LaunchError::Ended { node });
    };
    let ended = end_one(&site.manifest, index, &site.deadline)?;
    if let Some(Taken { by, .. }) = find_taken(networks, std::slice::from_ref(&site.manifest.nodes[index]))? {
        return Err(LaunchError::PortTaken { node, port: site.manifest.nodes[index].endpoint.port(), by });
    }
    // Pids of another boot mean nothing; those that follow do.
    site.manifest.renew_boot();
    let before = site.manifest.clone();
    let place = match site.live() {
        Ok(live) if site.manifest.nodes[index].peers.is_empty() => Some(Place::find(&site, &node, &live)),
        _ => None,
    };
    let peers = place.as_ref().map_or(&[][..], |place| &place.peers[..]);
    for peer in peers {
        site.manifest.link(&node, peer);
    }
    let settled = raise(&mut site, &node, &restart.executable, interrupted).and_then(|raised| {
        place.as_ref().map_or(Ok(()), |place| place.make_way(&mut site, &node))?;
        Ok(raised)
    });
    match settled {
        Ok(raised) => {
            site.write()?;
            drop(raised.release());
        }
        Err(error) => {
            site.take_back(&peers.iter().map(|peer| pair(&node, peer)).collect());
            site.manifest = before;
            site.write()?;
            let is_interrupted = matches!(error, LaunchError::Interrupted);
            return Err(if is_interrupted { LaunchError::LeftDown { node } } else { error });
        }
    }
    Ok(Restarted { record: site.manifest.nodes[index].clone(), ended })
}
