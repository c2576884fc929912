//! Nodes whose process has ended are started again: with the name, address and arguments that they had, and nothing in
//! memory. The record follows.

use super::{
    change::{LockedNetwork, Raised},
    error::LaunchError,
    folders::{Networks, stored::StoredNetwork},
    introduction::{ask_until_done, connect_to, node_arguments},
    manifest::{ChangeKind, Manifest, NodeRecord},
    process::{Process, wait_for_all},
    ranges::nodes_are,
    spawn::{SpawnSettings, Spawner},
};
use crate::{
    clock::Deadline,
    core::{
        id::{NetworkName, NodeId},
        request::Request,
    },
};
use rustix::process::Signal;
use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

/// Time that killed processes may take to be gone.
const DYING: Duration = Duration::from_secs(10);

/// Settings for nodes that are started again.
pub struct Revival<'a> {
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// Time that it may take, with the wait for another command that changes the network.
    pub timeout: Duration,
    /// Set when the user wants to end it: the nodes that were begun are killed.
    pub interrupted: &'a AtomicBool,
    /// Requests to a node before it is told its peers, in this order.
    pub first: &'a dyn Fn(&NodeId) -> Vec<Request>,
}

/// Starts nodes of a network again; those that run are killed first. Returns once they listen and know their declared peers,
/// with the record as it is then. On an error none of them is left running.
pub fn revive(
    networks: &Networks,
    network: &NetworkName,
    nodes: &[NodeId],
    revival: &Revival<'_>,
) -> Result<Manifest, LaunchError> {
    let mut site = LockedNetwork::open(networks, network, revival.timeout, Some(revival.interrupted))?;
    let before = site.manifest.clone();
    site.manifest.renew_boot();
    for record in site.manifest.nodes.iter_mut().filter(|record| nodes.contains(&record.node)) {
        record.process = None;
    }
    let former: Vec<_> = before.alive().filter(|record| nodes.contains(&record.node)).cloned().collect();
    let children = site.carry_out(ChangeKind::Restart, nodes.to_vec(), before, |site| {
        let processes: Vec<_> = former.iter().filter_map(|record| record.process).collect();
        kill(&processes, former.iter().map(|record| &record.node))?;
        raise(site, nodes, revival)
    })?;
    // They go on without us; who ended before is reaped by whoever inherits it.
    drop(children.release());
    Ok(site.manifest)
}

/// Ends processes at once. All are held before the first is signalled.
pub fn kill<'n>(processes: &[Process], names: impl IntoIterator<Item = &'n NodeId>) -> Result<(), LaunchError> {
    let held = processes.iter().map(|process| process.hold()).collect::<Result<Vec<_>, _>>()?;
    let held: Vec<_> = held.into_iter().flatten().collect();
    held.iter().try_for_each(|held| held.signal(Signal::KILL))?;
    if wait_for_all(&held, &Deadline::after(DYING))? {
        return Ok(());
    }
    Err(LaunchError::Survivors { nodes: nodes_are(names) })
}

/// Starts the processes, and tells them what they are to know.
fn raise(site: &mut LockedNetwork<'_>, nodes: &[NodeId], revival: &Revival<'_>) -> Result<Raised, LaunchError> {
    let folder = site.folder.clone();
    let arguments = node_arguments(&site.manifest, &folder);
    let Revival { executable, interrupted, timeout, first } = revival;
    let data = StoredNetwork::of(&site.manifest);
    let mut spawner =
        Spawner::new(SpawnSettings { executable: executable.clone(), arguments, folder: &folder, data, interrupted });
    for record in site.manifest.nodes.iter_mut().filter(|record| nodes.contains(&record.node)) {
        record.process = Some(spawner.spawn(&record.node, &record.endpoint)?);
    }
    spawner.await_lines(&site.deadline, *timeout)?;
    let begun: Vec<_> = site.manifest.nodes.iter().filter(|record| nodes.contains(&record.node)).collect();
    let rounds: Vec<_> = begun.iter().map(|record| first(&record.node)).collect();
    for round in 0..rounds.iter().map(Vec::len).max().unwrap_or(0) {
        let asked = begun.iter().zip(&rounds).filter_map(|(record, words)| Some((*record, words.get(round)?.clone())));
        ask(asked.collect(), &mut spawner, &site.deadline, *timeout)?;
    }
    let introduced = begun.iter().map(|record| (*record, connect_to(&site.manifest, &record.peers)));
    ask(introduced.collect(), &mut spawner, &site.deadline, *timeout)?;
    spawner.check()?;
    Ok(Raised::new(spawner.release()))
}

/// Asks nodes, all of which must agree in time.
fn ask(
    questions: Vec<(&NodeRecord, Request)>,
    spawner: &mut Spawner<'_>,
    deadline: &Deadline,
    patience: Duration,
) -> Result<(), LaunchError> {
    let silent = ask_until_done(questions, deadline, || spawner.check())?;
    if silent.is_empty() { Ok(()) } else { Err(spawner.not_ready(silent.iter().map(|record| &record.node), patience)) }
}
