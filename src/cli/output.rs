//! Output: text or one JSON document on stdout, errors and notes on stderr. Whatever a name or a text
//! of the network holds, no terminal obeys it: what passes here is escaped, but for colours and line ends of our own.

use super::{error::CliError, text};
use crate::quantity::Size;
use serde::Serialize;
use serde_json::ser::Formatter;
use std::{
    env, fmt,
    io::{self, BufWriter, IsTerminal, Write},
    process::ExitCode,
};

/// Bytes of a payload that are shown on a terminal.
const PAYLOAD_SHOWN_MAX: usize = 1000;

/// Standard output and what is known of it. Prints nothing by itself but a program's end, [`finish`](Self::finish).
pub struct Output {
    stdout: BufWriter<Box<dyn Write>>,
    form: Form,
    is_terminal: bool,
    has_colour: bool,
    /// True if stderr, too, may have colours.
    colours: Colours,
    is_quiet: bool,
    /// True if a JSON document stands on stdout already; an error adds no second one.
    has_document: bool,
}

/// In which form results are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Use of colours in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Colours {
    /// On a terminal, and not with `NO_COLOR` (no-color.org) or `TERM=dumb`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colours {
    fn are_shown_on(self, is_terminal: bool) -> bool {
        let is_dumb = || env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_bare = || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            Self::Auto => is_terminal && !is_dumb() && !is_bare(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// JSON whose strings hold nothing that a terminal obeys: it is written as `\u202e`, which reads as the same.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| text::is_obeyed(c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// One line on stderr.
pub(super) fn complain(text: impl fmt::Display) {
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{}", text::escape(&text.to_string()));
}

impl Output {
    /// This process's stdout.
    pub fn stdout(form: Form, colours: Colours) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let has_colour = colours.are_shown_on(is_terminal);
        Self { has_colour, colours, ..Self::to(Box::new(io::stdout()), form, is_terminal) }
    }

    /// Any other place, without colour. `is_terminal`: whether somebody looks at it.
    pub fn to(place: Box<dyn Write>, form: Form, is_terminal: bool) -> Self {
        Self {
            stdout: BufWriter::new(place),
            form,
            is_terminal,
            has_colour: false,
            colours: Colours::Never,
            is_quiet: false,
            has_document: false,
        }
    }

    /// From now on nothing is said on stderr but errors, or all again.
    pub fn set_quiet(&mut self, is_quiet: bool) {
        self.is_quiet = is_quiet;
    }

    /// Returns whether nothing but errors is wanted on stderr.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Returns whether JSON is wanted.
    pub fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    /// Returns whether text goes to a terminal: somebody looks at it.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Returns whether text may have colours.
    pub fn has_colour(&self) -> bool {
        self.has_colour
    }

    /// Prints a result: its `Display` as text with a line end, or its serialisation as the JSON document.
    pub fn print<T: Serialize + fmt::Display>(&mut self, result: &T) -> Result<(), CliError> {
        match self.form {
            Form::Text => self.line(result),
            Form::Json => self.document(result),
        }
    }

    /// Prints one line of text; several if the text has line ends.
    pub fn line(&mut self, text: impl fmt::Display) -> Result<(), CliError> {
        self.write(format_args!("{text}\n"))
    }

    /// Prints a payload as text that nothing obeys and nothing can be taken for: control characters, line ends too, are
    /// escaped. On a terminal a long one is cut, and its length told.
    pub fn payload(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        if !self.is_terminal || bytes.len() <= PAYLOAD_SHOWN_MAX {
            return self.control(&text::escape_bytes(bytes));
        }
        // Not within a character of UTF-8, as far as it is that.
        let is_boundary = |&end: &usize| bytes[end] & 0xc0 != 0x80;
        let end = (PAYLOAD_SHOWN_MAX - 3..=PAYLOAD_SHOWN_MAX).rev().find(is_boundary).unwrap_or(PAYLOAD_SHOWN_MAX);
        let (shown, length) = (text::escape_bytes(&bytes[..end]), Size(bytes.len() as u64));
        self.write(format_args!("{shown}\\… ({length})"))
    }

    /// Prints bytes as they are, and a line end.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.stdout.write_all(bytes)?;
        Ok(self.stdout.write_all(b"\n")?)
    }

    /// Prints text without a line end.
    pub fn write(&mut self, text: impl fmt::Display) -> Result<(), CliError> {
        let has_colour = self.has_colour;
        self.control(&text::escape_lines(&text.to_string(), has_colour))
    }

    /// Prints what a terminal is to obey, or what is escaped already.
    pub(super) fn control(&mut self, sequences: &str) -> Result<(), CliError> {
        Ok(self.stdout.write_all(sequences.as_bytes())?)
    }

    /// Prints one JSON document on a line of its own.
    pub fn document(&mut self, document: &impl Serialize) -> Result<(), CliError> {
        self.has_document = true;
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.stdout, Harmless);
        document.serialize(&mut serializer).map_err(io::Error::from)?;
        Ok(self.stdout.write_all(b"\n")?)
    }

    /// Executor over what was printed so far. `Ok` means that the reader's side has taken it.
    pub fn flush(&mut self) -> Result<(), CliError> {
        Ok(self.stdout.flush()?)
    }

    /// Tells the person who looks something that is no result, unless they want none: one line on stderr.
    pub fn note(&self, text: impl fmt::Display) {
        if !self.is_quiet {
            complain(text);
        }
    }

    /// Ends the program: prints the error there may be, flushes, and gives the exit code.
    pub fn finish(mut self, result: Result<(), CliError>) -> ExitCode {
        let result = result.and_then(|()| self.flush());
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(CliError::BrokenPipe) => self.abandon(ExitCode::SUCCESS),
            Err(CliError::Help { plain, coloured }) => {
                let help = if self.has_colour { coloured } else { plain };
                self.form = Form::Text;
                let printed = self.write(help);
                self.finish(printed)
            }
            Err(CliError::NoCommand { plain, coloured }) if !self.is_json() => {
                let has_colour = self.colours.are_shown_on(io::stderr().is_terminal());
                // Nobody is left to tell if stderr is gone.
                let _ = write!(io::stderr().lock(), "{}", if has_colour { coloured } else { plain });
                self.abandon(ExitCode::from(2))
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(mut self, error: &CliError) -> ExitCode {
        if self.is_json() && !self.has_document {
            // The line on stderr and the exit code tell all there is if stdout is gone, too.
            let _ = self.document(&error.document());
        }
        let _ = self.flush();
        complain(format_args!("error: {}", error.line()));
        self.abandon(ExitCode::from(error))
    }

    /// Drops what could not be printed, so that the buffer does not try again.
    fn abandon(self, exit: ExitCode) -> ExitCode {
        let _ = self.stdout.into_parts();
        exit
    }
}
