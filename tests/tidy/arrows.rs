//! Rule: imports between rooms go only downward, and some names belong to one room alone.
//!
//! Test code may reach farther: it is not shipped.

use crate::source::{Named, Source};

/// Each room, and the rooms that it may import besides itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("quantity", &[]),
    ("disk", &[]),
    ("wire", &["core"]),
    ("topology", &["core"]),
    ("clock", &["core"]),
    ("transport", &["quantity", "core", "clock"]),
    ("store", &["wire", "core", "clock", "disk"]),
    ("client", &["transport", "quantity", "wire", "core", "clock"]),
    ("daemon", &["store", "transport", "wire", "core", "clock"]),
    ("sim", &["store", "topology", "quantity", "core"]),
    ("launcher", &["client", "topology", "core", "clock", "disk"]),
    ("survey", &["client", "topology", "wire", "core", "clock"]),
    ("viz", &["client", "topology", "core", "clock"]),
    ("chaos", &["survey", "launcher", "client", "topology", "quantity", "core", "clock"]),
    ("workload", &["client", "transport", "quantity", "wire", "core", "clock"]),
    (
        "cli",
        &[
            "workload",
            "chaos",
            "viz",
            "survey",
            "launcher",
            "sim",
            "daemon",
            "client",
            "store",
            "transport",
            "clock",
            "disk",
            "topology",
            "quantity",
            "wire",
            "core",
        ],
    ),
];

/// The machines inside `core`: they import the ground, which is every other file there but `node`, and themselves. `node`
/// imports all.
const MACHINES: &[&str] = &["membership", "dissemination", "mailbox", "service"];

/// Crates that only one room may name.
const OWNED_CRATES: &[(&str, &str)] =
    &[("zmq", "transport"), ("zmq_sys", "transport"), ("clap", "cli"), ("clap_mangen", "cli")];

/// The room that may hold `unsafe` code, in one file.
const UNSAFE_ROOM: &str = "transport";

/// Arrows in the files under `src` that must not be.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints: Vec<String> = sources.iter().flat_map(check_file).collect();
    complaints.extend(check_unsafe(sources));
    complaints
}

fn check_file(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let module = source.module();
    // `main.rs` and `lib.rs` belong to no room: they stand above all of them.
    let own = module.first().copied();
    let allowed = match own {
        None => None,
        Some(name) => match ROOMS.iter().find(|(room, _)| *room == name) {
            Some((_, allowed)) => Some(*allowed),
            None => return vec![source.complain(1, &format!("'{name}' is no room that tests/tidy/arrows.rs knows"))],
        },
    };
    for path in source.paths() {
        let Some(target) = room_of(&module, &path) else { continue };
        let is_known = ROOMS.iter().any(|(room, _)| *room == target);
        let written = path.segments.join("::");
        if own.is_some() && !is_known {
            complaints.push(source.complain(path.line, &format!("`{written}` names no room; name the room it is in")));
        } else if let (Some(own), Some(allowed)) = (own, allowed)
            && own != target
            && !allowed.contains(&target)
        {
            let may = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            let what = format!("{own} must not import {target} (`{written}`); it may import {may}");
            complaints.push(source.complain(path.line, &what));
        }
    }
    for token in source.tokens() {
        if let Some((name, owner)) = OWNED_CRATES.iter().find(|(name, _)| *name == token.text)
            && own != Some(owner)
        {
            complaints.push(source.complain(token.line, &format!("only {owner} may name the crate {name}")));
        }
    }
    complaints
}

/// Arrows between the parts of the core that must not be.
pub(crate) fn check_core(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(check_core_file).collect()
}

fn check_core_file(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some(own) = module.get(1).copied() else { return Vec::new() };
    let machine = |name: &str| MACHINES.iter().position(|machine| *machine == name);
    let mut complaints = Vec::new();
    for path in source.paths() {
        let Some(target) = place_of(&module, &path).filter(|place| place.first() == Some(&"core")) else { continue };
        let Some(target) = target.get(1).copied() else { continue };
        let is_allowed = match (own, target) {
            ("node", _) => true,
            (_, "node") => false,
            _ => machine(target).is_none() || machine(target) == machine(own),
        };
        if !is_allowed {
            let own = if machine(own).is_some() { own } else { "the ground of core" };
            let what = format!("{own} must not import {target} (`{}`)", path.segments.join("::"));
            complaints.push(source.complain(path.line, &what));
        }
    }
    complaints
}

/// The first segment below the crate that a path written in `module` leads to; `None` for paths into other
/// crates.
fn room_of<'a>(module: &[&'a str], path: &'a Named) -> Option<&'a str> {
    place_of(module, path).map(|place| place.first().copied().unwrap_or("the crate itself"))
}

/// The segments below the crate that a path written in `module` leads to; `None` for paths into other crates.
fn place_of<'a>(module: &[&'a str], path: &'a Named) -> Option<Vec<&'a str>> {
    let mut segments = path.segments.iter().map(String::as_str).peekable();
    let mut base = match segments.next()? {
        "crate" | "gossip" => &[],
        "self" => module,
        "super" => &module[..module.len().saturating_sub(1)],
        _ => return None,
    };
    while segments.next_if_eq(&"super").is_some() {
        base = &base[..base.len().saturating_sub(1)];
    }
    Some(base.iter().copied().chain(segments).collect())
}

fn check_unsafe(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut home: Option<&str> = None;
    for source in sources {
        for token in source.tokens().iter().filter(|token| token.text == "unsafe") {
            if source.module().first() != Some(&UNSAFE_ROOM) {
                complaints.push(source.complain(token.line, "`unsafe` is allowed in one file of transport only"));
            } else if *home.get_or_insert(&source.path) != source.path {
                let what = format!("`unsafe` is allowed in one file of transport, which is {}", home.unwrap_or("?"));
                complaints.push(source.complain(token.line, &what));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&[Source::new(path, text)])
    }

    #[test]
    fn the_table_has_no_circle() {
        for (index, (room, allowed)) in ROOMS.iter().enumerate() {
            for below in *allowed {
                let position = ROOMS.iter().position(|(name, _)| name == below);
                assert!(position.is_some_and(|position| position < index), "{room} may import {below}, not below it");
            }
        }
    }

    #[test]
    fn downward_is_fine() {
        assert_eq!(
            complaints("src/wire/codec.rs", "use crate::{core::id::NodeId, wire::error::DecodeError};"),
            [""; 0]
        );
        assert_eq!(complaints("src/daemon/run.rs", "use super::config::Config; use crate::clock::Clock;"), [""; 0]);
        assert_eq!(complaints("src/main.rs", "fn main() { gossip::cli::run() }"), [""; 0]);
        assert_eq!(complaints("src/lib.rs", "pub mod core;\npub use crate::core::id::NodeId;"), [""; 0]);
        assert_eq!(complaints("src/core/mod.rs", "pub use self::id::NodeId; pub use super::core::time;"), [""; 0]);
        assert_eq!(complaints("src/core/a.rs", "#[cfg(test)]\nmod tests { use crate::topology::Graph; }"), [""; 0]);
    }

    #[test]
    fn upward_and_sideways_are_refused_in_every_spelling() {
        for text in [
            "use crate::wire::Frames;",
            "use crate::{\n    core::id,\n    wire::{self},\n};",
            "use crate::wire as w;",
            "fn f() -> crate::wire::Frames {}",
            "use super::super::wire::Frames;",
            "use crate::{self as whole};",
            "use crate::*;",
            "use crate as whole;",
            "use gossip::daemon::run;",
            "pub(in crate::daemon) fn f() {}",
        ] {
            assert_eq!(complaints("src/core/id.rs", text).len(), 1, "{text}");
        }
        assert_eq!(complaints("src/clock.rs", "use super::wire;").len(), 1);
        assert_eq!(complaints("src/sim/cluster.rs", "use crate::clock::Clock;").len(), 1);
        assert_eq!(complaints("src/viz/svg.rs", "use crate::daemon::run;").len(), 1);
        assert_eq!(complaints("src/client/mod.rs", "use crate::NodeId;").len(), 1);
    }

    #[test]
    fn a_complaint_names_file_line_and_both_rooms() {
        assert_eq!(
            complaints("src/topology/graph.rs", "//! Graph.\n\nuse crate::{\n    core::id,\n    wire,\n};"),
            ["src/topology/graph.rs:5: topology must not import wire (`crate::wire`); it may import core"]
        );
    }

    #[test]
    fn the_machines_of_the_core_do_not_know_each_other() {
        for (path, text) in [
            (
                "src/core/mailbox/inbox.rs",
                "use crate::core::{id::NodeId, mailbox::message_index}; use super::super::time::Mono;",
            ),
            ("src/core/id.rs", "use super::hash; use crate::core::time::Mono;"),
            (
                "src/core/node/requests.rs",
                "use crate::core::{mailbox::inbox::Inbox, membership::links}; use super::Node;",
            ),
        ] {
            assert_eq!(check_core(&[Source::new(path, text)]), [""; 0], "{path}");
        }
        for (path, text, what) in [
            (
                "src/core/mailbox/inbox.rs",
                "use crate::core::dissemination::seen::Seen;",
                "mailbox must not import dissemination",
            ),
            ("src/core/mailbox/inbox.rs", "fn f(node: super::super::node::Node) {}", "mailbox must not import node"),
            ("src/core/event.rs", "use super::membership::links;", "the ground of core must not import membership"),
            ("src/core/event.rs", "use crate::core::node::Node;", "the ground of core must not import node"),
        ] {
            let found = check_core(&[Source::new(path, text)]);
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }

    #[test]
    fn a_new_room_must_enter_the_table() {
        assert_eq!(complaints("src/cellar/wine.rs", "").len(), 1);
        assert_eq!(complaints("src/util.rs", "").len(), 1);
    }

    #[test]
    fn owned_crates_stay_at_home() {
        assert_eq!(complaints("src/cli/node.rs", "fn f() { zmq::has(a); }").len(), 1);
        assert_eq!(complaints("src/main.rs", "use clap::Parser;").len(), 1);
        assert_eq!(complaints("src/daemon/run.rs", "use {zmq_sys, std::fmt};").len(), 1);
        assert_eq!(complaints("src/transport/router.rs", "use zmq::Socket; // not clap"), [""; 0]);
    }

    #[test]
    fn unsafe_has_one_home() {
        let home = Source::new("src/transport/frame.rs", "unsafe {}");
        let second = Source::new("src/transport/router.rs", "unsafe {}");
        assert_eq!(check_unsafe(&[home]), [""; 0]);
        assert_eq!(check_unsafe(&[Source::new("src/transport/frame.rs", "unsafe {}"), second]).len(), 1);
        assert_eq!(complaints("src/store/file.rs", "unsafe impl Send for X {}").len(), 1);
    }
}
