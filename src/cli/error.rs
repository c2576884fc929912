//! Why a command did not do what was asked: one line for people, a code word for programs, an exit code for shells.

use super::text;
use crate::{
    client::ClientError,
    launcher::error::{Kind, LaunchError},
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde::Serialize;
use std::{io, process::ExitCode};

/// What ends a command early. The texts are one line each: what was wrong, with which value, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No error: help was asked for. Plain, and with colours.
    #[error("{plain}")]
    Help {
        /// Without colours.
        plain: String,
        /// With escape sequences for a terminal.
        coloured: String,
    },
    /// What can never work as it was typed.
    #[error("{0}")]
    Usage(String),
    /// Not possible now.
    #[error("{0}")]
    Failed(String),
    /// A node said no.
    #[error("{text}")]
    Refused {
        /// The code word that it gave, or `refused`.
        code: &'static str,
        /// Who refused what, and why.
        text: String,
    },
    /// Nothing listens, or nothing can be reached.
    #[error("{0}")]
    Unreachable(String),
    /// No answer within the time.
    #[error("{0}")]
    TimedOut(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Nobody reads what is printed any more, as behind `| head`: no error.
    #[error("nobody reads the output")]
    BrokenPipe,
}

/// The error as a JSON document.
#[derive(Debug, Serialize)]
pub struct ErrorDocument {
    error: ErrorBody,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    code: &'static str,
    message: String,
}

impl CliError {
    /// The word that programs tell it by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::Refused { code, .. } => code,
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timeout",
            Self::Interrupted => "interrupted",
            Self::Help { .. } | Self::Failed(_) | Self::BrokenPipe => "failed",
        }
    }

    /// What the shell sees.
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Help { .. } | Self::BrokenPipe => 0,
            Self::Failed(_) | Self::Refused { .. } => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) | Self::TimedOut(_) => 3,
            Self::Interrupted => 130,
        }
    }

    /// One line, whatever was typed or came from the network.
    pub fn line(&self) -> String {
        text::escape(&self.to_string()).into_owned()
    }

    /// What `--json` prints.
    pub fn document(&self) -> ErrorDocument {
        ErrorDocument { error: ErrorBody { code: self.code(), message: self.line() } }
    }
}

impl From<&CliError> for ExitCode {
    fn from(error: &CliError) -> Self {
        Self::from(error.exit_status())
    }
}

impl From<io::Error> for CliError {
    /// An error of printing. Other input and output has a text of its own where it happens.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Failed(format!("cannot write to stdout: {error}")),
        }
    }
}

impl From<LaunchError> for CliError {
    fn from(error: LaunchError) -> Self {
        let text = error.to_string();
        match error.kind() {
            Kind::Usage => Self::Usage(text),
            Kind::Refused => Self::Refused { code: "refused", text },
            Kind::Failed => Self::Failed(text),
            Kind::Unreachable => Self::Unreachable(text),
            Kind::TimedOut => Self::TimedOut(text),
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Unreachable { .. } => Self::Unreachable(text),
            ClientError::TimedOut { .. } => Self::TimedOut(text),
            ClientError::Refused { refusal, .. } => Self::Refused { code: refusal.name(), text },
            ClientError::Protocol { .. } | ClientError::Setup(_) => Self::Failed(text),
        }
    }
}

impl From<clap::Error> for CliError {
    /// Keeps help as it is, and makes one line with the remedy of anything else.
    fn from(error: clap::Error) -> Self {
        let rendered = error.render();
        match error.kind() {
            ErrorKind::DisplayHelp => Self::Help { plain: rendered.to_string(), coloured: rendered.ansi().to_string() },
            _ => Self::Usage(flatten(&rendered.to_string(), &command_of(&error))),
        }
    }
}

/// Clap's paragraphs as one line: what was wrong, its tips, and where help is. The usage it repeats is left out.
fn flatten(rendered: &str, command: &str) -> String {
    let body = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let body = body.split("\n\nUsage: ").next().unwrap_or(body);
    let body = body.split("\n\nFor more information").next().unwrap_or(body);
    let (what, tips) = body.split_once("\n\n").unwrap_or((body, ""));
    let what = joined(what);
    let tips = tips.lines().map(|line| line.trim().trim_start_matches("tip: ")).filter(|line| !line.is_empty());
    let remedies: Vec<_> = tips.map(str::to_owned).chain([format!("see '{command} --help'")]).collect();
    format!("{what}; {}", remedies.join("; "))
}

fn joined(lines: &str) -> String {
    lines.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The command that clap was parsing, as its usage line begins: `gossip send-message`.
fn command_of(error: &clap::Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let is_word = |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
    let mut words = usage.split_whitespace().skip_while(|&word| word != "gossip").skip(1).take_while(is_word);
    words.next().map_or_else(|| "gossip".into(), |word| format!("gossip {word}"))
}
