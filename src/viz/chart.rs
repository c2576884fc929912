//! Chart of the share of nodes that have a message by the time since it was published: curves, drawn like the pictures of networks.

use super::{
    glyphs::{Glyphs, Style},
    layout::Point,
    legend::{INK, Rgb},
    svg::{HEADING, LINE, MARGIN, PLAIN, SMALL, SOFT, head},
};
use std::fmt::Write;

/// Size of a chart in pixels.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 520.0;
/// The field of the curves.
const LEFT: f64 = 92.0;
const TOP: f64 = 104.0;
const RIGHT: f64 = WIDTH - MARGIN;
const BOTTOM: f64 = HEIGHT - 92.0;
/// Colours of the curves, the first drawn last: the dark and the light half of the pictures' scale.
const COLOURS: [Rgb; 3] = [Rgb(0x44, 0x39, 0x83), Rgb(0x35, 0xb7, 0x79), Rgb(0x21, 0x91, 0x8c)];
/// Most marks on the axis of time.
const MARKS_MAX: f64 = 8.0;

/// A share of all nodes over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name of what it shows.
    pub name: String,
    /// Milliseconds and shares from 0 to 1, ascending.
    pub points: Vec<(f64, f64)>,
}

/// Curves in one field. The same curves always give the same chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    heading: String,
    caption: String,
    curves: Vec<Curve>,
    /// Milliseconds at the right end.
    longest: f64,
}

impl Chart {
    /// A chart of these curves, three at most; the first is the one in front.
    pub fn new(heading: &str, caption: &str, mut curves: Vec<Curve>) -> Self {
        curves.truncate(COLOURS.len());
        let ends = curves.iter().filter_map(|curve| curve.points.last()).map(|&(time, _)| time);
        let longest = ends.fold(0.0, f64::max).max(1e-3) * 1.02;
        Self { heading: heading.into(), caption: caption.into(), curves, longest }
    }

    /// The chart as SVG; each curve is a `<path class="curve">`.
    pub fn svg(&self) -> String {
        let mut glyphs = Glyphs::new();
        let mut body = String::new();
        let left = |y| Point { x: MARGIN, y };
        body.push_str(&glyphs.text(&self.heading, left(40.0), &HEADING));
        for (line, y) in glyphs.wrap(&self.caption, SMALL, RIGHT - MARGIN).iter().zip([67.0, 86.0]) {
            body.push_str(&glyphs.text(line, left(y), &PLAIN));
        }
        body.push('\n');
        self.write_grid(&mut body, &mut glyphs);
        for (index, curve) in self.curves.iter().enumerate().rev() {
            self.write_curve(&mut body, curve, index);
        }
        self.write_legend(&mut body, &mut glyphs);
        let names: Vec<_> = self.curves.iter().map(|curve| &*curve.name).collect();
        let description = format!("{}; share of nodes over milliseconds: {}", self.caption, names.join(", "));
        format!("{}{}{body}</svg>\n", head(WIDTH, HEIGHT, &self.heading, &description), glyphs.definitions())
    }

    fn x(&self, time: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * time / self.longest
    }

    fn write_grid(&self, out: &mut String, glyphs: &mut Glyphs) {
        let line = |out: &mut String, from: Point, to: Point, opacity: f64| {
            let _ = writeln!(
                out,
                r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{}" stroke-opacity="{opacity}"/>"#,
                from.x,
                from.y,
                to.x,
                to.y,
                LINE.hex()
            );
        };
        for percent in [0.0, 25.0, 50.0, 75.0, 100.0] {
            let y = y(percent / 100.0);
            line(out, Point { x: LEFT, y }, Point { x: RIGHT, y }, if percent == 0.0 { 0.9 } else { 0.25 });
            let text = format!("{percent} %");
            let x = LEFT - 12.0 - glyphs.width(&text, SMALL);
            out.push_str(&glyphs.text(&text, Point { x, y }, &PLAIN));
        }
        let step = step(self.longest);
        let marks = std::iter::successors(Some(0.0), |mark| Some(mark + step));
        for mark in marks.take_while(|&mark| mark <= self.longest) {
            let x = self.x(mark);
            line(out, Point { x, y: BOTTOM }, Point { x, y: BOTTOM + 5.0 }, 0.9);
            let text = number(mark);
            let x = x - glyphs.width(&text, SMALL) / 2.0;
            out.push_str(&glyphs.text(&text, Point { x, y: BOTTOM + 18.0 }, &PLAIN));
        }
        let text = "milliseconds after publication";
        let at = Point { x: RIGHT - glyphs.width(text, SMALL), y: BOTTOM + 40.0 };
        out.push_str(&glyphs.text(text, at, &PLAIN));
        out.push('\n');
    }

    /// A staircase: a share holds from one point to the next. Those behind are wider, to be seen where curves meet.
    fn write_curve(&self, out: &mut String, curve: &Curve, index: usize) {
        let (colour, width) = (COLOURS[index], if index == 0 { 2.5 } else { 8.0 });
        let opacity = if index == 0 { 1.0 } else { 0.45 };
        let mut path = String::new();
        for (index, &(time, share)) in curve.points.iter().enumerate() {
            let (x, y) = (self.x(time), y(share));
            let _ = if index == 0 { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
        }
        let _ = writeln!(
            out,
            r#"<path class="curve" d="{path}" fill="none" stroke="{}" stroke-width="{width}" stroke-opacity="{opacity}" stroke-linejoin="round"/>"#,
            colour.hex()
        );
    }

    fn write_legend(&self, out: &mut String, glyphs: &mut Glyphs) {
        let (mut x, y) = (LEFT, HEIGHT - 28.0);
        let ink = Style { colour: INK, ..PLAIN };
        for (index, (curve, colour)) in self.curves.iter().zip(COLOURS).enumerate() {
            let _ = write!(out, r#"<circle cx="{:.1}" cy="{y:.1}" r="7" fill="{}"/>"#, x + 7.0, colour.hex());
            let style = if index == 0 { ink } else { Style { colour: SOFT, ..PLAIN } };
            out.push_str(&glyphs.text(&curve.name, Point { x: x + 22.0, y }, &style));
            out.push('\n');
            x += 22.0 + glyphs.width(&curve.name, SMALL) + 28.0;
        }
    }
}

fn y(share: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0)
}

/// The distance between marks: 1, 2 or 5 times a power of ten.
fn step(longest: f64) -> f64 {
    let rough = longest / MARKS_MAX;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|&step| step >= rough).unwrap_or(10.0 * power)
}

/// A mark without the noise of adding up.
fn number(mark: f64) -> String {
    format!("{}", (mark * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart {
        let optimum = Curve { name: "flood optimum".into(), points: vec![(0.0, 0.0), (1.0, 1.0)] };
        Chart::new("A <network>", "ring · 2 nodes", vec![Curve { name: "as simulated".into(), points }, optimum])
    }

    #[test]
    fn a_chart_is_well_formed_and_says_what_it_shows() {
        let svg = chart(vec![(0.0, 0.0), (10.0, 0.5), (40.0, 1.0)]).svg();
        assert_eq!(svg.matches(r#"<path class="curve""#).count(), 2);
        assert!(svg.contains("A &lt;network&gt;") && svg.contains("as simulated, flood optimum"));
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"));
    }

    #[test]
    fn a_chart_of_nothing_is_still_one() {
        for points in [vec![], vec![(0.0, 0.0)]] {
            let svg = Chart::new("", "", vec![Curve { name: String::new(), points }]).svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn marks_are_round_numbers_and_few() {
        for (longest, expected) in [(0.04, 0.005), (1.0, 0.2), (184.0, 50.0), (8.0, 1.0), (81_000.0, 20_000.0)] {
            assert!((step(longest) - expected).abs() < expected * 1e-9, "{longest}: {}", step(longest));
        }
        assert_eq!(number(0.1 + 0.2), "0.3");
    }

    #[cfg(feature = "png")]
    #[test]
    fn a_chart_can_be_rasterised() {
        let png = chart(vec![(0.0, 0.0), (10.0, 1.0)]).png().unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    }
}
