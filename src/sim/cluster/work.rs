//! Work for nodes: done at once, or when a node has time for it.

use super::Cluster;
use crate::{
    core::message::Relays,
    sim::{
        host::{Event, Work},
        links::{Direction, Transit},
        scenario::Load,
        wires::Arrival,
    },
};
use std::{ops::Range, time::Duration};

impl Cluster {
    /// Gives a node something to do, now or when it has time for it.
    pub(in crate::sim) fn hand_over(&mut self, host: usize, work: Work) {
        let place = &mut self.hosts[host];
        if place.is_paused || place.busy_until > self.timeline.now || !place.waiting.is_empty() {
            place.waiting.push_back(work);
            self.schedule_work(host);
            return;
        }
        self.take(host, work);
    }

    fn schedule_work(&mut self, host: usize) {
        let place = &mut self.hosts[host];
        if !place.is_paused && !place.has_work_scheduled && !place.waiting.is_empty() {
            place.has_work_scheduled = true;
            let (at, life) = (place.busy_until.max(self.timeline.now), place.life);
            self.scheduled_work += 1;
            self.timeline.schedule(at, Event::Work { host: host as u32, life });
        }
    }

    /// A slow node has time for what waits.
    pub(in crate::sim) fn on_work(&mut self, host: usize, life: u32) {
        self.scheduled_work -= 1;
        let place = &mut self.hosts[host];
        if place.life != life {
            return;
        }
        place.has_work_scheduled = false;
        if place.is_paused {
            return;
        }
        if let Some(work) = place.waiting.pop_front() {
            self.take(host, work);
        }
        self.schedule_work(host);
    }

    fn take(&mut self, host: usize, work: Work) {
        let place = &mut self.hosts[host];
        place.busy_until = self.timeline.now + Duration::from_nanos(place.service);
        match work {
            Work::Input(input) => self.turn(host, input),
            Work::Publish { number, count } => self.publish_at(host, number..number + count),
            Work::Arrival { connection, epoch, way, transit } => {
                self.wires.taken(&mut self.timeline, connection, epoch, way, transit.bytes);
                self.turn(host, transit.input);
            }
        }
    }

    /// A node goes on after a pause.
    pub(in crate::sim) fn resume(&mut self, host: usize) {
        self.hosts[host].is_paused = false;
        self.schedule_work(host);
        // Its timers have run on.
        let life = self.hosts[host].life;
        self.on_tick(host, life);
    }

    /// Hands messages to a node that has time for them, in one turn.
    fn publish_at(&mut self, host: usize, numbers: Range<u32>) {
        let Load { trace, relays, size, .. } = self.scenario.load;
        let trace = Relays::try_from(relays).ok().filter(|_| trace);
        let seed = self.seed;
        self.publish(host, numbers.map(|number| (number, payload(seed, number, size).as_slice().into())), trace);
    }

    /// A frame is at the far end of a connection.
    pub(in crate::sim) fn on_arrive(&mut self, connection: u32, epoch: u32, way: Direction, transit: Transit) {
        let hosts = &self.hosts;
        let life = |host: usize| hosts[host].node.as_ref().map(|_| hosts[host].life);
        match self.wires.on_arrive(&mut self.timeline, (connection, epoch, way), &transit, life) {
            Arrival::For(to) => self.hand_over(to, Work::Arrival { connection, epoch, way, transit }),
            Arrival::Held => self.wires.hold(connection, way, transit),
            Arrival::Lost => {}
        }
    }

    /// A node tries to connect.
    pub(in crate::sim) fn on_dial(&mut self, connection: u32, epoch: u32) {
        let hosts = &self.hosts;
        let life = |host: usize| hosts[host].node.as_ref().filter(|_| !hosts[host].is_paused).map(|_| hosts[host].life);
        let work = self.wires.on_dial(&mut self.timeline, connection, epoch, life);
        self.hand_over_any(work);
    }

    /// A connection takes frames.
    pub(in crate::sim) fn on_writable(&mut self, connection: u32, epoch: u32) {
        let work = self.wires.on_writable(connection, epoch);
        self.hand_over_any(work);
    }

    /// A connection breaks.
    pub(in crate::sim) fn on_break(&mut self, connection: u32, epoch: u32) {
        let work = self.wires.on_break(&mut self.timeline, connection, epoch);
        self.hand_over_any(work);
    }

    fn hand_over_any(&mut self, work: Option<(usize, Work)>) {
        if let Some((host, work)) = work {
            self.hand_over(host, work);
        }
    }
}

/// Bytes that tell one message from another.
fn payload(seed: u64, number: u32, size: usize) -> Vec<u8> {
    let first = (seed ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..size as u64).map(|index| (first.wrapping_add(index * 0x61c8_8647) >> 24) as u8).collect()
}
