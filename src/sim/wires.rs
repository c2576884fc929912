//! How a cluster moves frames: what sockets and the system do between two nodes, with the bounds, pauses and errors
//! that `transport` has.

use super::{
    checker::{Violation, index_of},
    cluster::Cluster,
    host::{Event, Work, host_at},
    links::{Connection, Direction, Transit, Unsent, lengths::answer_len},
    traffic::Kind,
};
use crate::core::{
    endpoint::Endpoint,
    event::{Dial, Input, LinkId},
    frame::{Answer, Chunk, Frame},
    id::NodeId,
    stats::Counter,
};
use std::time::Duration;

/// What became of a frame that was to be sent.
pub(super) struct Sent {
    /// The node that a message was meant for.
    pub(super) target: Option<usize>,
    /// Why it was not sent.
    pub(super) unsent: Option<Counter>,
}

impl Cluster {
    /// A node opens a link.
    pub(super) fn connect(&mut self, host: usize, link: LinkId, endpoint: &Endpoint, dial: Dial) {
        let Some(target) = host_at(endpoint).filter(|&target| target < self.hosts.len()) else { return };
        let connection = Connection::new(host, link, target, self.network.latency(host, target), dial);
        let at = self.now + connection.dialling();
        let (number, epoch) = self.place(connection);
        let links = &mut self.hosts[host].links;
        let index = link.0 as usize;
        links.resize(links.len().max(index + 1), None);
        links[index] = Some(number);
        self.queue.push(at, Event::Dial { connection: number, epoch });
    }

    /// A place for a connection: one that is free, or a new one. What was scheduled for the former one is of an earlier
    /// epoch.
    fn place(&mut self, mut connection: Connection) -> (u32, u32) {
        let Some(number) = self.free.pop() else {
            self.connections.push(connection);
            return (self.connections.len() as u32 - 1, 0);
        };
        let place = &mut self.connections[number as usize];
        connection.epoch = place.epoch + 1;
        *place = connection;
        (number, place.epoch)
    }

    /// A node closes a link: what is under way still arrives.
    pub(super) fn disconnect(&mut self, host: usize, link: LinkId) {
        if let Some(number) = self.hosts[host].links.get_mut(link.0 as usize).and_then(Option::take) {
            self.close(number);
        }
    }

    /// Closes a connection from the side that opened it; the other side hears of it later.
    pub(super) fn close(&mut self, number: u32) {
        let connection = &mut self.connections[number as usize];
        connection.is_closed = true;
        if connection.is_up {
            let at = connection.release(self.now, Direction::There);
            self.queue.push(at, Event::Hangup { connection: number });
        } else {
            self.free.push(number);
        }
    }

    /// Sends a frame of this kind and length over a link.
    pub(super) fn send(&mut self, host: usize, link: LinkId, frame: Frame, kind: Kind, bytes: usize) -> Sent {
        let Some(number) = self.hosts[host].links.get(link.0 as usize).copied().flatten() else {
            return Sent { target: None, unsent: Some(Counter::NotConnected) };
        };
        let is_copy = matches!(frame, Frame::Message(_) | Frame::Chunk(Chunk { head: Some(_), .. }));
        let target = is_copy.then_some(self.connections[number as usize].target);
        let from = self.graph.nodes()[host].clone().into();
        let transit = Transit { input: Input::Arrived { from, frame }, kind, bytes };
        let unsent = self.transmit(number, Direction::There, transit).err();
        self.connections[number as usize].wants_writable |= unsent.is_some();
        let why = |unsent| if unsent == Unsent::Full { Counter::QueueFull } else { Counter::NotConnected };
        Sent { target, unsent: unsent.map(why) }
    }

    /// Sends an answer over the connection of the node that it is for; says whether there is one that takes it.
    pub(super) fn answer(&mut self, host: usize, to: &NodeId, answer: Answer) -> bool {
        let (kind, bytes) = (Kind::of_answer(&answer), answer_len(&answer));
        self.count(host, kind, 1, bytes);
        let Some(number) = index_of(to).and_then(|to| self.hosts[host].inbound(to)) else { return false };
        let link = self.connections[number as usize].link;
        self.transmit(number, Direction::Back, Transit { input: Input::Answered { link, answer }, kind, bytes }).is_ok()
    }

    fn transmit(&mut self, number: u32, way: Direction, transit: Transit) -> Result<(), Unsent> {
        let connection = &mut self.connections[number as usize];
        let epoch = connection.epoch;
        match connection.admit(self.now, way, transit.bytes, &mut self.network) {
            Ok(_) if connection.pipe(way).is_mute || self.network.loses() => {
                connection.pipe(way).bytes -= transit.bytes;
                self.checker.lost(&transit, false);
                Ok(())
            }
            Ok(at) => {
                self.under_way += u64::from(transit.kind.is_news());
                self.queue.push(at, Event::Arrive { connection: number, epoch, way, transit });
                Ok(())
            }
            Err(why) => {
                self.checker.lost(&transit, why == Unsent::Full);
                Err(why)
            }
        }
    }

    pub(super) fn on_arrive(
        &mut self,
        number: u32,
        epoch: u32,
        way: Direction,
        transit: Transit,
    ) -> Result<(), Violation> {
        self.under_way -= u64::from(transit.kind.is_news());
        let connection = &mut self.connections[number as usize];
        let (from, to) = connection.ends(way);
        if connection.epoch != epoch {
            self.checker.lost(&transit, false);
            return Ok(());
        }
        if self.network.is_cut(from, to) || !connection.pipe(way).held.is_empty() {
            if self.network.model.is_stream() {
                let pipe = connection.pipe(way);
                pipe.held.push_back(transit);
                if pipe.held.len() == 1 {
                    self.stopped.push((number, way));
                }
            } else {
                connection.pipe(way).bytes -= transit.bytes;
                self.checker.lost(&transit, false);
            }
            return Ok(());
        }
        let is_lost = match way {
            Direction::There => self.hosts[to].node.is_none() || self.hosts[to].life != connection.target_life,
            Direction::Back => connection.is_closed,
        };
        if !is_lost {
            return self.hand_over(to, Work::Arrival { connection: number, epoch, way, transit });
        }
        self.checker.lost(&transit, false);
        if way == Direction::There && self.hosts[to].node.is_some() {
            // The system of a host that came back knows of no such connection, and says so.
            let at = self.now + Duration::from_nanos(connection.latency);
            self.queue.push(at, Event::Break { connection: number, epoch });
        }
        Ok(())
    }

    /// Gives a node something to do, now or when it has time for it.
    pub(super) fn hand_over(&mut self, host: usize, work: Work) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        if place.is_paused || place.busy_until > self.now || !place.waiting.is_empty() {
            place.waiting.push_back(work);
            self.schedule_work(host);
            return Ok(());
        }
        self.take(host, work)
    }

    pub(super) fn schedule_work(&mut self, host: usize) {
        let place = &mut self.hosts[host];
        if !place.is_paused && !place.has_work_scheduled && !place.waiting.is_empty() {
            place.has_work_scheduled = true;
            let (at, life) = (place.busy_until.max(self.now), place.life);
            self.under_way += 1;
            self.queue.push(at, Event::Work { host: host as u32, life });
        }
    }

    pub(super) fn on_work(&mut self, host: usize, life: u32) -> Result<(), Violation> {
        self.under_way -= 1;
        let place = &mut self.hosts[host];
        if place.life != life {
            return Ok(());
        }
        place.has_work_scheduled = false;
        if place.is_paused {
            return Ok(());
        }
        if let Some(work) = place.waiting.pop_front() {
            self.take(host, work)?;
        }
        self.schedule_work(host);
        Ok(())
    }

    fn take(&mut self, host: usize, work: Work) -> Result<(), Violation> {
        let place = &mut self.hosts[host];
        place.busy_until = self.now + Duration::from_nanos(place.service);
        match work {
            Work::Input(input) => self.turn(host, input),
            Work::Publish(number) => self.publish_at(host, number),
            Work::Arrival { connection: number, epoch, way, transit } => {
                let connection = &mut self.connections[number as usize];
                if connection.epoch == epoch {
                    connection.pipe(way).bytes -= transit.bytes;
                    let has_room = connection.there.bytes <= self.network.model.queue / 2;
                    if way == Direction::There && connection.wants_writable && connection.is_up && has_room {
                        self.queue.push(self.now, Event::Writable { connection: number, epoch });
                    }
                }
                self.turn(host, transit.input)
            }
        }
    }

    pub(super) fn on_dial(&mut self, number: u32, epoch: u32) -> Result<(), Violation> {
        let connection = &mut self.connections[number as usize];
        let (dialer, target) = (connection.dialer, connection.target);
        if connection.epoch != epoch || connection.is_closed || connection.is_up {
            return Ok(());
        }
        let place = &self.hosts[target];
        let is_there = place.node.is_some() && !place.is_paused;
        if !is_there || self.network.is_cut(dialer, target) || self.network.is_cut(target, dialer) {
            if connection.dial == Dial::Again {
                let at = self.now + (connection.next_pause() + connection.dialling());
                self.queue.push(at, Event::Dial { connection: number, epoch });
            }
            return Ok(());
        }
        connection.establish(place.life);
        self.checker.connected(dialer, target);
        self.hosts[target].admit(dialer, number);
        self.on_writable(number, epoch)
    }

    pub(super) fn on_writable(&mut self, number: u32, epoch: u32) -> Result<(), Violation> {
        let connection = &mut self.connections[number as usize];
        let is_meant = connection.epoch == epoch && connection.is_up && !connection.is_closed;
        if !is_meant || !std::mem::replace(&mut connection.wants_writable, false) {
            return Ok(());
        }
        let (dialer, link) = (connection.dialer, connection.link);
        self.hand_over(dialer, Work::Input(Input::Writable(link)))
    }

    /// A connection breaks, and all that is under way with it; it is made again if it was asked for so.
    pub(super) fn on_break(&mut self, number: u32, epoch: u32) -> Result<(), Violation> {
        let connection = &mut self.connections[number as usize];
        if connection.epoch != epoch || !connection.is_up {
            return Ok(());
        }
        let (dialer, target) = connection.ends(Direction::There);
        for transit in connection.shut() {
            self.checker.lost(&transit, false);
        }
        self.hosts[target].dismiss(dialer, number);
        let connection = &mut self.connections[number as usize];
        if connection.is_closed {
            return Ok(());
        }
        let at = self.now + (connection.next_pause() + connection.dialling());
        let (epoch, link) = (connection.epoch, connection.link);
        if connection.dial == Dial::Again {
            self.queue.push(at, Event::Dial { connection: number, epoch });
        }
        self.hand_over(dialer, Work::Input(Input::Disconnected(link)))
    }

    /// The far end hears that a connection was closed.
    pub(super) fn on_hangup(&mut self, number: u32) {
        let connection = &self.connections[number as usize];
        let (dialer, target) = connection.ends(Direction::There);
        self.hosts[target].dismiss(dialer, number);
        // Frames may still be under way, or wait behind a cut, whose ends are asked for when they arrive.
        if self.network.model.is_stream() && connection.there.held.is_empty() {
            self.free.push(number);
        }
    }

    /// Lets go on what a cut has held back.
    pub(super) fn release_held(&mut self) {
        for (number, way) in std::mem::take(&mut self.stopped) {
            let connection = &mut self.connections[number as usize];
            for transit in std::mem::take(&mut connection.pipe(way).held) {
                let (at, epoch) = (connection.release(self.now, way), connection.epoch);
                self.under_way += u64::from(transit.kind.is_news());
                self.queue.push(at, Event::Arrive { connection: number, epoch, way, transit });
            }
        }
    }
}
