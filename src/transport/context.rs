//! The process's libzmq: its context, what it can do, and the descriptors it may use.

use super::{
    error::SocketError,
    raw::{RawContext, Socket},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{io, sync::Arc};

/// A libzmq context with one I/O thread. Copies are the same context; it ends with the last copy and the last
/// socket made from it. Ending waits for what lingers, and every socket of this room lingers for a bounded time.
#[derive(Debug, Clone)]
pub struct Context(Arc<RawContext>);

impl Context {
    /// A context for at most `sockets_max` sockets open at a time. Each takes one descriptor, and each of its
    /// connections one more.
    pub fn new(sockets_max: u16) -> Result<Self, SocketError> {
        let raw = RawContext::new(sockets_max).map_err(SocketError::during("start libzmq"))?;
        Ok(Self(Arc::new(raw)))
    }

    pub(super) fn socket(&self, kind: zmq::SocketType) -> Result<Socket, SocketError> {
        Socket::new(&self.0, kind).map_err(SocketError::during("open a socket"))
    }
}

/// Returns whether libzmq was built with CURVE. A node that was told to encrypt must not start without it.
pub fn can_encrypt() -> bool {
    zmq::has("curve") == Some(true)
}

/// The libzmq that is linked: major, minor, patch.
pub fn libzmq_version() -> (i32, i32, i32) {
    zmq::version()
}

/// Raises the soft limit of open descriptors to the hard one, and returns it (`u64::MAX` for none): each socket
/// and each connection takes one.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libzmq_encrypts() {
        assert!(can_encrypt(), "built without CURVE: is native/zmq-sys patched in?");
        assert!(libzmq_version() >= (4, 3, 5));
    }

    #[test]
    fn descriptors_are_raised_to_the_hard_limit() {
        let limit = raise_descriptor_limit().unwrap();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
    }

    #[test]
    fn more_sockets_than_libzmq_would_give() {
        raise_descriptor_limit().unwrap();
        let context = Context::new(1200).unwrap();
        let sockets: Vec<_> = (0..1200).map(|_| context.socket(zmq::DEALER).unwrap()).collect();
        assert!(context.socket(zmq::DEALER).is_err(), "the limit does not hold");
        drop(sockets);
    }
}
