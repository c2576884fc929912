//! A node and its name, in their places.

use super::{glyphs::Glyphs, layout::Point, scene::NodeMark};

/// A node in its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) at: Point,
    /// Of its circle, in pixels.
    pub(super) radius: f64,
    /// The number that its colour stands for.
    pub(super) value: usize,
    pub(super) mark: NodeMark,
    /// Index into the picture's classes.
    pub(super) class: usize,
    pub(super) label: Label,
}

/// A node's name in its place.
#[derive(Debug, Clone)]
pub(super) struct Label {
    /// The name, shortened if it is very long.
    pub(super) text: String,
    /// Its middle.
    pub(super) at: Point,
    pub(super) size: f64,
    pub(super) inside: bool,
    /// Degrees clockwise from level.
    pub(super) turn: f64,
}

impl Label {
    /// Half the width and half the height of what it covers, turned as it is.
    pub(super) fn half_extent(&self, glyphs: &Glyphs) -> (f64, f64) {
        let (wide, high) = (glyphs.width(&self.text, self.size) / 2.0, self.size * 0.4);
        let (sin, cos) = self.turn.to_radians().sin_cos();
        (cos.abs() * wide + sin.abs() * high, sin.abs() * wide + cos.abs() * high)
    }
}
