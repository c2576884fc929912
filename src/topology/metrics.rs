//! Numbers that tell how a graph will spread a message.

use std::collections::BTreeMap;

use super::graph::Graph;

/// All measures of one graph, taken in one walk over it.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Number of nodes.
    pub nodes: usize,
    /// Number of links.
    pub edges: usize,
    /// Degree to number of nodes that have it, ascending by degree.
    pub degrees: BTreeMap<usize, usize>,
    /// Number of parts that cannot reach each other; 1 for a connected graph, 0 for one without nodes.
    pub components: usize,
    /// Hops between the two nodes farthest apart: no flood needs more.
    /// `None` if some node cannot reach another, or there are no nodes.
    pub diameter: Option<usize>,
    /// Mean hops between two different nodes: sum of distances over all ordered pairs, divided by n(n−1).
    /// At least 1.0. `None` if some node cannot reach another, or there are fewer than two nodes.
    /// Watts, Strogatz, *Collective dynamics of 'small-world' networks*, Nature 1998.
    pub average_path: Option<f64>,
}

impl Metrics {
    /// Measures a graph; costs one breadth-first search a node.
    pub fn of(graph: &Graph) -> Self {
        let nodes = graph.node_count();
        let mut degrees = BTreeMap::new();
        for index in 0..nodes {
            *degrees.entry(graph.degree(index)).or_insert(0) += 1;
        }
        let components = graph.components().len();
        let mut farthest = 0;
        let mut sum = 0;
        if components == 1 {
            for index in 0..nodes {
                let hops = distances(graph, index);
                farthest = farthest.max(hops.iter().flatten().copied().max().unwrap_or(0));
                sum += hops.iter().flatten().sum::<usize>();
            }
        }
        let pairs = nodes * nodes.saturating_sub(1);
        Self {
            nodes,
            edges: graph.edge_count(),
            degrees,
            components,
            diameter: (components == 1).then_some(farthest),
            average_path: (components == 1 && pairs > 0).then(|| sum as f64 / pairs as f64),
        }
    }

    /// Smallest degree; 0 without nodes.
    pub fn degree_min(&self) -> usize {
        self.degrees.keys().next().copied().unwrap_or(0)
    }

    /// Largest degree; 0 without nodes.
    pub fn degree_max(&self) -> usize {
        self.degrees.keys().next_back().copied().unwrap_or(0)
    }
}

/// Hops from one node to each node, by index: 0 to itself, `None` where no path leads.
/// Panics if there is no node `from`.
pub fn distances(graph: &Graph, from: usize) -> Vec<Option<usize>> {
    let mut hops = vec![None; graph.node_count()];
    hops[from] = Some(0);
    let mut queue = vec![(from, 0)];
    let mut next = 0;
    while let Some(&(node, hop)) = queue.get(next) {
        next += 1;
        // In a dense graph the first few nodes reach all; the rest of their links need no look.
        if queue.len() == hops.len() {
            break;
        }
        for &neighbour in graph.neighbours(node) {
            if hops[neighbour].is_none() {
                hops[neighbour] = Some(hop + 1);
                queue.push((neighbour, hop + 1));
            }
        }
    }
    hops
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::NodeId;

    fn graph(nodes: u32, edges: &[(usize, usize)]) -> Graph {
        Graph::new((1..=nodes).map(NodeId::numbered).collect(), edges.iter().copied()).unwrap()
    }

    #[test]
    fn a_line_of_four() {
        let line = graph(4, &[(0, 1), (1, 2), (2, 3)]);
        assert_eq!(distances(&line, 1), [Some(1), Some(0), Some(1), Some(2)]);
        let metrics = Metrics::of(&line);
        assert_eq!(metrics.diameter, Some(3));
        // Unordered pairs: three at 1, two at 2, one at 3; their mean is 10/6.
        assert_eq!(metrics.average_path, Some(20.0 / 12.0));
        assert_eq!(metrics.degrees, BTreeMap::from([(1, 2), (2, 2)]));
        assert_eq!((metrics.degree_min(), metrics.degree_max()), (1, 2));
    }

    #[test]
    fn a_split_graph_has_no_diameter() {
        let split = graph(3, &[(0, 2)]);
        assert_eq!(distances(&split, 0), [Some(0), None, Some(1)]);
        let metrics = Metrics::of(&split);
        assert_eq!((metrics.components, metrics.diameter, metrics.average_path), (2, None, None));
    }

    #[test]
    fn the_smallest_graphs() {
        let none = Metrics::of(&graph(0, &[]));
        assert_eq!((none.components, none.diameter, none.average_path), (0, None, None));
        let one = Metrics::of(&graph(1, &[]));
        assert_eq!((one.components, one.diameter, one.average_path), (1, Some(0), None));
    }
}
