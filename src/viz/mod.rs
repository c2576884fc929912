//! Pictures of a network: [`Picture`] places the nodes once and shows them as SVG, PNG or text; [`Chart`] draws how a
//! message reaches them over time, [`Bars`] who comes to how much.

mod bars;
mod chart;
mod glyphs;
mod layout;
mod legend;
mod notes;
mod picture;
mod placed;
#[cfg(feature = "png")]
mod png;
mod scene;
mod svg;
mod terminal;
mod xml;

#[cfg(test)]
mod tests;

pub use bars::{Bar, Bars};
pub use chart::{Chart, Curve};
pub use legend::Measure;
pub use picture::Picture;
#[cfg(feature = "png")]
pub use png::PngError;
pub use scene::{Link, LinkMark, NodeMark, Scene};
