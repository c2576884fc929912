//! Errors of commands: one line for people, a code word for programs, an exit code for shells.

use super::text;
use crate::{
    chaos::ChaosError,
    client::ClientError,
    core::stats::Refusal,
    launcher::{Kind, LaunchError},
    store::StoreError,
    workload::WorkloadError,
};
use serde::Serialize;
use std::{io, process::ExitCode};

/// Error that ends a command early. The texts are one line each: what was wrong, with which value, and what to do.
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
    /// Nothing was typed: the short help says what can be. Plain, and with colours.
    #[error("a command is missing; 'gossip --help' lists them")]
    NoCommand {
        /// Without colours.
        plain: String,
        /// With escape sequences for a terminal.
        coloured: String,
    },
    /// Command line that can never work as it was typed.
    #[error("{0}")]
    Usage(String),
    /// Not possible now.
    #[error("{0}")]
    Failed(String),
    /// Not allowed as things are, or a node said no; nothing was changed.
    #[error("{text}")]
    Refused {
        /// The code word that the node gave; `refused` where no node was asked.
        code: &'static str,
        /// Refusal, by whom, of what, and why.
        text: String,
    },
    /// Nothing listens, or nothing can be reached.
    #[error("{0}")]
    Unreachable(String),
    /// No answer within the time.
    #[error("{0}")]
    TimedOut(String),
    /// Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
    /// Any of these, where some of many had been sent before.
    #[error("{why}")]
    Partly {
        /// The error.
        why: Box<Self>,
        /// The lines that were sent before.
        done: Done,
    },
    /// Nobody reads what is printed any more, as behind `| head`: no error.
    #[error("nobody reads the output")]
    BrokenPipe,
}

/// Lines of an input up to an error, as fields of its body.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Done {
    /// Messages that were sent: lines of the input.
    pub count: u64,
    /// The first line that was refused, or of which it is not known whether it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The last line of the same request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_line: Option<u64>,
}

/// The error as a JSON document.
#[derive(Debug, Serialize)]
pub struct ErrorDocument {
    error: ErrorBody,
}

/// Body of an error document.
#[derive(Debug, Serialize)]
pub struct ErrorBody {
    /// The word that programs tell it by.
    pub code: &'static str,
    /// The line for people.
    pub message: String,
    /// The lines that were sent before.
    #[serde(flatten)]
    pub done: Option<Done>,
}

impl CliError {
    /// The word that programs tell it by.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Usage(_) | Self::NoCommand { .. } => "usage",
            Self::Refused { code, .. } => code,
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timeout",
            Self::Interrupted(_) => "interrupted",
            Self::Partly { why, .. } => why.code(),
            Self::Help { .. } | Self::Failed(_) | Self::BrokenPipe => "failed",
        }
    }

    /// Exit status for the shell.
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Help { .. } | Self::BrokenPipe => 0,
            Self::Failed(_) | Self::Refused { .. } => 1,
            Self::Usage(_) | Self::NoCommand { .. } => 2,
            Self::Unreachable(_) | Self::TimedOut(_) => 3,
            Self::Interrupted(_) => 130,
            Self::Partly { why, .. } => why.exit_status(),
        }
    }

    /// One line, whatever was typed or came from the network.
    pub fn line(&self) -> String {
        text::escape(&self.to_string()).into_owned()
    }

    /// Document that `--json` prints.
    pub fn document(&self) -> ErrorDocument {
        ErrorDocument { error: self.body() }
    }

    /// The same as part of a larger document.
    pub fn body(&self) -> ErrorBody {
        let done = if let Self::Partly { done, .. } = self { Some(*done) } else { None };
        ErrorBody { code: self.code(), message: self.line(), done }
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

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        Self::from(&error)
    }
}

impl From<&ClientError> for CliError {
    fn from(error: &ClientError) -> Self {
        let text = error.to_string();
        match error {
            ClientError::Unreachable { .. } | ClientError::Stranger { .. } => Self::Unreachable(text),
            ClientError::TimedOut { .. } => Self::TimedOut(text),
            ClientError::Refused { refusal, .. } => Self::Refused { code: refusal.name(), text },
            ClientError::TooLong { .. } => Self::Refused { code: Refusal::TooLarge.name(), text },
            ClientError::Protocol { .. } | ClientError::Setup(_) => Self::Failed(text),
        }
    }
}

impl From<WorkloadError> for CliError {
    fn from(error: WorkloadError) -> Self {
        match error {
            WorkloadError::Client(error) => error.into(),
            WorkloadError::TimedOut(_) => Self::TimedOut(format!("no figures: {error}")),
            WorkloadError::Socket(_) | WorkloadError::Machine(_) | WorkloadError::Wrong(_) => {
                Self::Failed(format!("no figures: {error}"))
            }
        }
    }
}

impl From<LaunchError> for CliError {
    fn from(error: LaunchError) -> Self {
        let text = error.to_string();
        match error.kind() {
            Kind::Usage => Self::Usage(text),
            Kind::Refused => Self::Refused { code: refusal_of(&error), text },
            Kind::Failed => Self::Failed(text),
            Kind::Unreachable => Self::Unreachable(text),
            Kind::TimedOut => Self::TimedOut(text),
            Kind::Interrupted => Self::Interrupted(text),
        }
    }
}

impl CliError {
    /// Of a command that needs the record of a network where there is none. `remedy`: what to do about nodes that were started
    /// by hand.
    pub fn without_record(error: LaunchError, remedy: &str) -> Self {
        match error {
            LaunchError::NoNetwork { network, others } if others.is_empty() => {
                let text = format!("network '{network}' is not running; {remedy}");
                Self::Refused { code: "refused", text }
            }
            error => error.into(),
        }
    }
}

impl From<ChaosError> for CliError {
    fn from(error: ChaosError) -> Self {
        let text = error.to_string();
        match error {
            ChaosError::NotAllowed { .. } => Self::Refused { code: Refusal::NotAllowed.name(), text },
            ChaosError::NobodyRuns { .. } => Self::Unreachable(text),
            ChaosError::OneSided { .. } => Self::Refused { code: "refused", text },
            ChaosError::Launch(error) => error.into(),
            ChaosError::Client(error) => error.into(),
            ChaosError::Survey(error) => error.into(),
            ChaosError::Interrupted => Self::Interrupted(text),
        }
    }
}

fn refusal_of(error: &LaunchError) -> &'static str {
    match error {
        LaunchError::Node { source: ClientError::Refused { refusal, .. }, .. }
        | LaunchError::Client(ClientError::Refused { refusal, .. }) => refusal.name(),
        _ => "refused",
    }
}
