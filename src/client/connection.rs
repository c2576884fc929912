//! One node, one request at a time.

use super::error::ClientError;
use crate::{
    clock,
    core::{
        batch::Body,
        endpoint::Endpoint,
        event::record::Level,
        frame::frame_len_max,
        id::{MessageId, NodeId},
        message::{Payload, Relays},
        request::{NodeStatus, PeerInfo, Reply, Request, RequestId},
    },
    transport::{Attempts, Context, Patience, RequestError, Requester},
    wire::{Decoder, Incoming, Response, encode},
};
use std::time::Duration;

/// Time to wait for a reply before the same request is sent once more.
const RETRY: Duration = Duration::from_secs(1);

/// Sockets of the process of a client: one for each node that it asks.
pub(super) const SOCKETS_MAX: u16 = 2048;

/// Receipt of a node for the messages of a submission, which are one or many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The node that took them.
    pub node: NodeId,
    /// The id that it gave the first; those of the others count on from it.
    pub id: MessageId,
    /// Number of messages.
    pub count: u32,
    /// Safety of the messages.
    pub level: Level,
}

impl Receipt {
    /// The id of the last message.
    pub fn last(&self) -> MessageId {
        let sequence = self.id.sequence.saturating_add(u64::from(self.count).saturating_sub(1));
        MessageId { sequence, ..self.id.clone() }
    }
}

/// Clients of many nodes: they share what a process has once.
#[derive(Clone)]
pub struct Clients {
    context: Context,
}

impl Clients {
    /// For at most 2000 connections at a time.
    pub fn new() -> Result<Self, ClientError> {
        Ok(Self { context: Context::new(SOCKETS_MAX)? })
    }

    /// Connects to a node, as [`Client::connect`] does.
    pub fn connect(&self, endpoint: &Endpoint, timeout: Duration) -> Result<Client, ClientError> {
        let patience = Patience { connect: timeout, reply: timeout, retry: RETRY };
        let failed = |error: RequestError| ClientError::from_request(endpoint, error);
        let requester = Requester::connect(&self.context, endpoint, patience).map_err(failed)?;
        Ok(Client { requester, decoder: Decoder::new(usize::MAX), endpoint: endpoint.clone(), header: Vec::new() })
    }
}

/// A connection to one node. Every wait ends with the timeout it was made with.
pub struct Client {
    requester: Requester,
    decoder: Decoder,
    endpoint: Endpoint,
    header: Vec<u8>,
}

impl Client {
    /// Connects to a node. An address where nobody listens is found out at once.
    pub fn connect(endpoint: &Endpoint, timeout: Duration) -> Result<Self, ClientError> {
        Clients::new()?.connect(endpoint, timeout)
    }

    /// Sends a request and waits for its reply; asks again if none comes, under the same id.
    pub fn call(&mut self, request: &Request) -> Result<Response, ClientError> {
        self.call_as(&unique_id(), Attempts::Many, request)
    }

    /// The same under an id of the caller's, for one that it may repeat later.
    fn call_as(&mut self, id: &RequestId, attempts: Attempts, request: &Request) -> Result<Response, ClientError> {
        self.header.clear();
        let payload = encode::request(&mut self.header, id, request);
        let frames: Vec<&[u8]> = std::iter::once(&self.header[..]).chain(payload.map(|payload| &**payload)).collect();
        let failed = |error: RequestError| ClientError::from_request(&self.endpoint, error);
        let parts = self.requester.request(&frames, attempts).map_err(failed)?;
        understand(&mut self.decoder, &self.endpoint, parts, id)
    }

    /// Submits a message, with its paths recorded if `trace` says how often to relay it. It is published once,
    /// however often this had to ask.
    pub fn publish(&mut self, payload: Payload, trace: Option<Relays>) -> Result<Receipt, ClientError> {
        self.submit(&unique_id(), Attempts::Many, trace, Body::one(payload))
    }

    /// Submits payloads that each become a message, untraced: all of them or, if the node refuses one, none. There are 1 to
    /// [`SUBMITTED_MAX`](crate::core::batch::SUBMITTED_MAX), packed as a [`Packer`](crate::core::batch::Packer) does it. What is
    /// longer than the node [reads](frame_len_max) is not sent: [`ClientError::TooLong`].
    ///
    /// Under a [unique](RequestId::Unique) id the node takes them once, however often they are submitted, for as long as it
    /// remembers the request: it repeats its first receipt. This sends it once; a caller that has no receipt knows whether the node
    /// may still remember it. With [`RequestId::None`] they get an id of this client's, and are sent until there is a receipt.
    pub fn publish_all(&mut self, request: &RequestId, body: Body) -> Result<Receipt, ClientError> {
        match request {
            RequestId::None => self.submit(&unique_id(), Attempts::Many, None, body),
            request => self.submit(request, Attempts::One, None, body),
        }
    }

    fn submit(
        &mut self,
        request: &RequestId,
        attempts: Attempts,
        trace: Option<Relays>,
        body: Body,
    ) -> Result<Receipt, ClientError> {
        self.check_len(body.bytes().len())?;
        let submitted = body.count();
        let Response { node, reply, .. } = self.call_as(request, attempts, &Request::Publish { trace, body })?;
        match reply {
            Reply::Receipt { id, count, level } if count == submitted => Ok(Receipt { node, id, count, level }),
            Reply::Receipt { count, .. } => {
                let text = format!("it took {count} messages where {submitted} were submitted");
                Err(ClientError::Protocol { endpoint: self.endpoint.clone(), text })
            }
            other => Err(self.unexpected(&other)),
        }
    }

    /// Finds out whether the node reads so many bytes: of more it would close the connection and say nothing. It is asked for its
    /// limit where a node can have one below that.
    fn check_len(&mut self, len: usize) -> Result<(), ClientError> {
        if len <= frame_len_max(0) {
            return Ok(());
        }
        let limit = frame_len_max(usize::try_from(self.status()?.payload_len_max).unwrap_or(usize::MAX));
        if len <= limit { Ok(()) } else { Err(ClientError::TooLong { endpoint: self.endpoint.clone(), len, limit }) }
    }

    /// Has the node write its log again, after that failed; says who it is.
    pub fn reopen_log(&mut self) -> Result<NodeId, ClientError> {
        self.tell(&Request::Reopen)
    }

    /// The node's name and its peers.
    pub fn peers(&mut self) -> Result<(NodeId, Vec<PeerInfo>), ClientError> {
        let Response { node, reply, .. } = self.call(&Request::Peers)?;
        match reply {
            Reply::Peers(peers) => Ok((node, peers)),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The node's account of itself.
    pub fn status(&mut self) -> Result<NodeStatus, ClientError> {
        match self.call(&Request::Status)?.reply {
            Reply::Status(status) => Ok(*status),
            other => Err(self.unexpected(&other)),
        }
    }

    /// A request that is answered with "done", and who said so.
    pub fn tell(&mut self, request: &Request) -> Result<NodeId, ClientError> {
        let Response { node, reply, .. } = self.call(request)?;
        match reply {
            Reply::Done => Ok(node),
            other => Err(self.unexpected(&other)),
        }
    }

    pub(super) fn unexpected(&self, reply: &Reply) -> ClientError {
        let word = match reply {
            Reply::Receipt { .. } => "RECEIPT",
            Reply::Page(_) => "PAGE",
            Reply::Peers(_) => "PEER-LIST",
            Reply::Status(_) => "STATE",
            Reply::Events { .. } => "EVENTS",
            Reply::Vector(_) => "VECTOR",
            Reply::Done => "DONE",
            Reply::Refused { .. } => "ERROR",
        };
        ClientError::Protocol { endpoint: self.endpoint.clone(), text: format!("it replied {word}") }
    }
}

/// A request id that no other request has.
pub(super) fn unique_id() -> RequestId {
    let halves = [clock::seed(), clock::seed()];
    RequestId::Unique(halves.map(u64::to_be_bytes).concat().into())
}

/// Response in the frames of a reply, if they reply to `id`. A refusal is an error.
pub(super) fn understand<F: AsRef<[u8]>>(
    decoder: &mut Decoder,
    endpoint: &Endpoint,
    parts: &[F],
    id: &RequestId,
) -> Result<Response, ClientError> {
    let wrong = |text: &str| ClientError::Protocol { endpoint: endpoint.clone(), text: text.to_owned() };
    let (header, body) = parts.split_first().ok_or_else(|| wrong("it sent no frames"))?;
    let incoming =
        decoder.decode(header.as_ref(), body).map_err(|rejected| ClientError::protocol(endpoint, &rejected.error))?;
    let Incoming::Response(response) = incoming else { return Err(wrong("it sent no reply")) };
    if response.request != *id {
        return Err(wrong("it replied to another request"));
    }
    match response.reply {
        Reply::Refused { refusal, text } => Err(ClientError::Refused { node: response.node, refusal, text }),
        _ => Ok(response),
    }
}
