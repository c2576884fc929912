//! Shows that the simulator's checker bites: six deliberate bugs in the core, each a patch beside this file, are each to be
//! found by `gossip simulate --chaos` within a thousand seeds, all of which the tree without a bug passes.
//!
//! The long part is `make mutations`; a plain `cargo test` only shows that the patches still apply.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Seeds that a bug has to be found within, from 1 on.
const SEEDS: u64 = 1000;
/// The core is slow without any optimisation; its debug assertions stay on.
const OPTIMISED: &str = "profile.dev.opt-level=1";

/// A deliberate bug.
struct Mutation {
    name: String,
    patch: PathBuf,
    /// Description of what is broken: the first line of the patch.
    what: String,
}

/// The package folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mutations() -> Vec<Mutation> {
    let folder = root().join("tests/mutations");
    let files = fs::read_dir(folder).expect("the folder is readable").map(|entry| entry.expect("an entry").path());
    let mut patches: Vec<_> = files.filter(|path| path.extension() == Some(OsStr::new("patch"))).collect();
    patches.sort();
    let read = |patch: PathBuf| {
        let text = fs::read_to_string(&patch).expect("a patch is a text");
        let name = patch.file_stem().expect("a name").to_string_lossy().into_owned();
        let what = text.lines().next().unwrap_or_default().to_owned();
        assert!(what.ends_with('.'), "{name}: the first line must say what is broken");
        Mutation { name, patch, what }
    };
    patches.into_iter().map(read).collect()
}

/// A path as git's command line has it.
fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn git(folder: &Path, words: &[&str]) -> Output {
    Command::new("git").arg("-C").arg(folder).args(words).output().expect("git can be run")
}

/// Runs git, which must succeed.
fn must(folder: &Path, words: &[&str]) {
    let output = git(folder, words);
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Fails clearly if a patch does not fit the files in `folder`.
fn apply(folder: &Path, mutation: &Mutation, options: &[&str]) {
    let patch = text(&mutation.patch);
    let output = git(folder, &[&["apply"], options, &[patch]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{patch} does not apply any more; make it anew for the code as it is now:\n{error}"
    );
}

#[test]
fn all_patches_apply_to_the_tree() {
    let mutations = mutations();
    assert_eq!(mutations.len(), 6);
    for mutation in &mutations {
        apply(root(), mutation, &["--check"]);
    }
}

/// A copy of what is committed, and the place where it is built: both stay, so that a second run builds only what differs.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../mutations");
        let (tree, target) = (folder.join("tree"), folder.join("build"));
        fs::create_dir_all(&folder).expect("the target folder can be written");
        if !tree.join(".git").exists() {
            must(&folder, &["clone", "--quiet", "--no-checkout", text(root()), text(&tree)]);
        }
        must(&tree, &["fetch", "--quiet", text(root()), "HEAD"]);
        must(&tree, &["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"]);
        must(&tree, &["clean", "-ffdq"]);
        Self { tree, target }
    }

    /// Undoes all patches. Touches no file that is as it should be, so that no more than that is compiled again.
    fn restore(&self) {
        must(&self.tree, &["checkout", "--quiet", "--force", "HEAD"]);
    }

    fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo says of this package to its tests is not to be heard by another cargo.
        for (name, _) in env::vars_os() {
            let is_said =
                name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
            if is_said {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Builds the program.
    fn build(&self) -> PathBuf {
        let mut command = self.cargo();
        command.args(["build", "--quiet", "--locked", "--bin", "gossip", "--config", OPTIMISED]);
        assert!(
            command.status().expect("cargo can be run").success(),
            "the copy in {} does not build",
            self.tree.display()
        );
        self.target.join("debug/gossip")
    }

    /// First violation that the checker finds, and its seed.
    fn simulate(&self) -> Option<(u64, String)> {
        let mut command = Command::new(self.build());
        command.args(["simulate", "--chaos", "--seed", "1", "--seeds", &SEEDS.to_string()]);
        let output = command.output().expect("the program can be run");
        if output.status.success() {
            return None;
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let seed = said.rsplit_once("--seed ").and_then(|(_, seed)| seed.trim_end_matches('\'').parse().ok());
        // A broken debug assertion says no seed, and is no finding of the checker.
        Some((seed.unwrap_or_else(|| panic!("no violation, but: {said}")), said))
    }
}

#[test]
#[ignore = "builds the program seven times and simulates thousands of networks; make mutations"]
fn each_bug_is_found_within_a_thousand_seeds() {
    let mutations = mutations();
    let copy = Copy::new();
    println!("\nthe tree as committed, seeds 1 to {SEEDS}");
    if let Some((_, said)) = copy.simulate() {
        panic!("not even the tree without a bug passes:\n{said}");
    }
    println!("  nothing found");
    let mut missed = Vec::new();
    for mutation in &mutations {
        println!("{}: {}", mutation.name, mutation.what);
        apply(&copy.tree, mutation, &[]);
        let found = copy.simulate();
        copy.restore();
        match found {
            Some((seed, said)) => println!("  found by seed {seed}, after {seed} of {SEEDS}\n  {said}"),
            None => {
                println!("  not found by {SEEDS} seeds");
                missed.push(&mutation.name);
            }
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}; draw more in `sim::chaos`, or check more in `sim::checker`");
}
