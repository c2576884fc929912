//! Text as outlines, so that it shows on machines without any font.
//!
//! The typeface is Hack (Bitstream Vera and MIT licences): drawn for small sizes, every character of one width.

use std::{borrow::Cow, collections::BTreeSet, fmt::Write};

use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::{layout::Point, legend::Rgb};

/// Point of a text that stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// Its left edge stands at the point.
    Start,
    /// Its middle stands at the point.
    Middle,
}

/// Style of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Height of a line in pixels.
    pub(super) size: f64,
    /// Colour.
    pub(super) colour: Rgb,
    /// Point that stands at its place.
    pub(super) anchor: Anchor,
    /// Drawn a little thicker.
    pub(super) bold: bool,
    /// A rim that keeps lines beneath away from it.
    pub(super) halo: Option<Rgb>,
    /// Turned about its point, in degrees clockwise.
    pub(super) turn: f64,
}

/// The typeface, and which of its outlines a picture has used.
pub(super) struct Glyphs {
    face: Face<'static>,
    used: BTreeSet<u16>,
}

impl Glyphs {
    pub(super) fn new() -> Self {
        let face = Face::parse(epaint_default_fonts::HACK_REGULAR, 0).expect("the embedded font is sound");
        Self { face, used: BTreeSet::new() }
    }

    /// A text as it can be drawn: what the typeface lacks is escaped, as `\u{65e5}`, so that two names never look the same.
    pub(super) fn drawable<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let is_there = |c: char| self.face.glyph_index(c).is_some();
        if text.chars().all(is_there) {
            return text.into();
        }
        let mut drawable = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if is_there(c) { drawable.push(c) } else { drawable.extend(c.escape_unicode()) }
        }
        drawable.into()
    }

    /// The words of a text in lines of so many pixels, two at most; the last one ends with `…` if more would follow.
    pub(super) fn wrap(&self, text: &str, size: f64, width: f64) -> Vec<String> {
        let fits = |line: &str| self.width(line, size) <= width;
        let words: Vec<_> = text.split(' ').collect();
        let first = (1..=words.len()).rev().find(|&count| fits(&words[..count].join(" "))).unwrap_or(0);
        let rest = words[first..].join(" ");
        let mut lines = vec![words[..first].join(" "), rest.clone()];
        if !fits(&rest) {
            let ends = rest.char_indices().rev().map(|(end, _)| format!("{}…", rest[..end].trim_end()));
            lines[1] = ends.into_iter().find(|line| fits(line)).unwrap_or_default();
        }
        lines.retain(|line| !line.is_empty());
        lines
    }

    /// Width of a text in pixels.
    pub(super) fn width(&self, text: &str, size: f64) -> f64 {
        let text = self.drawable(text);
        let units: u32 = text.chars().map(|c| self.advance(self.glyph(c))).sum();
        f64::from(units) * self.scale(size)
    }

    /// Text as an SVG group. `at` is the height of the middle of its capitals.
    pub(super) fn text(&mut self, text: &str, at: Point, style: &Style) -> String {
        let scale = self.scale(style.size);
        let capital = f64::from(self.face.capital_height().unwrap_or(0));
        let left = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -self.width(text, style.size) / 2.0,
        };
        let down = capital * scale / 2.0;
        let place = if style.turn == 0.0 {
            format!("translate({:.2} {:.2})", at.x + left, at.y + down)
        } else {
            format!("translate({:.2} {:.2}) rotate({:.2}) translate({left:.2} {down:.2})", at.x, at.y, style.turn)
        };
        let mut out = format!(
            r#"<g aria-label="{}" transform="{place} scale({scale:.6})" fill="{}""#,
            super::xml::escape(text),
            style.colour.hex()
        );
        if let Some(halo) = style.halo {
            let _ = write!(
                out,
                r#" stroke="{}" stroke-width="{:.0}" stroke-linejoin="round" paint-order="stroke""#,
                halo.hex(),
                3.5 / scale
            );
        } else if style.bold {
            let _ = write!(out, r#" stroke="{}" stroke-width="{:.0}""#, style.colour.hex(), 0.045 * style.size / scale);
        }
        out.push('>');
        let mut x = 0;
        for glyph in self.drawable(text).chars().map(|c| self.glyph(c)).collect::<Vec<_>>() {
            if self.has_outline(glyph) {
                self.used.insert(glyph.0);
                let _ = write!(out, r##"<use href="#g{}" x="{x}"/>"##, glyph.0);
            }
            x += self.advance(glyph);
        }
        out.push_str("</g>");
        out
    }

    /// The outlines of all glyphs used so far, as SVG definitions.
    pub(super) fn definitions(&self) -> String {
        let mut out = String::from("<defs>\n");
        for &glyph in &self.used {
            let mut path = Path(String::new());
            self.face.outline_glyph(GlyphId(glyph), &mut path);
            let _ = writeln!(out, r#"<path id="g{glyph}" d="{}"/>"#, path.0.trim_end());
        }
        out.push_str("</defs>\n");
        out
    }

    /// The glyph of a drawable character.
    fn glyph(&self, character: char) -> GlyphId {
        self.face.glyph_index(character).unwrap_or(GlyphId(0))
    }

    fn advance(&self, glyph: GlyphId) -> u32 {
        u32::from(self.face.glyph_hor_advance(glyph).unwrap_or_else(|| self.face.units_per_em()))
    }

    fn has_outline(&self, glyph: GlyphId) -> bool {
        self.face.glyph_bounding_box(glyph).is_some()
    }

    /// Pixels a font unit.
    fn scale(&self, size: f64) -> f64 {
        size / f64::from(self.face.units_per_em())
    }
}

/// Collects an outline as SVG path data. Fonts count upward, pictures downward.
struct Path(String);

impl Path {
    fn push(&mut self, letter: char, points: &[(f32, f32)]) {
        self.0.push(letter);
        for &(x, y) in points {
            // Zero stays zero: no "-0".
            let _ = write!(self.0, "{} {} ", x.round() as i32, -(y.round() as i32));
        }
    }
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.push('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.push('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.push('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.push('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.push('Z', &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viz::legend::INK;

    const STYLE: Style = Style { size: 10.0, colour: INK, anchor: Anchor::Start, bold: false, halo: None, turn: 0.0 };

    #[test]
    fn every_printable_character_has_an_outline_of_its_own() {
        let mut glyphs = Glyphs::new();
        let printable: String = ('!'..='~').chain("äßéøЖλ·–…".chars()).collect();
        glyphs.text(&printable, Point { x: 0.0, y: 0.0 }, &STYLE);
        assert!(!glyphs.used.contains(&0), "some character is missing");
        assert_eq!(glyphs.used.len(), printable.chars().count());
        assert_eq!(glyphs.definitions().matches("<path id=").count(), glyphs.used.len());
        assert!(!glyphs.definitions().contains(r#"d="""#));
    }

    #[test]
    fn a_character_that_the_typeface_lacks_is_escaped() {
        let mut glyphs = Glyphs::new();
        let text = glyphs.text("a漢", Point { x: 0.0, y: 0.0 }, &STYLE);
        assert_eq!(text.matches("<use").count(), r"a\u{6f22}".len());
        assert!(!glyphs.used.contains(&0) && text.contains("aria-label=\"a漢\""));
        assert_eq!(glyphs.width("a漢", 10.0), glyphs.width(r"a\u{6f22}", 10.0));
    }

    #[test]
    fn what_is_too_long_for_a_line_goes_on_in_the_next_and_ends_visibly() {
        let glyphs = Glyphs::new();
        let wide = glyphs.width("one two", 10.0);
        assert_eq!(glyphs.wrap("one two", 10.0, wide), ["one two"]);
        assert_eq!(glyphs.wrap("one two three", 10.0, wide), ["one two", "three"]);
        assert_eq!(glyphs.wrap("one two three four", 10.0, wide), ["one two", "three…"]);
        assert_eq!(glyphs.wrap("incomprehensible", 10.0, wide), ["incomp…"]);
    }

    #[test]
    fn text_is_as_wide_as_its_characters() {
        let glyphs = Glyphs::new();
        assert!((glyphs.width("1234", 10.0) - 4.0 * glyphs.width("i", 10.0)).abs() < 1e-9);
        assert!((20.0..28.0).contains(&glyphs.width("1234", 10.0)));
    }
}
