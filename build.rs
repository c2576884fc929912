//! Stamps the program with what it was built from: `GOSSIP_REVISION`, `GOSSIP_COMMIT_DATE`,
//! `GOSSIP_TARGET` and `GOSSIP_PROFILE` for `env!`.
//!
//! The build never depends on git: outside a checkout, or without the program, revision and date are
//! `unknown`. `SOURCE_DATE_EPOCH` (reproducible-builds.org) gives the date where it is set.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// What the program is made from: a change in these that is not committed marks the revision `-dirty`.
const SOURCES: &[&str] = &["build.rs", "Cargo.toml", "Cargo.lock", "src", "native"];

/// Length of the short revision, as in `git describe --abbrev`.
const REVISION_LEN: usize = 9;

const UNKNOWN: &str = "unknown";

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let epoch = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse().ok());
    let checkout = Checkout::at(&root);
    let unknown = || UNKNOWN.to_owned();
    let revision = checkout.as_ref().and_then(Checkout::revision).unwrap_or_else(unknown);
    let committed = epoch.or_else(|| checkout.as_ref()?.committed()).map_or_else(unknown, date);

    for (name, value) in [
        ("REVISION", revision),
        ("COMMIT_DATE", committed),
        ("TARGET", env::var("TARGET").unwrap_or_else(|_| unknown())),
        ("PROFILE", env::var("PROFILE").unwrap_or_else(|_| unknown())),
    ] {
        println!("cargo::rustc-env=GOSSIP_{name}={value}");
    }

    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let moves = checkout.iter().flat_map(Checkout::watched);
    for path in SOURCES.iter().map(|source| root.join(source)).chain(moves) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// A git checkout with this package at its top.
pub struct Checkout {
    root: PathBuf,
    /// Holds `HEAD`; differs from `common` in a linked worktree.
    own: PathBuf,
    /// Holds the branches.
    common: PathBuf,
}

impl Checkout {
    /// The checkout whose top folder is `root`. `None` without git, outside a checkout, and where the
    /// sources only lie somewhere inside a checkout of something else, whose revision says nothing of them.
    pub fn at(root: &Path) -> Option<Self> {
        let answer = git(root, &["rev-parse", "--absolute-git-dir", "--git-common-dir", "--show-prefix"])?;
        let mut lines = answer.lines();
        let own = PathBuf::from(lines.next()?);
        let common = root.join(lines.next()?);
        let is_top = lines.next().unwrap_or_default().is_empty();
        is_top.then(|| Self { root: root.to_owned(), own, common })
    }

    /// The short revision, `-dirty` behind it when the sources differ from it.
    pub fn revision(&self) -> Option<String> {
        let short = git(&self.root, &["rev-parse", &format!("--short={REVISION_LEN}"), "HEAD"])?;
        let compare = [&["diff", "--quiet", "HEAD", "--"], SOURCES].concat();
        let dirty = if git(&self.root, &compare).is_none() { "-dirty" } else { "" };
        Some(format!("{}{dirty}", short.trim()))
    }

    /// When `HEAD` was committed, in seconds since 1970-01-01 UTC.
    pub fn committed(&self) -> Option<i64> {
        git(&self.root, &["log", "-1", "--format=%ct"])?.trim().parse().ok()
    }

    /// The files and folders of which one changes when `HEAD` moves.
    ///
    /// A branch without a file of its own stands in `packed-refs`; the next commit makes the file, which the
    /// nearest folder above it shows. Paths that do not exist are left out: Cargo would rebuild each time.
    pub fn watched(&self) -> Vec<PathBuf> {
        let head = self.own.join("HEAD");
        let text = std::fs::read_to_string(&head).unwrap_or_default();
        let branch = text.strip_prefix("ref: ").map(|name| self.common.join(name.trim()));
        let shown = branch.and_then(|file| file.ancestors().find(|path| path.exists()).map(Path::to_owned));
        let packed = [self.common.join("packed-refs"), self.common.join("reftable")];
        [head].into_iter().chain(shown).chain(packed).filter(|path| path.exists()).collect()
    }
}

/// What git prints; `None` when it is not there or fails. The environment of a hook, which names the
/// repository that the hook runs for, is left behind.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] {
        command.env_remove(name);
    }
    command.env("GIT_OPTIONAL_LOCKS", "0").arg("-C").arg(root).args(arguments);
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// The day in UTC as `YYYY-MM-DD`.
///
/// Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms* (`civil_from_days`): years begin in March,
/// so that the leap day comes last, and 400 of them always have the same number of days.
pub fn date(seconds: i64) -> String {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = seconds.div_euclid(86_400) + 719_468; // since 0000-03-01
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let day = day - (153 * march_month + 2) / 5 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
