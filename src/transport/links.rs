//! The connections that a node opens to its peers: one DEALER each, by [`LinkId`].
//!
//! A link takes frames only while its connection is up: nothing queues for a peer that is not there. What a
//! link may hold is bounded by a [`Budget`] alone; libzmq's own mark is off, so that a refusal by libzmq
//! always means "not connected".

use super::{
    budget::{Budget, cost},
    context::Context,
    dial::dialled,
    error::{SocketError, Unsent},
    frame::{SharedFrame, send_message},
    raw::{Parts, Socket},
    ready::Ready,
    resolver::Resolver,
    router::{keep_alive, millis},
};
use crate::{
    clock::Clock,
    core::{
        endpoint::Endpoint,
        event::{Dial, LinkId},
        id::NodeId,
        time::Mono,
    },
};
use std::{collections::BTreeMap, io, os::fd::BorrowedFd, sync::Arc, time::Duration};

/// Interval at which a queue that was found full is looked at again: libzmq does not tell when bytes leave.
const RECHECK: Duration = Duration::from_millis(5);

/// A link is taken for stalled when frames wait in it and none has left for this long. That is longer than the pauses of a peer
/// that is merely busy, and shorter than a fast stream takes to fill half of the queue: so the clients of a node do not wait for
/// a neighbour that hangs.
const STALLED_AFTER: Duration = Duration::from_millis(250);

/// Bytes that the system may hold of what was written to a link, and some more that it adds for its own use: what waits there
/// can be overtaken by nothing. Enough for any link within 10 ms at 10 MB/s; large bodies have no more under way.
const SEND_BUFFER: i32 = 128 << 10;

/// Pause that libzmq takes for no further attempt to connect.
const NEVER: i32 = -1;

/// Limits of each link, and its times to connect.
#[derive(Debug, Clone)]
pub struct LinkLimits {
    /// Bytes that may wait, with [`FRAME_COST`](super::budget::FRAME_COST) a frame. Default 64 MiB.
    pub bytes_max: usize,
    /// Messages that may wait. Default 100,000.
    pub messages_max: usize,
    /// Messages that came back and may wait to be read. Default 1,000.
    pub unread_max: i32,
    /// Longest frame in bytes that may come back. Default 2 MiB.
    pub frame_len_max: i64,
    /// First pause between two attempts to connect; doubles up to `reconnect_max`. Default 10 ms.
    pub reconnect: Duration,
    /// Longest such pause. Default 1 s.
    pub reconnect_max: Duration,
    /// Longest time that one attempt to connect may take. Default 5 s.
    pub connect: Duration,
    /// Longest time that the far end may take to say that it speaks ZeroMQ. Default 10 s.
    pub handshake: Duration,
}

impl Default for LinkLimits {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            messages_max: 100_000,
            unread_max: 1_000,
            frame_len_max: 2 << 20,
            reconnect: Duration::from_millis(10),
            reconnect_max: Duration::from_secs(1),
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
        }
    }
}

struct Link {
    socket: Socket,
    /// Endpoint as the node said it, and the address that is dialled.
    endpoint: Endpoint,
    address: Endpoint,
    dial: Dial,
    budget: Arc<Budget>,
    /// True if its connection was up when the socket was last looked at or used.
    is_up: bool,
    /// True if the node has still to hear that a connection is gone.
    is_lost: bool,
    /// True if the node waits to hear that frames can be sent.
    wants_writable: bool,
    /// Messages that were handed over.
    sent: usize,
    /// Of those, the ones that had left when it was looked at last, and whether these were all.
    gone: usize,
    was_empty: bool,
    /// The time when it had last been seen to move, or to hold nothing.
    moved: Mono,
}

impl Link {
    /// Looks whether its connection is up: a socket that queues nothing for an absent peer, and has no mark, is writable
    /// if and only if it has one.
    fn look(&mut self) -> Result<(), SocketError> {
        let is_up = self.socket.look().map_err(SocketError::during("look at a link"))?.writable;
        if self.is_up && !is_up {
            self.lose();
        }
        self.is_up = is_up;
        Ok(())
    }

    fn lose(&mut self) {
        self.is_up = false;
        self.is_lost = true;
        self.wants_writable = true;
    }

    /// Returns whether the node is to be told that it takes frames.
    fn has_room(&self) -> bool {
        self.wants_writable && self.is_up && !self.budget.is_above(2)
    }

    /// Returns whether it fills up although it moves: more than one `fraction`th is taken.
    fn is_pressed(&mut self, fraction: usize, now: Mono) -> bool {
        let pending = self.budget.pending_messages();
        let gone = self.sent.wrapping_sub(pending);
        if gone != self.gone || self.was_empty {
            (self.gone, self.moved) = (gone, now);
        }
        self.was_empty = pending == 0;
        self.budget.is_above(fraction) && now.since(self.moved) < STALLED_AFTER
    }
}

/// All links of a node.
pub struct Links {
    context: Context,
    own: NodeId,
    limits: LinkLimits,
    links: BTreeMap<LinkId, Link>,
    /// Links without a socket: the system gave none, or the address of their host name is not known. Tried again when
    /// something is sent over them, and when a name was looked up.
    unopened: BTreeMap<LinkId, (Endpoint, Dial)>,
    resolver: Resolver,
    clock: Clock,
    pressure: bool,
}

impl Links {
    /// No links. Those to come introduce themselves by the routing id `own`.
    pub fn new(context: &Context, own: NodeId, limits: LinkLimits) -> Self {
        Self {
            context: context.clone(),
            own,
            limits,
            links: BTreeMap::new(),
            unopened: BTreeMap::new(),
            resolver: Resolver::new(),
            clock: Clock::new(),
            pressure: false,
        }
    }

    /// Opens a link. It tries to connect as `dial` says, and is reported writable once when the connection is up.
    /// A host name is looked up meanwhile, and again when the connection is down for long; it stands for its first IPv4
    /// address, or its first one.
    ///
    /// An error (no descriptor left, as a rule) is no end: whenever something is sent over the link, it is opened
    /// if that is possible by then.
    pub fn connect(&mut self, link: LinkId, endpoint: &Endpoint, dial: Dial) -> Result<(), SocketError> {
        self.unopened.insert(link, (endpoint.clone(), dial));
        self.open_late(link)
    }

    fn open(&mut self, link: LinkId, endpoint: &Endpoint, dial: Dial, address: &Endpoint) -> Result<(), SocketError> {
        let mut socket = self.context.socket(zmq::DEALER)?;
        self.configure(&socket, address, dial).map_err(SocketError::during("set up a link"))?;
        socket.connect(&dialled(address)).map_err(SocketError::during("connect a link"))?;
        let link_now = Link {
            socket,
            endpoint: endpoint.clone(),
            address: address.clone(),
            dial,
            budget: Budget::new(self.limits.bytes_max, self.limits.messages_max),
            is_up: false,
            is_lost: false,
            wants_writable: true,
            sent: 0,
            gone: 0,
            was_empty: true,
            moved: self.clock.mono(),
        };
        self.links.insert(link, link_now);
        Ok(())
    }

    /// Closes a link, giving what waits in it `linger` to leave. Does not wait for it.
    pub fn disconnect(&mut self, link: LinkId, linger: Duration) {
        self.unopened.remove(&link);
        if let Some(link) = self.links.remove(&link) {
            // Only an option that does not exist is refused.
            let _ = link.socket.options().set_linger(millis(linger));
        }
    }

    /// Closes all links, giving what waits in them `linger` to leave: the end of the [`Context`] waits for it.
    pub fn close(mut self, linger: Duration) {
        while let Some((&link, _)) = self.links.first_key_value() {
            self.disconnect(link, linger);
        }
    }

    /// Sends an empty frame and `body` over a link, without waiting. No body is nothing to send. After an error
    /// the link is reported writable once when it takes frames again.
    pub fn send(&mut self, id: LinkId, body: &[SharedFrame]) -> Result<(), Unsent> {
        let Some((last, head)) = body.split_last() else { return Ok(()) };
        let Some(link) = self.links.get_mut(&id) else {
            // What hinders it was told by `connect`.
            let _ = self.open_late(id);
            return Err(Unsent::NotConnected);
        };
        let bytes = cost(body.iter().map(|frame| frame.0.len()).chain([0]));
        let Some(share) = link.budget.take(bytes) else {
            link.wants_writable = true;
            return Err(Unsent::QueueFull);
        };
        if send_message(&mut link.socket, std::iter::once(&[][..]), head, last, share).is_err() {
            if link.is_up {
                link.lose();
            } else {
                self.follow_name(id);
            }
            return Err(Unsent::NotConnected);
        }
        link.sent = link.sent.wrapping_add(1);
        Ok(())
    }

    /// Opens a link that has no socket yet, if its address is known.
    fn open_late(&mut self, link: LinkId) -> Result<(), SocketError> {
        let Some((endpoint, dial)) = self.unopened.get(&link).cloned() else { return Ok(()) };
        let Some(address) = self.resolver.address(&endpoint) else { return Ok(()) };
        self.open(link, &endpoint, dial, &address)?;
        self.unopened.remove(&link);
        Ok(())
    }

    /// Closes the connection of a link at once; it is opened anew with the next frame for it.
    pub fn hang_up(&mut self, id: LinkId) {
        if let Some(link) = self.links.remove(&id) {
            self.unopened.insert(id, (link.endpoint, link.dial));
        }
    }

    /// Hangs up where the host name has another address by now.
    fn follow_name(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        if self.resolver.address(&link.endpoint).is_some_and(|address| address != link.address) {
            self.hang_up(id);
        }
    }

    /// Host names that were not found since this was asked last, and why.
    pub fn take_unknown_hosts(&mut self) -> Vec<(Arc<str>, io::Error)> {
        self.resolver.take_failures()
    }

    /// Takes the next message that came back over a link, as `[empty][body…]` from a peer that follows the
    /// protocol; never waits. A link that is closed has none.
    pub fn recv(&mut self, link: LinkId, parts: &mut Parts) -> Result<bool, SocketError> {
        match self.links.get_mut(&link) {
            Some(link) => link.socket.recv(parts).map_err(SocketError::during("receive from a link")),
            None => Ok(false),
        }
    }

    /// Returns whether a link has begun to fill up: one that holds more than half of what it may raises the pressure, and
    /// it lasts until all hold less than a quarter. A link that nothing leaves any more does not count: its peer
    /// hangs, what is sent to it will be refused, and the others shall not wait for it.
    pub fn pressure(&mut self) -> bool {
        let fraction = if self.pressure { 4 } else { 2 };
        let now = self.clock.mono();
        self.pressure = false;
        // Each link is looked at, or it would not be noticed since when one has been still.
        for link in self.links.values_mut() {
            self.pressure |= link.is_pressed(fraction, now);
        }
        self.pressure
    }

    /// Bytes that wait in a link.
    pub fn pending_bytes(&self, link: LinkId) -> usize {
        self.links.get(&link).map_or(0, |link| link.budget.pending_bytes())
    }

    /// The longest time to wait before looking again: short while a queue must empty first.
    pub(super) fn recheck_within(&self) -> Option<Duration> {
        let waits = |link: &Link| link.wants_writable && link.budget.is_above(2);
        (self.pressure || self.links.values().any(waits)).then_some(RECHECK)
    }

    /// Looks at the links that were used since they were looked at, and says whether there is something to tell.
    pub(super) fn refresh(&mut self) -> Result<bool, SocketError> {
        if self.resolver.take() {
            let unopened: Vec<_> = self.unopened.keys().copied().collect();
            for link in unopened {
                // One that cannot be opened stays where it is.
                let _ = self.open_late(link);
            }
        }
        let mut has_news = false;
        for link in self.links.values_mut() {
            let stale = link.socket.stale();
            if stale.readable || stale.writable {
                link.look()?;
            }
            has_news |= link.is_lost || link.socket.found().readable || link.has_room();
        }
        Ok(has_news)
    }

    /// The sockets, in order of their ids.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Socket> {
        self.links.values().map(|link| &link.socket)
    }

    /// Readable when a host name was looked up; `None` if none ever was.
    pub(super) fn lookups(&self) -> Option<BorrowedFd<'_>> {
        self.resolver.descriptor()
    }

    /// Looks at the links that have news, by their places in this order, and tells of all of them. Returns how many links
    /// there are.
    pub(super) fn tell(&mut self, ready: &mut Ready, has_news: impl Fn(usize) -> bool) -> Result<usize, SocketError> {
        for (index, (&id, link)) in self.links.iter_mut().enumerate() {
            if has_news(index) {
                link.look()?;
            }
            if std::mem::take(&mut link.is_lost) {
                ready.disconnected.push(id);
            }
            if link.socket.found().readable {
                ready.readable.push(id);
            }
            if link.has_room() {
                link.wants_writable = false;
                ready.writable.push(id);
            }
        }
        Ok(self.links.len())
    }

    fn configure(&self, socket: &Socket, endpoint: &Endpoint, dial: Dial) -> zmq::Result<()> {
        let (options, limits) = (socket.options(), &self.limits);
        options.set_identity(self.own.as_str().as_bytes())?;
        options.set_linger(0)?;
        options.set_ipv6(endpoint.is_ipv6())?;
        options.set_immediate(true)?;
        // The budget is the bound. libzmq's own count lags behind what has left (it hears of that by halves of the
        // mark, and looks only once a millisecond), so it would refuse early and for a reason that looks like another.
        options.set_sndhwm(0)?;
        options.set_rcvhwm(limits.unread_max)?;
        options.set_sndbuf(SEND_BUFFER)?;
        options.set_maxmsgsize(limits.frame_len_max)?;
        options.set_reconnect_ivl(match dial {
            Dial::Once => NEVER,
            Dial::Again => millis(limits.reconnect),
        })?;
        options.set_reconnect_ivl_max(millis(limits.reconnect_max))?;
        options.set_connect_timeout(millis(limits.connect))?;
        options.set_handshake_ivl(millis(limits.handshake))?;
        keep_alive(options)
    }
}
