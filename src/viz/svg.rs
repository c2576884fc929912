//! The picture as SVG 1.1 that needs no font, no style sheet and no script.

use std::fmt::Write;

use super::{
    glyphs::{Anchor, Glyphs, Style},
    layout::Point,
    legend::{INK, Rgb},
    notes,
    picture::Picture,
    placed::{Label, Node},
    scene::{LinkMark, NodeMark},
    xml::escape,
};

pub(super) const GROUND: Rgb = Rgb(0xfa, 0xfb, 0xfc);
pub(super) const LINE: Rgb = Rgb(0x64, 0x74, 0x8b);
pub(super) const SOFT: Rgb = Rgb(0x47, 0x55, 0x69);
/// Pixels round the graph.
pub(super) const MARGIN: f64 = 36.0;
/// Pixels above the graph, for heading and caption.
pub(super) const HEAD: f64 = 92.0;
/// Pixels a line of the legend.
const LEGEND_LINE: f64 = 24.0;
/// Type of the caption and the legend, in pixels.
pub(super) const SMALL: f64 = 13.0;

pub(super) const PLAIN: Style =
    Style { size: SMALL, colour: SOFT, anchor: Anchor::Start, bold: false, halo: None, turn: 0.0 };
pub(super) const HEADING: Style =
    Style { size: 22.0, colour: INK, anchor: Anchor::Start, bold: true, halo: None, turn: 0.0 };

/// Width and height in pixels, where the graph lies in it, and how the legend is broken into rows.
struct Frame {
    width: f64,
    height: f64,
    /// Added to a node's place.
    shift: Point,
    legend_top: f64,
    legend_columns: usize,
    legend_column: f64,
}

impl Picture {
    /// The picture as SVG. Well-formed for any names; nodes are `<circle class="node">`, links `<line>`.
    pub fn svg(&self) -> String {
        let mut glyphs = Glyphs::new();
        let frame = self.frame(&glyphs);
        let mut body = String::new();
        let left = |y| Point { x: MARGIN, y };
        body.push_str(&glyphs.text(&self.heading, left(40.0), &HEADING));
        body.push_str(&glyphs.text(&self.caption, left(69.0), &PLAIN));
        let _ = writeln!(body, "\n<g transform=\"translate({:.2} {:.2})\">", frame.shift.x, frame.shift.y);
        self.write_edges(&mut body);
        self.write_arrows(&mut body);
        self.write_nodes(&mut body, &mut glyphs);
        self.write_notes(&mut body, &mut glyphs);
        body.push_str("</g>\n");
        self.write_legend(&mut body, &mut glyphs, &frame);
        format!("{}{}{body}</svg>\n", self.head(&frame), glyphs.definitions())
    }

    fn head(&self, frame: &Frame) -> String {
        let legend: Vec<_> = self.keys().iter().map(|key| key.caption().to_owned()).collect();
        let description = format!("{}; {}", self.caption, legend.join(", "));
        head(frame.width, frame.height, &self.heading, &description)
    }

    fn frame(&self, glyphs: &Glyphs) -> Frame {
        let (mut least, mut most) = (Point { x: 0.0, y: 0.0 }, Point { x: 0.0, y: 0.0 });
        let mut include = |at: Point, wide: f64, high: f64| {
            least = Point { x: least.x.min(at.x - wide), y: least.y.min(at.y - high) };
            most = Point { x: most.x.max(at.x + wide), y: most.y.max(at.y + high) };
        };
        for node in &self.nodes {
            include(node.at, node.radius, node.radius);
            let (wide, high) = node.label.half_extent(glyphs);
            include(node.label.at, wide, high);
        }
        for note in &self.notes {
            include(note.at, note.half.0, note.half.1);
        }
        let keys = self.keys();
        let captions = keys.iter().map(|key| glyphs.width(key.caption(), SMALL));
        let legend_column = captions.fold(0.0, f64::max) + 44.0;
        let text = glyphs.width(&self.heading, HEADING.size).max(glyphs.width(&self.caption, SMALL)).max(legend_column);
        let inner = (most.x - least.x).max(text).ceil();
        let legend_columns = ((inner / legend_column) as usize).clamp(1, keys.len().max(1));
        let legend_rows = keys.len().div_ceil(legend_columns);
        let legend_top = HEAD + (most.y - least.y) + MARGIN;
        Frame {
            width: inner + 2.0 * MARGIN,
            height: (legend_top + legend_rows as f64 * LEGEND_LINE + MARGIN / 2.0).ceil(),
            shift: Point { x: MARGIN + inner / 2.0 - (least.x + most.x) / 2.0, y: HEAD - least.y },
            legend_top,
            legend_columns,
            legend_column,
        }
    }

    fn write_edges(&self, out: &mut String) {
        // Many links make a mat; each is then drawn thinner, so that the nodes stay in front.
        let crowd = (self.edges.len() as f64 / 60.0).max(1.0);
        let (width, opacity) = ((1.7 / crowd.powf(0.17)).max(0.6), (0.85 / crowd.powf(0.2)).max(0.12));
        for mark in LinkMark::ALL {
            let (colour, wider, dashes) = mark.style(LINE);
            let links = || self.edges.iter().zip(&self.links).filter(|(_, link)| link.mark == mark);
            if links().next().is_none() {
                continue;
            }
            let opacity = if mark == LinkMark::Plain { opacity } else { 0.95 };
            let dashes = dashes.map_or_else(String::new, |dashes| format!(" stroke-dasharray=\"{dashes}\""));
            let _ = writeln!(
                out,
                r#"<g stroke="{}" stroke-width="{:.2}" stroke-opacity="{opacity:.2}" stroke-linecap="round"{dashes}>"#,
                colour.hex(),
                width + wider
            );
            for (&(a, b), _) in links() {
                let (a, b) = (self.nodes[a].at, self.nodes[b].at);
                let _ = writeln!(out, r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#, a.x, a.y, b.x, b.y);
            }
            out.push_str("</g>\n");
        }
    }

    /// Heads of arrows, over the links and up to the rims of their nodes.
    fn write_arrows(&self, out: &mut String) {
        for (&(a, b), link) in self.edges.iter().zip(&self.links) {
            let Some(to) = link.to else { continue };
            let (tip, tail) = (&self.nodes[to], &self.nodes[if to == a { b } else { a }]);
            let (x, y) = (tip.at.x - tail.at.x, tip.at.y - tail.at.y);
            let length = x.hypot(y).max(1e-9);
            let (x, y) = (x / length, y / length);
            let at = |back: f64, side: f64| {
                let back = tip.radius + back;
                (tip.at.x - x * back - y * side, tip.at.y - y * back + x * side)
            };
            let [(x1, y1), (x2, y2), (x3, y3)] = [at(1.5, 0.0), at(11.0, 4.6), at(11.0, -4.6)];
            let colour = link.mark.style(LINE).0.hex();
            let _ = writeln!(out, r#"<path d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}L{x3:.1} {y3:.1}Z" fill="{colour}"/>"#);
        }
    }

    /// Writes the notes beside links, over everything else.
    fn write_notes(&self, out: &mut String, glyphs: &mut Glyphs) {
        let style = Style { size: notes::SIZE, colour: INK, anchor: Anchor::Middle, halo: Some(GROUND), ..PLAIN };
        for note in &self.notes {
            out.push_str(&glyphs.text(&note.text, note.at, &style));
            out.push('\n');
        }
    }

    fn write_nodes(&self, out: &mut String, glyphs: &mut Glyphs) {
        for node in &self.nodes {
            let class = self.classes.get(node.class).filter(|_| !node.mark.is_hollow());
            let told = class.map_or_else(
                || node.mark.caption().to_owned(),
                |class| format!("{} {}", class.measure.noun(), node.value),
            );
            let _ = write!(out, "<g><title>node {}, {told}</title>", escape(&node.name));
            let colour = class.map_or(GROUND, |class| class.colour);
            write_node(out, node.at, node.radius, colour, node.mark);
            out.push_str(&glyphs.text(&node.label.text, node.label.at, &label_style(node, colour)));
            out.push_str("</g>\n");
        }
    }

    /// Keys of the legend: classes of nodes first, then what is special.
    fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.classes.iter().map(|class| Key::Class(class.colour, class.caption())).collect();
        for mark in
            [NodeMark::Start, NodeMark::Cut, NodeMark::Suspect, NodeMark::Silent, NodeMark::Dead, NodeMark::Without]
        {
            let count = self.nodes.iter().filter(|node| node.mark == mark).count();
            if count > 0 {
                keys.push(Key::Node(mark, told(mark.caption(), count, "node")));
            }
        }
        for mark in LinkMark::ALL.into_iter().filter(|&mark| mark != LinkMark::Plain) {
            let count = self.links.iter().filter(|link| link.mark == mark).count();
            if count > 0 {
                keys.push(Key::Link(mark, told(mark.caption(), count, "link")));
            }
        }
        keys
    }

    fn write_legend(&self, out: &mut String, glyphs: &mut Glyphs, frame: &Frame) {
        for (index, key) in self.keys().into_iter().enumerate() {
            let (row, column) = (index / frame.legend_columns, index % frame.legend_columns);
            let x = MARGIN + column as f64 * frame.legend_column;
            let y = frame.legend_top + row as f64 * LEGEND_LINE;
            match &key {
                Key::Class(colour, _) => {
                    let _ = write!(out, r#"<circle cx="{:.1}" cy="{y:.1}" r="7" fill="{}"/>"#, x + 7.0, colour.hex());
                }
                Key::Node(mark, _) => write_node(out, Point { x: x + 7.0, y }, 5.5, GROUND, *mark),
                Key::Link(mark, _) => {
                    let (colour, wider, dashes) = mark.style(LINE);
                    let dashes = dashes.map_or_else(String::new, |dashes| format!(" stroke-dasharray=\"{dashes}\""));
                    let _ = write!(
                        out,
                        r#"<path d="M{:.1} {y:.1}H{:.1}" stroke="{}" stroke-width="{:.1}"{dashes}/>"#,
                        x - 1.0,
                        x + 15.0,
                        colour.hex(),
                        1.7 + wider
                    );
                }
            }
            out.push_str(&glyphs.text(key.caption(), Point { x: x + 22.0, y }, &PLAIN));
            out.push('\n');
        }
    }
}

/// One entry of the legend.
enum Key {
    Class(Rgb, String),
    Node(NodeMark, String),
    Link(LinkMark, String),
}

impl Key {
    fn caption(&self) -> &str {
        match self {
            Self::Class(_, caption) | Self::Node(_, caption) | Self::Link(_, caption) => caption,
        }
    }
}

/// `down: 1 node`, `healed: 2 links`.
fn told(caption: &str, count: usize, noun: &str) -> String {
    format!("{caption}: {count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The circle of a node with what is special about it.
fn write_node(out: &mut String, at: Point, radius: f64, colour: Rgb, mark: NodeMark) {
    let Point { x, y } = at;
    let (fill, ground) = (colour.hex(), GROUND.hex());
    let rim = mark.rim().map(Rgb::hex);
    let (stroke, width) = match (&rim, mark.is_hollow()) {
        (Some(rim), true) => (rim.as_str(), "1.8\" stroke-dasharray=\"4 3"),
        _ => (ground.as_str(), "2"),
    };
    let _ = write!(
        out,
        "<circle class=\"node\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{fill}\" stroke=\"{stroke}\" \
         stroke-width=\"{width}\"/>"
    );
    if let Some(rim) = rim.filter(|_| !mark.is_hollow()) {
        let beyond = radius + 2.6;
        let _ = write!(
            out,
            r#"<circle class="rim" cx="{x:.1}" cy="{y:.1}" r="{beyond:.1}" fill="none" stroke="{rim}" stroke-width="2.6"/>"#
        );
    }
}

/// Opening tag of a picture of these pixels, what a screen reader says, and the ground.
pub(super) fn head(width: f64, height: f64, title: &str, description: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"description\">{}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        escape(title),
        escape(description),
        GROUND.hex()
    )
}

fn label_style(node: &Node, colour: Rgb) -> Style {
    let Label { size, turn, inside, .. } = node.label;
    let hollow = node.mark.rim().filter(|_| node.mark.is_hollow());
    let (colour, halo) = if inside { (hollow.unwrap_or_else(|| colour.text()), None) } else { (INK, Some(GROUND)) };
    Style { size, colour, anchor: Anchor::Middle, bold: inside, halo, turn }
}
