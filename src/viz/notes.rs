//! Places for what stands beside links: over no node, no name and no other note.

use super::{glyphs::Glyphs, layout::Point, placed::Node, scene::Link};

/// Type in pixels.
pub(super) const SIZE: f64 = 9.5;
/// Places along a link, as parts of the way: the best first.
const PARTS: [f64; 7] = [0.5, 0.42, 0.58, 0.35, 0.65, 0.28, 0.72];
/// Pixels beside a link, on one side and on the other: the nearest first.
const ASIDE: [f64; 9] = [0.0, 8.0, -8.0, 16.0, -16.0, 26.0, -26.0, 38.0, -38.0];
/// Pixels that are kept free round a note.
const AIR: f64 = 2.0;

/// A note in its place.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub(super) text: String,
    /// Its middle.
    pub(super) at: Point,
    /// Half its width and half its height in pixels.
    pub(super) half: (f64, f64),
}

impl Note {
    fn covers(&self, at: Point, (wide, high): (f64, f64)) -> bool {
        (self.at.x - at.x).abs() < self.half.0 + wide + AIR && (self.at.y - at.y).abs() < self.half.1 + high + AIR
    }

    fn covers_circle(&self, at: Point, radius: f64) -> bool {
        let beyond = |distance: f64, half: f64| (distance.abs() - half).max(0.0);
        let (x, y) = (beyond(self.at.x - at.x, self.half.0), beyond(self.at.y - at.y, self.half.1));
        x.hypot(y) < radius + AIR
    }

    /// Harm of a note to what is there already: what it would cover; a node counts more than another note.
    fn harm(&self, nodes: &[Node], labels: &[(Point, (f64, f64))], notes: &[Self]) -> usize {
        let circles = nodes.iter().filter(|node| self.covers_circle(node.at, node.radius)).count();
        let names = labels.iter().filter(|(at, half)| self.covers(*at, *half)).count();
        let others = notes.iter().filter(|other| self.covers(other.at, other.half)).count();
        10 * circles + 10 * names + others
    }
}

/// Places the notes of all links: each on its link or beside it, where it covers least.
pub(super) fn place(edges: &[(usize, usize)], links: &[Link], nodes: &[Node], glyphs: &Glyphs) -> Vec<Note> {
    let labels: Vec<_> = nodes
        .iter()
        .filter(|node| !node.label.inside)
        .map(|node| (node.label.at, node.label.half_extent(glyphs)))
        .collect();
    let mut notes: Vec<Note> = Vec::new();
    for (&(a, b), link) in edges.iter().zip(links) {
        let Some(text) = &link.note else { continue };
        let (a, b) = (nodes[a].at, nodes[b].at);
        let half = (glyphs.width(text, SIZE) / 2.0, SIZE / 2.0);
        let along = Point { x: b.x - a.x, y: b.y - a.y };
        let length = along.x.hypot(along.y).max(1e-9);
        let candidate = |(aside, part): (f64, f64)| {
            let x = a.x + along.x * part - along.y / length * aside;
            let y = a.y + along.y * part + along.x / length * aside;
            Note { text: text.clone(), at: Point { x, y }, half }
        };
        let candidates = ASIDE.iter().flat_map(|&aside| PARTS.iter().map(move |&part| (aside, part)));
        // The first of those that cover least.
        notes.extend(candidates.map(candidate).min_by_key(|note| note.harm(nodes, &labels, &notes)));
    }
    notes
}
