//! The picture as SVG 1.1 that needs no font, no style sheet and no script.

use std::fmt::Write;

use super::{
    glyphs::{Anchor, Glyphs, Style},
    layout::Point,
    legend::{INK, Rgb},
    picture::{Label, Node, Picture},
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
        self.write_nodes(&mut body, &mut glyphs);
        body.push_str("</g>\n");
        self.write_legend(&mut body, &mut glyphs, &frame);
        format!("{}{}{body}</svg>\n", self.head(&frame), glyphs.definitions())
    }

    fn head(&self, frame: &Frame) -> String {
        let legend: Vec<_> = self.classes.iter().map(|class| class.caption()).collect();
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
        let captions = self.classes.iter().map(|class| glyphs.width(&class.caption(), SMALL));
        let legend_column = captions.fold(0.0, f64::max) + 44.0;
        let text = glyphs.width(&self.heading, HEADING.size).max(glyphs.width(&self.caption, SMALL)).max(legend_column);
        let inner = (most.x - least.x).max(text).ceil();
        let legend_columns = ((inner / legend_column) as usize).clamp(1, self.classes.len().max(1));
        let legend_rows = self.classes.len().div_ceil(legend_columns);
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
        let _ = writeln!(
            out,
            r#"<g stroke="{}" stroke-width="{width:.2}" stroke-opacity="{opacity:.2}" stroke-linecap="round">"#,
            LINE.hex()
        );
        for &(a, b) in &self.edges {
            let (a, b) = (self.nodes[a].at, self.nodes[b].at);
            let _ = writeln!(out, r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}"/>"#, a.x, a.y, b.x, b.y);
        }
        out.push_str("</g>\n");
    }

    fn write_nodes(&self, out: &mut String, glyphs: &mut Glyphs) {
        for node in &self.nodes {
            let colour = self.classes[node.class].colour;
            let _ = write!(
                out,
                "<g><title>node {}, degree {}</title>\
                 <circle class=\"node\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"2\"/>",
                escape(&node.name),
                node.degree,
                node.at.x,
                node.at.y,
                node.radius,
                colour.hex(),
                GROUND.hex()
            );
            out.push_str(&glyphs.text(&node.label.text, node.label.at, &label_style(node, colour)));
            out.push_str("</g>\n");
        }
    }

    fn write_legend(&self, out: &mut String, glyphs: &mut Glyphs, frame: &Frame) {
        for (index, class) in self.classes.iter().enumerate() {
            let (row, column) = (index / frame.legend_columns, index % frame.legend_columns);
            let x = MARGIN + column as f64 * frame.legend_column;
            let y = frame.legend_top + row as f64 * LEGEND_LINE;
            let _ = write!(out, r#"<circle cx="{:.1}" cy="{y:.1}" r="7" fill="{}"/>"#, x + 7.0, class.colour.hex());
            out.push_str(&glyphs.text(&class.caption(), Point { x: x + 22.0, y }, &PLAIN));
            out.push('\n');
        }
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
    let (colour, halo) = if inside { (colour.text(), None) } else { (INK, Some(GROUND)) };
    Style { size, colour, anchor: Anchor::Middle, bold: inside, halo, turn }
}
