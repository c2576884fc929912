//! Asking many nodes at once from one thread: a DEALER each, one deadline for all.

use super::{
    context::Context,
    error::SocketError,
    raw::{Part, Parts, PollTable, Socket},
    request::{READABLE, wait_slice},
    resolver::Resolver,
};
use crate::{clock::Deadline, core::endpoint::Endpoint};
use std::collections::BTreeSet;

/// Requests to one target that may wait to be sent; one more is an error. libzmq hears by halves of this mark of what has
/// left, so whoever has so many requests open that they may all wait keeps to half of it.
const UNSENT_MAX: i32 = 4_096;

/// Connections to many nodes, numbered from 0 in the order of [`connect`](Self::connect).
pub struct Fan {
    context: Context,
    targets: Vec<Target>,
    resolver: Resolver,
    table: PollTable,
    parts: Parts,
}

enum Target {
    Open(Socket),
    /// The address of its host name is not known yet; these messages wait for it.
    Named(Endpoint, Vec<Message>),
    Closed,
}

type Message = Vec<Vec<u8>>;

impl Target {
    fn socket(&mut self) -> Option<&mut Socket> {
        match self {
            Self::Open(socket) => Some(socket),
            Self::Named(..) | Self::Closed => None,
        }
    }
}

impl Fan {
    /// No connections.
    pub fn new(context: &Context) -> Self {
        let (targets, resolver) = (Vec::new(), Resolver::new());
        Self { context: context.clone(), targets, resolver, table: PollTable::default(), parts: Parts::new() }
    }

    /// Connects to one more node, without waiting, and returns its number. A request to a node that is not there
    /// yet waits for it, and so does one to a host name that has no address yet.
    pub fn connect(&mut self, endpoint: &Endpoint) -> Result<usize, SocketError> {
        let target = self.open(endpoint)?;
        self.targets.push(target);
        Ok(self.targets.len() - 1)
    }

    /// Connects a target anew, to wherever it is now: what was asked there is answered no more.
    pub fn reconnect(&mut self, target: usize, endpoint: &Endpoint) -> Result<(), SocketError> {
        self.close(target);
        self.targets[target] = self.open(endpoint)?;
        Ok(())
    }

    /// Closes the connection to a target, whose number stays its own.
    pub fn close(&mut self, target: usize) {
        self.targets[target] = Target::Closed;
    }

    fn open(&mut self, endpoint: &Endpoint) -> Result<Target, SocketError> {
        let Some(address) = self.resolver.address(endpoint) else {
            return Ok(Target::Named(endpoint.clone(), Vec::new()));
        };
        let mut socket = self.context.socket(zmq::DEALER)?;
        configure(&socket, &address).map_err(SocketError::during("set up a connection"))?;
        socket.connect(&address.to_string()).map_err(SocketError::during("connect"))?;
        Ok(Target::Open(socket))
    }

    /// Opens those whose address has become known, and sends what waited for it.
    fn open_found(&mut self) -> Result<(), SocketError> {
        self.resolver.take();
        for target in 0..self.targets.len() {
            let Target::Named(endpoint, _) = &self.targets[target] else { continue };
            let opened = self.open(&endpoint.clone())?;
            if matches!(opened, Target::Open(_))
                && let Target::Named(_, messages) = std::mem::replace(&mut self.targets[target], opened)
            {
                messages.iter().try_for_each(|frames| self.send(target, frames))?;
            }
        }
        Ok(())
    }

    /// Sends an empty frame and `frames` to a target, without waiting. To one that is closed it sends nothing.
    pub fn send<F: AsRef<[u8]>>(&mut self, target: usize, frames: &[F]) -> Result<(), SocketError> {
        let socket = match &mut self.targets[target] {
            Target::Open(socket) => socket,
            Target::Named(_, messages) => {
                messages.push(frames.iter().map(|frame| frame.as_ref().to_vec()).collect());
                return Ok(());
            }
            Target::Closed => return Ok(()),
        };
        let last = frames.len();
        std::iter::once(&[][..])
            .chain(frames.iter().map(AsRef::as_ref))
            .enumerate()
            .try_for_each(|(index, frame)| socket.send_copy(frame, index < last))
            .map_err(SocketError::during("send a request"))
    }

    /// Gives `on_reply` each message that comes from a target in `waiting`, without its empty frame, and takes the
    /// target out once it says that this was the answer. Returns when `waiting` is empty or the time is over: who is
    /// in it then did not answer.
    pub fn collect(
        &mut self,
        waiting: &mut BTreeSet<usize>,
        deadline: &Deadline,
        mut on_reply: impl FnMut(usize, &[Part]) -> bool,
    ) -> Result<(), SocketError> {
        waiting.retain(|&target| !matches!(self.targets[target], Target::Closed));
        let mut polled = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            self.open_found()?;
            let Self { targets, table, parts, .. } = self;
            polled.clear();
            polled.extend(waiting.iter().copied().filter(|&target| targets[target].socket().is_some()));
            let sockets = targets
                .iter_mut()
                .enumerate()
                .filter(|(target, _)| waiting.contains(target))
                .filter_map(|(_, target)| Some((target.socket()?, READABLE)));
            let ready = wait_slice(deadline, |slice| table.poll(None, sockets, Some(slice)))?;
            // One wait looks at all sockets, so take from all that are ready before the next.
            for (index, &target) in polled.iter().enumerate().filter(|_| ready) {
                while table.found(index).readable && waiting.contains(&target) {
                    let Some(socket) = targets[target].socket() else { break };
                    if !socket.recv(parts).map_err(SocketError::during("receive a reply"))? {
                        break;
                    }
                    if let [empty, body @ ..] = parts.frames()
                        && empty.as_ref().is_empty()
                        && on_reply(target, body)
                    {
                        waiting.remove(&target);
                    }
                }
            }
            if deadline.is_over() {
                break;
            }
        }
        Ok(())
    }
}

fn configure(socket: &Socket, endpoint: &Endpoint) -> zmq::Result<()> {
    let options = socket.options();
    options.set_linger(0)?;
    options.set_sndhwm(UNSENT_MAX)?;
    options.set_ipv6(endpoint.is_ipv6())?;
    options.set_reconnect_ivl(10)?;
    options.set_reconnect_ivl_max(200)
}
