//! The overlay of live nodes, as they see it.

use crate::{
    core::id::NodeId,
    sim::{cluster::Cluster, host::index_of},
    topology::Graph,
};

/// The neighbours of each node, ascending. A node may have another one for a neighbour and not be had by it.
pub(in crate::sim) struct Overlay(Vec<Vec<usize>>);

impl Overlay {
    /// The overlay of the nodes that live.
    pub(in crate::sim) fn of(cluster: &Cluster) -> Self {
        let neighbours = |host: usize| -> Vec<usize> {
            let node = cluster.hosts[host].node.as_ref();
            let mut indexes: Vec<_> =
                node.into_iter().flat_map(|node| node.neighbours()).filter_map(index_of).collect();
            indexes.sort_unstable();
            indexes
        };
        Self(cluster.nodes().map(neighbours).collect())
    }

    /// The neighbours of a node.
    pub(super) fn neighbours(&self, host: usize) -> &[usize] {
        &self.0[host]
    }

    /// Returns whether one node has another for a neighbour.
    pub(super) fn has(&self, host: usize, other: usize) -> bool {
        self.0[host].binary_search(&other).is_ok()
    }

    /// Pairs of which only the first has the other for a neighbour.
    pub(in crate::sim) fn lopsided(&self) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.0.iter().enumerate().flat_map(|(host, others)| others.iter().map(move |&other| (host, other)));
        pairs.filter(|&(host, other)| !self.has(other, host))
    }

    /// The links that both ends have.
    pub(in crate::sim) fn graph(&self, nodes: Vec<NodeId>) -> Graph {
        let pairs = self.0.iter().enumerate().flat_map(|(host, others)| others.iter().map(move |&other| (host, other)));
        let edges = pairs.filter(|&(host, other)| host < other && self.has(other, host));
        Graph::new(nodes, edges).expect("neighbours are other nodes of the same network")
    }
}
