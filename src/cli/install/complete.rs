//! `gossip complete`: what can stand where the cursor is. The scripts of [`completions`](super::completions) ask it.

use super::{candidate::Candidate, completions::Shell, names};
use crate::cli::{Output, error::CliError, text};
use clap::{Arg, Command};

/// Print completions of the last word
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell that asks
    #[arg(value_name = "SHELL")]
    shell: Shell,
    /// Words after the program's name, up to the cursor
    #[arg(value_name = "WORD", last = true)]
    words: Vec<String>,
}

/// Prints the candidates, one a line, as the shell wants them. `program`: all that can be typed.
pub fn run(args: &Args, program: Command, out: &mut Output) -> Result<(), CliError> {
    candidates(program, &args.words).into_iter().try_for_each(|Candidate { value, help }| {
        let (value, help) = (text::escape(&value), text::escape(&help));
        match args.shell {
            Shell::Bash => out.line(value),
            Shell::Zsh => out.line(format_args!("{}:{help}", value.replace('\\', "\\\\").replace(':', "\\:"))),
            Shell::Fish => out.line(format_args!("{value}\t{help}")),
        }
    })
}

/// Completions of the last word.
fn candidates(program: Command, words: &[String]) -> Vec<Candidate> {
    let mut program = program.disable_version_flag(true).disable_help_subcommand(true);
    program.build();
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let mut line = Line { command: &program, place: 0, awaits: None, is_escaped: false };
    before.iter().for_each(|word| line.pass(word));
    line.complete(if last == "=" { "" } else { last }, words)
}

/// Place of the cursor.
struct Line<'a> {
    command: &'a Command,
    /// Number of arguments without a name before it.
    place: usize,
    /// The option whose value comes next.
    awaits: Option<&'a Arg>,
    /// True if `--` has been passed.
    is_escaped: bool,
}

impl<'a> Line<'a> {
    fn pass(&mut self, word: &str) {
        match word {
            // Bash takes `--network=b` for three words.
            "=" => {}
            _ if self.awaits.is_some() => self.awaits = None,
            "--" if !self.is_escaped => self.is_escaped = true,
            _ if word.starts_with('-') && !self.is_escaped => self.awaits = self.option(word),
            // Behind the word for help stand commands.
            "help" if self.place == 0 && !self.is_escaped && self.command.get_name() == "gossip" => {}
            _ => match self.command.find_subcommand(word).filter(|_| self.place == 0 && !self.is_escaped) {
                Some(command) => self.command = command,
                None => self.place += 1,
            },
        }
    }

    /// The option that this word ends with, if its value is still to come.
    fn option(&self, word: &str) -> Option<&'a Arg> {
        let takes = |arg: &&Arg| arg.get_action().takes_values();
        match word.strip_prefix("--") {
            Some(long) => self.command.get_arguments().find(|arg| arg.get_long() == Some(long)).filter(takes),
            None => {
                let last = word.chars().last();
                self.command.get_arguments().find(|arg| arg.get_short() == last).filter(takes)
            }
        }
    }

    fn complete(&self, begun: &str, words: &[String]) -> Vec<Candidate> {
        if let Some(arg) = self.awaits {
            return values(arg, begun, words);
        }
        if begun.starts_with('-') && !self.is_escaped {
            return match begun.split_once('=') {
                Some((option, value)) => {
                    let behind = |found: Candidate| Candidate { value: format!("{option}={}", found.value), ..found };
                    let arg = self.option(option);
                    arg.map_or_else(Vec::new, |arg| values(arg, value, words)).into_iter().map(behind).collect()
                }
                None => self.options(begun),
            };
        }
        let commands = self.command.get_subcommands().filter(|command| !command.is_hide_set() && self.place == 0);
        let commands = commands.filter(|command| command.get_name().starts_with(begun) && !self.is_escaped);
        let told = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
        let commands = commands.map(|command| Candidate::new(command.get_name(), told(command)));
        let mut positionals: Vec<_> = self.command.get_positionals().collect();
        // The last one may stand there many times.
        let place = self.place.min(positionals.len().saturating_sub(1));
        let fits = |arg: &Arg| self.place == place || arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        let arg = (place < positionals.len()).then(|| positionals.swap_remove(place)).filter(|arg| fits(arg));
        commands.chain(arg.into_iter().flat_map(|arg| values(arg, begun, words))).collect()
    }

    fn options(&self, begun: &str) -> Vec<Candidate> {
        let shown = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
        let named = shown.filter_map(|arg| Some((format!("--{}", arg.get_long()?), arg)));
        let told = |arg: &Arg| arg.get_help().map(ToString::to_string).unwrap_or_default();
        named.filter(|(name, _)| name.starts_with(begun)).map(|(name, arg)| Candidate::new(&name, told(arg))).collect()
    }
}

/// Values that an argument can have.
fn values(arg: &Arg, begun: &str, words: &[String]) -> Vec<Candidate> {
    let is_for = |names: &[&str]| arg.get_value_names().is_some_and(|found| names.contains(&found[0].as_str()));
    match arg.get_id().as_str() {
        "network" => names::networks(begun),
        "topology" => ["random", "circular", "powerlaw"]
            .into_iter()
            .filter(|name| name.starts_with(begun))
            .map(|name| Candidate::new(name, String::new()))
            .collect(),
        "faults" => names::faults(begun),
        _ if is_for(&["NODE", "A", "B", "A,B,…"]) => names::nodes(begun, words),
        _ => {
            let possible = arg.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
            let begins = possible.filter(|value| value.get_name().starts_with(begun));
            let told = |help: Option<&clap::builder::StyledStr>| help.map(ToString::to_string).unwrap_or_default();
            begins.map(|value| Candidate::new(value.get_name(), told(value.get_help()))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;

    fn completed(line: &str) -> Vec<String> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        candidates(Cli::command(), &words).into_iter().map(|candidate| candidate.value).collect()
    }

    #[test]
    fn what_can_stand_at_the_cursor_is_told() {
        for (line, expected) in [
            ("se", &["send-message"][..]),
            ("ge", &["get-messages"]),
            ("get-messages 4 ", &["all", "unread", "read"]),
            ("get-messages 4 u", &["unread"]),
            ("get-messages 4 unread ", &[]),
            ("start-network c", &["circular"]),
            ("start-network -n 4 p", &["powerlaw"]),
            ("start-network --timing ", &["local", "lan", "wan"]),
            ("start-network --timing=w", &["--timing=wan"]),
            ("start-network --timing = w", &["wan"]),
            ("send-message --rel", &["--relays"]),
            ("send-message 4 -- --rel", &[]),
            ("chaos pa", &["pause", "partition"]),
            ("--json chaos k", &["kill"]),
            ("help sta", &["start-network", "status"]),
            ("chaos --faults ki", &["kill"]),
            ("chaos --faults kill,pa", &["kill,pause", "kill,partition"]),
            ("completions ", &["bash", "zsh", "fish"]),
            ("no-such-command --metrics-off", &[]),
            ("node --metrics-off", &[]),
            ("", &[]),
        ] {
            let found = completed(line);
            assert!(line.is_empty() || found == expected, "{line:?}: {found:?}");
        }
        let all = completed("");
        assert!(all.contains(&"status".to_owned()) && !all.contains(&"gen".to_owned()), "{all:?}");
        assert!(candidates(Cli::command(), &[]).is_empty());
    }
}
