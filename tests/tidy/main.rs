//! Keeps the house (`docs/design/house.md`): reads the tree as text and fails with `file:line: what is wrong`.
//!
//! Each rule is a function from sources to complaints. It is run on the tree here, and on a bad sample in its
//! own file, which shows that it bites.

mod arrows;
mod circles;
mod docs;
mod licences;
mod links;
mod purity;
mod shape;
mod source;
mod stamp;
mod types;

use source::{Source, files, root};

/// Fails with all complaints at once.
fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The Rust files below the given folders and files of the package.
fn rust(places: &[&str]) -> Vec<Source> {
    files(&root(), "rs")
        .into_iter()
        .filter(|path| places.iter().any(|place| path == place || path.starts_with(&format!("{place}/"))))
        .map(|path| Source::read(&root(), &path))
        .collect()
}

#[test]
fn the_tree_is_seen() {
    let paths: Vec<String> = rust(&["src", "build.rs"]).into_iter().map(|source| source.path).collect();
    for expected in ["src/lib.rs", "src/main.rs", "src/core/id.rs", "src/clock.rs", "build.rs"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} is not among {paths:?}");
    }
}

#[test]
fn arrows_between_rooms_point_downward() {
    assert_tidy(&arrows::check(&rust(&["src"])));
}

#[test]
fn machines_of_the_core_know_the_ground_alone() {
    assert_tidy(&arrows::check_core(&rust(&["src/core"])));
}

#[test]
fn the_core_is_pure() {
    assert_tidy(&purity::check(&rust(&["src"])));
}

#[test]
fn files_keep_their_shape() {
    assert_tidy(&shape::check(&rust(&["src"])));
}

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let sources = rust(&["src", "tests", "benches", "fuzz", "native", "clients", "build.rs"]);
    assert_tidy(&circles::check(&sources));
}

#[test]
fn docs_begin_with_what_they_document() {
    assert_tidy(&docs::check(&rust(&["src", "tests", "benches", "fuzz", "clients"])));
}

#[test]
fn types_stay_small() {
    assert_tidy(&types::check(&rust(&["src", "tests", "benches", "fuzz"])));
}

#[test]
fn every_file_says_what_it_is_for() {
    let places = ["src", "tests", "benches", "build.rs", "native", "examples", "clients", "fuzz"];
    assert_tidy(&shape::check_heads(&rust(&places)));
}

#[test]
fn links_in_documents_lead_somewhere() {
    assert_tidy(&links::check(&root()));
}

#[test]
fn licences_are_free_to_ship() {
    assert_tidy(&licences::check(&root()));
}
