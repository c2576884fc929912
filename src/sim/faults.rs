//! Faults: nodes and hosts that end, stand still or lag, and networks that fall apart.

use super::{
    cluster::{Cluster, namesakes},
    host::Event,
    observation::Observation,
    scenario::{Disk, Fault, Selection, Silence},
};
use crate::core::request::Request;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;
use std::time::Duration;

/// Lets faults happen to a cluster.
#[derive(Debug)]
pub(super) struct Faults {
    /// Chooses the nodes that they happen to. Nothing else draws from it, so that a fault changes nothing else.
    chance: Pcg64Mcg,
    /// Number of cuts and heals so far.
    cuts: u32,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: Pcg64Mcg::seed_from_u64(seed ^ 0x6368_616e_6365_0000), cuts: 0 }
    }

    /// Lets a fault happen, where `sender` publishes everything, if one node does.
    pub(super) fn inflict(&mut self, cluster: &mut Cluster, fault: &Fault, sender: Option<usize>) {
        let all = Selection::Share(1.0);
        match fault {
            Fault::Crash { who, silent, spare_sender, .. } => {
                let spared = sender.filter(|_| *spare_sender);
                for host in self.choose(cluster, who, |host| cluster.lives(host) && spared != Some(host)) {
                    cluster.end_life(host, *silent);
                }
            }
            Fault::Restart { who, disk, memory, .. } => {
                for host in self.choose(cluster, who.as_ref().unwrap_or(&all), |host| cluster.is_down(host)) {
                    let records = std::mem::take(&mut cluster.hosts[host].log.records);
                    let remembers = *memory && *disk == Disk::Kept;
                    cluster.begin_life(host, *disk, if remembers { records } else { Vec::new() });
                }
            }
            Fault::Partition { who, .. } => {
                let nodes = self.choose(cluster, who, |_| true);
                cluster.wires.network.partition(&nodes);
                self.begin_cut(cluster);
            }
            Fault::Cut { from, to, .. } => {
                let (from, to) = (self.choose(cluster, from, |_| true), self.choose(cluster, to, |_| true));
                cluster.wires.network.cut(&from, &to);
                self.begin_cut(cluster);
            }
            Fault::Mute { from, to, way, .. } => {
                let (from, to) = (self.choose(cluster, from, |_| true), self.choose(cluster, to, |_| true));
                cluster.wires.mute(&from, &to, *way != Silence::Back, *way != Silence::There);
            }
            Fault::Take { from, to, .. } => {
                let (from, to) = (self.choose(cluster, from, |_| true), self.choose(cluster, to, |_| true));
                cluster.wires.take_names(&from, &to);
            }
            Fault::Narrow { from, to, bandwidth, .. } => {
                let (from, to) = (self.choose(cluster, from, |_| true), self.choose(cluster, to, |_| true));
                cluster.wires.narrow(&from, &to, *bandwidth);
            }
            Fault::Stall { who, dial, .. } => {
                for host in self.choose(cluster, who, |_| true) {
                    cluster.wires.stall(host, dial.0);
                }
            }
            Fault::Namesake { who, .. } => {
                for host in self.choose(cluster, who, |host| cluster.lives(host)) {
                    namesakes::begin(cluster, host, fault.end().0.saturating_sub(fault.at().0));
                }
            }
            Fault::Heal { .. } => {
                self.cuts += 1;
                cluster.wires.heal(&mut cluster.timeline);
            }
            Fault::Pause { who, .. } => {
                for host in self.choose(cluster, who, |host| cluster.lives(host)) {
                    cluster.hosts[host].is_paused = true;
                }
            }
            Fault::Resume { who, .. } => {
                let who = who.as_ref().unwrap_or(&all);
                for host in self.choose(cluster, who, |host| cluster.hosts[host].is_paused) {
                    cluster.resume(host);
                }
            }
            Fault::Slow { who, frame, .. } => {
                for host in self.choose(cluster, who, |_| true) {
                    cluster.hosts[host].service = frame.nanos();
                }
            }
            Fault::Leave { who, .. } => {
                let can = |host: usize| cluster.lives(host) && !cluster.hosts[host].is_paused;
                for host in self.choose(cluster, who, can) {
                    cluster.tell(host, Request::Remove);
                }
            }
            Fault::Clock { who, seconds, .. } => {
                for host in self.choose(cluster, who, |_| true) {
                    let offset = &mut cluster.hosts[host].wall_offset;
                    *offset = offset.saturating_add(seconds.saturating_mul(1_000_000_000));
                }
            }
            // The scenario is made of its single crashes when it begins.
            Fault::Churn { .. } => {}
        }
        if fault.mends() {
            // It happens to the network as a whole.
            cluster.timeline.observe(0, Observation::Mended);
        }
    }

    /// One node crashes, to come back. Whether there was one that could.
    pub(super) fn churn(&mut self, cluster: &mut Cluster, down: Duration) -> bool {
        let live: Vec<_> = cluster.nodes().filter(|&host| cluster.lives(host)).collect();
        // The last node stays, or there would be nobody to publish.
        if live.len() < 2 {
            return false;
        }
        let host = live[self.chance.random_range(0..live.len() as u32) as usize];
        cluster.end_life(host, false);
        let life = cluster.hosts[host].life;
        cluster.timeline.schedule(cluster.timeline.now + down, Event::Rise { host: host as u32, life });
        true
    }

    /// A cut has lasted: connections across it break.
    pub(super) fn sever(&self, cluster: &mut Cluster, cut: u32) {
        if cut != self.cuts {
            return;
        }
        for host in 0..cluster.hosts.len() {
            for (connection, epoch) in cluster.wires.severed(host) {
                cluster.on_break(connection, epoch);
            }
        }
    }

    fn begin_cut(&mut self, cluster: &mut Cluster) {
        self.cuts += 1;
        let at = cluster.timeline.now + cluster.wires.network.model.break_after.0;
        cluster.timeline.schedule(at, Event::Sever { cut: self.cuts });
    }

    /// The nodes that are meant, of those that it can happen to; ascending.
    fn choose(&mut self, cluster: &Cluster, who: &Selection, can: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut nodes: Vec<_> = match who {
            Selection::Nodes(numbers) => numbers.iter().map(|&number| number as usize - 1).collect(),
            Selection::Share(_) => cluster.nodes().collect(),
        };
        nodes.retain(|&host| can(host));
        if let Selection::Share(share) = who {
            nodes.shuffle(&mut self.chance);
            nodes.truncate((share * nodes.len() as f64).round() as usize);
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}
