//! A stock ZeroMQ socket that sends whatever it is told to.

use crate::node::{Node, PATIENCE};
use gossip::{
    core::{
        batch::{Batch, Body},
        endpoint::Endpoint,
        frame::{Answer, Frame, Introduction, JoinPriority},
        id::{Incarnation, MessageId, NodeId},
        request::{Reply, Request, RequestId},
        stats::Refusal,
        time::Wall,
    },
    wire::{Decoder, Frames, Incoming, Response, encode},
};

/// A DEALER connected to a node.
pub(crate) struct Dealer {
    socket: zmq::Socket,
    _context: zmq::Context,
}

impl Dealer {
    /// A client without a name.
    pub(crate) fn client(node: &Node) -> Self {
        Self::to(&node.endpoint, None)
    }

    /// A client that never reads, nor does its library for it.
    pub(crate) fn deaf(node: &Node) -> Self {
        Self::with(&node.endpoint, None, 1)
    }

    /// A socket that says it is the node `name`.
    pub(crate) fn named(node: &Node, name: &str) -> Self {
        Self::to(&node.endpoint, Some(name))
    }

    /// A socket to an address, with or without a name.
    pub(crate) fn to(endpoint: &Endpoint, name: Option<&str>) -> Self {
        Self::with(endpoint, name, 0)
    }

    /// `unread`: messages that the library takes in before somebody asks for them; 0 for all.
    fn with(endpoint: &Endpoint, name: Option<&str>, unread: i32) -> Self {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::DEALER).unwrap();
        socket.set_linger(0).unwrap();
        socket.set_sndhwm(0).unwrap();
        socket.set_rcvhwm(unread).unwrap();
        socket.set_rcvtimeo(PATIENCE.as_millis() as i32).unwrap();
        if let Some(name) = name {
            socket.set_identity(name.as_bytes()).unwrap();
        }
        socket.connect(&endpoint.to_string()).unwrap();
        Self { socket, _context: context }
    }

    /// Sends frames as they are.
    pub(crate) fn send_raw<F: AsRef<[u8]>>(&self, frames: &[F]) {
        self.socket.send_multipart(frames.iter().map(AsRef::as_ref), 0).unwrap();
    }

    /// Sends an empty frame, a header and payload frames.
    pub(crate) fn send<B: AsRef<[u8]>>(&self, header: &[u8], body: &[B]) {
        let frames: Vec<&[u8]> = [&[][..], header].into_iter().chain(body.iter().map(AsRef::as_ref)).collect();
        self.send_raw(&frames);
    }

    pub(crate) fn request(&self, id: u64, request: &Request) {
        let mut header = Vec::new();
        let payload = encode::request(&mut header, &RequestId::Number(id), request);
        self.send(&header, payload.map(|payload| &**payload).as_slice());
    }

    pub(crate) fn frame(&self, frame: &Frame) {
        let mut header = Vec::new();
        let payload = encode::frame(&mut header, frame);
        self.send(&header, payload.map(|payload| &**payload).as_slice());
    }

    /// Next message, frame by frame.
    pub(crate) fn raw(&self) -> Vec<Vec<u8>> {
        self.socket.recv_multipart(0).expect("no answer")
    }

    /// Next message.
    pub(crate) fn incoming(&self) -> Incoming {
        Self::understood(self.socket.recv_multipart(0).expect("no answer"))
    }

    /// Message that has come back already, if any has.
    pub(crate) fn waiting(&self) -> Option<Incoming> {
        self.socket.recv_multipart(zmq::DONTWAIT).ok().map(Self::understood)
    }

    fn understood(frames: Vec<Vec<u8>>) -> Incoming {
        let frames = Frames::split(&frames).unwrap();
        Decoder::new(usize::MAX).decode(frames.header, frames.body).unwrap()
    }

    pub(crate) fn response(&self) -> Response {
        match self.incoming() {
            Incoming::Response(response) => response,
            other => panic!("no reply but {other:?}"),
        }
    }

    /// Refusal of the next reply, and its request.
    pub(crate) fn error(&self) -> (RequestId, Refusal, String) {
        match self.response() {
            Response { request, reply: Reply::Refused { refusal, text }, .. } => (request, refusal, text),
            other => panic!("not refused but {other:?}"),
        }
    }

    /// Next answer to a node.
    pub(crate) fn answer(&self) -> Answer {
        match self.incoming() {
            Incoming::Answer(answer) => answer,
            other => panic!("no answer but {other:?}"),
        }
    }

    /// The code of the refusal that a node is answered next.
    pub(crate) fn refused(&self) -> String {
        match self.answer() {
            Answer::Refuse { code, .. } => code,
            other => panic!("not refused but {other:?}"),
        }
    }

    /// Says HELLO and waits to be welcomed.
    pub(crate) fn meets(self) -> Self {
        let name = self.socket.get_identity().unwrap();
        self.frame(&Frame::Hello(introduction(std::str::from_utf8(&name).unwrap()), JoinPriority::Declared));
        assert!(matches!(self.answer(), Answer::Welcome(..)));
        self
    }

    /// Waits until all that was sent has been seen: what came before a PING is handled before its PONG is sent.
    pub(crate) fn settled(&self) {
        self.frame(&Frame::Ping { token: u64::MAX, digest: None });
        while self.answer() != Answer::Pong(u64::MAX) {}
    }
}

/// A node of this name that nobody can dial.
pub(crate) fn introduction(name: &str) -> Introduction {
    Introduction {
        node: NodeId::new(name).unwrap(),
        endpoint: "127.0.0.1:1".parse().unwrap(),
        network: "abuse".parse().unwrap(),
        instance: "".parse().unwrap(),
        incarnation: Incarnation(1),
        capabilities: Vec::new(),
        payload_len_max: None,
    }
}

/// A small message.
pub(crate) fn message(origin: &str, incarnation: u64, sequence: u64) -> Batch {
    let id = MessageId { origin: NodeId::new(origin).unwrap(), incarnation: Incarnation(incarnation), sequence };
    Batch { id, published_at: Wall(1), hops: 1, trace: None, tree: None, body: Body::one(b"x"[..].into()) }
}
