//! `gossip gen`: what a package installs beside the program.

use crate::cli::{Cli, Output, error::CliError};
use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use serde::Serialize;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Write shell completions and man pages
///
/// Makes the folders 'completions' (bash, zsh, fish) and 'man' (a page for each command).
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    completions: PathBuf,
    man: PathBuf,
}

/// Writes the files and prints where.
pub fn run(args: &Args, out: &mut Output) -> Result<(), CliError> {
    let written = Written { completions: args.folder.join("completions"), man: args.folder.join("man") };
    let failed = |path: &Path, error: io::Error| CliError::Failed(format!("cannot write {}: {error}", path.display()));
    complete(&written.completions).map_err(|error| failed(&written.completions, error))?;
    describe(&written.man).map_err(|error| failed(&written.man, error))?;
    out.print(&written)
}

fn complete(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let shells = Shell::value_variants().iter().filter(|shell| matches!(shell, Shell::Bash | Shell::Zsh | Shell::Fish));
    shells
        .copied()
        .try_for_each(|shell| clap_complete::generate_to(shell, &mut completed(), "gossip", folder).map(drop))
}

/// The commands as shells complete them: without those that help does not show, and with the topologies, which are
/// checked by hand so that their errors say more.
fn completed() -> Command {
    let full = Cli::command();
    let shown = full.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("gossip")
        .disable_version_flag(true)
        .args(full.get_arguments().cloned())
        .subcommands(shown)
        .mut_subcommand("start-network", |start| {
            start.mut_arg("topology", |topology| topology.value_parser(["random", "circular", "powerlaw"]))
        })
}

fn describe(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    commands.chain([program.clone()]).try_for_each(|command| {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        fs::write(folder.join(format!("{name}.1")), page(command)?)
    })
}

/// A man page in ASCII: what else there is stands in it as groff's escapes.
fn page(mut command: Command) -> io::Result<String> {
    let usage = command.render_usage().to_string();
    let extra = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    let has_commands = command.has_subcommands();
    let man = Man::new(command.override_usage(usage.trim_start_matches("Usage: ").to_owned()));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let mut end = Roff::new();
    end.control("SH", ["ENVIRONMENT"]).control("TP", []).text([bold("GOSSIP_NETWORK")]);
    end.text([roman("Name of the network, where --network is not given")]);
    if let Some(extra) = extra {
        end.control("SH", ["EXAMPLES"]);
        if extra.starts_with("Examples:") {
            // Command lines are not filled up.
            end.control("nf", []);
        }
        for line in extra.lines().filter(|line| *line != "Examples:") {
            end.text([roman(line)]);
        }
    }
    end.to_writer(&mut page)?;
    Ok(String::from_utf8_lossy(&page).chars().map(in_ascii).collect())
}

fn in_ascii(character: char) -> String {
    if character.is_ascii() { character.into() } else { format!("\\[u{:04X}]", u32::from(character)) }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Completions written to {}", self.completions.display())?;
        write!(f, "Man pages written to {}", self.man.display())
    }
}
