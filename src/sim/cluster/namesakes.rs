//! Namesakes: second nodes of one name, as copies of a configuration are.

use super::Cluster;
use crate::sim::{host::Host, scenario::Disk};
use std::time::Duration;

/// Another node of the same name begins to live, elsewhere and for so long. It knows the same neighbours.
pub(in crate::sim) fn begin(cluster: &mut Cluster, node: usize, lasts: Duration) {
    cluster.wires.add_namesake(node);
    cluster.hosts.push(Host::new());
    cluster.namesakes.push(Some(cluster.timeline.now + lasts));
    cluster.begin_life(cluster.hosts.len() - 1, Disk::Lost, Vec::new());
}

/// Namesakes end whose time is over. A node that gave way to one is started anew.
pub(in crate::sim) fn end(cluster: &mut Cluster) {
    let now = cluster.timeline.now;
    for index in 0..cluster.namesakes.len() {
        let host = cluster.nodes().end + index;
        if cluster.namesakes[index].take_if(|until| *until <= now).is_none() {
            continue;
        }
        if cluster.lives(host) {
            cluster.end_life(host, false);
        }
        let node = cluster.wires.named(host);
        if cluster.lives(node) && cluster.hosts[node].gave_way {
            cluster.end_life(node, false);
            cluster.begin_life(node, Disk::Kept, Vec::new());
        }
    }
}
