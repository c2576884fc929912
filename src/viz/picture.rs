//! A picture before it is drawn: where each node stands, how large and which colour it is, where its name goes.

use super::{
    glyphs::Glyphs,
    layout::{self, Point},
    legend::{self, Class, Measure},
    notes::{self, Note},
    placed::{Label, Node},
    scene::{Link, NodeMark, Scene},
};
use std::collections::BTreeMap;

use crate::topology::{Graph, Metrics};

/// Longest name in characters that is shown in full.
const NAME_SHOWN_MAX: usize = 18;
/// Smallest type in pixels for a name inside its node; longer names go beside it.
const INSIDE_MIN: f64 = 8.5;
/// Type in pixels for a name beside its node.
const BESIDE: f64 = 11.5;
/// Most nodes on a circle that have room for their names inside.
const CIRCLE_INSIDE_MAX: usize = 40;
/// Most nodes on a circle with level names outside; round larger ones names stand like spokes, or the circle would
/// have to be so wide that a screen shows them too small.
const CIRCLE_LEVEL_MAX: usize = 100;

/// One graph, placed. Made once, then shown in any form; the same graph always gives the same picture.
#[derive(Debug, Clone)]
pub struct Picture {
    pub(super) heading: String,
    pub(super) caption: String,
    pub(super) nodes: Vec<Node>,
    /// Links by node index, `a < b`, ascending.
    pub(super) edges: Vec<(usize, usize)>,
    /// Marks and notes of each of them, in the same order.
    pub(super) links: Vec<Link>,
    pub(super) classes: Vec<Class>,
    pub(super) notes: Vec<Note>,
}

impl Picture {
    /// Places the nodes of a graph. `network` is the heading; `topology` says below it what the graph is.
    pub fn new(graph: &Graph, network: &str, topology: &str) -> Self {
        let metrics = Metrics::of(graph);
        let degrees = (0..graph.node_count()).map(|node| graph.degree(node)).collect();
        Self::of(Scene {
            places: graph,
            links: graph.edges().map(|edge| (edge, Link::default())).collect(),
            marks: vec![NodeMark::Plain; graph.node_count()],
            values: (Measure::Degree, degrees),
            heading: network.into(),
            caption: caption(topology, &metrics),
        })
    }

    /// Caption below its heading.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// Places the nodes of a scene, which has as many marks and values as nodes.
    pub fn of(scene: Scene<'_>) -> Self {
        let Scene { places, links, marks, values: (measure, values), heading, caption } = scene;
        let mut counts = BTreeMap::new();
        for (&value, _) in values.iter().zip(&marks).filter(|(_, mark)| !mark.is_hollow()) {
            *counts.entry(value).or_insert(0) += 1;
        }
        let classes = legend::classes(measure, &counts);
        let glyphs = Glyphs::new();
        let nodes = place(places, &values, &marks, &classes, &glyphs);
        let (edges, links): (Vec<_>, Vec<_>) = links.into_iter().unzip();
        let notes = notes::place(&edges, &links, &nodes, &glyphs);
        Self { heading, caption, nodes, edges, links, classes, notes }
    }
}

/// `random · 16 nodes · 24 links · diameter 4`
fn caption(topology: &str, metrics: &Metrics) -> String {
    let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let reach = match metrics.diameter {
        Some(hops) => format!("diameter {hops}"),
        None => count(metrics.components, "separate part"),
    };
    format!("{topology} · {} · {} · {reach}", count(metrics.nodes, "node"), count(metrics.edges, "link"))
}

/// Places the nodes. Where they stand, and how large they are, follows from the graph alone: whatever is told of a network,
/// they stay where they are.
fn place(graph: &Graph, values: &[usize], marks: &[NodeMark], classes: &[Class], glyphs: &Glyphs) -> Vec<Node> {
    let order = layout::circle_order(graph);
    let spokes = graph.node_count() > CIRCLE_LEVEL_MAX;
    let outside = order.is_some() && graph.node_count() > CIRCLE_INSIDE_MAX;
    let degrees = || (0..graph.node_count()).map(|index| graph.degree(index));
    let span = (degrees().min().unwrap_or(0), degrees().max().unwrap_or(0));
    let dot = (600.0 / graph.node_count() as f64).clamp(4.5, 10.0);
    let mut nodes: Vec<_> = (0..graph.node_count())
        .map(|index| {
            let name = graph.nodes()[index].to_string();
            let value = values[index];
            let radius = if outside { dot } else { radius(graph.node_count(), graph.degree(index), span) };
            let label = label(&name, radius, outside, glyphs);
            let class = classes.iter().position(|class| value <= class.to).unwrap_or(0);
            Node { name, at: Point { x: 0.0, y: 0.0 }, radius, value, mark: marks[index], class, label }
        })
        .collect();
    let wide = |node: &Node| glyphs.width(&node.label.text, node.label.size);
    let points = match order {
        Some(order) => {
            let widest = nodes.iter().map(wide).fold(0.0, f64::max);
            let spacing = match (outside, spokes) {
                (false, _) => (widest + 14.0).max(84.0),
                (true, false) => (widest + 3.0).max(3.2 * dot),
                (true, true) => (BESIDE * 1.15).max(3.2 * dot),
            };
            layout::circle(&order, spacing)
        }
        None => {
            // The white rim of a node and some air belong to it.
            let room = |node: &Node| {
                if node.label.inside { node.radius + 5.0 } else { (wide(node) / 2.0).max(node.radius + 14.0) }
            };
            layout::spread(graph, &nodes.iter().map(room).collect::<Vec<_>>())
        }
    };
    for (node, at) in nodes.iter_mut().zip(points) {
        node.at = at;
        if node.label.inside {
            node.label.at = at;
        } else if outside {
            put_beyond(node, spokes, glyphs);
        } else {
            node.label.at = Point { x: at.x, y: at.y + node.radius + node.label.size * 0.75 };
        }
    }
    nodes
}

/// Larger for nodes with more neighbours, smaller where there are many nodes.
fn radius(count: usize, degree: usize, (least, most): (usize, usize)) -> f64 {
    let base = if count <= 32 {
        18.0
    } else if count <= 100 {
        15.0
    } else {
        13.5
    };
    let span = most - least;
    if span == 0 {
        return base;
    }
    base * (1.0 + 0.6 * (degree.saturating_sub(least) as f64 / span as f64).sqrt())
}

/// A name inside its node if it is legible there, else beside it. Its place is found later.
fn label(name: &str, radius: f64, outside: bool, glyphs: &Glyphs) -> Label {
    let name = &*glyphs.drawable(name);
    let text = if name.chars().count() > NAME_SHOWN_MAX {
        name.chars().take(NAME_SHOWN_MAX - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    };
    let fits = (1.58 * radius / glyphs.width(&text, 1.0)).min(0.88 * radius);
    let inside = !outside && fits >= INSIDE_MIN;
    Label { text, at: Point { x: 0.0, y: 0.0 }, size: if inside { fits } else { BESIDE }, inside, turn: 0.0 }
}

/// Puts a name on the far side of its node from the middle of the circle, level or like a spoke.
fn put_beyond(node: &mut Node, spokes: bool, glyphs: &Glyphs) {
    let at = node.at;
    let length = (at.x * at.x + at.y * at.y).sqrt().max(1e-9);
    let (x, y) = (at.x / length, at.y / length);
    if spokes {
        // Never upside down: on the left half names read towards the middle.
        node.label.turn = (y / x.abs().max(1e-9)).atan().to_degrees() * if x < 0.0 { -1.0 } else { 1.0 };
    }
    let (wide, high) = node.label.half_extent(glyphs);
    let reach = node.radius + 5.0;
    let reach = if spokes {
        reach + glyphs.width(&node.label.text, node.label.size) / 2.0
    } else {
        reach + x.abs() * wide + y.abs() * high
    };
    node.label.at = Point { x: at.x + x * reach, y: at.y + y * reach };
}
