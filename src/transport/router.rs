//! The one bound socket of a node: a ROUTER that other nodes and clients talk to.

use super::{
    address,
    budget::{Budget, cost},
    context::Context,
    error::{BindError, Errno, SendError, SocketError},
    frame::{SharedFrame, send_message},
    raw::{Parts, Socket},
};
use crate::core::{endpoint::Endpoint, event::ReturnAddress, id::NodeId};
use std::{
    collections::HashMap,
    net::{IpAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};
use zmq_sys::errno::{EACCES, EADDRINUSE, EADDRNOTAVAIL, EAGAIN, EHOSTUNREACH, ENODEV};

/// Number of accounts that are kept before those of clients that have nothing waiting are looked for.
const ACCOUNTS_SWEPT_FROM: usize = 64;

/// Limits of a [`Router`], and its waits.
#[derive(Debug, Clone)]
pub struct RouterLimits {
    /// Bytes that may wait for one client, with [`FRAME_COST`](super::budget::FRAME_COST) a frame. Default 8 MiB; a
    /// larger reply can never be sent.
    pub client_bytes_max: usize,
    /// Replies that may wait for one client. Default 10,000.
    pub client_replies_max: usize,
    /// Bytes that may wait for all clients together. Default 64 MiB.
    pub clients_bytes_max: usize,
    /// Messages of one connection that may wait to be read. Default 1,000; its socket's buffer fills up next, then
    /// the sender has to wait.
    pub unread_max: i32,
    /// Longest frame in bytes; a connection that sends a longer one is closed. Default 2 MiB.
    pub frame_len_max: i64,
    /// Connections that may wait to be accepted. Default 4,096; the system may cap it.
    pub backlog: i32,
    /// Longest time that a connection may take to say that it speaks ZeroMQ before it is closed. Default 10 s.
    pub handshake: Duration,
}

impl Default for RouterLimits {
    fn default() -> Self {
        Self {
            client_bytes_max: 8 << 20,
            client_replies_max: 10_000,
            clients_bytes_max: 64 << 20,
            unread_max: 1_000,
            frame_len_max: 2 << 20,
            backlog: 4_096,
            handshake: Duration::from_secs(10),
        }
    }
}

/// The bound socket. Messages arrive as `[routing id][envelope…][empty][body…]`.
pub struct Router {
    pub(super) socket: Socket,
    endpoint: Endpoint,
    limits: RouterLimits,
    total: Arc<Budget>,
    accounts: HashMap<Box<[u8]>, Arc<Budget>>,
    /// The account that was used last: replies to one client follow each other.
    latest: Option<(Vec<u8>, Arc<Budget>)>,
    sweep_at: usize,
}

impl Router {
    /// Listens. Port 0 lets the system choose one: see [`endpoint`](Self::endpoint). A host name stands for its
    /// first address, IPv4 before IPv6.
    pub fn bind(context: &Context, endpoint: &Endpoint, limits: RouterLimits) -> Result<Self, BindError> {
        let refused = |errno| refusal(endpoint, errno);
        let address = resolve(endpoint).ok_or_else(|| BindError::AddressNotAvailable(endpoint.clone()))?;
        let mut socket = context.socket(zmq::ROUTER).map_err(|error| refused(error.errno))?;
        configure(&socket, &address, &limits).map_err(|error| refused(error.into()))?;
        socket.bind(&address.to_string()).map_err(refused)?;
        let port = bound_port(&socket).ok_or_else(|| refused(Errno(EADDRNOTAVAIL)))?;
        Ok(Self {
            socket,
            endpoint: endpoint.with_port(port),
            // The number of replies is bounded by each client's.
            total: Budget::new(limits.clients_bytes_max, usize::MAX),
            limits,
            accounts: HashMap::new(),
            latest: None,
            sweep_at: ACCOUNTS_SWEPT_FROM,
        })
    }

    /// Address that it listens on: the host as given, the port that was bound.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Takes the next message, if there is one; never waits.
    pub fn recv(&mut self, parts: &mut Parts) -> Result<bool, SocketError> {
        self.socket.recv(parts).map_err(SocketError::during("receive"))
    }

    /// Replies to a client: its envelope, an empty frame, `body`. Never waits. No body is nothing to send.
    pub fn reply(&mut self, client: &ReturnAddress, body: &[SharedFrame]) -> Result<(), SendError> {
        let routing_id = address::unpack(client).next().ok_or(SendError::Unreachable)?;
        self.send(routing_id, address::unpack(client), body)
    }

    /// Answers a node over the link that it opened to us: its routing id is its name.
    pub fn answer(&mut self, node: &NodeId, body: &[SharedFrame]) -> Result<(), SendError> {
        let routing_id = node.as_str().as_bytes();
        self.send(routing_id, std::iter::once(routing_id), body)
    }

    /// Bytes that wait for all clients together.
    pub fn pending_bytes(&self) -> usize {
        self.total.pending_bytes()
    }

    /// Clients whose queues are accounted for, some of them maybe empty.
    pub fn accounts(&self) -> usize {
        self.accounts.len()
    }

    /// Stops listening; replies that wait have `linger` to leave. Does not wait for them: the end of the
    /// [`Context`] does.
    pub fn close(self, linger: Duration) {
        // Only an option that does not exist is refused.
        let _ = self.socket.options().set_linger(millis(linger));
    }

    fn send<'a>(
        &mut self,
        routing_id: &[u8],
        envelope: impl Iterator<Item = &'a [u8]> + Clone,
        body: &[SharedFrame],
    ) -> Result<(), SendError> {
        let Some((last, head)) = body.split_last() else { return Ok(()) };
        let envelope = envelope.chain(std::iter::once(&[][..]));
        let lengths = envelope.clone().map(<[u8]>::len).chain(body.iter().map(|frame| frame.0.len()));
        let share = self.account(routing_id).take(cost(lengths)).ok_or(SendError::QueueFull)?;
        send_message(&mut self.socket, envelope, head, last, share).map_err(|errno| match errno {
            Errno(EAGAIN) => SendError::QueueFull,
            _ => SendError::Unreachable,
        })
    }

    /// The account of a client.
    fn account(&mut self, routing_id: &[u8]) -> &Arc<Budget> {
        let latest = match self.latest.take() {
            Some(latest) if latest.0 == routing_id => latest,
            _ => (routing_id.to_vec(), self.find_or_open(routing_id)),
        };
        &self.latest.insert(latest).1
    }

    /// The same, looked up. Those with nothing waiting are dropped whenever their number has doubled, so that there are never
    /// many more than clients that do not read.
    fn find_or_open(&mut self, routing_id: &[u8]) -> Arc<Budget> {
        if let Some(account) = self.accounts.get(routing_id) {
            return Arc::clone(account);
        }
        if self.accounts.len() >= self.sweep_at {
            self.accounts.retain(|_, account| account.pending_messages() > 0);
            self.sweep_at = ACCOUNTS_SWEPT_FROM.max(2 * self.accounts.len());
        }
        let RouterLimits { client_bytes_max, client_replies_max, .. } = self.limits;
        let account = Budget::part_of(&self.total, client_bytes_max, client_replies_max);
        self.accounts.insert(routing_id.into(), Arc::clone(&account));
        account
    }
}

fn configure(socket: &Socket, address: &Endpoint, limits: &RouterLimits) -> zmq::Result<()> {
    let options = socket.options();
    options.set_linger(0)?;
    options.set_ipv6(address.is_ipv6())?;
    // A client that is gone is an error, not silence; a node that restarts takes over its old routing id.
    options.set_router_mandatory(true)?;
    options.set_router_handover(true)?;
    // The accounts are the bound: libzmq's own count lags behind what has left.
    options.set_sndhwm(0)?;
    options.set_rcvhwm(limits.unread_max)?;
    options.set_maxmsgsize(limits.frame_len_max)?;
    options.set_backlog(limits.backlog)?;
    options.set_handshake_ivl(millis(limits.handshake))?;
    keep_alive(options)
}

/// Finds connections whose far end vanished without a word, after about 90 s.
pub(super) fn keep_alive(options: &zmq::Socket) -> zmq::Result<()> {
    options.set_tcp_keepalive(1)?;
    options.set_tcp_keepalive_idle(60)?;
    options.set_tcp_keepalive_intvl(10)?;
    options.set_tcp_keepalive_cnt(3)
}

/// Milliseconds as libzmq's options take them.
pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// libzmq binds to addresses only, not to host names.
fn resolve(endpoint: &Endpoint) -> Option<Endpoint> {
    if endpoint.host().parse::<IpAddr>().is_ok() {
        return Some(endpoint.clone());
    }
    let found: Vec<IpAddr> =
        (endpoint.host(), endpoint.port()).to_socket_addrs().ok()?.map(|address| address.ip()).collect();
    let ip = found.iter().find(|ip| ip.is_ipv4()).or_else(|| found.first())?;
    Some(Endpoint::from_ip(*ip, endpoint.port()))
}

fn bound_port(socket: &Socket) -> Option<u16> {
    let text = socket.options().get_last_endpoint().ok()?.ok()?;
    text.rsplit_once(':')?.1.parse().ok()
}

fn refusal(endpoint: &Endpoint, errno: Errno) -> BindError {
    let endpoint = endpoint.clone();
    match errno.0 {
        EADDRINUSE => BindError::AddressInUse(endpoint),
        EADDRNOTAVAIL | ENODEV | EHOSTUNREACH => BindError::AddressNotAvailable(endpoint),
        EACCES => BindError::PermissionDenied(endpoint),
        _ => BindError::Other { endpoint, errno },
    }
}
