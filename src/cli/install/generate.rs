//! `gossip gen`: completions and man pages as files.

use super::{completions::Shell, manual};
use crate::cli::{Output, error::CliError};
use clap::Command;
use serde::Serialize;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Write shell completions and man pages
///
/// Creates the folders 'completions' (bash, zsh, fish) and 'man' (one page per command).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder to write to; created if missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Folders that were written.
#[derive(Serialize)]
struct Written {
    completions: PathBuf,
    man: PathBuf,
}

/// Writes the files and prints where. `program`: all that can be typed.
pub fn run(args: &Args, program: Command, out: &mut Output) -> Result<(), CliError> {
    let written = Written { completions: args.folder.join("completions"), man: args.folder.join("man") };
    let failed = |path: &Path, error: io::Error| CliError::Failed(format!("cannot write {}: {error}", path.display()));
    complete(&written.completions).map_err(|error| failed(&written.completions, error))?;
    describe(program, &written.man).map_err(|error| failed(&written.man, error))?;
    out.print(&written)
}

fn complete(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    Shell::ALL.into_iter().try_for_each(|shell| fs::write(folder.join(shell.file()), shell.script()))
}

fn describe(program: Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    manual::pages(program)?.into_iter().try_for_each(|(name, page)| fs::write(folder.join(format!("{name}.1")), page))
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Completions written to {}", self.completions.display())?;
        write!(f, "Man pages written to {}", self.man.display())
    }
}
