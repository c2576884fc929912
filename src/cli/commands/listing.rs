//! Listing of fetched messages: as text for people, as a document for programs.

use crate::{
    cli::{
        Output,
        error::CliError,
        text::{self, Shown},
    },
    core::{
        id::NodeId,
        message::{Hop, Path},
        request::{Fetched, Gap, Page, Status},
        time::Wall,
    },
    quantity::Time,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeZone;
use serde::Serialize;
use std::fmt::{self, Display, Write};

/// Which paths of a message are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// All, in the order of their arrival.
    All,
    /// All that have the fewest hops.
    Shortest,
    /// All that have the most.
    Longest,
    /// Both, the shortest first.
    Extremes,
}

impl Choice {
    /// Paths that so many `-p` ask for.
    pub const fn from_count(count: u8) -> Self {
        match count {
            0 => Self::All,
            1 => Self::Shortest,
            2 => Self::Longest,
            _ => Self::Extremes,
        }
    }

    /// The paths to show.
    pub fn of(self, paths: &[Path]) -> Vec<&Path> {
        let lengths = || paths.iter().map(|path| path.len());
        let (Some(least), Some(most)) = (lengths().min(), lengths().max()) else { return Vec::new() };
        let of_length = |length| paths.iter().filter(move |path| path.len() == length);
        match self {
            Self::All => paths.iter().collect(),
            Self::Shortest => of_length(least).collect(),
            Self::Longest => of_length(most).collect(),
            Self::Extremes if least == most => of_length(least).collect(),
            Self::Extremes => of_length(least).chain(of_length(most)).collect(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Shortest => "shortest",
            Self::Longest => "longest",
            Self::Extremes => "shortest and longest",
        }
    }
}

/// Form in which the time of a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Not at all.
    None,
    /// `[22:11:04]`
    Time,
    /// `[22:11:04 - 22/11/2026]`
    Date,
    /// `Nov 22, 2026 - 22:11:04 (UTC+0000):`, first on the line.
    Full,
}

impl Stamp {
    /// Stamp that so many `-t` ask for.
    pub const fn from_count(count: u8) -> Self {
        match count {
            0 => Self::None,
            1 => Self::Time,
            2 => Self::Date,
            _ => Self::Full,
        }
    }
}

/// Puts messages together whose paths are spread over pages.
#[derive(Debug, Default)]
pub struct Parts {
    open: Option<Fetched>,
}

impl Parts {
    /// The messages that are whole with this page.
    pub fn join(&mut self, page: Page) -> Vec<Fetched> {
        let goes_on = page.next.is_some_and(|next| next.paths > 0);
        let mut whole = Vec::with_capacity(page.messages.len());
        for message in page.messages {
            match &mut self.open {
                Some(open) if message.continued && open.id == message.id => open.paths.extend(message.paths),
                open => whole.extend(open.replace(message)),
            }
        }
        if !goes_on {
            whole.extend(self.open.take());
        }
        whole
    }

    /// Returns whether a message waits for the rest of its paths.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The message that waits, after the last page.
    pub fn finish(self) -> Option<Fetched> {
        self.open
    }
}

/// Messages as text.
pub struct Listing<Z> {
    /// Which paths.
    pub choice: Choice,
    /// Form in which the time of arrival is shown.
    pub stamp: Stamp,
    /// True if each node of a path has its time.
    pub hop_times: bool,
    /// Zone of the times.
    pub zone: Z,
}

impl<Z: TimeZone<Offset: Display>> Listing<Z> {
    /// A bullet with the message, and a line for each path.
    pub fn print(&self, message: &Fetched, out: &mut Output) -> Result<(), CliError> {
        let at = message.received_at;
        let (before, behind) = match self.stamp {
            Stamp::None => (String::new(), String::new()),
            Stamp::Time => (String::new(), self.time(at, " [%H:%M:%S]")),
            Stamp::Date => (String::new(), self.time(at, " [%H:%M:%S - %d/%m/%Y]")),
            Stamp::Full => (self.time(at, "%b %d, %Y - %H:%M:%S (UTC%z): "), String::new()),
        };
        out.write(format_args!("• {before}"))?;
        out.payload(&message.payload)?;
        out.line(behind)?;
        let (dim, plain) = if out.has_colour() { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        for path in self.choice.of(&message.paths) {
            out.line(format_args!("{dim}  ↳ {}{plain}", self.path(path)))?;
        }
        Ok(())
    }

    fn time(&self, at: Wall, format: &str) -> String {
        text::utc(at).with_timezone(&self.zone).format(format).to_string()
    }

    fn path(&self, path: &[Hop]) -> String {
        let mut line = String::new();
        for (place, hop) in path.iter().enumerate() {
            line.push_str(if place > 0 { " ➜ " } else { "" });
            line.push_str(&text::escape(hop.node.as_str()));
            if self.hop_times && place > 0 {
                // Writing to a String cannot fail.
                let _ = write!(line, " (+{})", Time::micros(hop.micros).rounded());
            }
        }
        line
    }
}

/// The line above the messages, and the empty one behind it.
pub struct Header<'a> {
    /// Node that has them; known once a page came.
    pub node: Option<&'a NodeId>,
    /// Which messages.
    pub status: Status,
    /// Which paths.
    pub choice: Choice,
}

impl Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = self.node else { return Ok(()) };
        let (status, choice) = (self.status.name(), self.choice.name());
        writeln!(f, "Fetched {status} messages from {}; showing {choice} path(s):", Shown(node))
    }
}

/// The line in place of messages where there are none.
pub struct Nothing<'a> {
    /// Node that has none; known once a page came.
    pub node: Option<&'a NodeId>,
    /// Which messages were asked for.
    pub status: Status,
}

impl Display for Nothing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = self.node else { return Ok(()) };
        let what = match self.status {
            Status::All => "messages",
            Status::Unread => "unread messages",
            Status::Read => "read messages",
        };
        write!(f, "{} has no {what}", Shown(node))
    }
}

/// The line for messages that were given up.
pub struct Missing<'a>(pub &'a Gap);

impl Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gap { stream, first, last, count } = self.0;
        let origin = text::escape(stream.origin.as_str());
        if first == last {
            write!(f, "Given up: message {first} of node {origin} (no neighbour keeps it)")
        } else if self.0.is_whole() {
            write!(f, "Given up: messages {first} to {last} of node {origin} (no neighbour keeps them)")
        } else {
            write!(f, "Given up: {count} of messages {first} to {last} of node {origin} (no neighbour keeps them)")
        }
    }
}

/// Messages as JSON.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    node: &'a str,
    status: &'static str,
    messages: Vec<Entry<'a>>,
    gaps: Vec<GapEntry<'a>>,
}

/// Messages that were given up, by the sequence numbers in their ids.
#[derive(Debug, Serialize)]
struct GapEntry<'a> {
    origin: &'a str,
    incarnation: u64,
    from: u64,
    to: u64,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Entry<'a> {
    id: String,
    origin: &'a str,
    #[serde(flatten)]
    payload: Body<'a>,
    unread: bool,
    published_at: String,
    received_at: String,
    paths: Vec<Vec<&'a str>>,
    path_times_us: Vec<Vec<u64>>,
}

/// The payload: text if it is UTF-8.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Body<'a> {
    Text(&'a str),
    Base64(String),
}

impl<'a> Document<'a> {
    /// Of the messages of `node`, with the paths that `choice` selects, and of those that it has given up.
    pub fn new(
        node: Option<&'a NodeId>,
        status: Status,
        messages: &'a [Fetched],
        gaps: &'a [Gap],
        choice: Choice,
    ) -> Self {
        let messages = messages.iter().map(|message| Entry::new(message, choice)).collect();
        let gap = |gap: &'a Gap| GapEntry {
            origin: gap.stream.origin.as_str(),
            incarnation: gap.stream.incarnation.0,
            from: gap.first,
            to: gap.last,
            count: gap.count,
        };
        let gaps = gaps.iter().map(gap).collect();
        Self { node: node.map_or("", NodeId::as_str), status: status.name(), messages, gaps }
    }
}

impl<'a> Entry<'a> {
    fn new(message: &'a Fetched, choice: Choice) -> Self {
        let paths = choice.of(&message.paths);
        let names = |path: &&'a Path| path.iter().map(|hop| hop.node.as_str()).collect();
        let times = |path: &&'a Path| path.iter().map(|hop| hop.micros).collect();
        let as_text = std::str::from_utf8(&message.payload);
        Self {
            id: message.id.to_string(),
            origin: message.id.origin.as_str(),
            payload: as_text.map_or_else(|_| Body::Base64(BASE64_STANDARD.encode(&*message.payload)), Body::Text),
            unread: message.unread,
            published_at: text::rfc3339(message.published_at),
            received_at: text::rfc3339(message.received_at),
            paths: paths.iter().map(names).collect(),
            path_times_us: paths.iter().map(times).collect(),
        }
    }
}
