//! Deliberate bugs: each is found by `gossip simulate --chaos` within a thousand seeds, all of which the tree without a bug
//! passes.

use crate::{
    copy::{Copy, apply, seed_of},
    patches::{Patch, patches, root},
};
use std::path::Path;

/// Seeds that a bug has to be found within, from 1 on.
const SEEDS: u64 = 1000;

fn bugs() -> Vec<Patch> {
    patches("")
}

#[test]
fn all_patches_apply_to_the_tree() {
    let bugs = bugs();
    assert_eq!(bugs.len(), 6);
    bugs.iter().for_each(|bug| apply(root(), bug, &["--check"]));
}

/// First violation that the checker finds, and its seed.
fn simulate(copy: &Copy, program: &Path) -> Option<(u64, String)> {
    let said = copy.run(program, &["simulate", "--chaos", "--seed", "1", "--seeds", &SEEDS.to_string()])?;
    // A broken debug assertion says no seed, and is no finding of the checker.
    Some((seed_of(&said).unwrap_or_else(|| panic!("no violation, but: {said}")), said))
}

#[test]
#[ignore = "builds the program seven times and simulates thousands of networks; make mutations"]
fn each_bug_is_found_within_a_thousand_seeds() {
    let copy = Copy::new();
    println!("\nthe tree as committed, seeds 1 to {SEEDS}");
    if let Some((_, said)) = simulate(&copy, &copy.build()) {
        panic!("not even the tree without a bug passes:\n{said}");
    }
    println!("  nothing found");
    let mut missed = Vec::new();
    for bug in bugs() {
        println!("{}: {}", bug.name, bug.what);
        match copy.with(&bug, || simulate(&copy, &copy.build())) {
            Some((seed, said)) => println!("  found by seed {seed}, after {seed} of {SEEDS}\n  {said}"),
            None => {
                println!("  not found by {SEEDS} seeds");
                missed.push(bug.name);
            }
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}; draw more in `sim::chaos`, or check more in `sim::checker`");
}
