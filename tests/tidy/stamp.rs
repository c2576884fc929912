//! The build script: which revision it names, and that a build notices when `HEAD` moves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[path = "../../build.rs"]
#[allow(dead_code, unreachable_pub, reason = "written as a program of its own")]
mod build_script;

use build_script::{Checkout, date};

/// Runs git as somebody, untouched by the settings of whoever runs the tests.
fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .current_dir(folder)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn commit(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::write(folder.join("src/lib.rs"), text).expect("a file");
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", text]);
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "--quiet", "--initial-branch", "main"]);
    commit(folder.path(), "first");
    folder
}

fn checkout(folder: &Path) -> Checkout {
    Checkout::at(folder).expect("a checkout")
}

/// Content that Cargo would compare: each file, and each folder with all below it.
fn contents(paths: &[PathBuf]) -> Vec<String> {
    fn read(path: &Path, found: &mut Vec<String>) {
        if path.is_dir() {
            let mut entries: Vec<_> = fs::read_dir(path).expect("a folder").flatten().map(|it| it.path()).collect();
            entries.sort();
            entries.iter().for_each(|entry| read(entry, found));
        } else {
            found.push(format!("{}: {}", path.display(), fs::read_to_string(path).expect("a file")));
        }
    }
    let mut found = Vec::new();
    paths.iter().for_each(|path| read(path, &mut found));
    found
}

/// Commits, and demands that revision and watched files both show it.
fn assert_commit_is_noticed(folder: &Path) {
    let paths = checkout(folder).watched();
    let (revision, contents) = (checkout(folder).revision(), contents(&paths));
    assert!(paths.iter().all(|path| path.exists()), "Cargo would build anew each time: {paths:?}");
    commit(folder, &format!("after {revision:?}"));
    assert_ne!(checkout(folder).revision(), revision);
    assert_ne!(self::contents(&paths), contents, "none of {paths:?} changed");
}

#[test]
fn the_revision_is_short_and_says_when_sources_differ() {
    let folder = repository();
    let clean = checkout(folder.path()).revision().expect("a revision");
    assert!(clean.len() == 9 && clean.bytes().all(|b| b.is_ascii_hexdigit()), "{clean}");
    fs::write(folder.path().join("notes.txt"), "no source").expect("a file");
    assert_eq!(checkout(folder.path()).revision().as_deref(), Some(&*clean));
    fs::write(folder.path().join("src/lib.rs"), "changed").expect("a file");
    assert_eq!(checkout(folder.path()).revision(), Some(format!("{clean}-dirty")));
}

#[test]
fn a_commit_is_noticed_on_a_branch_packed_and_detached() {
    let folder = repository();
    assert_commit_is_noticed(folder.path());
    git(folder.path(), &["pack-refs", "--all"]);
    assert_commit_is_noticed(folder.path());
    git(folder.path(), &["checkout", "--quiet", "--detach"]);
    assert_commit_is_noticed(folder.path());
}

#[test]
fn a_commit_is_noticed_in_a_linked_worktree() {
    let folder = repository();
    let linked = tempfile::tempdir().expect("a folder");
    let place = linked.path().join("tree");
    git(folder.path(), &["worktree", "add", "--quiet", "-b", "topic/one", place.to_str().expect("UTF-8")]);
    assert_commit_is_noticed(&place);
    git(folder.path(), &["pack-refs", "--all"]);
    assert_commit_is_noticed(&place);
}

#[test]
fn a_place_that_is_no_checkout_of_its_own_has_no_revision() {
    let folder = repository();
    assert!(Checkout::at(&folder.path().join("src")).is_none(), "a folder of something else's checkout");
    assert!(Checkout::at(tempfile::tempdir().expect("a folder").path()).is_none());
    assert!(Checkout::at(Path::new("/nowhere")).is_none());
    let empty = tempfile::tempdir().expect("a folder");
    git(empty.path(), &["init", "--quiet"]);
    assert_eq!(checkout(empty.path()).revision(), None);
    assert_eq!(checkout(empty.path()).committed(), None);
}

#[test]
fn days_agree_with_the_calendar() {
    for seconds in (-30_000_000_000..200_000_000_000).step_by(10_007_777).chain([-1, 0, 86_399, 86_400]) {
        let expected = chrono::DateTime::from_timestamp(seconds, 0).expect("a date").format("%Y-%m-%d").to_string();
        assert_eq!(date(seconds), expected, "{seconds}");
    }
    assert_eq!(date(951_782_400), "2000-02-29");
}

#[test]
fn the_stamps_are_there() {
    assert!(!env!("GOSSIP_REVISION").is_empty());
    let day = env!("GOSSIP_COMMIT_DATE");
    assert!(day == "unknown" || (day.len() >= 10 && day.split('-').count() == 3), "{day}");
    assert!(env!("GOSSIP_TARGET").contains('-'), env!("GOSSIP_TARGET"));
    assert!(["debug", "release"].contains(&env!("GOSSIP_PROFILE")), env!("GOSSIP_PROFILE"));
}
