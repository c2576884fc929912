//! `gossip completions`: what has a shell complete commands, options and names. The script asks the program each time
//! ([`complete`](super::complete)), so it knows what there is now.

use crate::cli::{Output, error::CliError};
use clap::ValueEnum;
use serde::Serialize;
use std::fmt;

/// Print a shell completion script (also completes node and network names)
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # In ~/.bashrc
  source <(gossip completions bash)

  # In ~/.zshrc, behind compinit
  source <(gossip completions zsh)

  # For fish
  gossip completions fish > ~/.config/fish/completions/gossip.fish")]
pub struct Args {
    /// Shell to complete for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// A shell that asks the program what can be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Shell {
    /// Bash
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
}

/// Script that is printed.
#[derive(Serialize)]
struct Printed {
    shell: Shell,
    script: &'static str,
}

/// Prints the script.
pub fn run(args: &Args, out: &mut Output) -> Result<(), CliError> {
    out.print(&Printed { shell: args.shell, script: args.shell.script() })
}

impl Shell {
    pub(super) const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// The name that its scripts have in the folders where it looks for them.
    pub(super) const fn file(self) -> &'static str {
        match self {
            Self::Bash => "gossip.bash",
            Self::Zsh => "_gossip",
            Self::Fish => "gossip.fish",
        }
    }

    pub(super) const fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("gossip.bash"),
            Self::Zsh => include_str!("gossip.zsh"),
            Self::Fish => include_str!("gossip.fish"),
        }
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.script.trim_end())
    }
}
