//! Target: bytes as a script that is played to two nodes. What a script consists of, and how it is changed; what its steps
//! do is in `steps`, what must hold meanwhile in `checks`.

use crate::{
    allocations::held,
    corpus::{Frames, to_hex},
    engine::{Features, Target},
    exchange::{exchange, keep},
    mutate,
    random::Random,
    step::{STEPS, Step},
    steps::play,
    stories, wire,
    world::World,
};

/// Most steps of a script.
const STEPS_MAX: usize = 96;
/// Bytes of memory that nodes with small limits may hold, and how many more for each byte of the script.
const MEMORY: (usize, usize) = (2 << 20, 400);

/// The core.
pub(crate) struct Script;

impl Target for Script {
    const NAME: &'static str = "node";

    fn seeds() -> Vec<Vec<u8>> {
        stories::all().iter().map(|(mode, steps)| write(*mode, steps)).collect()
    }

    fn mutate(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
        if random.once_in(16) {
            let mut input = input.to_vec();
            mutate::bytes(random, &mut input);
            return input;
        }
        let ((mut mode, mut steps), (_, others)) = (read(input), read(other));
        if random.once_in(12) {
            mode = random.number() as u8;
        }
        for _ in 0..=random.few(6) {
            change(random, &mut steps, &others);
        }
        steps.truncate(STEPS_MAX);
        write(mode, &steps)
    }

    fn smaller(input: &[u8]) -> Vec<Vec<u8>> {
        let (mode, steps) = read(input);
        let mut smaller = Vec::new();
        for len in [16, 4, 1] {
            for from in (0..steps.len()).step_by(len) {
                let mut fewer = steps.clone();
                fewer.drain(from..(from + len).min(steps.len()));
                smaller.push(write(mode, &fewer));
            }
        }
        for index in 0..steps.len() {
            for frames in wire::Wire::smaller(&wire::join(&steps[index].frames)) {
                let mut shorter = steps.clone();
                shorter[index].frames = wire::split(&frames);
                smaller.push(write(mode, &shorter));
            }
        }
        smaller.retain(|candidate| candidate.len() < input.len());
        smaller
    }

    fn explain(input: &[u8]) -> String {
        let (mode, steps) = read(input);
        let frames = |step: &Step| step.frames.iter().map(|frame| to_hex(frame)).collect::<Vec<_>>().join(" ");
        let line = |step: &Step| {
            let decoded =
                if step.what % STEPS <= 5 { wire::Wire::explain(&wire::join(&step.frames)) } else { frames(step) };
            format!("{:2} by {:3} how {:3} {decoded}\n", step.what % STEPS, step.who, step.how)
        };
        format!("mode {mode}\n{}", steps.iter().map(line).collect::<String>())
    }

    fn run(input: &[u8]) -> Features {
        let (mode, steps) = read(input);
        let before = held();
        let mut world = World::new(mode);
        for step in steps.iter().take(STEPS_MAX) {
            play(&mut world, step);
            if world.is_honest() {
                keep(&mut world);
            }
        }
        let memory = usize::try_from(held() - before).unwrap_or(0);
        let allowed = MEMORY.0 + MEMORY.1 * input.len();
        assert!(memory <= allowed, "two nodes hold {memory} bytes after a script of {}", input.len());
        if world.is_honest() {
            exchange(&mut world);
        }
        world.end()
    }
}

/// Any bytes as a script: the mode of the nodes, and steps.
pub(crate) fn read(input: &[u8]) -> (u8, Vec<Step>) {
    let (&mode, rest) = input.split_first().unwrap_or((&0, &[]));
    let parts = wire::split(rest);
    let step = |part: &Vec<u8>| {
        let at = |index: usize| part.get(index).copied().unwrap_or(0);
        Step { what: at(0), who: at(1), how: at(2), frames: wire::split(part.get(3..).unwrap_or_default()) }
    };
    (mode, parts.iter().map(step).collect())
}

/// A script as bytes.
pub(crate) fn write(mode: u8, steps: &[Step]) -> Vec<u8> {
    let part = |step: &Step| [&[step.what, step.who, step.how][..], &wire::join(&step.frames)].concat();
    let mut input = vec![mode];
    input.extend(wire::join(&steps.iter().map(part).collect()));
    input
}

fn change(random: &mut Random, steps: &mut Vec<Step>, others: &[Step]) {
    let at = random.below(steps.len());
    let to = random.below(steps.len() + 1);
    match random.below(10) {
        0 if !steps.is_empty() => drop(steps.remove(at)),
        1 => {
            let from = random.below(others.len());
            let upto = (from + 1 + random.few(8)).min(others.len());
            steps.splice(to..to, others[from.min(upto)..upto].iter().cloned());
        }
        2 if !steps.is_empty() => {
            let upto = (at + 1 + random.few(6)).min(steps.len());
            let copied = steps[at..upto].to_vec();
            steps.splice(to..to, copied);
        }
        3 if !steps.is_empty() => {
            let step = steps.remove(at);
            steps.insert(to.min(steps.len()), step);
        }
        4 | 5 => steps.insert(to, anything(random)),
        _ => {
            let other = others.get(random.below(others.len())).map(|step| step.frames.clone()).unwrap_or_default();
            if let Some(step) = steps.get_mut(at) {
                change_step(random, step, &other);
            }
        }
    }
}

fn change_step(random: &mut Random, step: &mut Step, other: &Frames) {
    match random.below(8) {
        0 => step.who = random.number() as u8,
        1 => step.how = random.number() as u8,
        2 => step.how = step.how.wrapping_add(1),
        3 => step.who ^= 1 << random.below(8),
        _ => mutate::frames(random, &mut step.frames, other),
    }
}

fn anything(random: &mut Random) -> Step {
    let [what, who, how, ..] = random.number().to_be_bytes();
    let frames = (0..random.below(3)).map(|_| (0..random.few(24)).map(|_| random.few(256) as u8).collect());
    Step { what, who, how, frames: frames.collect() }
}
