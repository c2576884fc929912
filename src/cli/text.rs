//! Values as text: escapes, times, node names, aligned columns.

use crate::core::{id::NodeId, time::Wall};
use chrono::{DateTime, Local, SecondsFormat, TimeZone, Utc};
use std::{borrow::Cow, fmt, fmt::Write};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A node as people see it: `Gossip-Node-4`.
pub struct Shown<'a>(pub &'a NodeId);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gossip-Node-{}", self.0)
    }
}

/// `1 stream`, `2 streams`.
pub fn count(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-22T22:11:04.000000001Z`.
pub fn rfc3339(at: Wall) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// As people read it, in their zone: `2026-11-23 13:56:20.123+01:00`.
pub fn local(at: Wall) -> String {
    in_zone(at, &Local)
}

fn in_zone<Z: TimeZone<Offset: fmt::Display>>(at: Wall, zone: &Z) -> String {
    utc(at).with_timezone(zone).format("%Y-%m-%d %H:%M:%S%.3f%:z").to_string()
}

/// The moment as chrono has it: 64 bits of nanoseconds reach to the year 2554.
pub fn utc(at: Wall) -> DateTime<Utc> {
    let (seconds, nanos) = (at.0 / 1_000_000_000, at.0 % 1_000_000_000);
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap_or(0)).unwrap_or_default()
}

/// The text with everything escaped that a terminal or a reader of lines would obey: control characters (`\n`,
/// `\t`, `\u{1b}` …), line separators, and the characters that reorder text or cannot be seen (Unicode's format characters).
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    escaped.into()
}

/// Text of several lines, as [`escape`] has each: line ends and tabs stay, and, where there are to be colours, the sequences
/// that make them (SGR).
pub fn escape_lines(text: &str, has_colour: bool) -> Cow<'_, str> {
    let is_kept = |c| matches!(c, '\n' | '\t') || !is_obeyed(c);
    if text.chars().all(is_kept) {
        return text.into();
    }
    let (mut escaped, mut rest) = (String::with_capacity(text.len() + 8), text);
    while let Some(c) = rest.chars().next() {
        let colour = colour(rest).filter(|_| has_colour);
        match colour {
            Some(sequence) => escaped.push_str(sequence),
            None if is_kept(c) => escaped.push(c),
            None => push_escaped(&mut escaped, c),
        }
        rest = &rest[colour.map_or_else(|| c.len_utf8(), str::len)..];
    }
    escaped.into()
}

/// The SGR sequence that a text begins with, if it does: `\x1b[31m`.
fn colour(text: &str) -> Option<&str> {
    let codes = text.strip_prefix("\x1b[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then(|| &text[..end + 3])
}

/// Like [`escape`], but so that the bytes can be told from it: bytes that are not UTF-8 look like `\xff`, and a backslash is
/// doubled.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' { escaped.push_str("\\\\") } else { push_escaped(&mut escaped, c) }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

fn push_escaped(escaped: &mut String, c: char) {
    if is_obeyed(c) { escaped.extend(c.escape_default()) } else { escaped.push(c) }
}

/// Returns whether a terminal or a reader of lines obeys it, or shows nothing, in place of showing it: controls, separators of lines,
/// and what Unicode 16 has for format characters (Cf) or lets programs ignore (*Default_Ignorable_Code_Point*), but for the
/// two that choose between a text and an emoji.
pub fn is_obeyed(c: char) -> bool {
    let is_unseen = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    c.is_control() || is_unseen
}

/// As much of a line as fits into so many columns of a terminal. Colours (SGR sequences) take none, and end with it.
pub fn clip(line: &str, columns: usize) -> String {
    let (mut clipped, mut used, mut rest) = (String::with_capacity(line.len()), 0, line);
    let mut has_colour = false;
    while let Some(c) = rest.chars().next() {
        if let Some(sequence) = colour(rest) {
            has_colour = sequence != "\x1b[0m";
            clipped.push_str(sequence);
            rest = &rest[sequence.len()..];
            continue;
        }
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        clipped.push(c);
        rest = &rest[c.len_utf8()..];
    }
    clipped.push_str(if has_colour { "\x1b[0m" } else { "" });
    clipped
}

/// The words of a text in lines of at most so many columns; a longer word has one of its own.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Rows with their columns aligned to the left, two spaces between them, none at the end of a line. Every line
/// begins with `indent`. Widths count the columns of a terminal: a wide character takes two.
pub fn columns(indent: &str, rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell}{:1$}", "", width - cell.width()));
        format!("{indent}{}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmless_is_left_alone() {
        assert!(matches!(escape("äpfel ➜ 🍎"), Cow::Borrowed(_)));
        assert_eq!(escape("a\r\u{85}\u{2028}\u{2066}b"), "a\\r\\u{85}\\u{2028}\\u{2066}b");
        for unseen in "\u{ad}\u{200b}\u{200d}\u{2060}\u{2066}\u{feff}\u{3164}\u{fe01}\u{e0041}\u{e01ef}".chars() {
            assert_eq!(escape(&format!("ap{unseen}ple")), format!("ap{}ple", unseen.escape_default()));
        }
        assert!(matches!(escape("❤\u{fe0f} 日本語 e\u{301}"), Cow::Borrowed(_)));
        assert_eq!(escape_bytes(b"ok\xc3("), "ok\\xc3(");
        assert_eq!(escape_bytes(br"a\nb"), r"a\\nb");
    }

    #[test]
    fn lines_and_colours_stay_and_no_other_sequence() {
        let text = "\x1b[1;31mred\x1b[0m\n\x1b[2J\tä\x1b[9\u{202e}";
        assert_eq!(escape_lines(text, true), "\x1b[1;31mred\x1b[0m\n\\u{1b}[2J\tä\\u{1b}[9\\u{202e}");
        assert_eq!(escape_lines(text, false), "\\u{1b}[1;31mred\\u{1b}[0m\n\\u{1b}[2J\tä\\u{1b}[9\\u{202e}");
        assert!(matches!(escape_lines("äpfel\n\t🍎", false), Cow::Borrowed(_)));
    }

    #[test]
    fn times_have_nanoseconds() {
        assert_eq!(rfc3339(Wall(1)), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(rfc3339(Wall(u64::MAX)), "2554-07-21T23:34:33.709551615Z");
        let zone = chrono::FixedOffset::east_opt(5400).unwrap();
        assert_eq!(in_zone(Wall(1_795_385_464_007_900_000), &zone), "2026-11-22 23:41:04.007+01:30");
    }

    #[test]
    fn a_line_is_cut_where_the_terminal_ends() {
        for (line, columns, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc"),
            ("日本語", 5, "日本"),
            ("\x1b[31mabc\x1b[0m", 3, "\x1b[31mabc\x1b[0m"),
            ("\x1b[31mabcd\x1b[0m", 2, "\x1b[31mab\x1b[0m"),
            ("e\u{301}e\u{301}x", 2, "e\u{301}e\u{301}"),
        ] {
            assert_eq!(clip(line, columns), cut, "{line:?}");
        }
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible", 5), ["incomprehensible"]);
    }

    #[test]
    fn columns_are_aligned_without_trailing_spaces() {
        let rows = [["1", "ü", ""], ["10", "abc", "x"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns("  ", &rows), "  1   ü\n  10  abc  x");
        let rows = [["日本", "x"], ["abc", "y"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns("", &rows), "日本  x\nabc   y");
    }
}
