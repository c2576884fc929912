//! Rule: every crate that the program is built from may be shipped under its own terms, and what the native
//! libraries ask for lies beside the program (`THIRD_PARTY.md`, `licences/`).

use std::{fs, path::Path, process::Command};

use serde_json::Value;

/// Licences that ask for no more than to be named.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    // Of the crate that carries the typeface of the pictures; its other typefaces are not built in.
    "OFL-1.1",
    "Ubuntu-font-1.0",
];

/// Crates that carry the source of a native library, whose version stands in `THIRD_PARTY.md`.
const CARRIERS: &[&str] = &["zeromq-src", "libsodium-sys-stable"];

/// Crates that are not free to ship, and wrong statements of `THIRD_PARTY.md`.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let packages = packages(root);
    let notice = fs::read_to_string(root.join("THIRD_PARTY.md")).expect("THIRD_PARTY.md is readable");
    let mut complaints: Vec<String> = packages.iter().filter_map(check_package).collect();
    for carrier in CARRIERS {
        let package = packages.iter().find(|package| package["name"] == *carrier);
        let version = package.and_then(|package| package["version"].as_str()).expect("the carrier is a dependency");
        if !notice.contains(&format!("`{carrier}` {version}")) {
            complaints.push(format!("THIRD_PARTY.md:1: it does not name `{carrier}` {version}, which is built in"));
        }
    }
    complaints
}

/// The packages of the lock file that are used on this platform, as `cargo metadata` lists them. Offline: what
/// has just been compiled is there.
fn packages(root: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", env!("GOSSIP_TARGET")])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    match metadata["packages"].take() {
        Value::Array(packages) if packages.len() > 50 => packages,
        other => panic!("cargo metadata lists too few packages: {other}"),
    }
}

fn check_package(package: &Value) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let licence = package["license"].as_str().unwrap_or_default();
    let what = format!("Cargo.lock:1: {name} has the licence '{licence}', which tests/tidy/licences.rs does not allow");
    (!is_allowed(licence)).then_some(what)
}

/// Returns whether an SPDX expression can be met with [`ALLOWED`] licences. `/` is an old way to write `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let allowed = any(&words, &mut at);
    allowed && at == words.len()
}

/// `a OR b …`, which binds weaker than `AND`.
fn any(words: &[&str], at: &mut usize) -> bool {
    let mut allowed = all(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        allowed |= all(words, at);
    }
    allowed
}

/// `a AND b …`.
fn all(words: &[&str], at: &mut usize) -> bool {
    let mut allowed = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        allowed &= one(words, at);
    }
    allowed
}

/// A licence, with or without an exception (which only ever gives), or an expression in brackets.
fn one(words: &[&str], at: &mut usize) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    *at += 1;
    if word == "(" {
        let allowed = any(words, at);
        *at += 1;
        return allowed;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2;
    }
    ALLOWED.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_weighed() {
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0-only",
            "GPL-3.0-only AND MIT OR Zlib",
        ] {
            assert!(is_allowed(allowed), "{allowed}");
        }
        for refused in [
            "",
            "GPL-3.0-only",
            "MPL-2.0",
            "MIT AND GPL-3.0-only",
            "MIT AND (GPL-3.0-only OR AGPL-3.0-only)",
            "(MIT OR Apache-2.0) AND LGPL-2.1-only",
            "MIT Apache-2.0",
        ] {
            assert!(!is_allowed(refused), "{refused}");
        }
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let package = |licence: Value| serde_json::json!({ "name": "x", "license": licence });
        assert!(check_package(&package(Value::Null)).is_some());
        assert!(check_package(&package("AGPL-3.0-only".into())).is_some());
        assert!(check_package(&package("ISC".into())).is_none());
    }
}
