//! Graphs from a shape, a number of nodes and a seed: the same three give the same graph on every platform.

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;

mod pairs;

use super::{
    graph::Graph,
    shape::{NODES_MAX, Shape, ShapeError},
};
use crate::core::id::NodeId;
use pairs::Pairs;

/// Links of a new node of the powerlaw graph.
const POWERLAW_LINKS: usize = 3;
/// Rng that a further link of a new node closes a triangle.
const POWERLAW_TRIANGLE: f64 = 0.5;
/// Switches tried for each link of a random graph; ten leave no trace of the start
/// (Gkantsidis, Mihail, Zegura, *The Markov Chain Simulation Method for Generating Connected Power Law
/// Random Graphs*, ALENEX 2003).
const SWITCHES_PER_EDGE: usize = 10;

/// A connected graph of nodes `1` to `nodes`, as many as one machine runs.
///
/// Costs a few hundred milliseconds at most for 1024 nodes and any degree.
pub fn generate(shape: Shape, nodes: u32, seed: u64) -> Result<Graph, ShapeError> {
    generate_within(shape, nodes, NODES_MAX, seed)
}

/// The same for networks that exist on paper only: up to `nodes_max` nodes.
pub fn generate_within(shape: Shape, nodes: u32, nodes_max: u32, seed: u64) -> Result<Graph, ShapeError> {
    shape.check_within(nodes, nodes_max)?;
    let count = nodes as usize;
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let links = match shape {
        Shape::Random { degree } => random_regular(count, degree as usize, &mut rng),
        Shape::Circular => ring(count),
        Shape::Powerlaw => powerlaw_cluster(count, &mut rng),
    };
    let names = (1..=nodes).map(NodeId::numbered).collect();
    Ok(Graph::new(names, links.edges).expect("a generator makes simple graphs over the nodes it was given"))
}

/// A graph while it is made: each link once, and a table that tells at once whether two nodes are linked.
struct Links {
    nodes: usize,
    edges: Vec<(usize, usize)>,
    linked: Pairs,
}

impl Links {
    fn new(nodes: usize) -> Self {
        Self { nodes, edges: Vec::new(), linked: Pairs::new(nodes) }
    }

    /// Links two nodes; nothing happens if they are one or are linked already.
    fn add(&mut self, a: usize, b: usize) {
        if a != b && !self.linked.has(a, b) {
            self.linked.mark((a, b), true);
            self.edges.push((a, b));
        }
    }

    /// Replaces links `i` = (a, b) and `j` = (c, d) by (a, c) and (b, d): all degrees stay.
    /// Does nothing if that would be a link to itself or a link twice.
    fn switch(&mut self, i: usize, j: usize, reversed: bool) {
        let (a, b) = self.edges[i];
        let (c, d) = if reversed { (self.edges[j].1, self.edges[j].0) } else { self.edges[j] };
        if a == c || b == d || self.linked.has(a, c) || self.linked.has(b, d) {
            return;
        }
        for (at, old, new) in [(i, (a, b), (a, c)), (j, (c, d), (b, d))] {
            self.linked.mark(old, false);
            self.linked.mark(new, true);
            self.edges[at] = new;
        }
    }

    /// Gives every node another place, so that none is marked by where the making began.
    fn shuffle(&mut self, rng: &mut Pcg64Mcg) {
        let mut place: Vec<usize> = (0..self.nodes).collect();
        place.shuffle(rng);
        let mut shuffled = Self::new(self.nodes);
        for &(a, b) in &self.edges {
            shuffled.add(place[a], place[b]);
        }
        *self = shuffled;
    }

    /// The graph that links exactly the pairs that this one does not.
    fn complement(&self) -> Self {
        let mut other = Self::new(self.nodes);
        for a in 0..self.nodes {
            for b in a + 1..self.nodes {
                if !self.linked.has(a, b) {
                    other.add(a, b);
                }
            }
        }
        other
    }
}

/// An index below `bound`. Drawn as 32 bits, so that it does not depend on the width of `usize`.
fn below(bound: usize, rng: &mut Pcg64Mcg) -> usize {
    rng.random_range(0..bound as u32) as usize
}

fn ring(nodes: usize) -> Links {
    circulant(nodes, 2)
}

/// Each node linked to the `degree / 2` next on either side, and for an odd degree to the one opposite:
/// regular, and connected from degree 2 on.
fn circulant(nodes: usize, degree: usize) -> Links {
    let mut links = Links::new(nodes);
    for node in 0..nodes {
        for step in 1..=degree / 2 {
            links.add(node, (node + step) % nodes);
        }
        if degree % 2 == 1 {
            links.add(node, (node + nodes / 2) % nodes);
        }
    }
    links
}

/// A random graph in which each node has `degree` neighbours, close to evenly drawn from all there are.
///
/// Unlike drawing pairs and starting over when two are the same, which never ends for large degrees, this
/// cannot fail: a regular graph is switched until chance has forgotten it, then parts are joined.
/// A dense graph is made as the complement of a sparse one.
fn random_regular(nodes: usize, degree: usize, rng: &mut Pcg64Mcg) -> Links {
    let missing = nodes - 1 - degree;
    let mut links = if missing < degree {
        // Connected without further care: two nodes with over (n−2)/2 neighbours each share one.
        switched(nodes, missing, rng).complement()
    } else {
        let mut links = switched(nodes, degree, rng);
        join_parts(&mut links);
        links
    };
    links.shuffle(rng);
    links
}

/// A circulant graph with links switched at random until the circulant can no longer be seen.
fn switched(nodes: usize, degree: usize, rng: &mut Pcg64Mcg) -> Links {
    let mut links = circulant(nodes, degree);
    let count = links.edges.len();
    for _ in 0..count * SWITCHES_PER_EDGE {
        let (i, j) = (below(count, rng), below(count, rng));
        let reversed = rng.random();
        if i != j {
            links.switch(i, j, reversed);
        }
    }
    links
}

/// Makes a graph of degree 2 or more connected without changing a degree: a link that closes a circle in
/// the first part and any link of another part are switched, which leaves no node behind.
fn join_parts(links: &mut Links) {
    loop {
        let mut part: Vec<usize> = (0..links.nodes).collect();
        let mut closing = vec![None; links.nodes];
        for (index, &(a, b)) in links.edges.iter().enumerate() {
            let (a, b) = (find(&mut part, a), find(&mut part, b));
            if a == b {
                closing[a] = Some(index);
            } else {
                closing[b] = closing[b].or(closing[a]);
                part[a] = b;
            }
        }
        let first = find(&mut part, 0);
        let Some(other) = (0..links.edges.len()).find(|&index| find(&mut part, links.edges[index].0) != first) else {
            return;
        };
        let circle = closing[first].expect("nodes of degree 2 or more stand on a circle");
        links.switch(circle, other, false);
    }
}

/// The node that stands for the part that `node` is in (union-find with path halving).
fn find(part: &mut [usize], mut node: usize) -> usize {
    while part[node] != node {
        part[node] = part[part[node]];
        node = part[node];
    }
    node
}

/// Growing a scale-free graph with triangles: each new node links to a node drawn by degree, then, at even
/// chances, to a neighbour of that one or to another drawn by degree.
/// Holme, Kim, *Growing scale-free networks with tunable clustering*, Phys. Rev. E 65, 2002.
///
/// It grows from a complete graph, so that no node is a leaf, through which no message could pass.
fn powerlaw_cluster(nodes: usize, rng: &mut Pcg64Mcg) -> Links {
    let core = nodes.min(POWERLAW_LINKS + 1);
    let mut links = Links::new(nodes);
    for a in 0..core {
        for b in a + 1..core {
            links.add(a, b);
        }
    }
    let mut degrees = vec![0; nodes];
    for &(a, b) in &links.edges {
        degrees[a] += 1;
        degrees[b] += 1;
    }
    for new in core..nodes {
        let mut hub = None;
        for _ in 0..POWERLAW_LINKS {
            let triangle = hub.filter(|_| rng.random_bool(POWERLAW_TRIANGLE));
            let friend =
                triangle.and_then(|hub| choose(&links, new, rng, |node| usize::from(links.linked.has(hub, node))));
            let target = friend.or_else(|| {
                hub = choose(&links, new, rng, |node| degrees[node]);
                hub
            });
            let target = target.expect("there are more nodes before a new one than it has links");
            links.add(new, target);
            degrees[new] += 1;
            degrees[target] += 1;
        }
    }
    links
}

/// One of the nodes before `new` that it is not linked to yet, drawn by weight; `None` if none has any.
fn choose(links: &Links, new: usize, rng: &mut Pcg64Mcg, weight: impl Fn(usize) -> usize) -> Option<usize> {
    let open = |node: &usize| !links.linked.has(new, *node);
    let total = (0..new).filter(open).map(&weight).sum();
    if total == 0 {
        return None;
    }
    let mut left = below(total, rng);
    (0..new).filter(open).find(|&node| {
        let reached = left < weight(node);
        left = left.saturating_sub(weight(node));
        reached
    })
}

#[cfg(test)]
mod tests;
