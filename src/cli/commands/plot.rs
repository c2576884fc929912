//! The picture of a network: as files in its folder, on the screen, in the terminal.

use crate::cli::{Output, error::CliError, screen};
use crate::{
    launcher::Folder,
    topology::Graph,
    viz::{Chart, Picture},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    thread,
};

/// Largest drawing in a terminal, and lines left for the text around it.
const COLUMNS_MAX: usize = 100;
const ROWS_MAX: usize = 40;
const ROWS_LEFT: usize = 6;

/// A picture that was drawn.
#[derive(Debug, Default)]
pub struct Plot {
    /// Files that were drawn.
    pub files: Vec<PathBuf>,
    /// As text, if somebody looks at a terminal.
    pub drawing: Option<String>,
}

impl Plot {
    /// Draws a graph into the folder of its network; shows it if stdout is a terminal.
    pub fn draw(folder: &Folder, graph: &Graph, topology: &str, out: &Output) -> Result<Self, CliError> {
        Self::draw_as(folder, "topology", &Picture::new(graph, folder.network().as_str(), topology), out)
    }

    /// Draws a picture into a file of the user's, as its ending says.
    pub fn draw_into(file: &Path, picture: &Picture, out: &Output) -> Result<Self, CliError> {
        let is_png = file.extension().is_some_and(|extension| extension == "png");
        write(file, &if is_png { png_of(picture)? } else { picture.svg().as_bytes().to_vec() })?;
        Ok(Self { files: vec![file.to_owned()], drawing: drawing(picture, out) })
    }

    /// Draws a picture into the folder of its network under a name; shows it if stdout is a terminal.
    pub fn draw_as(folder: &Folder, name: &str, picture: &Picture, out: &Output) -> Result<Self, CliError> {
        let svg = folder.picture(name, "svg");
        write(&svg, picture.svg().as_bytes())?;
        let files: Vec<_> = [Some(svg), draw_png(folder, name, picture)?].into_iter().flatten().collect();
        let is_seen = out.is_terminal() && !out.is_json();
        if let Some(file) = files.last().filter(|_| is_seen && has_display()) {
            open(file);
        }
        Ok(Self { files, drawing: drawing(picture, out) })
    }
}

/// As text, if somebody looks at a terminal.
fn drawing(picture: &Picture, out: &Output) -> Option<String> {
    let is_seen = out.is_terminal() && !out.is_json();
    let drawing = is_seen.then(|| {
        let (columns, rows) = screen::size();
        picture.terminal(columns.min(COLUMNS_MAX), rows.saturating_sub(ROWS_LEFT).min(ROWS_MAX), out.has_colour())
    });
    drawing.filter(|drawing| !drawing.is_empty())
}

/// A file for a picture: its ending says which kind.
pub fn picture_file(text: &str) -> Result<PathBuf, String> {
    match Path::new(text).extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(text.into()),
        Some("png") if cfg!(feature = "png") => Ok(text.into()),
        Some("png") => Err("this build cannot draw PNG; use a name that ends in .svg".into()),
        _ => Err("unknown picture format; use a name that ends in .svg or .png".into()),
    }
}

/// Draws a chart into a folder, which is made if need be; shows it if stdout is a terminal. Says where it lies.
pub fn draw_chart(folder: &Folder, chart: &Chart, out: &Output) -> Result<Vec<PathBuf>, CliError> {
    folder.create()?;
    let svg = folder.chart("svg");
    write(&svg, chart.svg().as_bytes())?;
    let files: Vec<_> = [Some(svg), chart_png(folder, chart)?].into_iter().flatten().collect();
    if let Some(file) = files.last().filter(|_| out.is_terminal() && !out.is_json() && has_display()) {
        open(file);
    }
    Ok(files)
}

#[cfg(feature = "png")]
fn png_of(picture: &Picture) -> Result<Vec<u8>, CliError> {
    picture.png().map_err(|error| CliError::Failed(error.to_string()))
}

/// This build cannot rasterise.
#[cfg(not(feature = "png"))]
fn png_of(_picture: &Picture) -> Result<Vec<u8>, CliError> {
    Err(CliError::Failed("this build cannot draw PNG".into()))
}

#[cfg(feature = "png")]
fn draw_png(folder: &Folder, name: &str, picture: &Picture) -> Result<Option<PathBuf>, CliError> {
    let png = folder.picture(name, "png");
    write(&png, &png_of(picture)?)?;
    Ok(Some(png))
}

#[cfg(feature = "png")]
fn chart_png(folder: &Folder, chart: &Chart) -> Result<Option<PathBuf>, CliError> {
    let png = folder.chart("png");
    write(&png, &chart.png().map_err(|error| CliError::Failed(error.to_string()))?)?;
    Ok(Some(png))
}

/// This build cannot rasterise.
#[cfg(not(feature = "png"))]
fn draw_png(_folder: &Folder, _name: &str, _picture: &Picture) -> Result<Option<PathBuf>, CliError> {
    Ok(None)
}

#[cfg(not(feature = "png"))]
fn chart_png(_folder: &Folder, _chart: &Chart) -> Result<Option<PathBuf>, CliError> {
    Ok(None)
}

/// Writes a file whole, or leaves what was there.
fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |error| CliError::Failed(format!("cannot write {}: {error}", path.display()));
    // What is no file, such as /dev/stdout, is not to be replaced.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, bytes).map_err(failed);
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", process::id()));
    let written = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        failed(error)
    })
}

fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Has the desktop show a file. Where it has no opener, the file's place is printed all the same.
fn open(file: &Path) {
    let mut command = Command::new("xdg-open");
    command.arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut opener) = command.spawn() {
        thread::spawn(move || opener.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_cannot_be_written_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("a.svg");
        write(&picture, b"old").unwrap();
        let draft = folder.path().join(format!("a.svg.{}.new", process::id()));
        fs::create_dir(&draft).unwrap();
        assert!(write(&picture, b"new").unwrap_err().to_string().starts_with("cannot write "));
        assert_eq!(fs::read(&picture).unwrap(), b"old");
        fs::remove_dir(&draft).unwrap();
        write(&picture, b"new").unwrap();
        assert_eq!((fs::read(&picture).unwrap(), fs::read_dir(folder.path()).unwrap().count()), (b"new".to_vec(), 1));
    }
}
