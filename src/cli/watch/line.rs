//! One line of the stream: for people aligned and coloured, for programs a JSON object.

use crate::{
    cli::text,
    core::{
        id::NodeId,
        request::happening::{Detail, Happening},
        time::Wall,
    },
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// Width of the column of kinds.
const KIND_WIDTH: usize = 10;

/// Something that happened at a node, or that is to be said of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Time by the clock of the node that tells, or by ours.
    pub(super) at: Wall,
    /// Which node tells it, or is told of.
    pub(super) node: Option<String>,
    pub(super) kind: Cow<'static, str>,
    /// The other node that it is about.
    peer: Option<NodeId>,
    details: BTreeMap<Cow<'static, str>, Detail>,
}

impl Line {
    /// Line of an event that a node tells.
    pub(super) fn told(node: &str, happening: Happening) -> Self {
        let Happening { at, kind, node: peer, details } = happening;
        Self { at, node: Some(node.to_owned()), kind, peer, details }
    }

    /// Line of an event that this program tells itself.
    pub(super) fn own(at: Wall, node: Option<&str>, kind: &'static str) -> Self {
        let (node, kind) = (node.map(str::to_owned), kind.into());
        Self { at, node, kind, peer: None, details: BTreeMap::new() }
    }

    /// The same with one more detail.
    pub(super) fn with(mut self, name: &'static str, value: Detail) -> Self {
        self.details.insert(name.into(), value);
        self
    }

    /// As people read it; node names take `width` columns.
    pub(super) fn text(&self, width: usize, has_colour: bool) -> String {
        let node = text::escape(self.node.as_deref().unwrap_or("-"));
        let kind = text::escape(&self.kind);
        let pad = KIND_WIDTH.saturating_sub(kind.chars().count());
        let kind = match colour(&self.kind).filter(|_| has_colour) {
            Some(colour) => format!("\u{1b}[{colour}m{kind}\u{1b}[0m"),
            None => kind.into_owned(),
        };
        let mut line = format!("{}  {node:<width$}  {kind}{:pad$}", text::local(self.at), "");
        // Writing to a String cannot fail.
        if let Some(peer) = &self.peer {
            let _ = write!(line, "  peer={}", text::escape(peer.as_str()));
        }
        for (name, value) in &self.details {
            let _ = write!(line, "  {}=", text::escape(name));
            let _ = match value {
                Detail::Number(number) => write!(line, "{number}"),
                Detail::Text(told) if told.contains(' ') => write!(line, "\"{}\"", text::escape(told)),
                Detail::Text(told) => write!(line, "{}", text::escape(told)),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// The colour of a kind, as a terminal is told it: red is bad news, yellow may become it, green is good.
fn colour(kind: &str) -> Option<&'static str> {
    match kind {
        "down" | "gap" | "silent" | "missed" | "refused" | "refused_by" | "inbox_full" => Some("31"),
        "suspected" | "link_down" | "seeking" | "renewed" | "leaving" | "left" | "removed" => Some("33"),
        "link_up" | "back" | "gap_filled" | "answers" | "restarted" | "added" | "watching" => Some("32"),
        _ => None,
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &text::rfc3339(self.at))?;
        map.serialize_entry("node", &self.node)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("peer", &self.peer.as_ref().map(NodeId::as_str))?;
        map.serialize_entry("details", &Details(&self.details))?;
        map.end()
    }
}

struct Details<'a>(&'a BTreeMap<Cow<'static, str>, Detail>);

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            match value {
                Detail::Text(text) => map.serialize_entry(name, text)?,
                Detail::Number(number) => map.serialize_entry(name, number)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> Line {
        let details = [("why".into(), Detail::Text("no \u{1b} answer".into())), ("n".into(), Detail::Number(3))];
        let node = Some(NodeId::numbered(7));
        Line::told("4", Happening { at: Wall(1), kind: "down".into(), node, details: details.into() })
    }

    #[test]
    fn a_line_is_aligned_and_holds_nothing_that_a_terminal_obeys() {
        let time = text::local(Wall(1));
        assert_eq!(down().text(3, false), format!("{time}  4    down        peer=7  n=3  why=\"no \\u{{1b}} answer\""));
        assert!(down().text(3, true).contains("  \u{1b}[31mdown\u{1b}[0m        peer=7"));
        assert_eq!(Line::own(Wall(1), None, "watching").text(3, false), format!("{time}  -    watching"));
    }

    #[test]
    fn a_line_is_one_object() {
        let json = serde_json::to_value(down().with("more", Detail::Number(1))).unwrap();
        let details = serde_json::json!({"why": "no \u{1b} answer", "n": 3, "more": 1});
        let time = "1970-01-01T00:00:00.000000001Z";
        assert_eq!(
            json,
            serde_json::json!({"time": time, "node": "4", "kind": "down", "peer": "7", "details": details})
        );
    }
}
