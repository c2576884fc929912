//! Changes that are written before they are made. The record as it is to be lies beside the one that holds until all is
//! done, and takes its place then. Whoever finds it there later, with nobody at work, completes the change or undoes it.

use super::{
    ending::end_one,
    error::LaunchError,
    folders::{Folder, Lock, Networks, stored::StoredNetwork},
    introduction::{ask_until_done, connect_to, node_arguments},
    manifest::{Change, ChangeKind, Manifest, NodeRecord, Pair, by_end},
    process::wait_for_all,
    spawn::{SpawnSettings, Spawner},
};
use crate::{
    client::ask_all,
    clock::Deadline,
    core::{id::NodeId, request::Request},
};
use std::{collections::BTreeSet, env, sync::atomic::AtomicBool, time::Duration};

/// Time that a node may take to end that may have been told to leave.
const LEAVING: Duration = Duration::from_secs(2);
/// Time that nodes may take to answer, and a process to be ended.
const ANSWER: Duration = Duration::from_secs(1);
const END: Duration = Duration::from_secs(5);
/// Time that nodes may take to start.
const BEGIN: Duration = Duration::from_secs(5);

/// Fate of nodes that a restart has ended and not started yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HalfRestarted {
    /// They are started.
    Start,
    /// They stay as they are: their network is about to end, or has.
    Leave,
}

/// Completes or undoes the change that a command left half made, if there is one.
pub(super) fn settle(folder: &Folder, _lock: &Lock, half_restarted: HalfRestarted) -> Result<(), LaunchError> {
    let Some(next) = folder.read_next()? else { return Ok(()) };
    let Some(before) = folder.read_record()?.filter(|before| before.instance == next.instance) else {
        return folder.withdraw();
    };
    let Some(change) = &next.change else { return folder.withdraw() };
    if change.kind == ChangeKind::Restart && half_restarted == HalfRestarted::Start {
        let runs = |manifest: &Manifest, node: &NodeId| manifest.alive().any(|record| record.node == *node);
        let idle = change.nodes.iter().filter(|node| !runs(&before, node) && !runs(&next, node));
        let idle: Vec<NodeId> = idle.cloned().collect();
        // What cannot be started is down, as the record says.
        if let Ok(next) = start(folder, next.clone(), &idle) {
            return complete(folder, &before, &next);
        }
    }
    if is_made(change, &before, &next)? { complete(folder, &before, &next) } else { undo(folder, &before, &next) }
}

/// The record of a network that must have one. What a command left half made is settled first, unless one is at work.
pub fn require_record(folder: &Folder, networks: &Networks) -> Result<Manifest, LaunchError> {
    if folder.next().exists()
        && let Ok(lock) = folder.lock(&Deadline::after(Duration::ZERO), None)
    {
        settle(folder, &lock, HalfRestarted::Start)?;
    }
    folder.read_record()?.ok_or_else(|| LaunchError::NoNetwork {
        network: folder.network().clone(),
        others: networks.recorded().iter().map(|folder| folder.network().to_string()).collect(),
    })
}

/// Starts nodes that a restart has ended, and tells them their peers.
fn start(folder: &Folder, mut next: Manifest, nodes: &[NodeId]) -> Result<Manifest, LaunchError> {
    let executable = env::current_exe().map_err(LaunchError::file("find", "/proc/self/exe"))?;
    next.renew_boot();
    let (arguments, interrupted, deadline) =
        (node_arguments(&next, folder), AtomicBool::new(false), Deadline::after(BEGIN));
    let data = StoredNetwork::of(&next);
    let mut spawner = Spawner::new(SpawnSettings { executable, arguments, folder, data, interrupted: &interrupted });
    let is_meant = |record: &&mut NodeRecord| nodes.contains(&record.node);
    for record in next.nodes.iter_mut().filter(is_meant) {
        record.process = Some(spawner.spawn(&record.node, &record.endpoint)?);
    }
    spawner.await_lines(&deadline, BEGIN)?;
    let begun = next.nodes.iter().filter(|record| nodes.contains(&record.node));
    let words = begun.map(|record| (record, connect_to(&next, &record.peers))).collect();
    let silent = ask_until_done(words, &deadline, || spawner.check())?;
    if !silent.is_empty() {
        return Err(spawner.not_ready(silent.iter().map(|record| &record.node), BEGIN));
    }
    // They go on without us.
    drop(spawner.release());
    Ok(next)
}

/// Returns whether a change is to be completed, rather than undone.
fn is_made(change: &Change, before: &Manifest, next: &Manifest) -> Result<bool, LaunchError> {
    match change.kind {
        ChangeKind::Links => Ok(true),
        ChangeKind::Add => Ok(false),
        ChangeKind::Restart => {
            let process = |manifest: &Manifest, node: &NodeId| {
                manifest.alive().find(|record| record.node == *node).and_then(|record| record.process)
            };
            let runs_anew = |node| process(next, node).is_some_and(|new| process(before, node) != Some(new));
            Ok(change.nodes.iter().any(runs_anew))
        }
        ChangeKind::Remove => {
            let leaving = before.alive().filter(|record| change.nodes.contains(&record.node));
            let processes: Vec<_> = leaving.filter_map(|record| record.process).collect();
            if processes.iter().any(|process| process.is_halted()) {
                return Ok(false);
            }
            let held = processes.iter().map(|process| process.hold()).collect::<Result<Vec<_>, _>>()?;
            wait_for_all(held.iter().flatten(), &Deadline::after(LEAVING))
        }
    }
}

/// Tells live nodes what they may not have been told yet; the new record holds from then on.
fn complete(folder: &Folder, before: &Manifest, next: &Manifest) -> Result<(), LaunchError> {
    let (old, new) = (before.links(), next.links());
    let has_left = |node: &NodeId, other: &NodeId| next.node(node).is_some_and(|record| record.lost.contains(other));
    // Who took leave said so itself, and its place is kept.
    let dropped = old.difference(&new).filter(|(a, b)| !has_left(a, b) && !has_left(b, a)).cloned();
    let given_up = before.nodes.iter().flat_map(|record| {
        let lost = record.lost.iter().filter(|lost| !has_left(&record.node, lost));
        lost.map(|lost| (record.node.clone(), lost.clone()))
    });
    let given_up = given_up.filter(|(node, lost)| !next.are_peers(node, lost));
    tell(next, &new.difference(&old).cloned().collect(), &dropped.chain(given_up).collect());
    folder.commit()?;
    // Without room for it the processes are found again by their arguments.
    let _ = folder.write_record(next);
    Ok(())
}

/// Undoes what was made of a change; the record is as it was.
pub(super) fn undo(folder: &Folder, before: &Manifest, next: &Manifest) -> Result<(), LaunchError> {
    let mut next = next.clone();
    next.complete();
    let change = next.change.clone();
    let named = |kind| change.iter().filter(move |change| change.kind == kind).flat_map(|change| &change.nodes);
    for node in named(ChangeKind::Add) {
        if let Some(index) = next.nodes.iter().position(|record| record.node == *node) {
            end_one(&next, index, &Deadline::after(END))?;
        }
    }
    let (old, new) = (before.links(), next.links());
    // Who was to be removed and is still there has its links.
    let stays: BTreeSet<&NodeId> =
        named(ChangeKind::Remove).filter(|node| before.alive().any(|record| record.node == **node)).collect();
    let back = old.difference(&new).filter(|(a, b)| !stays.contains(a) && !stays.contains(b)).cloned().collect();
    tell(before, &back, &new.difference(&old).cloned().collect());
    folder.withdraw()
}

/// Tells the live ends of these links that they are to be, then of those that they are not to be; as far as they hear it:
/// whoever hangs learns of it from the other end.
fn tell(manifest: &Manifest, made: &BTreeSet<Pair>, dropped: &BTreeSet<Pair>) {
    let alive: BTreeSet<&NodeId> = manifest.alive().map(|record| &record.node).collect();
    let ask = |pairs: &BTreeSet<Pair>, request: &dyn Fn(Vec<NodeId>) -> Request| {
        let ends = by_end(pairs).into_iter().filter(|(node, _)| alive.contains(node));
        let question = |(node, others)| Some((manifest.node(&node)?.endpoint.clone(), request(others)));
        let questions: Vec<_> = ends.filter_map(question).collect();
        if !questions.is_empty() {
            let _ = ask_all(&questions, ANSWER);
        }
    };
    ask(made, &|others| connect_to(manifest, &others));
    ask(dropped, &|nodes| Request::Disconnect { nodes });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_without_a_record_is_not_running() {
        let root = tempfile::tempdir().unwrap();
        let networks = Networks::at(root.path());
        let folder = networks.folder(&"net".parse().unwrap());
        folder.create().unwrap();
        let text = require_record(&folder, &networks).unwrap_err().to_string();
        assert!(text.starts_with("network 'net' is not running; start it with 'gossip start-network', or"), "{text}");
    }
}
