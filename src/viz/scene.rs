//! Scene of a picture: nodes and links, which of them are special, and how that looks.

use super::legend::{Measure, Rgb};
use crate::topology::Graph;
use std::collections::BTreeMap;

/// Mark of a node that is special.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum NodeMark {
    /// Nothing.
    #[default]
    Plain,
    /// It holds its part together alone.
    Cut,
    /// A live neighbour does not hear it.
    Suspect,
    /// It does not answer, or has not been reached.
    Silent,
    /// It has ended.
    Dead,
    /// It does not have the message.
    Without,
    /// A message began here.
    Start,
}

/// Mark of a link that is special.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LinkMark {
    /// It is declared, and down.
    Down,
    /// Nothing.
    #[default]
    Plain,
    /// It takes the place of another.
    Healing,
    /// A message came this way first.
    Way,
    /// It holds its part together alone.
    Bridge,
}

/// A link to be drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Mark of the link.
    pub mark: LinkMark,
    /// The index of the end that an arrow points to, if there is one.
    pub to: Option<usize>,
    /// Note beside it.
    pub note: Option<String>,
}

/// A picture in the making.
#[derive(Debug)]
pub struct Scene<'a> {
    /// Graph by which nodes are placed.
    pub places: &'a Graph,
    /// Links that are drawn, by the indexes of their ends, the lower first.
    pub links: BTreeMap<(usize, usize), Link>,
    /// Marks of the nodes.
    pub marks: Vec<NodeMark>,
    /// Measure that the colours of nodes tell, and a number for each node.
    pub values: (Measure, Vec<usize>),
    /// Above the picture.
    pub heading: String,
    /// Below the heading.
    pub caption: String,
}

impl NodeMark {
    /// Returns whether such a node is no part of the network now, and so has no colour.
    pub(super) fn is_hollow(self) -> bool {
        matches!(self, Self::Silent | Self::Dead | Self::Without)
    }

    /// The colour of its rim; `None`: no rim.
    pub(super) fn rim(self) -> Option<Rgb> {
        match self {
            Self::Plain => None,
            Self::Cut => Some(Rgb(0xea, 0x58, 0x0c)),
            Self::Suspect | Self::Silent => Some(Rgb(0xd9, 0x77, 0x06)),
            Self::Dead => Some(Rgb(0xdc, 0x26, 0x26)),
            Self::Without => Some(Rgb(0x64, 0x74, 0x8b)),
            Self::Start => Some(Rgb(0x25, 0x63, 0xeb)),
        }
    }

    /// Prefix of its name on a terminal, and its colour there.
    pub(super) fn terminal(self) -> (&'static str, Option<u8>) {
        match self {
            Self::Plain => ("", None),
            Self::Cut => ("!", None),
            Self::Suspect => ("~", Some(33)),
            Self::Silent => ("?", Some(33)),
            Self::Dead => ("×", Some(31)),
            Self::Without => ("-", Some(90)),
            Self::Start => ("*", Some(94)),
        }
    }

    /// Caption of such nodes in the legend.
    pub(super) const fn caption(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Cut => "single point of failure",
            Self::Suspect => "suspect",
            Self::Silent => "silent",
            Self::Dead => "down",
            Self::Without => "not reached",
            Self::Start => "origin",
        }
    }
}

impl LinkMark {
    /// All, in the order in which they are drawn: the later over the earlier.
    pub(super) const ALL: [Self; 5] = [Self::Down, Self::Plain, Self::Healing, Self::Way, Self::Bridge];

    /// Colour, pixels that it is wider than a plain one, and dashes.
    pub(super) fn style(self, plain: Rgb) -> (Rgb, f64, Option<&'static str>) {
        match self {
            Self::Down => (Rgb(0xb0, 0xba, 0xc8), 0.0, Some("3 5")),
            Self::Plain => (plain, 0.0, None),
            Self::Healing => (Rgb(0x05, 0x96, 0x69), 1.3, None),
            Self::Way => (Rgb(0x25, 0x63, 0xeb), 0.9, None),
            Self::Bridge => (Rgb(0xea, 0x58, 0x0c), 1.6, None),
        }
    }

    /// Its colour on a terminal.
    pub(super) const fn terminal(self) -> u8 {
        match self {
            Self::Down | Self::Plain => 90,
            Self::Healing => 32,
            Self::Way => 94,
            Self::Bridge => 33,
        }
    }

    /// Caption of such links in the legend.
    pub(super) const fn caption(self) -> &'static str {
        match self {
            Self::Down => "declared, down",
            Self::Plain => "link",
            Self::Healing => "added by repair",
            Self::Way => "first path",
            Self::Bridge => "bridge",
        }
    }
}
