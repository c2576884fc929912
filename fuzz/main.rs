//! Fuzzes the codec and the core on the stable toolchain: `make fuzz`. What is held, and how it works: `docs/design/fuzzing.md`.
//!
//! `cargo test` runs all inputs that were kept, and some changed ones, the same ones every time.

mod allocations;
mod checks;
mod corpus;
mod engine;
mod exchange;
mod ledger;
mod mutate;
mod random;
mod script;
mod side;
mod step;
mod steps;
mod stories;
mod value;
mod wire;
mod world;

use engine::{Engine, Target};
use gossip::{
    clock,
    core::stats::{Counter, Refusal},
};
use script::Script;
use std::{env, path::Path, time::Duration};
use wire::Wire;

/// Time that the two targets run in turns.
const TURN: Duration = Duration::from_secs(5);

/// Counters that two nodes and their hostile peers cannot raise, or the shell around a node alone can.
const UNMET: &[&str] = &["sought", "refused_no_vacancy", "disturbed"];

#[test]
fn the_codec_takes_all_that_was_kept_and_more() {
    Engine::<Wire>::new(1).run_times(4000);
}

#[test]
fn the_core_takes_all_that_was_kept_and_more() {
    let mut engine = Engine::<Script>::new(1);
    engine.run_times(200);
    let counters = Counter::ALL.iter().map(|counter| counter.name().to_owned());
    let refusals = Refusal::ALL.iter().map(|refusal| format!("refused_{}", refusal.name()));
    let unmet: Vec<_> = counters.chain(refusals).filter(|name| !engine.has(name)).collect();
    assert!(unmet.iter().all(|name| UNMET.contains(&name.as_str())), "the corpus does not lead to {unmet:?}");
}

#[test]
#[ignore = "runs for as long as it is told: make fuzz"]
fn fuzz() {
    if let Some(path) = env::var_os("GOSSIP_FUZZ_REPLAY") {
        return replay(Path::new(&path));
    }
    let number = |name: &str| env::var(name).ok().map(|text| text.parse().expect("a number"));
    let seconds = number("GOSSIP_FUZZ_SECONDS").unwrap_or(60);
    let seed = number("GOSSIP_FUZZ_SEED").unwrap_or_else(clock::seed);
    println!("seed {seed}");
    let (mut wire, mut node) = (Engine::<Wire>::new(seed), Engine::<Script>::new(seed));
    let end = clock::Deadline::after(Duration::from_secs(seconds));
    while !end.is_over() {
        wire.run_for(end.remaining().min(TURN));
        node.run_for(end.remaining().min(3 * TURN));
        println!("{:6} s left; {}; {}", end.remaining().as_secs(), tell(&wire), tell(&node));
    }
    for (name, inputs) in [(Wire::NAME, wire.distilled()), (Script::NAME, node.distilled())] {
        let path = corpus::made(name);
        corpus::write(&path, &inputs).expect("the corpus can be written");
        println!("{} inputs that lead somewhere else are in {}", inputs.len(), path.display());
    }
}

fn tell<T: Target>(engine: &Engine<T>) -> String {
    let (kept, features) = engine.size();
    format!("{}: {} inputs, {kept} kept, {features} features", T::NAME, engine.runs)
}

/// Runs the inputs of a file; its name begins with the target's.
fn replay(path: &Path) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_wire = name.starts_with(Wire::NAME);
    let (explain, run) = if is_wire {
        (Wire::explain as fn(&[u8]) -> _, Wire::run as fn(&[u8]) -> _)
    } else {
        (Script::explain as _, Script::run as _)
    };
    let inputs = corpus::read(path);
    assert!(!inputs.is_empty(), "no input in {}", path.display());
    for input in inputs {
        println!("{}", explain(&input));
        run(&input);
    }
}
