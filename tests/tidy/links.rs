//! Rule: a relative link in a Markdown file leads to a file or folder that is there.

use std::{fs, path::Path};

use crate::source::files;

/// Broken links in the documents below `root`.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in files(root, "md") {
        let text = fs::read_to_string(root.join(&path)).expect("the document is readable UTF-8");
        let folder = root.join(&path).parent().map(Path::to_owned).unwrap_or_default();
        for (line, target) in links(&text) {
            if !folder.join(&target).exists() {
                complaints.push(format!("{path}:{line}: the link leads to {target}, which is not there"));
            }
        }
    }
    complaints
}

/// The relative links of a document with their lines, the part behind `#` cut off.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            in_fence = !in_fence;
        } else if !in_fence {
            found.extend(targets(&without_code(line)).into_iter().map(|target| (index + 1, target)));
        }
    }
    found
}

/// A line without its `code`.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

fn targets(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (opening, closing) in [("](", ")"), ("]: ", " "), ("src=\"", "\""), ("href=\"", "\"")] {
        for (at, _) in line.match_indices(opening) {
            let rest = &line[at + opening.len()..];
            let target = rest.split(closing).next().unwrap_or_default().split(' ').next().unwrap_or_default();
            found.push(target.split('#').next().unwrap_or_default().to_owned());
        }
    }
    found.retain(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_all_forms_are_found_and_code_is_not() {
        let text = "[a](b.md#part) and ![c](d/e.svg \"title\")\n[out](https://example.org/x) [here](#part)\n\
                    ```\n[no](nothing.md)\n```\n`[no](nothing.md)`\n[ref]: i.md\n<img src=\"j.png\">";
        let found: Vec<(usize, String)> = links(text);
        let expected = [(1, "b.md"), (1, "d/e.svg"), (7, "i.md"), (8, "j.png")];
        assert_eq!(found, expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn a_dead_link_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("docs")).expect("a folder in it");
        fs::write(folder.path().join("README.md"), "[docs](docs) [lost](docs/lost.md)").expect("a document");
        fs::write(folder.path().join("docs/page.md"), "[up](../README.md)\n\n[out](../../lost)").expect("a document");
        assert_eq!(
            check(folder.path()),
            [
                "README.md:1: the link leads to docs/lost.md, which is not there",
                "docs/page.md:3: the link leads to ../../lost, which is not there"
            ]
        );
    }
}
