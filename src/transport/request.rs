//! The asking side: one request, one reply, every wait with an end.

use super::{
    context::Context,
    dial::probe,
    error::{RequestError, SocketError},
    raw::{Part, Parts, PollTable, Socket},
    ready::Interest,
};
use crate::{clock::Deadline, core::endpoint::Endpoint};
use std::{net::SocketAddr, time::Duration};

/// Longest single wait, so that an interrupted one costs little of the time that is left.
const SLICE: Duration = Duration::from_millis(50);

/// Bytes a second of the slowest link that a request is given time for: 1 MiB takes a minute there.
const SLOWEST: u32 = 16 << 10;

/// Time to wait for a node. A request that is large gets the time that it may take on its way besides.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a TCP connection. A node that is dead but on a live host refuses at once.
    pub connect: Duration,
    /// For a reply, all attempts together.
    pub reply: Duration,
    /// For a reply before the same request is sent once more. The node must know it by its request id.
    pub retry: Duration,
}

/// Number of times that a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempts {
    /// Once: another life of the node does not know it by its id, and would do it again.
    One,
    /// As often as [`Patience`] says.
    Many,
}

impl Default for Patience {
    /// 1 s to connect, 5 s for a reply, asked again each second.
    fn default() -> Self {
        Self { connect: Duration::from_secs(1), reply: Duration::from_secs(5), retry: Duration::from_secs(1) }
    }
}

/// A REQ socket connected to one node. Late replies to earlier requests are told apart and dropped.
pub struct Requester {
    socket: Socket,
    endpoint: Endpoint,
    /// Wait of the next request.
    pub patience: Patience,
    table: PollTable,
    parts: Parts,
}

impl Requester {
    /// Connects; finds out at once if nothing listens.
    pub fn connect(context: &Context, endpoint: &Endpoint, patience: Patience) -> Result<Self, RequestError> {
        let address = probe(endpoint, patience.connect)?;
        let mut socket = context.socket(zmq::REQ)?;
        configure(&socket, address).map_err(SocketError::during("set up a request"))?;
        let numeric = Endpoint::from_ip(address.ip(), address.port());
        socket.connect(&numeric.to_string()).map_err(SocketError::during("connect"))?;
        let (table, parts) = (PollTable::default(), Parts::new());
        Ok(Self { socket, endpoint: endpoint.clone(), patience, table, parts })
    }

    /// Sends `frames` and waits for the reply's, which may be read until the next request. Whenever `patience.retry` has
    /// passed, sees whether anything listens still, and sends again unless the request may be on its way, or has had its one attempt.
    pub fn request<F: AsRef<[u8]>>(&mut self, frames: &[F], attempts: Attempts) -> Result<&[Part], RequestError> {
        let Patience { connect, reply, retry } = self.patience;
        let crossing = crossing(frames.iter().map(|frame| frame.as_ref().len()).sum());
        let waited = reply.saturating_add(crossing);
        let deadline = Deadline::after(waited);
        loop {
            send_copies(&mut self.socket, frames).map_err(SocketError::during("send a request"))?;
            let resend = match attempts {
                Attempts::One => deadline,
                Attempts::Many => deadline.at_most(retry.saturating_add(crossing)),
            };
            while !resend.is_over() {
                if self.await_reply(&resend.at_most(retry))? {
                    return Ok(self.parts.frames());
                }
                if deadline.is_over() {
                    break;
                }
                probe(&self.endpoint, connect.min(deadline.remaining()))?;
            }
            if deadline.is_over() {
                return Err(RequestError::TimedOut { endpoint: self.endpoint.clone(), waited });
            }
        }
    }

    fn await_reply(&mut self, deadline: &Deadline) -> Result<bool, SocketError> {
        let Self { socket, table, parts, .. } = self;
        loop {
            let sockets = std::iter::once((&mut *socket, READABLE));
            let ready = wait_slice(deadline, |slice| table.poll(None, sockets, Some(slice)))?;
            // Ready without a message: it was a late reply to an earlier request.
            if ready && socket.recv(parts).map_err(SocketError::during("receive a reply"))? {
                return Ok(true);
            }
            if deadline.is_over() {
                return Ok(false);
            }
        }
    }
}

/// Time that so many bytes may be on their way, beside the time that any request has.
fn crossing(bytes: usize) -> Duration {
    Duration::from_secs((bytes as u64).saturating_sub(u64::from(SLOWEST))) / SLOWEST
}

/// Readiness to wait for at a socket that only receives.
pub(super) const READABLE: Interest = Interest { readable: true, writable: false };

/// Waits until something is ready or the time is over, but at most one slice, and says whether something is.
pub(super) fn wait_slice(
    deadline: &Deadline,
    poll: impl FnOnce(Duration) -> Result<bool, super::error::Errno>,
) -> Result<bool, SocketError> {
    poll(deadline.remaining().min(SLICE)).map_err(SocketError::during("wait for a reply"))
}

/// Sends all frames as one message by copying them.
pub(super) fn send_copies<F: AsRef<[u8]>>(socket: &mut Socket, frames: &[F]) -> Result<(), super::error::Errno> {
    let count = frames.len();
    frames.iter().enumerate().try_for_each(|(index, frame)| socket.send_copy(frame.as_ref(), index + 1 < count))
}

fn configure(socket: &Socket, address: SocketAddr) -> zmq::Result<()> {
    let options = socket.options();
    options.set_linger(0)?;
    options.set_ipv6(address.is_ipv6())?;
    options.set_reconnect_ivl(10)?;
    options.set_req_relaxed(true)?;
    options.set_req_correlate(true)
}
