//! Scenarios drawn by a seed: any topology, load and mix of faults. What a thousand of them do not break is hard to
//! break by thinking.

use super::{Disk, Fault, Load, Retention, Scenario, Selection, Senders, Silence, Spread, TimingPreset};
use crate::{
    quantity::{Span, Time},
    sim::network::{Draw, Model},
};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::time::Duration;

/// Most nodes of a drawn scenario.
const NODES_MAX: u32 = 64;
/// Within this time messages are published and faults happen.
const SPAN_MS: u64 = 4_000;
/// From this seed on one of four has faults of single links and of names, too: drawn apart, so that the lower seeds and all
/// others draw what they drew before there were any.
const LINKS_FROM: u64 = 1_000;

/// A scenario that follows from `seed` alone: 2 to 64 nodes, every topology, losses up to 5 %, crashes silent and not,
/// restarts, partitions, one-way cuts, connections that carry nothing, pauses, slow nodes, leaves, churn and clocks that jump.
pub fn scenario(seed: u64) -> Scenario {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ 0x6368_616f_7300_0000);
    // Apart from the others, which draw what they drew before there were batches.
    let mut batches = Pcg64Mcg::seed_from_u64(seed ^ 0x6261_7463_6800_0000);
    let nodes = random.random_range(2..=NODES_MAX);
    let (topology, degree) = match random.random_range(0..3) {
        0 => ("circular", None),
        1 => ("powerlaw", None),
        _ => ("random", Some(degree(nodes, &mut random))),
    };
    let mut scenario = Scenario {
        topology: topology.into(),
        degree,
        nodes,
        settle: Time::default(),
        dissemination: if random.random_bool(0.1) { Spread::Flood } else { Spread::Tree },
        heal: random.random_bool(0.8),
        timing: [TimingPreset::Local, TimingPreset::Lan, TimingPreset::Lan, TimingPreset::Wan]
            [random.random_range(0..4)],
        join: None,
        single: if batches.random_bool(0.3) { f64::from(batches.random_range(1..=90_u32)) / 100.0 } else { 0.0 },
        network: network(&mut random),
        load: Load { burst: burst(&mut batches), ..load(nodes, &mut random) },
        limits: Retention::default(),
        faults: Vec::new(),
    };
    if random.random_bool(0.2) {
        scenario.limits = Retention { messages: random.random_range(1..8), bytes: random.random_range(200..20_000) };
    }
    for _ in 0..random.random_range(0..5) {
        add_faults(&mut scenario.faults, &mut random);
    }
    // In the end everything is mended, as a rule: what is missing then must come.
    if random.random_bool(0.8) {
        let at = Time::millis(SPAN_MS);
        let (all, disk, memory) = (Selection::Share(1.0), disk(&mut random), random.random_bool(0.5));
        let slow = Fault::Slow { at, who: all, frame: Time::default() };
        let restart = Fault::Restart { at, who: None, disk, memory };
        scenario.faults.extend([Fault::Heal { at }, Fault::Resume { at, who: None }, slow, restart]);
    }
    // Nothing mends this but the nodes themselves.
    if random.random_bool(0.2) {
        scenario.faults.push(mute(&mut random));
    }
    if has_link_faults(seed) {
        add_link_faults(&mut scenario, &mut Pcg64Mcg::seed_from_u64(seed ^ 0x6c69_6e6b_7300_0000));
    }
    scenario
}

/// Returns whether a seed draws [faults of single links and of names](add_link_faults).
fn has_link_faults(seed: u64) -> bool {
    seed >= LINKS_FROM && seed % 4 == 3
}

/// Faults of single links and of names, on top of all others. They mend themselves, or are mended when these are.
fn add_link_faults(scenario: &mut Scenario, random: &mut Pcg64Mcg) {
    // What is sent behind a large payload waits for it. Its pieces need the order that TCP keeps, and queues that hold one.
    if random.random_bool(0.4) && scenario.network.is_stream() {
        scenario.network.queue = scenario.network.queue.max(1 << 20);
        scenario.load.size = random.random_range(8 << 10..=128 << 10);
        scenario.load.messages = scenario.load.messages.min(4);
        scenario.load.burst = scenario.load.burst.min(2);
    }
    let end = Time::millis(SPAN_MS);
    for _ in 0..random.random_range(1..4) {
        let at = moment(0, random);
        match random.random_range(0..5) {
            0 => scenario.faults.push(mute(random)),
            1 => scenario.faults.push(Fault::Take { at, from: share(random), to: share(random) }),
            2 => {
                let bandwidth = Some(random.random_range(10_000..200_000));
                scenario.faults.push(Fault::Narrow { at, from: share(random), to: share(random), bandwidth });
            }
            3 => {
                let dial = Time::millis(random.random_range(100..5_000));
                let all = Fault::Stall { at: end, who: Selection::Share(1.0), dial: Time::default() };
                scenario.faults.extend([Fault::Stall { at, who: share(random), dial }, all]);
            }
            _ => {
                let who = Selection::Nodes(vec![random.random_range(1..=scenario.nodes)]);
                scenario.faults.push(Fault::Namesake { at, until: moment(at.nanos() / 1_000_000, random), who });
            }
        }
    }
}

/// A degree that a random network of so many nodes can have.
fn degree(nodes: u32, random: &mut Pcg64Mcg) -> u32 {
    let wanted = random.random_range(2..=6).min(nodes - 1);
    if nodes * wanted % 2 == 1 { wanted - 1 } else { wanted }.max(if nodes == 2 { 1 } else { 2 })
}

fn network(random: &mut Pcg64Mcg) -> Model {
    let least = random.random_range(0..40);
    let span = Span { least: Time::millis(least), most: Time::millis(least + random.random_range(0..40)) };
    let is_lossy = random.random_bool(0.3);
    Model {
        latency: span,
        draw: if random.random_bool(0.5) { Draw::Link } else { Draw::Frame },
        loss: if is_lossy { f64::from(random.random_range(1..=50_u32)) / 1_000.0 } else { 0.0 },
        order: random.random_bool(0.8),
        bandwidth: random.random_bool(0.2).then(|| random.random_range(10_000..1_000_000)),
        queue: if random.random_bool(0.2) { random.random_range(3_000..7_500) } else { 64 << 20 },
        break_after: Time::millis(random.random_range(100..3_000)),
    }
}

fn load(nodes: u32, random: &mut Pcg64Mcg) -> Load {
    let senders = [Senders::One, Senders::Random, Senders::Fresh, Senders::All][random.random_range(0..4)];
    let messages = match senders {
        Senders::All => 1,
        Senders::Fresh => random.random_range(1..=nodes.min(12)),
        _ => random.random_range(1..=12),
    };
    let warmup = if senders == Senders::Fresh { 0 } else { random.random_range(0..3) };
    Load {
        messages,
        warmup,
        size: random.random_range(0..600),
        senders,
        interval: Time(Duration::from_millis(SPAN_MS) / messages),
        burst: 1,
        trace: random.random_bool(0.3),
        relays: random.random_range(1..=3),
    }
}

/// Messages that are handed in at one moment: half of the loads have them one by one.
fn burst(batches: &mut Pcg64Mcg) -> u32 {
    if batches.random_bool(0.5) { batches.random_range(2..=12) } else { 1 }
}

/// Something that goes wrong, and maybe what mends it.
fn add_faults(faults: &mut Vec<Fault>, random: &mut Pcg64Mcg) {
    let at = moment(0, random);
    let mended = moment(at.nanos() / 1_000_000, random);
    let who = Selection::Share(f64::from(random.random_range(2..=50_u32)) / 100.0);
    match random.random_range(0..9) {
        0 | 1 => {
            faults.push(Fault::Crash { at, who, silent: random.random_bool(0.5), spare_sender: false });
            faults.push(Fault::Restart {
                at: mended,
                who: Some(Selection::Share(0.7)),
                disk: disk(random),
                memory: random.random_bool(0.5),
            });
        }
        2 => faults.extend([Fault::Partition { at, who }, Fault::Heal { at: mended }]),
        3 => faults.extend([Fault::Cut { at, from: who, to: Selection::Share(0.3) }, Fault::Heal { at: mended }]),
        4 => faults.extend([Fault::Pause { at, who }, Fault::Resume { at: mended, who: None }]),
        5 => faults.push(Fault::Slow { at, who, frame: Time::millis(random.random_range(0..30)) }),
        6 => faults.push(Fault::Leave { at, who: Selection::Share(0.1) }),
        7 => {
            let year = 365 * 86_400;
            faults.push(Fault::Clock { at, who, seconds: random.random_range(-year..=year) });
        }
        _ => faults.push(Fault::Churn {
            at,
            until: mended,
            every: Time::millis(random.random_range(100..1_000)),
            down: Time::millis(random.random_range(10..1_500)),
        }),
    }
}

/// Connections that stand and carry nothing: few, or most of them.
fn mute(random: &mut Pcg64Mcg) -> Fault {
    let [from, to] = [0; 2].map(|_| share(random));
    let way = [Silence::Both, Silence::There, Silence::Back][random.random_range(0..3)];
    Fault::Mute { at: moment(0, random), from, to, way }
}

/// Few of those that it can happen to, or most of them, or all.
fn share(random: &mut Pcg64Mcg) -> Selection {
    Selection::Share(f64::from(random.random_range(10..=100_u32)) / 100.0)
}

/// A time from `earliest` on, in milliseconds.
fn moment(earliest: u64, random: &mut Pcg64Mcg) -> Time {
    Time::millis(random.random_range(earliest..=SPAN_MS))
}

fn disk(random: &mut Pcg64Mcg) -> Disk {
    if random.random_bool(0.3) { Disk::Lost } else { Disk::Kept }
}
