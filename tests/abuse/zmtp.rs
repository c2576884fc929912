//! ZMTP 3.0 by hand, over a bare TCP connection, for what no library would send. RFC 23 of rfc.zeromq.org.

use crate::node::{Node, PATIENCE};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// Greeting that both sides send first: signature, version 3.0, mechanism NULL.
pub(crate) fn greeting() -> [u8; 64] {
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// A TCP connection that has said nothing yet.
pub(crate) fn tcp(node: &Node) -> TcpStream {
    let stream = TcpStream::connect((node.endpoint.host(), node.endpoint.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A connection that is through with its handshake as a DEALER with this routing id.
pub(crate) fn connect(node: &Node, routing_id: &str) -> TcpStream {
    let mut stream = tcp(node);
    let mut ready = b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\x08Identity".to_vec();
    ready.extend((routing_id.len() as u32).to_be_bytes());
    ready.extend(routing_id.as_bytes());
    stream.write_all(&greeting()).unwrap();
    stream.write_all(&[4, ready.len() as u8]).unwrap();
    stream.write_all(&ready).unwrap();
    let mut theirs = [0; 66];
    stream.read_exact(&mut theirs).unwrap();
    assert_eq!(theirs[64], 4, "no READY after the greeting");
    let mut rest = vec![0; theirs[65].into()];
    stream.read_exact(&mut rest).unwrap();
    stream
}

/// Sends one message of short frames.
pub(crate) fn send(stream: &mut TcpStream, frames: &[&[u8]]) {
    let mut bytes = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        bytes.extend([u8::from(index + 1 < frames.len()), u8::try_from(frame.len()).unwrap()]);
        bytes.extend(*frame);
    }
    stream.write_all(&bytes).unwrap();
}
