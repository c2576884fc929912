//! Carries orders out on a local network: signals only to processes that are proven ours, disturbances by request, dead
//! nodes started anew.

use super::{
    active_faults::{ActiveFaults, Setting},
    error::ChaosError,
    order::Order,
    schedule::Place,
};
use crate::{
    client::{Client, ClientError, Clients},
    core::{
        endpoint::Endpoint,
        id::{NetworkName, NodeId},
        request::{Disturbance, Request},
        stats::Refusal,
    },
    launcher::{
        LaunchError, Manifest, Networks, NodeRecord, Revival, kill, process::ProcessHandle, require_record, revive,
    },
};
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::atomic::AtomicBool,
    thread,
    time::Duration,
};

/// Nodes that are told of disturbances at the same time.
const TOLD_AT_ONCE: usize = 8;

/// A network whose nodes can be broken and mended.
pub struct Executor {
    networks: Networks,
    network: NetworkName,
    manifest: Manifest,
    /// Faults in force that this executor has ordered.
    active_faults: ActiveFaults,
    executable: PathBuf,
    timeout: Duration,
}

impl Executor {
    /// Takes hold of a network that has a record. `executable`: the program whose `node` command is one node; `timeout`: how
    /// long one order may take.
    pub fn new(
        networks: &Networks,
        network: &NetworkName,
        executable: PathBuf,
        timeout: Duration,
    ) -> Result<Self, ChaosError> {
        let manifest = require_record(&networks.folder(network), networks)?;
        let mut active_faults = ActiveFaults::default();
        let alive: BTreeSet<_> = manifest.alive().map(|record| record.node.clone()).collect();
        active_faults.down =
            manifest.nodes.iter().map(|record| record.node.clone()).filter(|node| !alive.contains(node)).collect();
        let halted = |record: &&NodeRecord| record.process.is_some_and(crate::launcher::process::Process::is_halted);
        active_faults.paused = manifest.alive().filter(halted).map(|record| record.node.clone()).collect();
        let (networks, network) = (networks.clone(), network.clone());
        Ok(Self { networks, network, manifest, active_faults, executable, timeout })
    }

    /// The network's record.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Faults in force as far as this executor knows: processes as they were found, links as it ordered.
    pub fn active_faults(&self) -> &ActiveFaults {
        &self.active_faults
    }

    /// All nodes with their declared peers.
    pub fn places(&self) -> Vec<Place> {
        let place = |record: &NodeRecord| Place { node: record.node.clone(), peers: record.peers.clone() };
        self.manifest.nodes.iter().map(place).collect()
    }

    /// Refuses unless all nodes that can be asked take orders for faults of links. Nothing is changed.
    pub fn require_orders(&self) -> Result<(), ChaosError> {
        let node = |record: &&NodeRecord| self.active_faults.runs(&record.node);
        let Some(record) = self.manifest.nodes.iter().find(node) else {
            return Err(ChaosError::NobodyRuns { network: self.network.clone() });
        };
        // A link of the node to itself: there is none to disturb.
        let harmless = vec![(Some(vec![record.node.clone()]), Disturbance::default())];
        self.tell(vec![(&record.node, harmless)])
    }

    /// Carries an order out, and returns once it is in force.
    pub fn perform(&mut self, order: &Order, interrupted: &AtomicBool) -> Result<(), ChaosError> {
        let mut after = self.active_faults.clone();
        after.apply(order);
        match order {
            Order::Kill(nodes) => self.kill(nodes)?,
            Order::Pause(nodes) => self.signal(nodes, Signal::STOP)?,
            Order::Resume(nodes) => self.signal(nodes, Signal::CONT)?,
            Order::Restart(nodes) => {
                if let Err(error) = self.start(nodes, &after, interrupted) {
                    let alive: BTreeSet<_> = self.manifest.alive().map(|record| record.node.clone()).collect();
                    self.active_faults.down.extend(nodes.iter().filter(|node| !alive.contains(node)).cloned());
                    return Err(error);
                }
            }
            Order::Partition(nodes) => {
                let inside = self.manifest.nodes.iter().filter(|record| nodes.contains(&record.node)).count();
                if inside == 0 || inside == self.manifest.nodes.len() {
                    return Err(ChaosError::OneSided { network: self.network.clone() });
                }
                self.tell_all(&after)?;
            }
            Order::Heal => {
                let paused: Vec<_> = self.active_faults.paused.iter().cloned().collect();
                self.signal(&paused, Signal::CONT)?;
                match self.tell_all_of(&after, |node| !after.down.contains(node)) {
                    // Where no fault can be ordered there is none.
                    Err(ChaosError::NotAllowed { .. }) => {}
                    told => told?,
                }
            }
            _ => {
                let changed = ActiveFaults::changed_by(order);
                let words = changed
                    .into_iter()
                    .map(|(from, to)| (from, vec![(Some(vec![to.clone()]), after.between(from, to))]));
                let words = words.filter(|(from, _)| self.active_faults.runs(from)).collect();
                self.tell(words)?;
            }
        }
        self.active_faults = after;
        Ok(())
    }

    /// Address that a node listens on.
    pub fn endpoint(&self, node: &NodeId) -> Option<&Endpoint> {
        self.manifest.node(node).map(|record| &record.endpoint)
    }

    /// Holds on the processes of nodes, all of which must run.
    fn hold(&self, nodes: &[NodeId]) -> Result<Vec<ProcessHandle>, ChaosError> {
        let hold = |node: &NodeId| {
            let process = self.manifest.node(node).and_then(|record| record.process);
            let process = process.filter(|_| self.manifest.is_of_this_boot());
            let held = process.map_or(Ok(None), |process| process.hold())?;
            held.ok_or_else(|| LaunchError::Ended { node: node.clone() }.into())
        };
        nodes.iter().map(hold).collect()
    }

    /// All are held before the first is signalled, so that a wrong name breaks nothing.
    fn signal(&self, nodes: &[NodeId], signal: Signal) -> Result<(), ChaosError> {
        let held = self.hold(nodes)?;
        held.iter().try_for_each(|held| Ok(held.signal(signal)?))
    }

    fn kill(&self, nodes: &[NodeId]) -> Result<(), ChaosError> {
        // All must run.
        drop(self.hold(nodes)?);
        let process = |node| self.manifest.node(node).and_then(|record| record.process);
        Ok(kill(&nodes.iter().filter_map(process).collect::<Vec<_>>(), nodes)?)
    }

    /// Starts nodes anew. Before they are told their peers they are told what to disturb.
    fn start(&mut self, nodes: &[NodeId], after: &ActiveFaults, interrupted: &AtomicBool) -> Result<(), ChaosError> {
        let names: Vec<_> = self.manifest.nodes.iter().map(|record| record.node.clone()).collect();
        let first = |node: &NodeId| {
            let settings = if after.has_disturbances() { after.settings(node, &names) } else { Vec::new() };
            settings.into_iter().map(|(nodes, disturbance)| Request::Disturb { nodes, disturbance }).collect()
        };
        let (executable, timeout) = (self.executable.clone(), self.timeout);
        let revival = Revival { executable, timeout, interrupted, first: &first };
        self.manifest = revive(&self.networks, &self.network, nodes, &revival)?;
        Ok(())
    }

    fn tell_all(&self, after: &ActiveFaults) -> Result<(), ChaosError> {
        self.tell_all_of(after, |node| self.active_faults.runs(node))
    }

    /// Tells nodes all that they are to disturb.
    fn tell_all_of(&self, after: &ActiveFaults, is_told: impl Fn(&NodeId) -> bool) -> Result<(), ChaosError> {
        let names: Vec<_> = self.manifest.nodes.iter().map(|record| &record.node).collect();
        let told = names.iter().filter(|node| is_told(node));
        self.tell(told.map(|&node| (node, after.settings(node, names.iter().copied()))).collect())
    }

    /// Tells several nodes at a time, each its words in order.
    fn tell(&self, words: Vec<(&NodeId, Vec<Setting>)>) -> Result<(), ChaosError> {
        let mut parts: BTreeMap<usize, Vec<(&NodeId, Vec<Setting>)>> = BTreeMap::new();
        for (place, word) in words.into_iter().enumerate() {
            parts.entry(place % TOLD_AT_ONCE).or_default().push(word);
        }
        thread::scope(|scope| {
            let tasks: Vec<_> = parts.into_values().map(|part| scope.spawn(move || self.tell_some(part))).collect();
            // A thread of ours does not panic.
            tasks.into_iter().filter_map(|task| task.join().ok()).collect()
        })
    }

    fn tell_some(&self, words: Vec<(&NodeId, Vec<Setting>)>) -> Result<(), ChaosError> {
        let clients = Clients::new()?;
        for (node, settings) in words {
            let Some(endpoint) = self.endpoint(node) else { continue };
            let mut client: Client = clients.connect(endpoint, self.timeout)?;
            for (nodes, disturbance) in settings {
                match client.tell(&Request::Disturb { nodes, disturbance }) {
                    Ok(_) => {}
                    Err(ClientError::Refused { refusal: Refusal::NotAllowed, .. }) => {
                        return Err(ChaosError::NotAllowed { network: self.network.clone() });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}
