//! The log of a node on stderr, as text or as JSON, with a level for each room. Whoever started the node may have gone, or may
//! not read: a line that cannot be written at once is left out, and never makes the node wait or ends it.

use super::text;
use crate::{clock::Clock, daemon::report::rooms};
use clap::ValueEnum;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Map, Value};
use std::{
    ffi::OsString,
    fmt::{self, Write as _},
    io::{self, Write},
    str::FromStr,
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    filter::Targets,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Longest line in bytes: what a pipe that takes anything takes at once (`PIPE_BUF`).
const LINE_LEN_MAX: usize = 4096;

/// Log of a node: its form, and what is in it: for one node, or for all of a network.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log of a node")]
pub struct Logging {
    /// Format of log lines
    #[arg(long, value_name = "FORM", default_value = "text")]
    log: Form,
    /// Log level: off, error, warn, info, debug or trace; per-component levels may follow: info,links=debug [default:
    /// info; warn with -q, debug with -v, trace with -vv]
    #[arg(long, value_name = "LEVELS", env = "GOSSIP_LOG", hide_env_values = true)]
    log_level: Option<Levels>,
}

/// A line as it is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// For people: time, level, component, event, fields
    Text,
    /// For programs: one JSON object per line
    Json,
}

impl Logging {
    /// From now on all log lines of this process go to stderr. `verbosity`: how much is in it where no level is given.
    pub fn begin(&self, verbosity: i16) {
        let lines = tracing_subscriber::fmt::layer().event_format(self.log).with_writer(|| Stderr);
        tracing_subscriber::registry().with(self.levels(verbosity).targets()).with(lines).init();
    }

    /// Levels that were asked for, or else those that fit the verbosity.
    fn levels(&self, verbosity: i16) -> Levels {
        let (text, all) = match verbosity {
            ..0 => ("warn", LevelFilter::WARN),
            0 => ("info", LevelFilter::INFO),
            1 => ("debug", LevelFilter::DEBUG),
            2.. => ("trace", LevelFilter::TRACE),
        };
        self.log_level.clone().unwrap_or_else(|| Levels { text: text.to_owned(), all, rooms: Vec::new() })
    }

    /// As `gossip node` takes it.
    pub fn arguments(&self, verbosity: i16) -> Vec<OsString> {
        let form = self.log.to_possible_value().map_or_else(OsString::new, |word| word.get_name().into());
        vec!["--log".into(), form, "--log-level".into(), self.levels(verbosity).text.into()]
    }
}

/// Which lines are wanted, by room.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Levels {
    /// As it was typed.
    text: String,
    all: LevelFilter,
    rooms: Vec<(String, LevelFilter)>,
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self { text: text.to_owned(), all: LevelFilter::INFO, rooms: Vec::new() };
        for word in text.split(',').map(str::trim) {
            match word.split_once('=') {
                None => levels.all = level(word)?,
                Some((room, word)) if rooms::ALL.contains(&room) => levels.rooms.push((room.to_owned(), level(word)?)),
                Some((room, _)) => {
                    return Err(format!(
                        "'{room}' is not a component of the log; choose from {}",
                        rooms::ALL.join(", ")
                    ));
                }
            }
        }
        Ok(levels)
    }
}

impl Levels {
    fn targets(&self) -> Targets {
        Targets::new().with_default(self.all).with_targets(self.rooms.iter().cloned())
    }
}

fn level(word: &str) -> Result<LevelFilter, String> {
    // A number would be understood, too, and means something else to everybody.
    let known = ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
    let parsed = word.parse().ok().filter(|_| known);
    parsed.ok_or_else(|| format!("'{word}' is not a log level; choose from off, error, warn, info, debug and trace"))
}

/// Text and fields of an event of `tracing`.
#[derive(Default)]
struct Said {
    /// The word for what happened.
    event: Option<String>,
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("event", Value::String(kind)) => self.event = Some(kind),
            ("message", Value::String(message)) => self.message = message,
            (name, value) => drop(self.fields.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, N: for<'a> FormatFields<'a> + 'static> FormatEvent<S, N> for Form {
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let time = Clock::new().now().wall;
        let (level, room) = (event.metadata().level(), event.metadata().target());
        writer.write_str(&match self {
            Self::Text => as_text(&text::local(time), *level, room, &said),
            Self::Json => as_json(&text::rfc3339(time), *level, room, said),
        })
    }
}

/// A line for people; a longer one than fits is cut.
fn as_text(time: &str, level: Level, room: &str, said: &Said) -> String {
    let mut line = format!("{time} {level:>5} {room}: {}", text::escape(&said.message));
    for (name, value) in &said.fields {
        // Writing to a String cannot fail.
        let _ = match value {
            Value::String(value) if value.contains(char::is_whitespace) => {
                write!(line, " {name}=\"{}\"", text::escape(value))
            }
            Value::String(value) => write!(line, " {name}={}", text::escape(value)),
            value => write!(line, " {name}={value}"),
        };
    }
    line.truncate(line.floor_char_boundary(LINE_LEN_MAX - 1));
    line.push('\n');
    line
}

/// A line for programs; one that does not fit goes without its fields.
fn as_json(time: &str, level: Level, room: &str, said: Said) -> String {
    let level = level.as_str().to_lowercase();
    let Said { event, message, fields } = said;
    let mut document = serde_json::json!({
        "time": time, "level": level, "room": room, "event": event, "message": message, "fields": fields,
    });
    if document.to_string().len() >= LINE_LEN_MAX {
        document["fields"] = Map::new().into();
        document["message"] = "too long for a line".into();
    }
    format!("{document}\n")
}

struct Stderr;

impl Write for Stderr {
    /// Takes one line; always says that it was written.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let stderr = io::stderr();
        let mut waits = [PollFd::new(&stderr, PollFlags::OUT)];
        let is_free = poll(&mut waits, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0);
        if is_free {
            // Nobody is left to tell if this fails.
            let _ = stderr.lock().write_all(&line[..line.len().min(LINE_LEN_MAX)]);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let fields = [("peer", "7".into()), ("text", "no \u{1b}\nanswer".into()), ("n", 3.into())];
        let fields = fields.map(|(name, value): (&str, Value)| (name.to_owned(), value));
        Said { event: Some("down".into()), message: "peer is gone".into(), fields: fields.into_iter().collect() }
    }

    #[test]
    fn levels_are_set_for_all_and_by_room() {
        let levels: Levels = "warn,links=debug, messages=off".parse().unwrap();
        for (room, level, is_wanted) in [
            (rooms::LINKS, Level::DEBUG, true),
            (rooms::LINKS, Level::TRACE, false),
            (rooms::NODE, Level::WARN, true),
            (rooms::NODE, Level::INFO, false),
            (rooms::MESSAGES, Level::ERROR, false),
        ] {
            assert_eq!(levels.targets().would_enable(room, &level), is_wanted, "{room} {level}");
        }
        let rest: Levels = "links=debug".parse().unwrap();
        assert!(rest.targets().would_enable(rooms::NODE, &Level::INFO), "the others stay as they are by default");
        for (bad, why) in [
            ("loud", "'loud' is not a log level"),
            ("kitchen=info", "'kitchen' is not a component"),
            ("links=5", "'5'"),
        ] {
            assert!(bad.parse::<Levels>().is_err_and(|error| error.contains(why)), "{bad}");
        }
    }

    #[test]
    fn a_line_is_one_line() {
        let text = as_text("T", Level::WARN, rooms::LINKS, &said());
        assert_eq!(text, "T  WARN links: peer is gone n=3 peer=7 text=\"no \\u{1b}\\nanswer\"\n");
        let json: Value = serde_json::from_str(&as_json("T", Level::WARN, rooms::LINKS, said())).unwrap();
        let fields = serde_json::json!({"peer": "7", "text": "no \u{1b}\nanswer", "n": 3});
        let expected = serde_json::json!({
            "time": "T", "level": "warn", "room": "links", "event": "down", "message": "peer is gone", "fields": fields,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn a_long_line_is_still_a_line() {
        let long = || Said { message: "ü".repeat(LINE_LEN_MAX), ..said() };
        let text = as_text("T", Level::INFO, rooms::NODE, &long());
        assert!(text.len() <= LINE_LEN_MAX && text.ends_with("ü\n"));
        let json = as_json("T", Level::INFO, rooms::NODE, long());
        let read: Value = serde_json::from_str(&json).unwrap();
        assert!(json.len() <= LINE_LEN_MAX && read["event"] == "down", "{json}");
    }
}
