//! The connections of one node.

use crate::sim::links::Connection;
use std::time::Duration;

/// Connections that a node has opened, and those of others to it.
#[derive(Debug, Default)]
pub(super) struct Port {
    /// Connections that it opened, by link.
    pub(super) links: Vec<Option<u32>>,
    /// Connections at its ROUTER that get its answers: the node that opened it, and its number; ascending.
    inbound: Vec<(u32, u32)>,
    /// Connections of others to it that are up.
    pub(super) incoming: Vec<u32>,
    /// The time by which each attempt to connect takes longer.
    pub(super) stall: Duration,
}

impl Port {
    /// Time that one attempt to make a connection of this node takes.
    pub(super) fn dialling(&self, connection: &Connection) -> Duration {
        connection.dialling() + self.stall
    }

    /// The connection over which answers go to a node.
    pub(super) fn inbound(&self, from: usize) -> Option<u32> {
        let index = self.inbound.binary_search_by_key(&(from as u32), |&(dialer, _)| dialer).ok()?;
        Some(self.inbound[index].1)
    }

    /// A node has connected; as ROUTER's handover has it, a name belongs to whoever connected under it last. Gives the
    /// connection that had the name before.
    pub(super) fn admit(&mut self, from: usize, connection: u32) -> Option<u32> {
        self.incoming.push(connection);
        let entry = (from as u32, connection);
        match self.inbound.binary_search_by_key(&entry.0, |&(dialer, _)| dialer) {
            Ok(index) => Some(std::mem::replace(&mut self.inbound[index], entry).1),
            Err(index) => {
                self.inbound.insert(index, entry);
                None
            }
        }
    }

    /// Somebody who says nothing takes a name. Gives the connection that had it.
    pub(super) fn take(&mut self, from: usize) -> Option<u32> {
        let index = self.inbound.binary_search_by_key(&(from as u32), |&(dialer, _)| dialer).ok()?;
        Some(self.inbound.remove(index).1)
    }

    /// A connection to it is gone.
    pub(super) fn dismiss(&mut self, from: usize, connection: u32) {
        if let Ok(index) = self.inbound.binary_search(&(from as u32, connection)) {
            self.inbound.remove(index);
        }
        if let Some(index) = self.incoming.iter().position(|&number| number == connection) {
            self.incoming.swap_remove(index);
        }
    }

    /// The node ends: nothing is answered any more. Gives the connections that it had opened.
    pub(super) fn end(&mut self) -> impl Iterator<Item = u32> + use<> {
        self.inbound.clear();
        std::mem::take(&mut self.links).into_iter().flatten()
    }
}
