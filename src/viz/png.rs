//! Pictures as PNG: the SVG, rasterised.

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};

use super::{bars::Bars, chart::Chart, picture::Picture};

/// Pixels across that are sharp on any screen; pictures are enlarged up to this, at most twofold.
const WIDTH_GOOD: f32 = 2400.0;
/// Most pixels along a side. 4096² pixels take 64 MiB while they are drawn.
const SIDE_MAX: f32 = 4096.0;

/// Reason why there is no PNG. The SVG exists all the same.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The rasteriser refused our SVG.
    #[error("the picture could not be read: {0}")]
    Read(#[from] resvg::usvg::Error),
    /// No memory for so many pixels.
    #[error("a picture of {width} x {height} pixels is too large")]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The pixels could not be compressed.
    #[error("the picture could not be written: {0}")]
    Write(String),
}

impl Picture {
    /// The picture as a PNG file's bytes, up to 2400 pixels wide, up to 4096 for large graphs.
    pub fn png(&self) -> Result<Vec<u8>, PngError> {
        rasterise(&self.svg())
    }
}

impl Chart {
    /// The chart as a PNG file's bytes, twice as wide in pixels as the SVG.
    pub fn png(&self) -> Result<Vec<u8>, PngError> {
        rasterise(&self.svg())
    }
}

impl Bars {
    /// The chart as a PNG file's bytes, twice as wide in pixels as the SVG.
    pub fn png(&self) -> Result<Vec<u8>, PngError> {
        rasterise(&self.svg())
    }
}

fn rasterise(svg: &str) -> Result<Vec<u8>, PngError> {
    let tree = Tree::from_str(svg, &Options::default())?;
    let size = tree.size();
    let side = size.width().max(size.height());
    let scale = (WIDTH_GOOD / size.width()).clamp(1.0, 2.0).min(SIDE_MAX / side);
    let (width, height) = ((size.width() * scale).round() as u32, (size.height() * scale).round() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or(PngError::Size { width, height })?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PngError::Write(error.to_string()))
}
