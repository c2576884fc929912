//! Nodes whose process has ended are started again: with the name, address and arguments that they had, and nothing in
//! memory. The record follows.

use super::{
    error::LaunchError,
    folders::Networks,
    manifest::{Manifest, NodeRecord},
    spawn::{Cradle, Nursery},
    start::{ask_until_done, connect_to, node_arguments},
    stop::complete,
};
use crate::{
    clock::Deadline,
    core::{
        id::{NetworkName, NodeId},
        request::Request,
    },
};
use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

/// How nodes are started again.
pub struct Revival<'a> {
    /// The program whose `node` command is one node.
    pub executable: PathBuf,
    /// How long it may take, with the wait for another command that changes the network.
    pub timeout: Duration,
    /// Set when the user wants to end it: the nodes that were begun are killed.
    pub interrupted: &'a AtomicBool,
    /// What a node is asked before it is told its peers, in this order.
    pub first: &'a dyn Fn(&NodeId) -> Vec<Request>,
}

/// Starts nodes of a network again; those that run are left alone. Returns once they listen and know their declared peers,
/// with the record as it is then. On an error none of them is left running.
pub fn revive(
    networks: &Networks,
    network: &NetworkName,
    nodes: &[NodeId],
    revival: &Revival<'_>,
) -> Result<Manifest, LaunchError> {
    let deadline = Deadline::after(revival.timeout);
    let folder = networks.folder(network);
    if !folder.path().exists() {
        folder.require_record(networks)?;
    }
    let _lock = folder.lock(&deadline, Some(revival.interrupted))?;
    let mut manifest = folder.require_record(networks)?;
    complete(&mut manifest);
    manifest.renew_boot();
    let alive: Vec<_> = manifest.alive().map(|record| record.node.clone()).collect();
    let is_wanted = |record: &NodeRecord| nodes.contains(&record.node) && !alive.contains(&record.node);
    let arguments = node_arguments(&manifest, &folder);
    let Revival { executable, interrupted, .. } = revival;
    let mut nursery = Nursery::new(Cradle { executable: executable.clone(), arguments, folder: &folder, interrupted });
    for record in manifest.nodes.iter_mut().filter(|record| is_wanted(record)) {
        record.process = Some(nursery.spawn(&record.node, &record.endpoint)?);
    }
    folder.write_record(&manifest)?;
    nursery.await_lines(&deadline, revival.timeout)?;
    let begun: Vec<_> =
        manifest.nodes.iter().filter(|record| !alive.contains(&record.node) && nodes.contains(&record.node)).collect();
    let rounds: Vec<_> = begun.iter().map(|record| (revival.first)(&record.node)).collect();
    for round in 0..rounds.iter().map(Vec::len).max().unwrap_or(0) {
        let asked = begun.iter().zip(&rounds).filter_map(|(record, words)| Some((*record, words.get(round)?.clone())));
        ask(asked.collect(), &mut nursery, &deadline, revival.timeout)?;
    }
    let introduced = begun.iter().map(|record| (*record, connect_to(&manifest, &record.peers)));
    ask(introduced.collect(), &mut nursery, &deadline, revival.timeout)?;
    nursery.check()?;
    // They go on without us; who ended before is reaped by whoever inherits it.
    drop(nursery.release());
    Ok(manifest)
}

/// Asks nodes, all of which must agree in time.
fn ask(
    questions: Vec<(&NodeRecord, Request)>,
    nursery: &mut Nursery<'_>,
    deadline: &Deadline,
    patience: Duration,
) -> Result<(), LaunchError> {
    let silent = ask_until_done(questions, deadline, || nursery.check())?;
    if silent.is_empty() { Ok(()) } else { Err(nursery.not_ready(silent.iter().map(|record| &record.node), patience)) }
}
