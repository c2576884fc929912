//! A copy of what is committed, to which patches are applied, and what is built from it.

use crate::patches::{Patch, root};
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The core is slow without any optimisation; its debug assertions stay on.
const OPTIMISED: &str = "profile.dev.opt-level=1";

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

/// Applies a patch to the files in `folder`, or fails clearly.
pub(crate) fn apply(folder: &Path, patch: &Patch, options: &[&str]) {
    let patch = text(&patch.path);
    let output = git(folder, &[&["apply"], options, &[patch]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{patch} does not apply any more; make it anew for the code as it is now:\n{error}"
    );
}

/// The copy, and the place where it is built: both stay, so that a second run builds only what differs.
pub(crate) struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../mutations");
        let (tree, target) = (folder.join("tree"), folder.join("build"));
        std::fs::create_dir_all(&folder).expect("the target folder can be written");
        if !tree.join(".git").exists() {
            must(&folder, &["clone", "--quiet", "--no-checkout", text(root()), text(&tree)]);
        }
        must(&tree, &["fetch", "--quiet", text(root()), "HEAD"]);
        must(&tree, &["checkout", "--quiet", "--force", "--detach", "FETCH_HEAD"]);
        must(&tree, &["clean", "-ffdq"]);
        Self { tree, target }
    }

    /// Does something with the copy as a patch makes it. Touches no file that is as it should be, so that no more than the
    /// patch is compiled again.
    pub(crate) fn with<T>(&self, patch: &Patch, act: impl FnOnce() -> T) -> T {
        apply(&self.tree, patch, &[]);
        let result = act();
        must(&self.tree, &["checkout", "--quiet", "--force", "HEAD"]);
        result
    }

    fn cargo(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo says of this package to its tests is not to be heard by another cargo.
        for (name, _) in env::vars_os() {
            let is_said =
                name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
            if is_said {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.target).args(words);
        command.args(["--quiet", "--locked", "--config", OPTIMISED]);
        command
    }

    fn must_build(&self, words: &[&str]) {
        let output = self.cargo(words).output().expect("cargo can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the copy in {} does not build:\n{said}", self.tree.display());
    }

    /// Builds the program.
    pub(crate) fn build(&self) -> PathBuf {
        self.must_build(&["build", "--bin", "gossip"]);
        self.target.join("debug/gossip")
    }

    /// Builds the program, and keeps it under another name from the next one.
    pub(crate) fn build_as(&self, name: &str) -> PathBuf {
        let kept = self.target.join(name);
        std::fs::copy(self.build(), &kept).expect("the target folder can be written");
        kept
    }

    /// Runs the program with these words in the copy's folder. Gives what it complains about.
    pub(crate) fn run(&self, program: &Path, words: &[&str]) -> Option<String> {
        let output =
            Command::new(program).args(words).current_dir(&self.tree).output().expect("the program can be run");
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Builds and runs one test: `words` are those of `cargo test`, the name of the test last. Gives what it says if it fails.
    pub(crate) fn test(&self, words: &[&str]) -> Option<String> {
        let (name, target) = words.split_last().expect("the name of a test");
        self.must_build(&[&["test", "--no-run"], target].concat());
        let mut command = self.cargo(&[&["test"], target].concat());
        let output = command.args(["--", "--exact", name]).output().expect("cargo can be run");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(said.contains("running 1 test\n"), "{words:?} names no test:\n{said}");
        (!output.status.success()).then_some(said)
    }
}

/// The seed that the replay in a violation names.
pub(crate) fn seed_of(said: &str) -> Option<u64> {
    said.rsplit_once("--seed ").and_then(|(_, seed)| seed.trim_end_matches('\'').parse().ok())
}
