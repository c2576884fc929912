//! Misreading of what was typed, in one line: clap's error, with the blame where it belongs and with no remedy
//! that does not work.

use super::{error::CliError, text};
use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use std::{env, ffi::OsString};

/// Keeps help as it is, and makes one line with the remedy of anything else.
pub(super) fn explain(mut error: clap::Error, arguments: &[OsString], program: &Command) -> CliError {
    let mut program = program.clone();
    program.build();
    let typed = Typed { arguments, program: &program };
    if error.kind() == ErrorKind::DisplayHelp {
        let rendered = error.render();
        return CliError::Help { plain: rendered.to_string(), coloured: rendered.ansi().to_string() };
    }
    let hint = typed.as_value(&error);
    error.remove(ContextKind::Suggested);
    escape(&mut error);
    typed.hide(&mut error);
    let mut text = error.render().to_string();
    if let (Some((option, variable)), false) = (typed.variable(&error), error.kind() == ErrorKind::UnknownArgument) {
        // Clap blames the option also for what the environment says.
        text = text.replace(&format!("'{option}'"), &format!("the variable {variable}"));
    }
    CliError::Usage(flatten(&text, hint, &typed.command()))
}

/// The arguments without a call for help behind the word for it: `gossip help --help` is `gossip help`.
pub(super) fn without_more_help(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|argument| argument == "help") {
        arguments.retain(|argument| argument != "--help" && argument != "-h");
    }
    arguments
}

/// Escapes what was typed: clap leaves out what a terminal obeys, and shows a text that nobody typed.
fn escape(error: &mut clap::Error) {
    let typed = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg, ContextKind::InvalidValue];
    for kind in typed {
        if let Some(text) = context(error, kind) {
            error.insert(kind, ContextValue::String(text::escape(&text).into_owned()));
        }
    }
}

/// Words that were typed, and those that can be.
struct Typed<'a> {
    arguments: &'a [OsString],
    program: &'a Command,
}

impl Typed<'_> {
    /// The command with those that stand above it: `gossip chaos kill`.
    fn command(&self) -> String {
        let (mut command, mut path) = (self.program, "gossip".to_owned());
        for argument in self.arguments.iter().skip(1) {
            // There is no help on the word for help.
            let name = argument.to_str().filter(|name| *name != "help");
            if let Some(below) = name.and_then(|name| command.find_subcommand(name)) {
                path = format!("{path} {}", below.get_name());
                command = below;
            }
        }
        path
    }

    /// Advice to have it taken as a value, if that would work.
    fn as_value(&self, error: &clap::Error) -> Option<String> {
        let wrong = context(error, ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
        // Of `-apple` clap names `-a` alone.
        let is_it = |argument: &OsString| argument.to_str().is_some_and(|text| text.starts_with(&*wrong));
        let place = self.arguments.iter().position(is_it).filter(|_| wrong.starts_with('-'))?;
        // A value that follows would take the place of this one.
        let is_option = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"-");
        if !self.arguments.get(place + 1).is_none_or(is_option) {
            return None;
        }
        let mut moved = self.arguments.to_vec();
        let value = moved.remove(place);
        moved.extend(["--".into(), value.clone()]);
        self.program.clone().try_get_matches_from(moved).ok()?;
        let (value, is_last) = (value.to_string_lossy(), place + 1 == self.arguments.len());
        let what = if is_last { "use" } else { "put it last, after two dashes:" };
        Some(format!("to pass '{value}' as a value, {what} '-- {value}'"))
    }

    /// Leaves out suggestions that help does not show either.
    fn hide(&self, error: &mut clap::Error) {
        let is_shown = |name: &String| {
            let is_hidden = |command: &Command| {
                let of_command = command.get_name() == name && command.is_hide_set();
                let is_it = |arg: &Arg| arg.get_long().is_some_and(|long| *name == format!("--{long}"));
                of_command || command.get_arguments().any(|arg| arg.is_hide_set() && is_it(arg))
            };
            !all(self.program).into_iter().any(is_hidden)
        };
        for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg] {
            match error.remove(kind) {
                Some(ContextValue::Strings(names)) => {
                    let names: Vec<_> = names.into_iter().filter(is_shown).collect();
                    if !names.is_empty() {
                        error.insert(kind, ContextValue::Strings(names));
                    }
                }
                Some(ContextValue::String(name)) if !is_shown(&name) => {}
                Some(value) => drop(error.insert(kind, value)),
                None => {}
            }
        }
    }

    /// The option that is wrong, and the variable of the environment that says so, if it was not typed.
    fn variable(&self, error: &clap::Error) -> Option<(String, String)> {
        let option = context(error, ContextKind::InvalidArg)?;
        let commands = all(self.program);
        let mut found =
            commands.iter().flat_map(|command| command.get_arguments()).filter(|arg| arg.to_string() == option);
        let arg = found.find(|arg| arg.get_env().is_some_and(|name| env::var_os(name).is_some()))?;
        let long = format!("--{}", arg.get_long()?);
        let is_typed = self.arguments.iter().any(|argument| argument.as_encoded_bytes().starts_with(long.as_bytes()));
        let variable = arg.get_env().filter(|_| !is_typed)?;
        Some((option, variable.to_string_lossy().into_owned()))
    }
}

/// A command and all below it.
fn all(command: &Command) -> Vec<&Command> {
    std::iter::once(command).chain(command.get_subcommands().flat_map(all)).collect()
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Clap's paragraphs as one line: what was wrong, its tips, and where help is. The usage it repeats is left out.
fn flatten(rendered: &str, hint: Option<String>, command: &str) -> String {
    let body = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let (body, _) = body.rsplit_once("\n\nFor more information").unwrap_or((body, ""));
    let (body, _) = body.rsplit_once("\n\nUsage: ").unwrap_or((body, ""));
    let lines: Vec<_> = body.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (tips, what): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with("tip: "));
    let mut parts = vec![what.join(" ")];
    parts.extend(tips.iter().map(|tip| tip.trim_start_matches("tip: ").to_owned()));
    parts.extend(hint);
    parts.push(format!("see '{command} --help'"));
    parts.join("; ")
}
