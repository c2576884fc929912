//! Which colour means which number. The same colour means the same in all pictures.

use std::collections::BTreeMap;

/// Measure that the colours of nodes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Number of neighbours of a node.
    Degree,
    /// Number of links that a message crossed on its way to a node.
    Hops,
}

/// A colour on paper and one on a terminal (SGR) for each number up to `to`, from the one before on.
struct ColourStep {
    to: usize,
    colour: Rgb,
    terminal: u8,
}

const fn step(to: usize, colour: Rgb, terminal: u8) -> ColourStep {
    ColourStep { to, colour, terminal }
}

/// Steps of *viridis* (van der Walt, Smith, matplotlib 1.5), which keep their order for colour-blind eyes and in grey, without
/// the yellow end that a light ground swallows. On a terminal colours of the sixteen that a theme adapts to its ground:
/// cyan, green, yellow, magenta, red, bright red.
const DEGREES: [ColourStep; 6] = [
    step(1, Rgb(0x90, 0xd7, 0x43), 36),
    step(2, Rgb(0x35, 0xb7, 0x79), 32),
    step(3, Rgb(0x21, 0x91, 0x8c), 33),
    step(5, Rgb(0x31, 0x68, 0x8e), 35),
    step(9, Rgb(0x44, 0x39, 0x83), 31),
    step(usize::MAX, Rgb(0x44, 0x01, 0x54), 91),
];

/// From light to dark like those, but of one hue that degrees do not have. On a terminal: bright cyan, bright green, bright
/// yellow, bright magenta, white, bright white.
const HOPS: [ColourStep; 6] = [
    step(0, Rgb(0xfb, 0xcf, 0xe8), 96),
    step(1, Rgb(0xf4, 0x9a, 0xc9), 92),
    step(2, Rgb(0xec, 0x5f, 0xab), 93),
    step(4, Rgb(0xbe, 0x18, 0x5d), 95),
    step(7, Rgb(0x83, 0x18, 0x43), 37),
    step(usize::MAX, Rgb(0x50, 0x07, 0x24), 97),
];

impl Measure {
    /// The word for it.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Degree => "degree",
            Self::Hops => "hops",
        }
    }

    const fn steps(self) -> &'static [ColourStep] {
        match self {
            Self::Degree => &DEGREES,
            Self::Hops => &HOPS,
        }
    }
}

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

/// Numbers that share a colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    /// Measure of the numbers.
    pub(super) measure: Measure,
    /// Smallest number that occurs.
    pub(super) from: usize,
    /// Largest number that occurs.
    pub(super) to: usize,
    /// Number of nodes with such a number.
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
        format!("{} {range}: {} {plural}", self.measure.noun(), self.nodes)
    }
}

/// The classes of the numbers that occur. `counts` maps a number to how many nodes have it.
pub(super) fn classes(measure: Measure, counts: &BTreeMap<usize, usize>) -> Vec<Class> {
    let mut least = 0;
    let mut classes = Vec::new();
    for &ColourStep { to, colour, terminal } in measure.steps() {
        let mut inside = counts.range(least..=to).map(|(&number, _)| number);
        if let Some(from) = inside.next() {
            let last = inside.next_back().unwrap_or(from);
            let nodes = counts.range(least..=to).map(|(_, nodes)| nodes).sum();
            classes.push(Class { measure, from, to: last, nodes, colour, terminal });
        }
        least = to.saturating_add(1);
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_same_colour_whatever_stands_beside_it() {
        for measure in [Measure::Degree, Measure::Hops] {
            let colour_of = |number: usize, others: &[usize]| {
                let counts = others.iter().chain([&number]).map(|&number| (number, 1)).collect();
                let found = classes(measure, &counts);
                found.into_iter().find(|class| (class.from..=class.to).contains(&number)).unwrap().colour
            };
            for number in 0..20 {
                assert_eq!(colour_of(number, &[]), colour_of(number, &[0, 2, 3, 8, 1000]), "{measure:?} {number}");
            }
        }
        let of = |measure: Measure| measure.steps().iter().map(|step| step.colour.hex()).collect::<Vec<_>>();
        assert!(of(Measure::Degree).iter().all(|colour| !of(Measure::Hops).contains(colour)));
    }

    #[test]
    fn no_number_is_lost() {
        for most in [3, 9, 12, 40, 300, 1023] {
            let counts: BTreeMap<_, _> = (1..=most).map(|degree| (degree, 2)).collect();
            let found = classes(Measure::Degree, &counts);
            assert_eq!((found[0].from, found.last().unwrap().to), (1, most));
            assert!(found.windows(2).all(|pair| pair[0].to + 1 == pair[1].from), "{found:?}");
            assert_eq!(found.iter().map(|class| class.nodes).sum::<usize>(), 2 * counts.len());
        }
        let found = classes(Measure::Degree, &BTreeMap::from([(3, 9), (4, 1), (9, 2)]));
        let captions: Vec<_> = found.iter().map(Class::caption).collect();
        assert_eq!(captions, ["degree 3: 9 nodes", "degree 4: 1 node", "degree 9: 2 nodes"]);
    }

    #[test]
    fn text_is_legible_on_every_colour() {
        assert!((Rgb(0, 0, 0).contrast(PAPER) - 21.0).abs() < 1e-9);
        for step in DEGREES.iter().chain(&HOPS) {
            assert!(step.colour.contrast(step.colour.text()) >= 4.5, "{:?}", step.colour);
        }
    }
}
