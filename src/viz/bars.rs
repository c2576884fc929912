//! Bars of who comes to how much, in groups, drawn like the pictures of networks.

use super::{
    glyphs::{Glyphs, Style},
    layout::Point,
    legend::{INK, Rgb},
    svg::{HEAD, HEADING, MARGIN, PLAIN, SMALL, head},
};
use std::fmt::Write;

/// Pixels a group; two stand abreast.
const GROUP: f64 = 560.0;
const WIDTH: f64 = 2.0 * (GROUP + MARGIN) + MARGIN;
/// Pixels a bar with the space below it, and a group's title.
const LINE: f64 = 24.0;
/// Pixels below a group.
const SPACE: f64 = 16.0;
/// Pixels of the names on the left, and of the labels on the right.
const NAMES: f64 = 120.0;
const LABELS: f64 = 70.0;
/// Colours: the first bar of a group, and the others.
const FIRST: Rgb = Rgb(0x44, 0x39, 0x83);
const OTHER: Rgb = Rgb(0x9f, 0xc9, 0xc6);

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Name of what it stands for.
    pub name: String,
    /// Length, beside the others of its group.
    pub value: f64,
    /// Its length in words.
    pub label: String,
}

/// Groups of bars, two abreast; the longest of each is as wide as the field. The same bars always give the same chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    heading: String,
    caption: String,
    groups: Vec<(String, Vec<Bar>)>,
}

impl Bars {
    /// No groups yet.
    pub fn new(heading: &str, caption: &str) -> Self {
        Self { heading: heading.into(), caption: caption.into(), groups: Vec::new() }
    }

    /// One group more; its first bar stands out.
    pub fn add(&mut self, title: &str, bars: Vec<Bar>) {
        self.groups.push((title.into(), bars));
    }

    /// The chart as SVG; each bar is a `<rect class="bar">`.
    pub fn svg(&self) -> String {
        let mut glyphs = Glyphs::new();
        let mut body = String::new();
        body.push_str(&glyphs.text(&self.heading, Point { x: MARGIN, y: 40.0 }, &HEADING));
        body.push_str(&glyphs.text(&self.caption, Point { x: MARGIN, y: 69.0 }, &PLAIN));
        body.push('\n');
        let mut top = HEAD + LINE / 2.0;
        for pair in self.groups.chunks(2) {
            for (column, (title, bars)) in pair.iter().enumerate() {
                let left = MARGIN + column as f64 * (GROUP + MARGIN);
                let style = Style { colour: INK, bold: true, ..PLAIN };
                body.push_str(&glyphs.text(title, Point { x: left, y: top }, &style));
                body.push('\n');
                let longest = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
                for (index, bar) in bars.iter().enumerate() {
                    let at = Point { x: left + NAMES, y: top + LINE * (index + 1) as f64 };
                    write_bar(&mut body, &mut glyphs, bar, bar.value / longest, index == 0, at);
                }
            }
            let most = pair.iter().map(|(_, bars)| bars.len()).max().unwrap_or_default();
            top += LINE * (most + 1) as f64 + SPACE;
        }
        let titles: Vec<_> = self.groups.iter().map(|(title, _)| &**title).collect();
        let description = format!("{}; {}", self.caption, titles.join(", "));
        format!("{}{}{body}</svg>\n", head(WIDTH, top + SPACE, &self.heading, &description), glyphs.definitions())
    }
}

/// A bar that begins at a point, its name before it and its label behind it.
fn write_bar(out: &mut String, glyphs: &mut Glyphs, bar: &Bar, share: f64, is_first: bool, at: Point) {
    let (x, y) = (at.x, at.y);
    let width = (GROUP - NAMES - LABELS) * share.clamp(0.0, 1.0);
    let style = if is_first { Style { colour: INK, ..PLAIN } } else { PLAIN };
    let colour = if is_first { FIRST } else { OTHER };
    out.push_str(&glyphs.text(&bar.name, Point { x: x - 12.0 - glyphs.width(&bar.name, SMALL), y }, &style));
    let _ = write!(
        out,
        r#"<rect class="bar" x="{x:.1}" y="{:.1}" width="{width:.1}" height="14" fill="{}"/>"#,
        y - 7.0,
        colour.hex()
    );
    out.push_str(&glyphs.text(&bar.label, Point { x: x + width + 8.0, y }, &style));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> Bars {
        let mut bars = Bars::new("Peers <all>", "medians");
        let bar = |&value: &f64| Bar { name: format!("peer {value}"), value, label: value.to_string() };
        bars.add("throughput", values.iter().map(bar).collect());
        bars
    }

    #[test]
    fn the_longest_bar_fills_the_field_and_the_others_follow() {
        let svg = bars(&[50.0, 100.0]).svg();
        let width = GROUP - NAMES - LABELS;
        assert_eq!(svg.matches(r#"<rect class="bar""#).count(), 2);
        assert!(
            svg.contains(&format!(r#"width="{width:.1}""#)) && svg.contains(&format!(r#"width="{:.1}""#, width / 2.0))
        );
        assert!(svg.contains("Peers &lt;all&gt;") && svg.contains("peer 100") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn bars_of_nothing_are_still_a_chart() {
        for values in [&[][..], &[0.0]] {
            let svg = bars(values).svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}
