//! Which colour means which degree.

use std::collections::BTreeMap;

/// From few neighbours to many: steps of *viridis* (van der Walt, Smith, matplotlib 1.5), which keep their order
/// for colour-blind eyes and in grey, without the yellow end that a light ground swallows.
const SCALE: [Rgb; 6] = [
    Rgb(0x90, 0xd7, 0x43),
    Rgb(0x35, 0xb7, 0x79),
    Rgb(0x21, 0x91, 0x8c),
    Rgb(0x31, 0x68, 0x8e),
    Rgb(0x44, 0x39, 0x83),
    Rgb(0x44, 0x01, 0x54),
];
/// Terminal colours from few neighbours to many, of the sixteen that a theme adapts to its ground:
/// cyan, green, yellow, magenta, red, bright red.
const TERMINAL_SCALE: [u8; 6] = [36, 32, 33, 35, 31, 91];
/// Where on the scale a graph stands whose nodes all have the same degree.
const ONLY: usize = 3;

/// Colour of text on light colours and on the ground.
pub(super) const INK: Rgb = Rgb(0x0f, 0x17, 0x2a);
/// Colour of text on dark colours.
pub(super) const PAPER: Rgb = Rgb(0xff, 0xff, 0xff);

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb(pub(super) u8, pub(super) u8, pub(super) u8);

impl Rgb {
    /// As SVG writes it.
    pub(super) fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// Contrast of two colours, 1 to 21. WCAG 2.2, *contrast ratio*; 4.5 is legible.
    pub(super) fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The one of [`INK`] and [`PAPER`] that stands out on this colour.
    pub(super) fn text(self) -> Self {
        if self.contrast(INK) > self.contrast(PAPER) { INK } else { PAPER }
    }

    fn luminance(self) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}

/// Degrees that share a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    /// What the numbers are.
    pub(super) noun: &'static str,
    /// Smallest degree.
    pub(super) from: usize,
    /// Largest degree.
    pub(super) to: usize,
    /// How many nodes have such a degree.
    pub(super) nodes: usize,
    /// Colour on paper.
    pub(super) colour: Rgb,
    /// Colour code (SGR) on a terminal.
    pub(super) terminal: u8,
}

impl Class {
    /// `degree 3: 16 nodes`, `degree 4–7: 1 node`.
    pub(super) fn caption(&self) -> String {
        let range = if self.from == self.to { self.from.to_string() } else { format!("{}–{}", self.from, self.to) };
        let plural = if self.nodes == 1 { "node" } else { "nodes" };
        format!("{} {range}: {} {plural}", self.noun, self.nodes)
    }
}

/// Sorts degrees into at most six classes: one a degree if that suffices, else classes that widen by a constant
/// factor, as degrees of hubs do. `degrees` maps a degree to the number of nodes that have it.
pub(super) fn classes(noun: &'static str, degrees: &BTreeMap<usize, usize>) -> Vec<Class> {
    let ranges = if degrees.len() <= SCALE.len() {
        degrees.keys().map(|&degree| (degree, degree)).collect()
    } else {
        widening(degrees)
    };
    let last = ranges.len().saturating_sub(1);
    let class = |(index, &(from, to)): (usize, &(usize, usize))| {
        let step = (index * (SCALE.len() - 1)).checked_div(last).unwrap_or(ONLY);
        let nodes = degrees.range(from..=to).map(|(_, nodes)| nodes).sum();
        Class { noun, from, to, nodes, colour: SCALE[step], terminal: TERMINAL_SCALE[step] }
    };
    ranges.iter().enumerate().map(class).collect()
}

fn widening(degrees: &BTreeMap<usize, usize>) -> Vec<(usize, usize)> {
    let (Some(&least), Some(&most)) = (degrees.keys().next(), degrees.keys().next_back()) else { return Vec::new() };
    let factor = ((most + 1) as f64 / least.max(1) as f64).powf(1.0 / SCALE.len() as f64);
    let mut ranges = Vec::new();
    let mut from = least;
    for step in 1..=SCALE.len() {
        let end = least.max(1) as f64 * factor.powi(step as i32);
        let to = if step == SCALE.len() { most } else { (end.round() as usize).saturating_sub(1).max(from) };
        // Shown are the degrees that occur, not the bounds between them.
        let mut inside = degrees.range(from..=to.max(from)).map(|(&degree, _)| degree);
        if let Some(first) = inside.next() {
            ranges.push((first, inside.next_back().unwrap_or(first)));
        }
        from = to.max(from) + 1;
        if from > most {
            break;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_degrees_have_a_colour_each() {
        let found = classes("degree", &BTreeMap::from([(3, 9), (4, 1), (9, 2)]));
        let captions: Vec<_> = found.iter().map(Class::caption).collect();
        assert_eq!(captions, ["degree 3: 9 nodes", "degree 4: 1 node", "degree 9: 2 nodes"]);
        assert_eq!((found[0].colour, found[2].colour), (SCALE[0], SCALE[5]));
        assert_eq!(classes("degree", &BTreeMap::from([(3, 16)])).len(), 1);
    }

    #[test]
    fn many_degrees_share_colours_and_none_is_lost() {
        for most in [9, 12, 40, 300, 1023] {
            for least in [0, 1, 3] {
                let degrees: BTreeMap<_, _> = (least..=most).map(|degree| (degree, 2)).collect();
                let found = classes("degree", &degrees);
                assert!((4..=6).contains(&found.len()), "{found:?}");
                assert_eq!((found[0].from, found.last().unwrap().to), (least, most));
                assert!(found.windows(2).all(|pair| pair[0].to + 1 == pair[1].from), "{found:?}");
                assert_eq!(found.iter().map(|class| class.nodes).sum::<usize>(), 2 * degrees.len());
            }
        }
    }

    #[test]
    fn text_is_legible_on_every_colour() {
        assert!((Rgb(0, 0, 0).contrast(PAPER) - 21.0).abs() < 1e-9);
        for colour in SCALE {
            assert!(colour.contrast(colour.text()) >= 4.5, "{colour:?}");
        }
    }
}
