//! Rule: what must replay by seed (core, wire, topology, sim) has no clock, thread, socket, file, process or random
//! source of its own, and never iterates a hash map, whose order differs from run to run.

use std::collections::BTreeSet;

use crate::source::{Named, Source, Token};

/// The rooms that the rule holds for.
const PURE: &[&str] = &["core", "quantity", "wire", "topology", "sim"];

/// Paths that are banned with all that is below them; a last segment that ends in `*` bans by its beginning.
const BANNED: &[&str] = &[
    "std::time::Instant",
    "std::time::SystemTime",
    "std::thread",
    "std::net::Tcp*",
    "std::net::Udp*",
    "std::os",
    "std::fs",
    "std::env",
    "std::process",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "rand::rng",
    "rand::rngs::ThreadRng",
    "rand::rngs::SysRng",
    "rand::random*",
    "rand::make_rng",
    "chrono",
    "rustix",
    "signal_hook",
];

/// Stands at the end of a line that declares a hash map.
const REMARK: &str = "// lookup only";

/// Methods that visit the entries of a map in its own order.
const VISITS: &[&str] = &[
    "iter",
    "iter_mut",
    "into_iter",
    "keys",
    "into_keys",
    "values",
    "values_mut",
    "into_values",
    "drain",
    "retain",
    "extract_if",
];

/// Impurities in the files under `src`.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let pure = sources.iter().filter(|source| source.module().first().is_some_and(|room| PURE.contains(room)));
    pure.flat_map(|source| [check_paths(source), check_maps(source)].concat()).collect()
}

fn check_paths(source: &Source) -> Vec<String> {
    let banned = |path: &Named| BANNED.iter().find(|ban| is_banned(&path.segments, ban));
    let complain = |path: Named| {
        let ban = banned(&path)?;
        let what = format!("`{}` is or holds {ban}, which is banned here: hand it in", path.segments.join("::"));
        Some(source.complain(path.line, &what))
    };
    source.paths().into_iter().filter_map(complain).collect()
}

/// Returns whether the path is the banned one, leads below it, or takes in a whole module that holds it.
fn is_banned(segments: &[String], ban: &str) -> bool {
    let end = segments.iter().take_while(|segment| *segment != "*" && *segment != "self").count();
    let is_same = |(segment, banned): (&String, &str)| match banned.strip_suffix('*') {
        Some(beginning) => segment.starts_with(beginning),
        None => segment == banned,
    };
    end > 0 && segments[..end].iter().zip(ban.split("::")).all(is_same)
}

/// Hash maps may be looked up. Each line that declares one carries [`REMARK`] and a name; no line visits that
/// name, as far as text can tell.
fn check_maps(source: &Source) -> Vec<String> {
    let tokens = source.tokens();
    let mut complaints = Vec::new();
    let mut names = BTreeSet::new();
    let mut unnamed = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !(token.text.ends_with("HashMap") || token.text.ends_with("HashSet")) || is_import(&tokens, at) {
            continue;
        }
        let name = declared_name(&tokens, at);
        match (source.line(token.line).contains(REMARK), name) {
            (true, Some(name)) => drop(names.insert(name)),
            (_, name) => unnamed.push((token, name)),
        }
    }
    for (token, name) in unnamed {
        if name.is_none_or(|name| !names.contains(name)) {
            let what = format!("a {} needs a name and, behind it, `{REMARK}`; or take a BTreeMap", token.text);
            complaints.push(source.complain(token.line, &what));
        }
    }
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| names.contains(token.text)) {
        if is_visited(&tokens, at) {
            let what = format!("`{}` is a hash map for lookup only, and its entries are visited here", token.text);
            complaints.push(source.complain(token.line, &what));
        }
    }
    complaints
}

fn text<'a>(tokens: &[Token<'a>], at: usize) -> &'a str {
    tokens.get(at).map_or("", |token| token.text)
}

fn is_import(tokens: &[Token<'_>], at: usize) -> bool {
    let statement = tokens[..at].iter().rev().take_while(|token| token.text != ";");
    statement.map(|token| token.text).find(|text| ["use", "struct", "fn", "let", "="].contains(text)) == Some("use")
}

/// The name before the nearest `:` or `=` in front of a type or a constructor, on the same line; `0` for the
/// first field of a tuple struct.
fn declared_name<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let line = tokens[at].line;
    if at >= 3 && tokens[at - 1].text == "(" && tokens[at - 3].text == "struct" {
        return Some("0");
    }
    let before = (1..at).rev().take_while(|&index| tokens[index].line == line);
    let sign = before.into_iter().find(|&index| matches!(tokens[index].text, ":" | "="))?;
    Some(tokens[sign - 1]).filter(|token| token.is_word() && token.line == line).map(|token| token.text)
}

/// `name.iter()` and its like, and `for … in &self.name {`.
fn is_visited(tokens: &[Token<'_>], at: usize) -> bool {
    if text(tokens, at + 1) == "." {
        return VISITS.contains(&text(tokens, at + 2));
    }
    let subject = tokens[..at].iter().rev().map(|token| token.text);
    let first = subject.into_iter().find(|text| !["self", ".", "&", "mut"].contains(text));
    first == Some("in") && text(tokens, at + 1) == "{"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        check(&[Source::new("src/core/seen.rs", text)])
    }

    #[test]
    fn clocks_threads_sockets_files_and_generators_are_refused() {
        for text in [
            "use std::time::Instant;",
            "use std::{fmt, time::{Duration, SystemTime}};",
            "use std::time;",
            "use std::time::*;",
            "use std::{self as s};",
            "use std as s;",
            "fn f() { std::thread::sleep(d) }",
            "use std::thread::{JoinHandle};",
            "use std::net::{IpAddr, TcpStream};",
            "use std::net::UdpSocket;",
            "use ::std::fs::File;",
            "use std::os::fd::RawFd;",
            "fn f() { std::io::stdout() }",
            "fn f() -> u8 { rand::random_range(1..3) }",
            "fn f() { let r = rand::rng(); }",
            "fn f() { chrono::Utc::now() }",
        ] {
            assert_eq!(complaints(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn pure_names_pass() {
        for text in [
            "use std::{fmt, net::IpAddr, time::Duration, sync::Arc};",
            "use std::net::{Ipv4Addr, Ipv6Addr};",
            "fn f(r: &mut impl rand::Rng) { std::time::Duration::from_nanos(1) }",
            "use std::io::{Cursor, Read};",
            "// std::thread\nconst TEXT: &str = \"std::fs\";",
            "#[cfg(test)]\nmod tests { use std::fs; }",
        ] {
            assert_eq!(complaints(text), [""; 0], "{text}");
        }
        assert_eq!(check(&[Source::new("src/daemon/run.rs", "use std::thread;")]), [""; 0]);
    }

    #[test]
    fn a_hash_map_is_for_lookup() {
        let map =
            "use std::collections::{BTreeMap, HashMap};\nstruct S {\n    ids: HashMap<u8, u8>, // lookup only\n}\n";
        assert_eq!(
            complaints(&format!("{map}fn f() {{ Self {{ ids: HashMap::new() }}; self.ids.get(&1); }}")),
            [""; 0]
        );
        assert_eq!(complaints("struct S {\n    ids: HashMap<u8, u8>,\n}").len(), 1);
        let tuple = "struct S(HashSet<u8>); // lookup only\n";
        assert_eq!(complaints(&format!("{tuple}fn f() {{ self.0.get(&1); }}")), [""; 0]);
        assert_eq!(complaints(&format!("{tuple}fn f() {{ self.0.iter(); }}")).len(), 1);
        assert_eq!(complaints("struct S(HashSet<u8>);").len(), 1);
        assert_eq!(complaints("fn f() -> FxHashSet<u8> { }  // lookup only").len(), 1);
        assert_eq!(complaints("fn f() { let s = HashSet::from([1]); }").len(), 1);
        for visit in [
            "self.ids.iter()",
            "self\n    .ids\n    .values_mut()",
            "for x in &self.ids { }",
            "for (a, b) in ids { }",
            "s.ids.drain()",
            "s.ids.retain(g)",
        ] {
            assert_eq!(complaints(&format!("{map}fn f() {{ {visit}; }}")).len(), 1, "{visit}");
        }
    }
}
