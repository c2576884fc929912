//! The picture in characters: links as braille dots, nodes as their numbers.

use std::fmt::Write;

use super::{layout::Point, picture::Picture, placed::Node, scene::LinkMark};

/// Dots across and down a character cell of braille.
const DOTS: (usize, usize) = (2, 4);
/// Bit of each dot in a braille character, by row and column (Unicode 17, *Braille Patterns*).
const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// SGR code of links: grey.
const LINK_COLOUR: u8 = 90;
/// Factor by which a picture may be stretched to fill its room.
const STRETCH_MAX: f64 = 1.8;

/// Content of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Dots of links; 0 is empty. And their terminal colour.
    Links(u8, u8),
    /// Part of a node: a character, and the node's terminal colour.
    Node(char, u8),
}

/// A cell without anything.
const EMPTY: Cell = Cell::Links(0, LINK_COLOUR);

impl Picture {
    /// The picture as at most `rows` lines of at most `columns` characters, each ended by a line feed.
    ///
    /// A node shows its name where that fits, else a dot; nodes with larger values go first, and one whose cell
    /// is taken is left out. Escape sequences appear only with `colour`. Empty if there is no room or no node.
    pub fn terminal(&self, columns: usize, rows: usize, colour: bool) -> String {
        if columns == 0 || rows == 0 || self.nodes.is_empty() {
            return String::new();
        }
        let mut canvas = Canvas { columns, rows, cells: vec![EMPTY; columns * rows] };
        let places = self.places(columns, rows);
        for mark in LinkMark::ALL {
            for (&(a, b), _) in self.edges.iter().zip(&self.links).filter(|(_, link)| link.mark == mark) {
                canvas.line(places[a], places[b], mark);
            }
        }
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(self.nodes[index].value));
        // All dots first, so that no name covers another node.
        for &index in &order {
            canvas.dot(places[index], self.code(index));
        }
        for &index in &order {
            let node = &self.nodes[index];
            canvas.name(&format!("{}{}", node.mark.terminal().0, node.name), places[index], self.code(index));
        }
        canvas.text(colour)
    }

    fn code(&self, node: usize) -> u8 {
        let node = &self.nodes[node];
        node.mark.terminal().1.or_else(|| Some(self.classes.get(node.class)?.terminal)).unwrap_or(LINK_COLOUR)
    }

    /// The dot of each node on the canvas. Leaves room at both sides for half a number.
    fn places(&self, columns: usize, rows: usize) -> Vec<(usize, usize)> {
        let shown = |node: &Node| node.mark.terminal().0.chars().count() + node.name.chars().count();
        let name = self.nodes.iter().map(shown).max().unwrap_or(1).min(columns / 4);
        let side = name * DOTS.0 / 2;
        let wide = (columns * DOTS.0 - 1).saturating_sub(2 * side) as f64;
        let high = (rows * DOTS.1 - 1) as f64;
        let bound = |pick: fn(Point) -> f64| {
            let values = || self.nodes.iter().map(move |node| pick(node.at));
            let least = values().fold(f64::INFINITY, f64::min);
            (least, (values().fold(f64::NEG_INFINITY, f64::max) - least).max(1e-9))
        };
        let ((left, width), (top, height)) = (bound(|at| at.x), bound(|at| at.y));
        let (x, y) = (wide / width, high / height);
        let (x, y) = (x.min(y * STRETCH_MAX), y.min(x * STRETCH_MAX));
        let (right, down) = ((wide - width * x) / 2.0 + side as f64, (high - height * y) / 2.0);
        let place =
            |at: Point| ((right + (at.x - left) * x).round() as usize, (down + (at.y - top) * y).round() as usize);
        self.nodes.iter().map(|node| place(node.at)).collect()
    }
}

/// Cells row by row.
struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    /// Sets the dots from one place to another.
    fn line(&mut self, from: (usize, usize), to: (usize, usize), mark: LinkMark) {
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        // One that is down is dotted.
        for step in (0..=steps).filter(|step| mark != LinkMark::Down || step % 4 == 0) {
            let part = step as f64 / steps as f64;
            let between = |a: usize, b: usize| (a as f64 + (b as f64 - a as f64) * part).round() as usize;
            let (x, y) = (between(from.0, to.0), between(from.1, to.1));
            if let Some(Cell::Links(bits, code)) = self.cell(x, y) {
                *bits |= BITS[y % DOTS.1][x % DOTS.0];
                *code = mark.terminal();
            }
        }
    }

    fn cell(&mut self, x: usize, y: usize) -> Option<&mut Cell> {
        let (column, row) = (x / DOTS.0, y / DOTS.1);
        (column < self.columns && row < self.rows).then(|| &mut self.cells[row * self.columns + column])
    }

    fn dot(&mut self, (x, y): (usize, usize), code: u8) {
        if let Some(cell @ Cell::Links(..)) = self.cell(x, y) {
            *cell = Cell::Node('●', code);
        }
    }

    /// Writes a name over its node's dot, if neither another node nor the edge is in its way, with a blank cell
    /// between it and the next name.
    fn name(&mut self, name: &str, (x, y): (usize, usize), code: u8) {
        let length = name.chars().count();
        let (column, row) = (x / DOTS.0, y / DOTS.1);
        let Some(start) = column.checked_sub((length - 1) / 2) else { return };
        if start + length > self.columns || row >= self.rows {
            return;
        }
        let line = &mut self.cells[row * self.columns..][..self.columns];
        let around = start.saturating_sub(1)..(start + length + 1).min(self.columns);
        let taken = |at: usize| at != column && matches!(line[at], Cell::Node(..));
        if around.clone().any(taken) {
            return;
        }
        for (at, character) in (start..).zip(name.chars()) {
            line[at] = Cell::Node(character, code);
        }
    }

    fn text(&self, colour: bool) -> String {
        let mut out = String::new();
        for line in self.cells.chunks(self.columns) {
            let end = line.iter().rposition(|&cell| cell != EMPTY).map_or(0, |last| last + 1);
            let mut active = None;
            for &cell in &line[..end] {
                let (character, code) = match cell {
                    Cell::Links(0, _) => (' ', None),
                    Cell::Links(bits, code) => (char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' '), Some(code)),
                    Cell::Node(character, code) => (character, Some(code)),
                };
                if colour && code.is_some() && code != active {
                    let _ = write!(out, "\x1b[{}m", code.unwrap_or(0));
                    active = code;
                }
                out.push(character);
            }
            if active.is_some() {
                out.push_str("\x1b[0m");
            }
            out.push('\n');
        }
        out
    }
}
