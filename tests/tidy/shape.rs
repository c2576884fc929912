//! Rule: files and folders stay small, each file opens with what it is for, and `mod.rs` and `lib.rs` hold
//! nothing but a table of contents.

use std::collections::BTreeMap;

use crate::source::Source;

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 400;
/// Rust files of a folder, its tests.rs aside.
const FOLDER_FILES_MAX: usize = 16;
/// Folders below `src`, test files aside.
const DEPTH_MAX: usize = 3;

/// Files and folders under `src` that are out of shape.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources.iter().filter(|source| !is_test(&source.path)) {
        complaints.extend(check_length(source));
        complaints.extend(check_contents(source));
        let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder).or_default() += 1;
    }
    for (folder, files) in folders {
        if files > FOLDER_FILES_MAX {
            complaints.push(format!("{folder}:1: {files} files, where {FOLDER_FILES_MAX} are the limit"));
        }
        if folder.matches('/').count() > DEPTH_MAX {
            complaints.push(format!("{folder}:1: deeper than {DEPTH_MAX} folders under src"));
        }
    }
    complaints
}

/// Files that do not open with a module doc.
pub(crate) fn check_heads(sources: &[Source]) -> Vec<String> {
    let headless = sources.iter().filter(|source| !source.text.starts_with("//! "));
    headless.map(|source| source.complain(1, "the file must open with `//!` and what it is for")).collect()
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn check_length(source: &Source) -> Option<String> {
    let lines = source.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
    let what = format!("{lines} lines without tests, where {FILE_LINES_MAX} are the limit");
    (lines > FILE_LINES_MAX).then(|| source.complain(FILE_LINES_MAX + 1, &what))
}

/// `mod.rs` and `lib.rs` consist of `mod …;` and `use …;` with any visibility and attributes.
fn check_contents(source: &Source) -> Option<String> {
    if !(source.path.ends_with("/mod.rs") || source.path.ends_with("/lib.rs")) {
        return None;
    }
    let tokens = source.tokens();
    let mut at = 0;
    while at < tokens.len() {
        let skip = |mut at: usize, open: &str, close: &str| {
            let mut depth = 0;
            while let Some(token) = tokens.get(at) {
                depth += i32::from(token.text == open) - i32::from(token.text == close);
                at += 1;
                if depth == 0 {
                    break;
                }
            }
            at
        };
        let next = tokens.get(at + 1).map_or("", |token| token.text);
        at = match (tokens[at].text, next) {
            ("#", "[") => skip(at + 1, "[", "]"),
            ("#", "!") => skip(at + 2, "[", "]"),
            ("pub", "(") => skip(at + 1, "(", ")"),
            ("pub", _) => at + 1,
            ("mod", _) if tokens.get(at + 2).is_some_and(|token| token.text == ";") => at + 3,
            ("use", _) => at + 1 + tokens[at..].iter().take_while(|token| token.text != ";").count(),
            (other, _) => {
                let what =
                    format!("only the module doc, `mod` and `use` belong here; `{other}` goes to a file of its own");
                return Some(source.complain(tokens[at].line, &what));
            }
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&[Source::new(path, text)])
    }

    #[test]
    fn long_files_are_refused_but_not_for_their_tests() {
        let code = |lines| "x\n".repeat(lines);
        assert_eq!(complaints("src/core/a.rs", &code(400)), [""; 0]);
        assert_eq!(complaints("src/core/a.rs", &code(401)).len(), 1);
        assert_eq!(complaints("src/core/a.rs", &format!("{}#[cfg(test)]\n{}", code(400), code(400))), [""; 0]);
        assert_eq!(complaints("src/core/a/tests.rs", &code(2000)), [""; 0]);
    }

    #[test]
    fn full_and_deep_folders_are_refused() {
        let folder = |files| (0..files).map(|n| Source::new(&format!("src/core/f{n}.rs"), "")).collect::<Vec<_>>();
        assert_eq!(check(&folder(16)), [""; 0]);
        assert_eq!(check(&folder(17)).len(), 1);
        assert_eq!(complaints("src/core/relay/tree/leaf.rs", ""), [""; 0]);
        assert_eq!(complaints("src/core/relay/tree/leaf/vein.rs", "").len(), 1);
        assert_eq!(complaints("src/core/relay/tree/leaf/tests.rs", ""), [""; 0]);
    }

    #[test]
    fn a_file_without_a_head_is_refused() {
        let check = |text| check_heads(&[Source::new("src/a.rs", text)]).len();
        assert_eq!(check("//! What it is for.\n"), 0);
        assert_eq!([check(""), check("// A comment.\n"), check("use std::fmt;\n//! Late.\n"), check("//!\n")], [1; 4]);
    }

    #[test]
    fn a_table_of_contents_holds_nothing_else() {
        let contents = "//! Doc.\n#![warn(x)]\n#[cfg(test)]\nmod tests;\n#[doc(hidden)]\npub(crate) mod a;\nmod b;\npub use a::{B, c::D};\n";
        assert_eq!(complaints("src/core/mod.rs", contents), [""; 0]);
        for text in ["pub fn f() {}", "mod a { }", "pub struct S;", "const N: u8 = 1;", "macro_rules! m { () => {} }"] {
            assert_eq!(complaints("src/core/mod.rs", &format!("{contents}{text}")).len(), 1, "{text}");
            assert_eq!(complaints("src/lib.rs", text).len(), 1, "{text}");
        }
        assert_eq!(complaints("src/core/a.rs", "pub fn f() {}"), [""; 0]);
    }
}
