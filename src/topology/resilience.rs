//! Resilience of a graph: the nodes and links that hold it together alone, and how many nodes must fail
//! until the rest is split (vertex connectivity).

use super::graph::Graph;

/// No node.
const NOBODY: usize = usize::MAX;

/// The nodes and links that hold their part of a graph together alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WeakPoints {
    /// Articulation points: without one of them, its part falls apart. Ascending.
    pub nodes: Vec<usize>,
    /// Bridges, as pairs `(a, b)` with `a < b`: without one of them, its part falls apart. Ascending.
    pub links: Vec<(usize, usize)>,
}

/// Number of nodes that must fail until those that are left cannot all reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Margin {
    /// None: it is split already.
    Split,
    /// So many, the right ones; any fewer leave it whole.
    Failures(usize),
    /// So many split it; whether fewer do was not found out within the steps allowed.
    AtMost(usize),
    /// No number does: all are linked to all, or there are fewer than two.
    Never,
}

impl WeakPoints {
    /// Finds them in one walk through each part. Hopcroft, Tarjan, *Efficient algorithms for graph manipulation*, CACM 1973.
    pub fn of(graph: &Graph) -> Self {
        let count = graph.node_count();
        let mut walk = Walk { order: vec![NOBODY; count], lowest: vec![0; count], clock: 0 };
        let mut found = Self::default();
        for root in 0..count {
            if walk.order[root] == NOBODY {
                walk.part(graph, root, &mut found);
            }
        }
        found.nodes.sort_unstable();
        found.nodes.dedup();
        found.links.sort_unstable();
        found
    }
}

/// A depth-first walk.
struct Walk {
    /// Time at which each node was met, as a count.
    order: Vec<usize>,
    /// The earliest node that the walk below each node can get back to.
    lowest: Vec<usize>,
    clock: usize,
}

impl Walk {
    fn part(&mut self, graph: &Graph, root: usize, found: &mut WeakPoints) {
        let mut branches = 0;
        // Each node on the way with who led to it and which of its neighbours is next. No recursion: lines are long.
        let mut way = vec![(root, NOBODY, 0)];
        self.meet(root);
        while let Some(&mut (node, parent, ref mut next)) = way.last_mut() {
            if let Some(&neighbour) = graph.neighbours(node).get(*next) {
                *next += 1;
                if self.order[neighbour] == NOBODY {
                    self.meet(neighbour);
                    way.push((neighbour, node, 0));
                } else if neighbour != parent {
                    self.lowest[node] = self.lowest[node].min(self.order[neighbour]);
                }
                continue;
            }
            way.pop();
            if parent == NOBODY {
                continue;
            }
            self.lowest[parent] = self.lowest[parent].min(self.lowest[node]);
            if parent == root {
                branches += 1;
            } else if self.lowest[node] >= self.order[parent] {
                found.nodes.push(parent);
            }
            if self.lowest[node] > self.order[parent] {
                found.links.push((node.min(parent), node.max(parent)));
            }
        }
        if branches > 1 {
            found.nodes.push(root);
        }
    }

    fn meet(&mut self, node: usize) {
        (self.order[node], self.lowest[node]) = (self.clock, self.clock);
        self.clock += 1;
    }
}

impl Margin {
    /// Finds it. `steps_max` bounds the work: so many looks at a link; if it does not suffice, the answer is
    /// [`AtMost`](Self::AtMost). Sparse graphs of a thousand nodes take some ten million.
    ///
    /// By Menger's theorem two nodes without a link between them are separated by as few nodes as there are disjoint paths
    /// between them (a maximum flow). It is enough to look from a node with the fewest neighbours to all others, and at
    /// each two of its neighbours: Esfahanian, Hakimi, *On computing the connectivities of graphs*, Networks 1984.
    /// No pair is looked at further than the fewest paths found so far.
    pub fn of(graph: &Graph, weak: &WeakPoints, steps_max: u64) -> Self {
        let count = graph.node_count();
        if !graph.is_connected() {
            return Self::Split;
        }
        let Some(least) = (0..count).min_by_key(|&node| graph.degree(node)) else { return Self::Never };
        if graph.degree(least) + 1 >= count {
            return Self::Never;
        }
        if !weak.nodes.is_empty() {
            return Self::Failures(1);
        }
        let mut fewest = graph.degree(least);
        let mut flow = Flow::new(graph, steps_max);
        let neighbours = graph.neighbours(least);
        let others = (0..count).filter(|&other| other != least).map(|other| (least, other));
        let pairs =
            neighbours.iter().enumerate().flat_map(|(at, &a)| neighbours[at + 1..].iter().map(move |&b| (a, b)));
        // Two is the least that is left: there is no articulation point.
        for (a, b) in others.chain(pairs).filter(|&(a, b)| !graph.has_edge(a, b)) {
            if fewest == 2 {
                break;
            }
            match flow.disjoint_paths(a, b, fewest) {
                Some(paths) => fewest = fewest.min(paths),
                None => return Self::AtMost(fewest),
            }
        }
        Self::Failures(fewest)
    }
}

/// Disjoint paths between two nodes: a flow through a graph in which each node but the two ends lets one path through.
///
/// A place of the search is a node as it is entered (`2 * node`) or as it is left (`2 * node + 1`).
struct Flow<'g> {
    graph: &'g Graph,
    steps_left: u64,
    /// The node before and behind each node on its path.
    before: Vec<usize>,
    behind: Vec<usize>,
    /// Place that each place was reached from, and the search in which it was.
    from: Vec<usize>,
    met: Vec<u32>,
    search: u32,
    queue: Vec<usize>,
}

impl<'g> Flow<'g> {
    fn new(graph: &'g Graph, steps_max: u64) -> Self {
        let count = graph.node_count();
        Self {
            graph,
            steps_left: steps_max,
            before: vec![NOBODY; count],
            behind: vec![NOBODY; count],
            from: vec![NOBODY; 2 * count],
            met: vec![0; 2 * count],
            search: 0,
            queue: Vec::with_capacity(2 * count),
        }
    }

    /// Number of paths between two nodes that are not linked, at most `most`. `None`: too many steps.
    fn disjoint_paths(&mut self, source: usize, sink: usize, most: usize) -> Option<usize> {
        self.before.fill(NOBODY);
        self.behind.fill(NOBODY);
        for paths in 0..most {
            if !self.find_one_more(source, sink)? {
                return Some(paths);
            }
        }
        Some(most)
    }

    /// Breadth-first search for a path that can be had beside the others, or by turning some of them.
    fn find_one_more(&mut self, source: usize, sink: usize) -> Option<bool> {
        self.search += 1;
        self.queue.clear();
        self.reach(2 * source + 1, NOBODY);
        let mut next = 0;
        while let Some(&place) = self.queue.get(next) {
            next += 1;
            let node = place / 2;
            let is_on_path = self.before[node] != NOBODY;
            if place % 2 == 0 {
                // Through a free node; out of one on a path only back along that path.
                let onward = if is_on_path { self.before[node] } else { node };
                self.reach(2 * onward + 1, place);
                continue;
            }
            self.steps_left = self.steps_left.checked_sub(self.graph.degree(node) as u64)?;
            if is_on_path {
                self.reach(2 * node, place);
            }
            let graph = self.graph;
            for &neighbour in graph.neighbours(node) {
                if neighbour == sink && self.behind[node] != sink {
                    self.turn(place, source, sink);
                    return Some(true);
                }
                let is_used = self.behind[node] == neighbour || self.before[neighbour] == node;
                if neighbour != source && neighbour != sink && !is_used {
                    self.reach(2 * neighbour, place);
                }
            }
        }
        Some(false)
    }

    fn reach(&mut self, place: usize, from: usize) {
        if self.met[place] != self.search {
            (self.met[place], self.from[place]) = (self.search, from);
            self.queue.push(place);
        }
    }

    /// Notes the path that ends with `last` and the sink; the parts of others that it goes back along are free again.
    fn turn(&mut self, last: usize, source: usize, sink: usize) {
        let mut way = vec![last];
        while let Some(&place) = way.last().filter(|&&place| place != 2 * source + 1) {
            way.push(self.from[place]);
        }
        way.reverse();
        for pair in way.windows(2) {
            let (from, to) = (pair[0] / 2, pair[1] / 2);
            match (pair[0] % 2, from == to) {
                (1, true) => (self.before[from], self.behind[from]) = (NOBODY, NOBODY),
                (1, false) => self.link(from, to, source),
                _ => {}
            }
        }
        if last / 2 != source {
            self.behind[last / 2] = sink;
        }
    }

    fn link(&mut self, from: usize, to: usize, source: usize) {
        self.before[to] = from;
        if from != source {
            self.behind[from] = to;
        }
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

    const ENOUGH: u64 = 1 << 30;

    fn graph(nodes: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Graph {
        Graph::new((1..=nodes as u32).map(NodeId::numbered).collect(), edges).unwrap()
    }

    fn margin(graph: &Graph) -> Margin {
        Margin::of(graph, &WeakPoints::of(graph), ENOUGH)
    }

    fn without(whole: &Graph, gone: usize) -> Graph {
        let left: Vec<_> = (0..whole.node_count()).filter(|node| gone >> node & 1 == 0).collect();
        let at = |node| left.iter().position(|&kept| kept == node);
        graph(left.len(), whole.edges().filter_map(|(a, b)| Some((at(a)?, at(b)?))))
    }

    fn any_graph() -> impl Strategy<Value = Graph> {
        (0..8_usize).prop_flat_map(|nodes| {
            let pairs: Vec<_> = (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))).collect();
            let count = pairs.len();
            prop::sample::subsequence(pairs, 0..=count).prop_map(move |edges| graph(nodes, edges))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn what_is_found_is_what_trying_all_failures_finds(graph in any_graph()) {
            let weak = WeakPoints::of(&graph);
            let (nodes, parts) = (graph.node_count(), graph.components().len());
            // A node with nobody takes its part away with it.
            let splits = |&node: &usize| without(&graph, 1 << node).components().len() > parts;
            prop_assert_eq!(&weak.nodes, &(0..nodes).filter(splits).collect::<Vec<_>>());
            let severed = |&(a, b): &(usize, usize)| {
                let rest = graph.edges().filter(|&edge| edge != (a, b));
                super::tests::graph(nodes, rest).components().len() > parts
            };
            prop_assert_eq!(&weak.links, &graph.edges().filter(severed).collect::<Vec<_>>());
            let fewest = (0..1_usize << nodes).filter(|&gone| !without(&graph, gone).is_connected());
            let expected = match fewest.map(usize::count_ones).min() {
                None => Margin::Never,
                Some(0) => Margin::Split,
                Some(failures) => Margin::Failures(failures as usize),
            };
            prop_assert_eq!(Margin::of(&graph, &weak, ENOUGH), expected);
        }
    }

    #[test]
    fn well_known_graphs() {
        let ring = generate(Shape::Circular, 6, 0).unwrap();
        assert_eq!(margin(&ring), Margin::Failures(2));
        let line = graph(5, (0..4).map(|node| (node, node + 1)));
        assert_eq!((margin(&line), WeakPoints::of(&line).nodes), (Margin::Failures(1), vec![1, 2, 3]));
        // Petersen's graph is 3-connected, the cube of four dimensions 4-connected.
        let petersen = (0..5).flat_map(|at| [(at, (at + 1) % 5), (at, at + 5), (at + 5, (at + 2) % 5 + 5)]);
        assert_eq!(margin(&graph(10, petersen)), Margin::Failures(3));
        let cube = (0..16).flat_map(|corner| (0..4).map(move |side| (corner, corner ^ (1 << side))));
        assert_eq!(margin(&graph(16, cube)), Margin::Failures(4));
        assert_eq!(margin(&graph(2, [(0, 1)])), Margin::Never);
    }

    /// Two dense halves with three nodes between them: the fewest neighbours tell nothing.
    #[test]
    fn a_waist_is_found_where_every_node_has_many_neighbours() {
        let half = |from: usize| (from..from + 20).flat_map(move |a| (from..a).map(move |b| (a, b)));
        let waist = (40..43).flat_map(|node| (0..6).flat_map(move |end| [(node, end + 3), (node, end + 23)]));
        assert_eq!(margin(&graph(43, half(0).chain(half(20)).chain(waist))), Margin::Failures(3));
    }

    #[test]
    fn a_thousand_nodes_stay_within_their_steps() {
        for (shape, steps) in [(Shape::Random { degree: 5 }, 60_000_000), (Shape::Powerlaw, 60_000_000)] {
            let graph = generate(shape, 1024, 3).unwrap();
            let found = Margin::of(&graph, &WeakPoints::of(&graph), steps);
            assert!(matches!(found, Margin::Failures(1..=5)), "{shape}: {found:?}");
        }
        let graph = generate(Shape::Random { degree: 5 }, 64, 3).unwrap();
        assert!(matches!(Margin::of(&graph, &WeakPoints::default(), 10), Margin::AtMost(5)));
    }
}
