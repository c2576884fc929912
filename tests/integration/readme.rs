//! The README, typed from its first line to its last: every command is done, and what it shows is what comes.

use crate::testnet::{Outcome, Running, World};
use std::{env, fs, os::unix::fs::symlink, path::Path, process::Command};

/// A command of a block, and the lines below it.
struct Step<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
}

/// The text of the fenced blocks in a language, in their order.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening[..]).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn steps(block: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => {
                steps.push(Step { command: command.split(" #").next().unwrap().trim_end(), shown: vec![] })
            }
            None => steps.last_mut().expect("a command before its output").shown.push(line),
        }
    }
    steps
}

/// Returns whether a line is the same each time: no time, no way of a message.
fn is_fixed(line: &str) -> bool {
    !line.trim().is_empty() && !["…", "➜", "[", "apple"].iter().any(|word| line.contains(word))
}

/// Types a line into a shell of this world, with the program under its name. `make` finds it built.
fn type_in(world: &World, bin: &Path, line: &str) -> Outcome {
    let line = line.strip_prefix("sudo ").unwrap_or(line);
    let line = match line.strip_prefix("make ") {
        Some(words) => {
            format!("make -s -o build BINARY={} DESTDIR={} {words}", bin.join("gossip").display(), bin.display())
        }
        None => line.to_owned(),
    };
    let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-c", &line]).env("PATH", path).current_dir(env!("CARGO_MANIFEST_DIR"));
    Running::spawn(world.inside(&mut command)).wait()
}

#[test]
fn every_command_of_the_readme_works_in_its_place() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let world = World::new();
    let bin = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_gossip"), bin.path().join("gossip")).unwrap();
    let mut count = 0;
    for part in text.split("\n#") {
        for step in blocks(part, "console").into_iter().flat_map(steps) {
            let outcome = type_in(&world, bin.path(), step.command);
            assert_eq!(outcome.code, Some(0), "{outcome:#?}");
            for line in step.shown.iter().filter(|line| is_fixed(line)) {
                assert!(outcome.stdout.contains(line.trim_end()), "{line:?} is not in {outcome:#?}");
            }
            // The program of another language stands between a start and its stop.
            if step.command.starts_with("gossip restructure") {
                run_python(&world, &text);
            }
            count += 1;
        }
    }
    assert!(count > 25, "only {count} commands were found");
    world.assert_nothing_is_left();
}

/// Runs the Python of the README, where its packages are.
fn run_python(world: &World, text: &str) {
    let Some(tools) = env::var_os("GOSSIP_INTEROP") else {
        eprintln!("\n*** SKIPPED: the Python of the README needs the packages of 'make test' ***\n");
        return;
    };
    let [program] = blocks(text, "python")[..] else { panic!("one block of Python") };
    let mut command = Command::new(Path::new(&tools).join("venv/bin/python"));
    let outcome = Running::spawn(world.inside(command.args(["-c", program]))).wait();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stdout.contains("b'apple'"), "{outcome:#?}");
}
