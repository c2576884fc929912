//! Shape of the overlay: the numbers by which overlays are compared.

use super::Mean;
use crate::topology::{Graph, metrics::distances};
use serde::Serialize;

/// Nodes from which all ways are measured, evenly spread.
const SOURCES: usize = 200;

/// Numbers of overlays.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct OverlayShape {
    /// Neighbours of each live node.
    pub degree: Mean,
    /// Share of a node's neighbours that are neighbours of each other.
    /// Watts, Strogatz, *Collective dynamics of 'small-world' networks*, Nature 1998.
    pub clustering: Mean,
    /// Hops from one node to another.
    pub path: Mean,
    /// Hops to the node that is farthest from one.
    pub eccentricity: Mean,
    /// Of each overlay: parts that cannot reach each other.
    pub parts: Mean,
    /// Of each overlay: pairs of which only one has the other for a neighbour.
    pub lopsided: Mean,
}

impl OverlayShape {
    /// Measures the part of an overlay that lives.
    pub(in crate::sim) fn of(graph: &Graph, lives: impl Fn(usize) -> bool, lopsided: usize) -> Self {
        let mut shape = Self::default();
        let live: Vec<_> = (0..graph.node_count()).filter(|&node| lives(node)).collect();
        for &node in &live {
            let neighbours = graph.neighbours(node);
            shape.degree.add(neighbours.len() as f64);
            let pairs = neighbours.len() * neighbours.len().saturating_sub(1) / 2;
            if pairs > 0 {
                let is_closed = |&(a, b): &(usize, usize)| graph.has_edge(a, b);
                let all = neighbours.iter().enumerate();
                let closed = all.flat_map(|(at, &a)| neighbours[at + 1..].iter().map(move |&b| (a, b)));
                shape.clustering.add(closed.filter(is_closed).count() as f64 / pairs as f64);
            }
        }
        for &source in live.iter().step_by(live.len().div_ceil(SOURCES).max(1)) {
            let hops = distances(graph, source);
            let mut farthest = 0;
            for &hops in live.iter().filter(|&&node| node != source).filter_map(|&node| hops[node].as_ref()) {
                shape.path.add(hops as f64);
                farthest = farthest.max(hops);
            }
            shape.eccentricity.add(farthest as f64);
        }
        let parts = graph.components();
        shape.parts.add(parts.iter().filter(|part| part.iter().any(|&node| lives(node))).count() as f64);
        shape.lopsided.add(lopsided as f64);
        shape
    }

    /// Takes in another one.
    pub fn merge(&mut self, other: &Self) {
        self.degree.merge(&other.degree);
        self.clustering.merge(&other.clustering);
        self.path.merge(&other.path);
        self.eccentricity.merge(&other.eccentricity);
        self.parts.merge(&other.parts);
        self.lopsided.merge(&other.lopsided);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    #[test]
    fn a_triangle_with_a_tail_and_a_dead_node() {
        let nodes = (1..=5).map(NodeId::numbered).collect();
        let graph = Graph::new(nodes, [(0, 1), (1, 2), (2, 0), (2, 3)]).unwrap();
        let shape = OverlayShape::of(&graph, |node| node != 4, 1);
        // Of the triangle's nodes two know only each other's neighbours, the third has three pairs, one of them closed.
        assert_eq!((shape.degree.mean(), shape.clustering.mean()), (Some(2.0), Some((1.0 + 1.0 + 1.0 / 3.0) / 3.0)));
        assert_eq!((shape.path.mean(), shape.eccentricity.most()), (Some(16.0 / 12.0), Some(2.0)));
        assert_eq!((shape.parts.mean(), shape.lopsided.mean()), (Some(1.0), Some(1.0)));
    }
}
