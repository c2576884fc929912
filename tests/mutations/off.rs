//! Mechanisms that are switched off: each patch in a folder of `off` does so to one, and its header names a command that fails
//! then. `docs/design/FOLDER.md` lists the mechanisms in a table whose rows begin with the names of the patches and end with
//! their commands.

use crate::{
    copy::{Copy, apply, seed_of},
    patches::{Patch, entries, patches, root, stem},
};
use std::{collections::BTreeMap, env, fs, path::Path};

/// The patches by the names of their folders.
fn mechanisms() -> BTreeMap<String, Vec<Patch>> {
    let folders = entries("off").into_iter().map(|path| stem(&path));
    folders.map(|folder| (folder.clone(), patches(&format!("off/{folder}")))).collect()
}

/// The rows of a document that begin with a name, and the command at their end.
fn rows(document: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.strip_suffix("` |")?.split(" | ").collect();
        let (first, last) = (cells.first()?, cells.last()?);
        Some((first.trim_end_matches('`').to_owned(), last.rsplit('`').next()?.to_owned()))
    };
    document.lines().filter_map(row).collect()
}

#[test]
fn each_mechanism_of_a_document_has_its_patch_and_each_patch_its_row() {
    for (folder, patches) in mechanisms() {
        let document = format!("docs/design/{folder}.md");
        let rows = rows(&fs::read_to_string(root().join(&document)).expect("the document is readable"));
        let command = |patch: &Patch| patch.fails.clone().expect("the second line is `Fails: COMMAND`");
        let headers = patches.iter().map(|patch| (patch.name.clone(), command(patch))).collect();
        assert_eq!(rows, headers, "the rows of {document}, and the headers of the patches");
        patches.iter().for_each(|patch| apply(root(), patch, &["--check"]));
    }
}

/// Failure that a command shows in the copy as it is, unless it shows it in the copy without a patch, too, of which `clean`
/// is the program.
fn failure(copy: &Copy, clean: Option<&Path>, command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match &words[..] {
        ["gossip", words @ ..] => {
            let said = copy.run(&copy.build(), words)?;
            let seed = seed_of(&said).map(|seed| seed.to_string());
            let first = words.iter().position(|&word| word == "--seed").map(|place| place + 1);
            let count = words.iter().position(|&word| word == "--seeds").map(|place| place + 1);
            let mut words = words.to_vec();
            if let (Some(first), Some(count), Some(seed)) = (first, count, &seed) {
                (words[first], words[count]) = (seed, "1");
            }
            let without = clean.and_then(|clean| copy.run(clean, &words));
            assert!(without.is_none(), "{words:?} fails without the patch, too: {without:?}");
            Some(said)
        }
        ["cargo", "test", words @ ..] => copy.test(words),
        _ => panic!("`{command}` begins neither with `gossip` nor with `cargo test`"),
    }
}

#[test]
#[ignore = "builds the program once for each mechanism; make mutations"]
fn each_mechanism_is_missed_if_it_is_switched_off() {
    let wanted = env::var("GOSSIP_MUTATIONS").unwrap_or_default();
    let copy = Copy::new();
    let clean = copy.build_as("gossip-whole");
    let is_wanted = |patch: &Patch| wanted.is_empty() || wanted.split(' ').any(|name| patch.name == name);
    let patches: Vec<Patch> = mechanisms().into_values().flatten().filter(is_wanted).collect();
    let command = |patch: &Patch| patch.fails.clone().unwrap_or_default();
    for patch in patches.iter().filter(|patch| command(patch).starts_with("cargo ")) {
        let said = failure(&copy, None, &command(patch));
        assert!(said.is_none(), "{} fails without the patch, too:\n{}", command(patch), said.unwrap_or_default());
    }
    let mut missed = Vec::new();
    for patch in patches {
        println!("{}: {}\n  {}", patch.name, patch.what, command(&patch));
        match copy.with(&patch, || failure(&copy, Some(&clean), &command(&patch))) {
            Some(said) => println!("  {}", said.lines().last().unwrap_or_default()),
            None => {
                println!("  nothing fails without it");
                missed.push(patch.name);
            }
        }
    }
    assert!(missed.is_empty(), "nothing fails without {missed:?}: delete it, or name a command that does");
}
