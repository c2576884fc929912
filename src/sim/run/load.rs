//! Load of a run: nodes that begin, messages that are handed in, faults.

use super::{LOOK, Phase, Simulation};
use crate::{
    core::time::Mono,
    sim::{
        checker::Overlay,
        host::{Event, Work},
        scenario::{Disk, Fault, Load, Senders},
    },
};
use rand::RngExt;

impl Simulation {
    /// The nodes begin to live: all at once, or one by one.
    pub(super) fn begin(&mut self) {
        let hosts = 0..self.cluster.hosts.len();
        let Some(join) = self.cluster.scenario.join else {
            hosts.clone().for_each(|host| self.cluster.begin_life(host, Disk::Kept, Vec::new()));
            return hosts.clone().for_each(|host| self.cluster.await_links(host));
        };
        for host in hosts {
            self.pending += 1;
            let at = Mono(0) + join.interval.0 * host as u32;
            self.cluster.timeline.schedule(at, Event::Join { host: host as u32 });
        }
    }

    /// All links are up, or have been waited for long enough: first come the messages that do not count.
    pub(super) fn warm(&mut self) {
        let now = self.cluster.timeline.now;
        let settled = self.cluster.scenario.join.map_or(now, |join| now + join.settle.0);
        if settled == now && self.warmup == 0 {
            return self.begin_load();
        }
        let last = self.schedule_messages(settled, 0, self.warmup);
        let (_, patience) = self.patience();
        self.phase = Phase::Warming(last, last + patience);
        self.cluster.timeline.schedule(settled.max(now + LOOK), Event::Look);
    }

    /// Schedules messages of these numbers, and says when the last one is due.
    fn schedule_messages(&mut self, from: Mono, first: u32, count: u32) -> Mono {
        let Load { senders, interval, burst, .. } = self.cluster.scenario.load;
        let (a_round, burst) = if senders == Senders::All { (self.cluster.scenario.nodes, 1) } else { (burst, burst) };
        let mut at = from;
        for index in (0..count).step_by(burst as usize) {
            self.pending += 1;
            at = from + interval.0 * (index / a_round);
            let (number, count) = (first + index, burst.min(count - index));
            self.cluster.timeline.schedule(at, Event::Publish { number, count });
        }
        at
    }

    /// The scenario begins.
    pub(super) fn begin_load(&mut self) {
        (self.phase, self.began) = (Phase::Running, self.cluster.timeline.now + self.cluster.scenario.acquaintance());
        self.cluster.counts = Default::default();
        self.cluster.hosts.iter_mut().for_each(|place| place.frames = 0);
        if self.cluster.scenario.join.is_some() {
            self.ground = Some(Overlay::of(&self.cluster).graph(self.cluster.graph.nodes().to_vec()));
        }
        // Faults first: one at the moment of a message comes before it.
        for (index, fault) in (0..).zip(self.cluster.scenario.faults.clone()) {
            let at = self.began + fault.at().0;
            if let Fault::Churn { at, until, every, down } = fault {
                let times = std::iter::successors(Some(at.0), |&time| Some(time + every.0));
                for time in times.take_while(|&time| time <= until.0) {
                    self.pending += 1;
                    self.cluster.timeline.schedule(self.began + time, Event::Churn { down: down.nanos() });
                }
            }
            self.pending += 1;
            self.cluster.timeline.schedule(at, Event::Fault { index });
            if let Fault::Namesake { .. } = fault {
                self.pending += 1;
                self.cluster.timeline.schedule(self.began + fault.end().0, Event::Withdraw);
            }
        }
        self.schedule_messages(self.began, self.warmup, self.messages);
    }

    /// Finds who is to publish messages, and hands them over.
    pub(super) fn publish(&mut self, number: u32, count: u32) {
        let cluster = &mut self.cluster;
        let host = match cluster.scenario.load.senders {
            Senders::One => self.senders.first().copied(),
            Senders::All => Some((number % cluster.scenario.nodes) as usize),
            Senders::Random => {
                let live: Vec<_> = cluster.nodes().filter(|&host| cluster.lives(host)).collect();
                let count = live.len() as u32;
                (count > 0).then(|| live[cluster.lots.random_range(0..count) as usize])
            }
            Senders::Fresh => {
                let rest = self.senders[self.next_sender..].iter().position(|&host| cluster.lives(host));
                let found = rest.map(|skipped| self.next_sender + skipped);
                self.next_sender = found.map_or(self.senders.len(), |index| index + 1);
                found.map(|index| self.senders[index])
            }
        };
        match host.filter(|&host| cluster.lives(host)) {
            Some(host) => cluster.hand_over(host, Work::Publish { number, count }),
            None => cluster.counts.refused += u64::from(count),
        }
    }
}
