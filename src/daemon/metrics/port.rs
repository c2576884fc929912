//! The side of the node's loop: it is woken when somebody wants to know, and hands over a copy of what the node counts. It
//! never waits for anybody.

use super::server;
use crate::core::node::Snapshot;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

/// Stack of the thread that serves: it recurses nowhere.
const STACK_LEN: usize = 256 << 10;

/// The port at which a node's metrics are served. The thread behind it ends when this is dropped.
pub(in crate::daemon) struct MetricsPort {
    address: SocketAddr,
    /// Readable when a snapshot is wanted; written to when one is there.
    wake: UnixStream,
    snapshots: SyncSender<Box<Snapshot>>,
}

impl MetricsPort {
    /// Listens, and starts the thread that serves.
    pub(in crate::daemon) fn listen(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (wake, far) = UnixStream::pair()?;
        for stream in [&wake, &far] {
            stream.set_nonblocking(true)?;
        }
        listener.set_nonblocking(true)?;
        let (snapshots, incoming) = sync_channel(1);
        let serve = move || server::serve(&listener, &far, &incoming);
        thread::Builder::new().name("metrics".into()).stack_size(STACK_LEN).spawn(serve)?;
        Ok(Self { address, wake, snapshots })
    }

    /// The address that it listens on.
    pub(in crate::daemon) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hands over a snapshot.
    pub(in crate::daemon) fn answer(&mut self, snapshot: impl FnOnce() -> Snapshot) {
        let mut asked = [0; 64];
        while matches!(self.wake.read(&mut asked), Ok(1..)) {}
        // One that is still there was not taken: it is as good as this one. If the thread is gone, nobody asks.
        let _ = self.snapshots.try_send(Box::new(snapshot()));
        let _ = self.wake.write(&[1]);
    }
}

impl AsFd for MetricsPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
