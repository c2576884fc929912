//! The thread that serves: a few connections at a time, none of which can hold up another, or the node.

use super::{connection::Connection, openmetrics};
use crate::core::node::Snapshot;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    io::{Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    sync::mpsc::Receiver,
};

/// Most connections at a time. One more takes the place of the oldest that has not asked yet; if all have, it waits.
const CONNECTIONS_MAX: usize = 16;

/// Serves until the far end of `wake` is closed.
pub(super) fn serve(listener: &TcpListener, mut wake: &UnixStream, snapshots: &Receiver<Box<Snapshot>>) {
    let mut connections: Vec<Connection> = Vec::new();
    let mut is_asked = false;
    loop {
        let Some(ready) = wait(listener, wake, &connections) else { return };
        if ready[0] {
            if is_closed(wake) {
                return;
            }
            if let Some(snapshot) = snapshots.try_iter().last() {
                is_asked = false;
                let text = openmetrics::render(&snapshot);
                for connection in connections.iter_mut().filter(|connection| connection.is_waiting()) {
                    connection.answer("200 OK", openmetrics::CONTENT_TYPE, &text);
                }
            }
        }
        for (connection, _) in connections.iter_mut().zip(&ready[2..]).filter(|(_, is_ready)| **is_ready) {
            connection.advance();
        }
        connections.retain(|connection| !connection.is_over());
        if ready[1] {
            accept(listener, &mut connections);
        }
        if !is_asked && connections.iter().any(Connection::is_waiting) {
            is_asked = wake.write(&[1]).is_ok();
        }
        if connections.is_empty() {
            is_asked = false;
        }
    }
}

/// Waits for something to do: at `wake`, at the listener, at each connection. `None`: the system does not let us.
fn wait(listener: &TcpListener, wake: &UnixStream, connections: &[Connection]) -> Option<Vec<bool>> {
    let accepts = if has_room(connections) { PollFlags::IN } else { PollFlags::empty() };
    let mut table = vec![PollFd::new(wake, PollFlags::IN), PollFd::new(listener, accepts)];
    table.extend(connections.iter().map(|connection| PollFd::new(connection, connection.interest())));
    let remaining = connections.iter().map(Connection::remaining).min();
    let timeout = remaining.and_then(|remaining| Timespec::try_from(remaining).ok());
    match poll(&mut table, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(_) => return None,
    }
    Some(table.iter().map(|entry| !entry.revents().is_empty()).collect())
}

/// Empties `wake`, and says whether nobody is there any more.
fn is_closed(mut wake: &UnixStream) -> bool {
    let mut bytes = [0; 64];
    loop {
        match wake.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

fn has_room(connections: &[Connection]) -> bool {
    connections.len() < CONNECTIONS_MAX || connections.iter().any(Connection::is_idle)
}

fn accept(listener: &TcpListener, connections: &mut Vec<Connection>) {
    while has_room(connections) {
        let Ok((stream, _)) = listener.accept() else { return };
        if connections.len() >= CONNECTIONS_MAX
            && let Some(oldest) = connections.iter().position(Connection::is_idle)
        {
            connections.remove(oldest);
        }
        if let Ok(mut connection) = Connection::new(stream) {
            connection.advance();
            connections.push(connection);
        }
    }
}
