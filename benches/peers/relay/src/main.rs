//! W over libzmq alone: each node hands every message to its children in a tree of the very links of the program's network,
//! and does nothing else. What the program does beyond that costs what it takes longer than this.
//!
//! `single`: a message is a frame. `packed`: a node packs what waits for it into one frame and hands that on.

use peer_driver::{Outlet, Recorder, Start, must, publish, ready};
use zmq::{Context, Message, POLLIN, Socket, SocketType};

/// Messages of a connection that may wait, on either side.
const WAITING_MAX: i32 = 1_000;
/// The send buffer of a link, as the program has it.
const SEND_BUFFER: i32 = 128 << 10;
/// A pack is closed when it has so many bytes.
const PACK: usize = 100 << 10;

fn main() {
    let start = Start::read();
    let context = Context::new();
    let is_packed = start.word(0) == "packed";
    if start.is_publisher {
        publish(start.load, Link { socket: link(&context, start.word(1)), is_packed });
    } else {
        relay(&context, &start, is_packed);
    }
}

/// A node: `single|packed PORT [PORT OF A CHILD]…`.
fn relay(context: &Context, start: &Start, is_packed: bool) {
    let inbound = must(context.socket(SocketType::ROUTER));
    must(inbound.set_rcvhwm(WAITING_MAX));
    must(inbound.bind(&format!("tcp://127.0.0.1:{}", start.word(1))));
    let children: Vec<_> = start.rest[2..].iter().map(|port| link(context, port)).collect();
    let mut recorder = Recorder::new(start.load);
    let (mut name, mut message, mut pack) = (Message::new(), Message::new(), Vec::new());
    ready();
    loop {
        must(inbound.poll(POLLIN, -1));
        while pack.len() < PACK && inbound.recv(&mut name, zmq::DONTWAIT).is_ok() {
            must(inbound.recv(&mut message, 0));
            if is_packed {
                unpack(&message).for_each(|payload| recorder.take(payload));
                pack.extend_from_slice(&message);
            } else {
                recorder.take(&message);
                children.iter().for_each(|child| must(child.send(&message[..], 0)));
            }
        }
        if !pack.is_empty() {
            children.iter().for_each(|child| must(child.send(&pack, 0)));
            pack.clear();
        }
    }
}

/// A link as the program opens it, but for what bounds its queues: here a sender waits.
fn link(context: &Context, port: &str) -> Socket {
    let socket = must(context.socket(SocketType::DEALER));
    must(socket.set_linger(0));
    must(socket.set_sndhwm(WAITING_MAX));
    must(socket.set_sndbuf(SEND_BUFFER));
    must(socket.set_reconnect_ivl(10));
    must(socket.connect(&format!("tcp://127.0.0.1:{port}")));
    socket
}

/// Link on which the publisher puts its messages, one by one: a pack of its own for each.
struct Link {
    socket: Socket,
    is_packed: bool,
}

impl Outlet for Link {
    fn send(&mut self, payload: &[u8]) {
        let frame = if self.is_packed { packed(payload) } else { payload.to_vec() };
        must(self.socket.send(frame, 0));
    }
}

/// A pack of one: the length, then the bytes.
fn packed(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), payload].concat()
}

/// The payloads of a pack.
fn unpack(mut pack: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = pack.split_first_chunk()?;
        let (payload, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        pack = rest;
        Some(payload)
    })
}
