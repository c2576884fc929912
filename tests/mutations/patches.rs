//! Patches and their headers.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// One change of the core. Its first line is a sentence that says what the change does; a second line `Fails: COMMAND` may
/// name a command that succeeds without the change and fails with it.
pub(crate) struct Patch {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) what: String,
    pub(crate) fails: Option<String>,
}

/// The package folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The entries of a folder below `tests/mutations`, in order.
pub(crate) fn entries(folder: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/mutations").join(folder);
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// The name of a file without its extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// The patches of a folder below `tests/mutations`, by name.
pub(crate) fn patches(folder: &str) -> Vec<Patch> {
    let files = entries(folder).into_iter().filter(|path| path.extension() == Some(OsStr::new("patch")));
    files.map(read).collect()
}

fn read(path: PathBuf) -> Patch {
    let text = fs::read_to_string(&path).expect("a patch is a text");
    let name = stem(&path);
    let mut lines = text.lines();
    let what = lines.next().unwrap_or_default().to_owned();
    assert!(what.ends_with('.'), "{name}: the first line must say what is changed");
    let fails = lines.next().and_then(|line| line.strip_prefix("Fails: ")).map(str::to_owned);
    Patch { name, path, what, fails }
}
