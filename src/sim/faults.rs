//! What goes wrong: nodes and hosts that end, stand still or lag, and networks that fall apart.

use super::{
    checker::Violation,
    cluster::Cluster,
    host::Event,
    links::Direction,
    scenario::{Disk, Fault, Silence, Who},
};
use crate::core::request::Request;
use rand::{RngExt, seq::SliceRandom};
use std::time::Duration;

impl Cluster {
    /// Lets a fault happen, where `sender` publishes everything, if one node does.
    pub(super) fn inflict(&mut self, fault: &Fault, sender: Option<usize>) -> Result<(), Violation> {
        match fault {
            Fault::Crash { who, silent, spare_sender, .. } => {
                let spared = sender.filter(|_| *spare_sender);
                for host in self.choose(who, |cluster, host| cluster.lives(host) && spared != Some(host)) {
                    self.end_life(host, *silent);
                }
            }
            Fault::Restart { who, disk, memory, .. } => {
                let all = Who::Share(1.0);
                for host in self.choose(who.as_ref().unwrap_or(&all), Self::is_down) {
                    let records = std::mem::take(&mut self.hosts[host].log.records);
                    let remembers = *memory && *disk == Disk::Kept;
                    self.begin_life(host, *disk, if remembers { records } else { Vec::new() })?;
                }
            }
            Fault::Partition { who, .. } => {
                let nodes = self.choose(who, |_, _| true);
                self.network.partition(&nodes);
                self.begin_cut();
            }
            Fault::Cut { from, to, .. } => {
                let (from, to) = (self.choose(from, |_, _| true), self.choose(to, |_, _| true));
                self.network.cut(&from, &to);
                self.begin_cut();
            }
            Fault::Mute { from, to, way, .. } => {
                let (from, to) = (self.choose(from, |_, _| true), self.choose(to, |_, _| true));
                self.mute(&from, &to, *way);
            }
            Fault::Heal { .. } => {
                self.cuts += 1;
                self.network.heal();
                self.release_held();
            }
            Fault::Pause { who, .. } => {
                for host in self.choose(who, Self::lives) {
                    self.hosts[host].is_paused = true;
                }
            }
            Fault::Resume { who, .. } => {
                let all = Who::Share(1.0);
                for host in self.choose(who.as_ref().unwrap_or(&all), |cluster, host| cluster.hosts[host].is_paused) {
                    self.resume(host)?;
                }
            }
            Fault::Slow { who, frame, .. } => {
                for host in self.choose(who, |_, _| true) {
                    self.hosts[host].service = frame.nanos();
                }
            }
            Fault::Leave { who, .. } => {
                for host in self.choose(who, |cluster, host| cluster.lives(host) && !cluster.hosts[host].is_paused) {
                    self.tell(host, Request::Remove)?;
                }
            }
            Fault::Clock { who, seconds, .. } => {
                for host in self.choose(who, |_, _| true) {
                    let offset = &mut self.hosts[host].wall_offset;
                    *offset = offset.saturating_add(seconds.saturating_mul(1_000_000_000));
                }
            }
            // The scenario is made of its single crashes when it begins.
            Fault::Churn { .. } => {}
        }
        if fault.mends() {
            let survivors = self.survivors();
            self.checker.mended(self.now, &survivors);
        }
        Ok(())
    }

    /// One node crashes, to come back.
    pub(super) fn churn(&mut self, down: Duration) -> bool {
        let live: Vec<_> = (0..self.hosts.len()).filter(|&host| self.lives(host)).collect();
        // The last node stays, or there would be nobody to publish.
        if live.len() < 2 {
            return false;
        }
        let host = live[self.chance.random_range(0..live.len() as u32) as usize];
        self.end_life(host, false);
        let life = self.hosts[host].life;
        self.queue.push(self.now + down, Event::Rise { host: host as u32, life });
        true
    }

    /// A node comes back, unless it has already.
    pub(super) fn rise(&mut self, host: usize, life: u32) -> Result<(), Violation> {
        if self.hosts[host].life == life && self.is_down(host) {
            self.begin_life(host, Disk::Kept, Vec::new())
        } else {
            Ok(())
        }
    }

    /// A cut has lasted: connections across it break.
    pub(super) fn sever(&mut self, cut: u32) -> Result<(), Violation> {
        if cut != self.cuts {
            return Ok(());
        }
        for host in 0..self.hosts.len() {
            for number in self.hosts[host].incoming.clone() {
                let connection = &self.connections[number as usize];
                let (there, back) = (connection.ends(Direction::There), connection.ends(Direction::Back));
                if self.network.is_cut(there.0, there.1) || self.network.is_cut(back.0, back.1) {
                    self.on_break(number, connection.epoch)?;
                }
            }
        }
        Ok(())
    }

    /// Connections stand, and carry nothing any more.
    fn mute(&mut self, from: &[usize], to: &[usize], way: Silence) {
        for host in to {
            for &number in &self.hosts[*host].incoming {
                let connection = &mut self.connections[number as usize];
                if from.contains(&connection.dialer) {
                    connection.there.is_mute |= way != Silence::Back;
                    connection.back.is_mute |= way != Silence::There;
                }
            }
        }
    }

    fn begin_cut(&mut self) {
        self.cuts += 1;
        let at = self.now + self.network.model.break_after.0;
        self.queue.push(at, Event::Sever { cut: self.cuts });
    }

    fn resume(&mut self, host: usize) -> Result<(), Violation> {
        self.hosts[host].is_paused = false;
        self.schedule_work(host);
        // Its timers have run on.
        let life = self.hosts[host].life;
        self.on_tick(host, life)
    }

    fn is_down(&self, host: usize) -> bool {
        let place = &self.hosts[host];
        place.node.is_none() && !place.has_left
    }

    /// The nodes that are meant, of those that it can happen to; ascending.
    fn choose(&mut self, who: &Who, can: impl Fn(&Self, usize) -> bool) -> Vec<usize> {
        let mut nodes: Vec<_> = match who {
            Who::Nodes(numbers) => numbers.iter().map(|&number| number as usize - 1).collect(),
            Who::Share(_) => (0..self.hosts.len()).collect(),
        };
        nodes.retain(|&host| can(self, host));
        if let Who::Share(share) = who {
            nodes.shuffle(&mut self.chance);
            nodes.truncate((share * nodes.len() as f64).round() as usize);
        }
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}
