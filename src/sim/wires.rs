//! Wires between nodes: frames move as sockets and the system move them, with the bounds, pauses and errors of `transport`.

mod impairments;
mod port;

use super::{
    host::{Event, Work, host_at},
    links::{Connection, Direction, Transit, Unsent},
    network::{Model, Network},
    observation::Observation,
    timeline::Timeline,
    traffic::Kind,
};
use crate::core::{
    endpoint::Endpoint,
    event::{Dial, Input, LinkId},
    frame::{Answer, Chunk, Frame},
    stats::Counter,
};
use port::Port;
use std::time::Duration;

/// The fate of a frame that was to be sent.
pub(super) struct Sent {
    /// The node that a message was meant for.
    pub(super) target: Option<usize>,
    /// Reason why it was not sent.
    pub(super) unsent: Option<Counter>,
}

/// The fate of a frame at its far end.
pub(super) enum Arrival {
    /// It has arrived at this node.
    For(usize),
    /// A cut holds it back.
    Held,
    Lost,
}

/// All connections of a cluster.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) network: Network,
    connections: Vec<Connection>,
    /// Places in `connections` that can be used again.
    free: Vec<u32>,
    /// Pipes in which a cut may hold something back.
    stopped: Vec<(u32, Direction)>,
    /// By node, then by namesake.
    ports: Vec<Port>,
    /// The nodes whose names namesakes bear, in the order in which these came.
    namesakes: Vec<usize>,
    /// Frames about messages that will arrive.
    pub(super) under_way: u64,
}

impl Wires {
    /// Nodes without any connection.
    pub(super) fn new(model: Model, nodes: usize, seed: u64) -> Self {
        Self {
            network: Network::new(model, nodes, seed),
            connections: Vec::new(),
            free: Vec::new(),
            stopped: Vec::new(),
            ports: (0..nodes).map(|_| Port::default()).collect(),
            namesakes: Vec::new(),
            under_way: 0,
        }
    }

    /// A place for another node of the same name as `node`.
    pub(super) fn add_namesake(&mut self, node: usize) {
        self.namesakes.push(node);
        self.ports.push(Port::default());
        self.network.add_node();
    }

    /// The node whose name a host bears: its own, unless it is a namesake.
    pub(super) fn named(&self, host: usize) -> usize {
        let nodes = self.ports.len() - self.namesakes.len();
        host.checked_sub(nodes).map_or(host, |index| self.namesakes[index])
    }

    /// A node opens a link.
    pub(super) fn connect(
        &mut self,
        timeline: &mut Timeline,
        host: usize,
        link: LinkId,
        endpoint: &Endpoint,
        dial: Dial,
    ) {
        let Some(target) = host_at(endpoint).filter(|&target| target < self.ports.len()) else { return };
        let of_link = (self.network.latency(host, target), self.network.bandwidth(host, target));
        let connection = Connection::new((host, link), target, of_link, dial);
        let at = timeline.now + self.ports[host].dialling(&connection);
        let (number, epoch) = self.place(connection);
        let links = &mut self.ports[host].links;
        let index = link.0 as usize;
        links.resize(links.len().max(index + 1), None);
        links[index] = Some(number);
        timeline.schedule(at, Event::Dial { connection: number, epoch });
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
    pub(super) fn disconnect(&mut self, timeline: &mut Timeline, host: usize, link: LinkId) {
        if let Some(number) = self.ports[host].links.get_mut(link.0 as usize).and_then(Option::take) {
            self.close(timeline, number);
        }
    }

    /// Closes a connection from the side that opened it; the other side hears of it later.
    fn close(&mut self, timeline: &mut Timeline, number: u32) {
        let connection = &mut self.connections[number as usize];
        connection.is_closed = true;
        if connection.is_up {
            let at = connection.release(timeline.now, Direction::There);
            timeline.schedule(at, Event::Hangup { connection: number });
        } else {
            self.free.push(number);
        }
    }

    /// Closes all connections of a node that ends. Those of others to it break once these hear of it: soon, or (`silent`)
    /// when their keep-alive gives up.
    pub(super) fn end(&mut self, timeline: &mut Timeline, host: usize, silent: bool) {
        for number in self.ports[host].end() {
            self.close(timeline, number);
        }
        for &number in &self.ports[host].incoming {
            let connection = &self.connections[number as usize];
            if connection.is_up && !connection.is_closed {
                let keep_alive = self.network.model.break_after.0;
                let notice = if silent { keep_alive } else { Duration::from_nanos(connection.latency) };
                timeline.schedule(timeline.now + notice, Event::Break { connection: number, epoch: connection.epoch });
            }
        }
    }

    /// Sends a frame over a link.
    pub(super) fn send(&mut self, timeline: &mut Timeline, host: usize, link: LinkId, transit: Transit) -> Sent {
        let Some(number) = self.ports[host].links.get(link.0 as usize).copied().flatten() else {
            return Sent { target: None, unsent: Some(Counter::NotConnected) };
        };
        let is_copy = matches!(
            &transit.input,
            Input::Arrived { frame: Frame::Message(_) | Frame::Chunk(Chunk { head: Some(_), .. }), .. }
        );
        let target = is_copy.then_some(self.connections[number as usize].target);
        let unsent = self.transmit(timeline, number, Direction::There, transit).err();
        self.connections[number as usize].wants_writable |= unsent.is_some();
        let why = |unsent| if unsent == Unsent::Full { Counter::QueueFull } else { Counter::NotConnected };
        Sent { target, unsent: unsent.map(why) }
    }

    /// Sends an answer over the connection of the node that it is for; says whether there is one that takes it.
    pub(super) fn answer(
        &mut self,
        timeline: &mut Timeline,
        host: usize,
        to: usize,
        answer: Answer,
        (kind, bytes): (Kind, usize),
    ) -> bool {
        let Some(number) = self.ports[host].inbound(to) else { return false };
        let link = self.connections[number as usize].link;
        let transit = Transit { input: Input::Answered { link, answer }, kind, bytes };
        self.transmit(timeline, number, Direction::Back, transit).is_ok()
    }

    fn transmit(
        &mut self,
        timeline: &mut Timeline,
        number: u32,
        way: Direction,
        transit: Transit,
    ) -> Result<(), Unsent> {
        let connection = &mut self.connections[number as usize];
        let (epoch, (from, _)) = (connection.epoch, connection.ends(way));
        match connection.admit(timeline.now, way, transit.bytes, &mut self.network) {
            Ok(_) if connection.is_jammed => {
                lose(timeline, from, &transit, false);
                Ok(())
            }
            Ok(_) if connection.pipe(way).is_mute || self.network.loses() => {
                connection.pipe(way).bytes -= transit.bytes;
                lose(timeline, from, &transit, false);
                Ok(())
            }
            Ok(at) => {
                self.under_way += u64::from(transit.kind.is_news());
                timeline.schedule(at, Event::Arrive { connection: number, epoch, way, transit });
                Ok(())
            }
            Err(why) => {
                lose(timeline, from, &transit, why == Unsent::Full);
                Err(why)
            }
        }
    }

    /// A frame is at its far end; `life`: that of a node that lives. Only a [held](Self::hold) frame is kept.
    pub(super) fn on_arrive(
        &mut self,
        timeline: &mut Timeline,
        (number, epoch, way): (u32, u32, Direction),
        transit: &Transit,
        life: impl Fn(usize) -> Option<u32>,
    ) -> Arrival {
        self.under_way -= u64::from(transit.kind.is_news());
        let connection = &mut self.connections[number as usize];
        let (from, to) = connection.ends(way);
        if connection.epoch != epoch {
            lose(timeline, from, transit, false);
            return Arrival::Lost;
        }
        if self.network.is_cut(from, to) || !connection.pipe(way).held.is_empty() {
            if self.network.model.is_stream() {
                return Arrival::Held;
            }
            connection.pipe(way).bytes -= transit.bytes;
            lose(timeline, from, transit, false);
            return Arrival::Lost;
        }
        let is_jammed = way == Direction::There && connection.is_jammed;
        let is_lost = match way {
            Direction::There => is_jammed || life(to) != Some(connection.target_life),
            Direction::Back => connection.is_closed,
        };
        if !is_lost {
            return Arrival::For(to);
        }
        lose(timeline, from, transit, false);
        if way == Direction::There && !is_jammed && life(to).is_some() {
            // The system of a host that came back knows of no such connection, and says so.
            let at = timeline.now + Duration::from_nanos(connection.latency);
            timeline.schedule(at, Event::Break { connection: number, epoch });
        }
        Arrival::Lost
    }

    /// Keeps a frame until nothing is cut any more.
    pub(super) fn hold(&mut self, number: u32, way: Direction, transit: Transit) {
        let pipe = self.connections[number as usize].pipe(way);
        pipe.held.push(transit);
        if pipe.held.len() == 1 {
            self.stopped.push((number, way));
        }
    }

    /// A node takes a frame that has arrived: there is room for another one.
    pub(super) fn taken(&mut self, timeline: &mut Timeline, number: u32, epoch: u32, way: Direction, bytes: usize) {
        let connection = &mut self.connections[number as usize];
        if connection.epoch != epoch {
            return;
        }
        connection.pipe(way).bytes -= bytes;
        let has_room = connection.there.bytes <= self.network.model.queue / 2;
        if way == Direction::There && connection.wants_writable && connection.is_up && has_room {
            timeline.schedule(timeline.now, Event::Writable { connection: number, epoch });
        }
    }

    /// A node tries to connect; `life`: that of a node that lives and accepts.
    pub(super) fn on_dial(
        &mut self,
        timeline: &mut Timeline,
        number: u32,
        epoch: u32,
        life: impl Fn(usize) -> Option<u32>,
    ) -> Option<(usize, Work)> {
        let connection = &mut self.connections[number as usize];
        let (dialer, target) = (connection.dialer, connection.target);
        if connection.epoch != epoch || connection.is_closed || connection.is_up {
            return None;
        }
        let is_cut = self.network.is_cut(dialer, target) || self.network.is_cut(target, dialer);
        let Some(life) = life(target).filter(|_| !is_cut) else {
            if connection.dial == Dial::Again {
                let at = timeline.now + (connection.next_pause() + self.ports[dialer].dialling(connection));
                timeline.schedule(at, Event::Dial { connection: number, epoch });
            }
            return None;
        };
        connection.establish(life);
        let (from, to) = (self.named(dialer), self.named(target));
        timeline.observe(from, Observation::Connected { to });
        let former = self.ports[target].admit(from, number);
        self.jam(former);
        self.on_writable(number, epoch)
    }

    /// A connection takes frames; tells its node, if that wants to know.
    pub(super) fn on_writable(&mut self, number: u32, epoch: u32) -> Option<(usize, Work)> {
        let connection = &mut self.connections[number as usize];
        let is_meant = connection.epoch == epoch && connection.is_up && !connection.is_closed;
        if !is_meant || !std::mem::replace(&mut connection.wants_writable, false) {
            return None;
        }
        Some((connection.dialer, Work::Input(Input::Writable(connection.link))))
    }

    /// A connection breaks, and all that is under way with it; it is made again if it was asked for so.
    pub(super) fn on_break(&mut self, timeline: &mut Timeline, number: u32, epoch: u32) -> Option<(usize, Work)> {
        let connection = &mut self.connections[number as usize];
        if connection.epoch != epoch || !connection.is_up {
            return None;
        }
        let (dialer, target) = connection.ends(Direction::There);
        for transit in connection.shut() {
            lose(timeline, dialer, &transit, false);
        }
        let name = self.named(dialer);
        self.ports[target].dismiss(name, number);
        let connection = &mut self.connections[number as usize];
        if connection.is_closed {
            return None;
        }
        let at = timeline.now + (connection.next_pause() + self.ports[dialer].dialling(connection));
        if connection.dial == Dial::Again {
            timeline.schedule(at, Event::Dial { connection: number, epoch: connection.epoch });
        }
        Some((dialer, Work::Input(Input::Disconnected(connection.link))))
    }

    /// The far end hears that a connection was closed.
    pub(super) fn on_hangup(&mut self, number: u32) {
        let connection = &self.connections[number as usize];
        let (dialer, target) = connection.ends(Direction::There);
        let is_empty = connection.there.held.is_empty();
        let name = self.named(dialer);
        self.ports[target].dismiss(name, number);
        // Frames may still be under way, or wait behind a cut, whose ends are asked for when they arrive.
        if self.network.model.is_stream() && is_empty {
            self.free.push(number);
        }
    }

    /// Connections of others to a node, each with its epoch, that a cut keeps from carrying anything one way or both ways.
    pub(super) fn severed(&self, host: usize) -> Vec<(u32, u32)> {
        let incoming = self.ports[host].incoming.iter().map(|&number| (number, &self.connections[number as usize]));
        let is_cut = |(from, to)| self.network.is_cut(from, to);
        let severed = incoming.filter(|(_, connection)| {
            is_cut(connection.ends(Direction::There)) || is_cut(connection.ends(Direction::Back))
        });
        severed.map(|(number, connection)| (number, connection.epoch)).collect()
    }

    /// Ends all cuts, and lets go on what they have held back.
    pub(super) fn heal(&mut self, timeline: &mut Timeline) {
        self.network.heal();
        for (number, way) in std::mem::take(&mut self.stopped) {
            let connection = &mut self.connections[number as usize];
            for transit in std::mem::take(&mut connection.pipe(way).held) {
                let (at, epoch) = (connection.release(timeline.now, way), connection.epoch);
                self.under_way += u64::from(transit.kind.is_news());
                timeline.schedule(at, Event::Arrive { connection: number, epoch, way, transit });
            }
        }
    }
}

/// Notes that a frame does not arrive.
fn lose(timeline: &mut Timeline, from: usize, transit: &Transit, is_full: bool) {
    timeline.observe(from, Observation::Lost { is_news: transit.kind.is_news(), is_full });
}
