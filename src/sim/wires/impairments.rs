//! Faults of single connections: they stand and carry nothing, or carry little, or take long to be made.

use super::Wires;
use std::time::Duration;

impl Wires {
    /// Connections of some nodes to others stand, and carry nothing any more: on the way there, back, or both.
    pub(in crate::sim) fn mute(&mut self, from: &[usize], to: &[usize], there: bool, back: bool) {
        for host in to {
            for &number in &self.ports[*host].incoming {
                let connection = &mut self.connections[number as usize];
                if from.contains(&connection.dialer) {
                    connection.there.is_mute |= there;
                    connection.back.is_mute |= back;
                }
            }
        }
    }

    /// Other sockets take the names of some nodes at the ROUTERs of others.
    pub(in crate::sim) fn take_names(&mut self, from: &[usize], to: &[usize]) {
        for &host in to {
            for &name in from {
                let former = self.ports[host].take(name);
                self.jam(former);
            }
        }
    }

    /// A connection whose name is another's now stands, and carries nothing any more.
    pub(super) fn jam(&mut self, connection: Option<u32>) {
        if let Some(number) = connection {
            self.connections[number as usize].is_jammed = true;
        }
    }

    /// Links between some nodes and others carry so many bytes a second, or as many as all the others.
    pub(in crate::sim) fn narrow(&mut self, from: &[usize], to: &[usize], bandwidth: Option<u64>) {
        for &a in from {
            to.iter().for_each(|&b| self.network.narrow(a, b, bandwidth));
        }
        for connection in &mut self.connections {
            connection.bandwidth = self.network.bandwidth(connection.dialer, connection.target);
        }
    }

    /// Each attempt of a node to connect takes so much longer.
    pub(in crate::sim) fn stall(&mut self, host: usize, dial: Duration) {
        self.ports[host].stall = dial;
    }

    /// True if nothing is cut, and all nodes connect as quickly as latencies let them.
    pub(in crate::sim) fn is_mended(&self) -> bool {
        self.network.is_whole() && self.ports.iter().all(|port| port.stall.is_zero())
    }
}
