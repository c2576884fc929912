//! Graphs that change: whom a new node is linked to, and which links come and go so that all degrees are within bounds.
//! Equal graphs and seeds give equal answers on every platform.

use super::graph::Graph;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeSet;

/// Fewest and most neighbours that each node is to have, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DegreeBounds {
    /// The fewest.
    pub min: usize,
    /// The most.
    pub max: usize,
}

/// Reason why no connected graph has such degrees, and what to ask for instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// There is nobody to be linked to.
    #[error("{0} nodes cannot form a network; at least 2 must be running")]
    Nodes(usize),
    /// No number is between them.
    #[error("a minimum degree of {min} is above the maximum of {max}; swap them")]
    Order {
        /// The minimum asked for.
        min: usize,
        /// The maximum asked for.
        max: usize,
    },
    /// A connected graph has nodes of a higher degree.
    #[error("with at most {max} neighbours each, {nodes} nodes cannot be connected; choose a maximum degree of {} or more", if *nodes == 2 { 1 } else { 2 })]
    MaxTooSmall {
        /// The maximum asked for.
        max: usize,
        /// Number of nodes.
        nodes: usize,
    },
    /// More neighbours than there are other nodes.
    #[error("each of {nodes} nodes has only {} others; choose a minimum degree of at most {}", nodes - 1, nodes - 1)]
    MinTooLarge {
        /// Number of nodes.
        nodes: usize,
    },
    /// The handshaking lemma.
    #[error("nodes x degree must be even, {nodes} x {degree} is odd; choose a maximum degree of {}", degree + 1)]
    Anomalies {
        /// Number of nodes.
        nodes: usize,
        /// Minimum and maximum.
        degree: usize,
    },
}

impl DegreeBounds {
    /// Checks that some connected graph of so many nodes is within the bounds.
    pub fn check(self, nodes: usize) -> Result<(), BoundsError> {
        let Self { min, max } = self;
        if nodes < 2 {
            return Err(BoundsError::Nodes(nodes));
        }
        if min > max {
            return Err(BoundsError::Order { min, max });
        }
        if max < 2.min(nodes - 1) {
            return Err(BoundsError::MaxTooSmall { max, nodes });
        }
        if min >= nodes {
            return Err(BoundsError::MinTooLarge { nodes });
        }
        if min == max && nodes * min % 2 == 1 {
            return Err(BoundsError::Anomalies { nodes, degree: min });
        }
        Ok(())
    }
}

/// Nodes for a new one to be linked to, `count` or all: those with the fewest neighbours, drawn among equals.
pub fn places(graph: &Graph, count: usize, seed: u64) -> Vec<usize> {
    let mut nodes: Vec<usize> = (0..graph.node_count()).collect();
    nodes.shuffle(&mut Pcg64Mcg::seed_from_u64(seed));
    nodes.sort_by_key(|&node| graph.degree(node));
    nodes.truncate(count);
    nodes
}

/// The same by preferential attachment: who has more neighbours is drawn more often.
/// Barabási, Albert, *Emergence of Scaling in Random Networks*, Science 286, 1999.
pub fn places_by_degree(graph: &Graph, count: usize, seed: u64) -> Vec<usize> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut open: Vec<usize> = (0..graph.node_count()).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count && !open.is_empty() {
        let weight = |node: usize| graph.degree(node) + 1;
        let total: usize = open.iter().map(|&node| weight(node)).sum();
        let mut left = below(total, &mut rng);
        let reached = |&node: &usize| {
            let is_it = left < weight(node);
            left = left.saturating_sub(weight(node));
            is_it
        };
        let place = open.iter().position(reached).unwrap_or(0);
        chosen.push(open.remove(place));
    }
    chosen
}

/// The link that a new node is put into, between its two ends; `None` if there is no link.
pub fn link_to_split(graph: &Graph, seed: u64) -> Option<(usize, usize)> {
    let count = graph.edge_count();
    (count > 0).then(|| below(count, &mut Pcg64Mcg::seed_from_u64(seed))).and_then(|place| graph.edges().nth(place))
}

/// Returns whether two linked nodes could not reach each other any more without their link. Panics if there is no such node.
pub fn is_only_way(graph: &Graph, a: usize, b: usize) -> bool {
    !Draft::of(graph, 0).reaches_without(a, b)
}

/// The graph with as few links changed as it takes for it to be connected and for all its degrees to be within bounds; who
/// is linked anew is drawn.
pub fn within(graph: &Graph, bounds: DegreeBounds, seed: u64) -> Result<Graph, BoundsError> {
    bounds.check(graph.node_count())?;
    let mut draft = Draft::of(graph, seed);
    draft.join(graph);
    draft.lower(bounds.max);
    draft.raise(bounds);
    let edges = draft.links.iter().enumerate().flat_map(|(a, list)| list.iter().map(move |&b| (a, b)));
    Ok(Graph::new(graph.nodes().to_vec(), edges).expect("a draft is a simple graph over the same nodes"))
}

/// An index below `bound`. Drawn as 32 bits, so that it does not depend on the width of `usize`.
fn below(bound: usize, rng: &mut Pcg64Mcg) -> usize {
    rng.random_range(0..bound as u32) as usize
}

/// A graph while it is changed.
struct Draft {
    links: Vec<BTreeSet<usize>>,
    rng: Pcg64Mcg,
}

impl Draft {
    fn of(graph: &Graph, seed: u64) -> Self {
        let links = (0..graph.node_count()).map(|node| graph.neighbours(node).iter().copied().collect()).collect();
        Self { links, rng: Pcg64Mcg::seed_from_u64(seed) }
    }

    fn degree(&self, node: usize) -> usize {
        self.links[node].len()
    }

    fn link(&mut self, a: usize, b: usize) {
        self.links[a].insert(b);
        self.links[b].insert(a);
    }

    fn unlink(&mut self, a: usize, b: usize) {
        self.links[a].remove(&b);
        self.links[b].remove(&a);
    }

    /// Nodes that `from` reaches, itself included, without its link to `but`, until `to` is among them.
    fn side(&self, from: usize, but: usize, to: Option<usize>) -> Vec<usize> {
        let mut is_seen = vec![false; self.links.len()];
        is_seen[from] = true;
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(&node) = reached.get(next) {
            next += 1;
            for &other in &self.links[node] {
                let is_left_out = node == from && other == but;
                if !is_left_out && !std::mem::replace(&mut is_seen[other], true) {
                    reached.push(other);
                    if to == Some(other) {
                        return reached;
                    }
                }
            }
        }
        reached
    }

    fn reaches_without(&self, a: usize, b: usize) -> bool {
        self.side(a, b, Some(b)).last() == Some(&b)
    }

    /// In an order of chance: of those that `is_meant`, one with the lowest key.
    fn lowest<K: Ord>(&mut self, nodes: Vec<usize>, key: impl Fn(&Self, usize) -> K) -> Option<usize> {
        let mut nodes = nodes;
        nodes.shuffle(&mut self.rng);
        nodes.into_iter().min_by_key(|&node| key(self, node))
    }

    /// Joins the parts, each to the first.
    fn join(&mut self, graph: &Graph) {
        let mut parts = graph.components().into_iter();
        let Some(mut first) = parts.next() else { return };
        for part in parts {
            let ends = (self.lowest(first.clone(), Self::degree), self.lowest(part.clone(), Self::degree));
            if let (Some(a), Some(b)) = ends {
                self.link(a, b);
            }
            first.extend(part);
        }
    }

    /// Takes links from nodes that have too many; where one holds the graph together, another node takes it over.
    fn lower(&mut self, max: usize) {
        while let Some(node) = (0..self.links.len()).max_by_key(|&node| self.degree(node))
            && self.degree(node) > max
        {
            let mut others: Vec<usize> = self.links[node].iter().copied().collect();
            others.shuffle(&mut self.rng);
            others.sort_by_key(|&other| std::cmp::Reverse(self.degree(other)));
            if let Some(&other) = others.iter().find(|&&other| self.reaches_without(node, other)) {
                self.unlink(node, other);
                continue;
            }
            let heir = others.iter().find_map(|&other| {
                let side = self.side(node, other, None);
                let open = side.into_iter().filter(|&heir| heir != node && self.degree(heir) < max);
                open.min_by_key(|&heir| self.degree(heir)).map(|heir| (other, heir))
            });
            match heir {
                Some((other, heir)) => {
                    self.unlink(node, other);
                    self.link(heir, other);
                }
                // All others have as many as they may: somewhere they close a circle, which can be opened.
                None => {
                    let edges = self.edges();
                    let Some(&(a, b)) = edges.iter().find(|&&(a, b)| self.reaches_without(a, b)) else { return };
                    self.unlink(a, b);
                }
            }
        }
    }

    /// Gives links to nodes that have too few; where all others have as many as they may, a link of theirs is opened.
    fn raise(&mut self, DegreeBounds { min, max }: DegreeBounds) {
        while let Some(node) = (0..self.links.len()).min_by_key(|&node| self.degree(node))
            && self.degree(node) < min
        {
            let strangers: Vec<usize> =
                (0..self.links.len()).filter(|&other| other != node && !self.links[node].contains(&other)).collect();
            let open = strangers.iter().copied().filter(|&other| self.degree(other) < max).collect();
            if let Some(other) = self.lowest(open, Self::degree) {
                self.link(node, other);
                continue;
            }
            // Of the two ends of a link that is opened, one goes to the node, and one to it or to another that lacks one.
            let second = if self.degree(node) + 2 <= max {
                Some(node)
            } else {
                (0..self.links.len()).find(|&other| other != node && self.degree(other) < min)
            };
            let Some(second) = second else { return };
            let opened = strangers.iter().find_map(|&a| {
                let is_free = |b: &&usize| **b != second && **b != node && !self.links[second].contains(*b);
                self.links[a].iter().find(is_free).map(|&b| (a, b))
            });
            let Some((a, b)) = opened else { return };
            self.unlink(a, b);
            self.link(node, a);
            self.link(second, b);
        }
    }

    fn edges(&self) -> Vec<(usize, usize)> {
        let above = |(a, list): (usize, &BTreeSet<usize>)| list.range(a..).map(|&b| (a, b)).collect::<Vec<_>>();
        self.links.iter().enumerate().flat_map(above).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::id::NodeId,
        topology::{Shape, generate},
    };
    use proptest::prelude::*;

    fn graph(nodes: u32, edges: impl IntoIterator<Item = (usize, usize)>) -> Graph {
        Graph::new((1..=nodes).map(NodeId::numbered).collect(), edges).unwrap()
    }

    #[test]
    fn a_new_node_goes_where_there_is_least() {
        let line = graph(5, [(0, 1), (1, 2), (2, 3), (3, 4)]);
        let mut ends = places(&line, 2, 7);
        ends.sort_unstable();
        assert_eq!(ends, [0, 4]);
        assert_eq!(places(&line, 9, 7).len(), 5);
        let regular = generate(Shape::Random { degree: 3 }, 16, 1).unwrap();
        let drawn: BTreeSet<_> = (0..50).flat_map(|seed| places(&regular, 3, seed)).collect();
        assert_eq!(drawn.len(), 16, "chance chooses among equals");
        assert_eq!(places(&regular, 3, 5), places(&regular, 3, 5));
    }

    #[test]
    fn the_popular_are_drawn_more_often() {
        let star = graph(9, (1..9).map(|leaf| (0, leaf)));
        let hits = (0..1000).filter(|&seed| places_by_degree(&star, 1, seed) == [0]).count();
        // 9 of 25; a deviation of ten would be 150.
        assert!((210..=510).contains(&hits), "{hits}");
        assert_eq!(places_by_degree(&star, 20, 3).len(), 9);
    }

    #[test]
    fn a_link_is_the_only_way_or_it_is_not() {
        let kite = graph(4, [(0, 1), (1, 2), (2, 0), (2, 3)]);
        assert!(is_only_way(&kite, 2, 3) && !is_only_way(&kite, 0, 1));
        assert_eq!(link_to_split(&graph(2, []), 1), None);
        let split: BTreeSet<_> = (0..100).filter_map(|seed| link_to_split(&kite, seed)).collect();
        assert_eq!(split.len(), 4);
    }

    #[test]
    fn bounds_that_cannot_be_name_the_way_out() {
        for (min, max, nodes, words) in [
            (4, 3, 9, "a minimum degree of 4 is above the maximum of 3; swap them"),
            (1, 1, 3, "3 nodes cannot be connected; choose a maximum degree of 2 or more"),
            (5, 9, 5, "each of 5 nodes has only 4 others; choose a minimum degree of at most 4"),
            (3, 3, 5, "5 x 3 is odd; choose a maximum degree of 4"),
            (1, 2, 1, "1 nodes cannot form a network"),
        ] {
            let error = DegreeBounds { min, max }.check(nodes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(DegreeBounds { min: 1, max: 1 }.check(2), Ok(()));
    }

    #[test]
    fn what_is_within_stays_as_it_is() {
        let regular = generate(Shape::Random { degree: 4 }, 20, 3).unwrap();
        assert_eq!(within(&regular, DegreeBounds { min: 2, max: 5 }, 9), Ok(regular));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn degrees_come_within_bounds_and_the_graph_stays_whole(
            n in 2u32..24, pairs in prop::collection::vec((0usize..24, 0usize..24), 0..90),
            min in 1usize..12, spread in 0usize..6, seed: u64,
        ) {
            let n_nodes = n as usize;
            let edges = pairs.into_iter().filter(|&(a, b)| a != b && a < n_nodes && b < n_nodes);
            let (graph, bounds) = (graph(n, edges), DegreeBounds { min, max: min + spread });
            prop_assume!(bounds.check(n_nodes).is_ok());
            let changed = within(&graph, bounds, seed).unwrap();
            prop_assert!(changed.is_connected());
            for node in 0..n_nodes {
                prop_assert!((min..=min + spread).contains(&changed.degree(node)), "{} at {}", changed.degree(node), node);
            }
            prop_assert_eq!(Ok(changed), within(&graph, bounds, seed));
        }
    }
}
