//! Something on the way between two nodes, which can forget the connections that go through it: they stand and carry
//! nothing from then on.

use gossip::core::endpoint::Endpoint;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A relay on a port of its own.
pub(crate) struct Relay {
    pub(crate) address: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    made: AtomicUsize,
    /// Connections with lower numbers carry nothing.
    forgotten: AtomicUsize,
}

impl Relay {
    /// Passes on what comes to that address.
    pub(crate) fn to(target: &Endpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap().to_string(), state: Arc::default() };
        let (state, target) = (Arc::clone(&relay.state), target.authority());
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let Ok(far) = TcpStream::connect(&target) else { continue };
                let number = state.made.fetch_add(1, Ordering::SeqCst);
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&state));
                    thread::spawn(move || pump(from, to, number, &state));
                }
            }
        });
        relay
    }

    /// Forgets all connections that there are.
    pub(crate) fn forget(&self) {
        self.state.forgotten.store(self.made(), Ordering::SeqCst);
    }

    /// Forgets those that are yet to come, too, until [`forget`](Self::forget) is called the next time.
    pub(crate) fn forget_all(&self) {
        self.state.forgotten.store(usize::MAX, Ordering::SeqCst);
    }

    /// Number of connections that have been made.
    pub(crate) fn made(&self) -> usize {
        self.state.made.load(Ordering::SeqCst)
    }
}

/// Moves bytes; those that come in while the connection is forgotten are gone.
fn pump(mut from: TcpStream, mut to: TcpStream, number: usize, state: &State) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let is_forgotten = number < state.forgotten.load(Ordering::SeqCst);
        if !is_forgotten && to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
