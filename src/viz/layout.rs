//! Layout of a picture: nodes round a circle, or spread so that distance on paper follows distance in hops.
//!
//! Own code, because the crates at hand draw layers or run physics on many threads, and none promises that nodes
//! keep clear of each other or that the same graph gives the same picture.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_pcg::Pcg64Mcg;

use crate::topology::{Graph, metrics::distances};

/// Rounds of the descent; more change nothing that an eye could see.
const ROUNDS: i32 = 30;
/// Most starts that the descent is tried from.
const TRIES_MAX: usize = 24;
/// Starts times nodes: large graphs get one start, as more would take long and show little.
const TRIES_OF_NODE: usize = 768;
/// Most links for which pictures are compared: in a denser one crossings tell nothing, and take long to count.
const COMPARED_LINKS_MAX: usize = 2000;
/// Rounds of pushing nodes off each other before the picture is blown up instead.
const PUSHES: usize = 150;
/// Rounds in which nodes are also pushed off links; those after it mend the overlaps that this made.
const LINK_PUSHES: usize = 100;
/// Most nodes for which links are also kept from running under nodes; in a larger picture there is no room for that.
const CLEAR_LINKS_MAX: usize = 100;

/// A place in a picture: pixels to the right and down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// To the right.
    pub(super) x: f64,
    /// Down.
    pub(super) y: f64,
}

impl Point {
    fn to(self, other: Self) -> Self {
        Self { x: other.x - self.x, y: other.y - self.y }
    }

    fn length(self) -> f64 {
        (self.x * self.x + self.y * self.y).sqrt()
    }

    fn shift(&mut self, by: Self, times: f64) {
        self.x += by.x * times;
        self.y += by.y * times;
    }
}

/// The order in which nodes go round a circle, if that shows the graph best: one ring, or all linked to all.
pub(super) fn circle_order(graph: &Graph) -> Option<Vec<usize>> {
    let count = graph.node_count();
    if graph.edge_count() == count * count.saturating_sub(1) / 2 {
        return Some((0..count).collect());
    }
    if (0..count).any(|node| graph.degree(node) != 2) || !graph.is_connected() {
        return None;
    }
    let mut order = vec![0, graph.neighbours(0)[0]];
    while order.len() < count {
        let [before, last] = [order[order.len() - 2], order[order.len() - 1]];
        order.extend(graph.neighbours(last).iter().find(|&&next| next != before));
    }
    Some(order)
}

/// Places round a circle, clockwise from the top in the given order, neighbours `spacing` apart. By node index.
pub(super) fn circle(order: &[usize], spacing: f64) -> Vec<Point> {
    let count = order.len();
    let radius = if count > 1 { spacing / 2.0 / (PI / count as f64).sin() } else { 0.0 };
    // Two nodes stand side by side.
    let start = if count == 2 { PI } else { -FRAC_PI_2 };
    let mut points = vec![Point { x: 0.0, y: 0.0 }; count];
    for (place, &node) in order.iter().enumerate() {
        let angle = start + TAU * place as f64 / count as f64;
        points[node] = Point { x: radius * angle.cos(), y: radius * angle.sin() };
    }
    points
}

/// Places for any graph: nodes are as far apart as they are in hops, as well as a plane allows, and node i keeps
/// `rooms[i]` pixels to itself on all sides. Wider than high. By node index.
pub(super) fn spread(graph: &Graph, rooms: &[f64]) -> Vec<Point> {
    let hops = hop_table(graph);
    let count = graph.node_count();
    let edges: Vec<_> = graph.edges().collect();
    let mut rng = Pcg64Mcg::seed_from_u64(count as u64);
    // From another start comes another picture; of several the one with the fewest crossings is taken.
    let tries = if edges.len() > COMPARED_LINKS_MAX { 1 } else { (TRIES_OF_NODE / count.max(1)).clamp(1, TRIES_MAX) };
    let mut points = match tries {
        // Counting crossings looks at each two links; with one picture there is nothing to choose.
        1 => descend(&hops, count, &mut rng),
        _ => {
            let pictures = (0..tries).map(|_| descend(&hops, count, &mut rng));
            pictures.min_by_key(|points| crossings(points, &edges)).unwrap_or_default()
        }
    };
    lay_down(&mut points);
    scale_to(&mut points, rooms);
    separate(&mut points, &edges, rooms);
    points
}

/// Wished distance of each two nodes, row by row: their hops; nodes that cannot reach each other stand a little
/// farther apart than any that can.
fn hop_table(graph: &Graph) -> Vec<f64> {
    let rows: Vec<_> = (0..graph.node_count()).map(|node| distances(graph, node)).collect();
    let farthest = rows.iter().flatten().flatten().copied().max().unwrap_or(0);
    rows.iter().flatten().map(|hops| hops.unwrap_or(farthest + 1) as f64).collect()
}

/// Minimises stress: the sum over all pairs of ((distance on paper − hops) / hops)², one pair at a time in
/// random order with shrinking steps.
/// Zheng, Pawar, Goodman, *Graph Drawing by Stochastic Gradient Descent*, IEEE TVCG 2019.
fn descend(hops: &[f64], count: usize, rng: &mut Pcg64Mcg) -> Vec<Point> {
    let farthest = hops.iter().copied().fold(1.0, f64::max);
    let mut points: Vec<_> =
        (0..count).map(|_| Point { x: farthest * rng.random::<f64>(), y: farthest * rng.random::<f64>() }).collect();
    let mut pairs: Vec<(u32, u32)> =
        (0..count as u32).flat_map(|a| (a + 1..count as u32).map(move |b| (a, b))).collect();
    let (first_step, last_step) = (farthest * farthest, 0.1_f64);
    for round in 0..ROUNDS {
        let step = first_step * (last_step / first_step).powf(f64::from(round) / f64::from(ROUNDS - 1));
        pairs.shuffle(rng);
        for &(a, b) in &pairs {
            let (a, b) = (a as usize, b as usize);
            let wish = hops[a * count + b];
            let between = points[a].to(points[b]);
            let length = between.length().max(1e-9);
            let part = (step / (wish * wish)).min(1.0) * (length - wish) / length / 2.0;
            points[a].shift(between, part);
            points[b].shift(between, -part);
        }
    }
    points
}

/// Turns the picture so that it is wider than high, round its middle.
fn lay_down(points: &mut [Point]) {
    let count = points.len().max(1) as f64;
    let middle = Point {
        x: points.iter().map(|point| point.x).sum::<f64>() / count,
        y: points.iter().map(|point| point.y).sum::<f64>() / count,
    };
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for point in points.iter_mut() {
        *point = middle.to(*point);
        xx += point.x * point.x;
        xy += point.x * point.y;
        yy += point.y * point.y;
    }
    let (sin, cos) = ((2.0 * xy).atan2(xx - yy) / 2.0).sin_cos();
    for point in points {
        *point = Point { x: cos * point.x + sin * point.y, y: cos * point.y - sin * point.x };
    }
}

/// Scales hops to pixels: the nearest neighbour of a typical node stands a few radii away.
fn scale_to(points: &mut [Point], rooms: &[f64]) {
    let mut nearest: Vec<f64> = (0..points.len())
        .map(|a| {
            let others = (0..points.len()).filter(|&b| b != a);
            others.map(|b| points[a].to(points[b]).length()).fold(f64::INFINITY, f64::min)
        })
        .collect();
    nearest.sort_by(f64::total_cmp);
    let typical = nearest[nearest.len() / 2].max(1e-9);
    let room = rooms.iter().sum::<f64>() / rooms.len() as f64;
    // Small pictures can be airy; large ones would outgrow a screen.
    let radii = if points.len() <= CLEAR_LINKS_MAX { 4.2 } else { 2.3 };
    for point in points {
        *point = Point { x: point.x * radii * room / typical, y: point.y * radii * room / typical };
    }
}

/// Pushes nodes off each other, and in small pictures off links that are not theirs; what is left of overlaps
/// after that is removed by enlarging the whole.
fn separate(points: &mut [Point], edges: &[(usize, usize)], rooms: &[f64]) {
    for round in 0..PUSHES {
        let mut moved = push_nodes(points, rooms);
        if points.len() <= CLEAR_LINKS_MAX && round < LINK_PUSHES {
            moved |= push_links(points, edges, rooms);
        }
        if !moved {
            return;
        }
    }
    let mut factor: f64 = 1.0;
    for a in 0..points.len() {
        for b in a + 1..points.len() {
            factor = factor.max((rooms[a] + rooms[b]) / points[a].to(points[b]).length().max(1e-3));
        }
    }
    for point in points {
        *point = Point { x: point.x * factor, y: point.y * factor };
    }
}

fn push_nodes(points: &mut [Point], rooms: &[f64]) -> bool {
    let mut moved = false;
    for a in 0..points.len() {
        for b in a + 1..points.len() {
            let between = points[a].to(points[b]);
            let (length, room) = (between.length(), rooms[a] + rooms[b]);
            if length >= room {
                continue;
            }
            moved = true;
            // Two nodes on one spot part along a direction of their own.
            let (sin, cos) = (a as f64).sin_cos();
            let away = if length > 1e-6 { between } else { Point { x: cos, y: sin } };
            let part = (room - length) / away.length() * 0.51;
            points[a].shift(away, -part);
            points[b].shift(away, part);
        }
    }
    moved
}

fn push_links(points: &mut [Point], edges: &[(usize, usize)], rooms: &[f64]) -> bool {
    let mut moved = false;
    for &(a, b) in edges {
        for node in (0..points.len()).filter(|&node| node != a && node != b) {
            let away = from_link(points[a], points[b], points[node]);
            let length = away.length();
            if length >= rooms[node] || length < 1e-6 {
                continue;
            }
            moved = true;
            let part = (rooms[node] - length) / length * 0.3;
            points[node].shift(away, part);
            points[a].shift(away, -part / 2.0);
            points[b].shift(away, -part / 2.0);
        }
    }
    moved
}

/// The shortest way from the link `a`–`b` to a node.
fn from_link(a: Point, b: Point, node: Point) -> Point {
    let (along, to_node) = (a.to(b), a.to(node));
    let square = (along.x * along.x + along.y * along.y).max(1e-9);
    let part = ((along.x * to_node.x + along.y * to_node.y) / square).clamp(0.0, 1.0);
    let foot = Point { x: a.x + along.x * part, y: a.y + along.y * part };
    foot.to(node)
}

/// Number of pairs of links that cross: what makes a picture hard to read.
fn crossings(points: &[Point], edges: &[(usize, usize)]) -> usize {
    let side = |a: Point, b: Point, c: Point| (a.to(b).x * a.to(c).y - a.to(b).y * a.to(c).x) > 0.0;
    let mut count = 0;
    for (index, &(a, b)) in edges.iter().enumerate() {
        for &(c, d) in &edges[index + 1..] {
            if a == c || a == d || b == c || b == d {
                continue;
            }
            let [a, b, c, d] = [a, b, c, d].map(|node| points[node]);
            count += usize::from(side(a, b, c) != side(a, b, d) && side(c, d, a) != side(c, d, b));
        }
    }
    count
}
