//! Declared graphs whose nodes die, leave, come back and are cut off.

use super::net::Net;
use crate::core::{id::NodeId, membership::overlay::walk, rng::Rng};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Edges = Vec<(u32, u32)>;

pub(super) fn ring(n: u32) -> Edges {
    (0..n).map(|node| (node.min((node + 1) % n), node.max((node + 1) % n))).collect()
}

/// A connected random graph in which every node has `degree` neighbours (n · degree even): a circulant whose links are
/// switched at random.
pub(super) fn regular(n: u32, degree: u32, seed: u64) -> Edges {
    let mut edges: BTreeSet<(u32, u32)> = BTreeSet::new();
    let mut add = |a: u32, b: u32| edges.insert((a.min(b), a.max(b)));
    for node in 0..n {
        for step in 1..=degree / 2 {
            add(node, (node + step) % n);
        }
        if degree % 2 == 1 {
            add(node, (node + n / 2) % n);
        }
    }
    let mut rng = Rng::new(seed);
    for _ in 0..10 * n * degree {
        let all: Edges = edges.iter().copied().collect();
        let ((a, b), (c, d)) = (all[rng.below(all.len())], all[rng.below(all.len())]);
        let (one, two) = ((a.min(c), a.max(c)), (b.min(d), b.max(d)));
        if a == c || b == d || edges.contains(&one) || edges.contains(&two) {
            continue;
        }
        edges.remove(&(a, b));
        edges.remove(&(c, d));
        edges.extend([one, two]);
        if !is_connected(n, &edges) {
            edges.remove(&one);
            edges.remove(&two);
            edges.extend([(a, b), (c, d)]);
        }
    }
    edges.into_iter().collect()
}

fn is_connected(n: u32, edges: &BTreeSet<(u32, u32)>) -> bool {
    let mut reached = BTreeSet::from([0]);
    loop {
        let next = edges.iter().flat_map(|&(a, b)| [(a, b), (b, a)]).filter(|(a, _)| reached.contains(a));
        let next: BTreeSet<u32> = next.map(|(_, b)| b).filter(|b| !reached.contains(b)).collect();
        if next.is_empty() {
            return reached.len() == n as usize;
        }
        reached.extend(next);
    }
}

/// Each new node has links to three, the more likely the more they have.
fn powerlaw(n: u32, seed: u64) -> Edges {
    let mut rng = Rng::new(seed);
    let mut edges = BTreeSet::from([(0, 1), (0, 2), (1, 2)]);
    for node in 3..n {
        let ends: Vec<u32> = edges.iter().flat_map(|&(a, b)| [a, b]).collect();
        let mut to = BTreeSet::new();
        while to.len() < 3 {
            to.insert(ends[rng.below(ends.len())]);
        }
        edges.extend(to.into_iter().map(|to| (to, node)));
    }
    edges.into_iter().collect()
}

fn degrees_of(edges: &[(u32, u32)]) -> BTreeMap<u32, usize> {
    let mut degrees = BTreeMap::new();
    edges.iter().flat_map(|&(a, b)| [a, b]).for_each(|node| *degrees.entry(node).or_default() += 1);
    degrees
}

/// The links are those that were declared, no more and no less.
fn assert_declared(net: &Net, edges: &Edges) {
    let (links, declared): (BTreeSet<_>, BTreeSet<_>) = (net.links(), edges.iter().copied().collect());
    let role = |a, b| net.overlays[&a].active().role(&NodeId::numbered(b));
    let beside: Vec<_> =
        links.difference(&declared).map(|&(a, b)| format!("{a} {:?} {b} {:?}", role(a, b), role(b, a))).collect();
    let lacking: Vec<_> = declared.difference(&links).collect();
    assert!(beside.is_empty() && lacking.is_empty(), "beside what was declared: {beside:?}; lacking: {lacking:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_ring_closes_again_and_opens_for_who_returns(seed: u64, n in 4u32..24, dead in 0u32..24) {
        let (edges, dead) = (ring(n), dead % n);
        let mut net = Net::of(seed, &edges);
        assert_declared(&net, &edges);
        net.kill(dead);
        // Noticed after at most 4 s, and three round trips of at most 40 ms.
        net.run(4_120);
        prop_assert!(net.degrees().values().all(|&degree| degree == 2), "{:?}", net.links());
        prop_assert_eq!(net.components(), 1);
        let before = net.links();
        net.declare(&edges);
        net.run(10_000);
        assert_declared(&net, &edges);
        prop_assert_eq!(before.difference(&net.links()).count(), usize::from(n > 3));
    }

    #[test]
    fn a_ring_closes_over_two_dead_in_a_row(seed: u64, n in 6u32..32, dead in 0u32..32) {
        let (edges, dead) = (ring(n), dead % n);
        let mut net = Net::of(seed, &edges);
        net.kill(dead);
        net.kill((dead + 1) % n);
        net.run(30_000);
        prop_assert!(net.degrees().values().all(|&degree| degree == 2), "{:?}", net.links());
        prop_assert_eq!(net.components(), 1);
        net.declare(&edges);
        net.run(30_000);
        assert_declared(&net, &edges);
    }

    #[test]
    fn a_regular_graph_gets_its_degree_back(seed: u64, half in 4u32..16, degree in 3u32..6, dead in 0u32..32) {
        let n = 2 * half;
        let edges = regular(n, degree, seed);
        let dead = dead % n;
        let mut net = Net::of(seed, &edges);
        net.kill(dead);
        net.run(40_000);
        let links = net.links();
        let lacking: Vec<u32> =
            net.degrees().into_iter().filter(|&(_, found)| found < degree as usize).map(|(node, _)| node).collect();
        // Two that lack a neighbour may have asked the same node for need at one time.
        prop_assert!(net.degrees().values().all(|&found| found <= degree as usize + 2), "{:?}", net.degrees());
        for (&a, &b) in lacking.iter().flat_map(|a| lacking.iter().map(move |b| (a, b))).filter(|(a, b)| a < b) {
            prop_assert!(links.contains(&(a, b)), "{a} and {b} could help each other: {links:?}");
        }
        prop_assert_eq!(net.components(), 1);
        net.declare(&edges);
        net.run(15_000);
        assert_declared(&net, &edges);
    }

    #[test]
    fn what_replaces_a_node_that_left_is_declared(seed: u64, half in 4u32..16, degree in 2u32..5, gone in 0u32..32) {
        let n = 2 * half;
        let edges = if degree == 2 { ring(n) } else { regular(n, degree, seed) };
        let gone = gone % n;
        let mut net = Net::of(seed, &edges);
        let orphans: Vec<u32> = edges.iter().filter_map(|&(a, b)| match gone {
            gone if gone == a => Some(b),
            gone if gone == b => Some(a),
            _ => None,
        }).collect();
        net.leave(gone);
        net.run(40_000);
        for &(a, b) in &net.links() {
            prop_assert!(net.overlays[&a].is_declared(&NodeId::numbered(b)));
            prop_assert!(net.overlays[&b].is_declared(&NodeId::numbered(a)));
        }
        let lacking = net.degrees().values().filter(|&&found| found < degree as usize).count();
        prop_assert!(degree != 2 || lacking == 0);
        let links = net.links();
        let wanting = net.overlays.iter().filter(|(_, overlay)| overlay.active().wanting() > 0);
        let wanting: Vec<u32> = wanting.map(|(&node, _)| node).collect();
        for (&a, &b) in wanting.iter().flat_map(|a| wanting.iter().map(move |b| (a, b))).filter(|(a, b)| a < b) {
            prop_assert!(links.contains(&(a, b)), "{} and {} could help each other: {:?}", a, b, links);
        }
        for orphan in orphans {
            prop_assert!(net.overlays[&orphan].passive().find(&NodeId::numbered(gone)).is_none());
        }
        prop_assert_eq!(net.components(), 1);
    }

    /// Whatever its neighbours know of each other by then, in whatever order they learn that it left or notice that it is
    /// silent, and whether or not both are told.
    #[test]
    fn a_ring_closes_over_a_node_that_is_removed(
        seed: u64, n in 4u32..12, gone in 0u32..12, age in 1u64..400,
        waits in prop::array::uniform2(prop::option::weighted(0.8, 0u64..9_000)),
    ) {
        let (edges, gone) = (ring(n), gone % n);
        let mut net = Net::new(seed);
        net.declare(&edges);
        net.run(1_200);
        while net.links().len() < edges.len() {
            net.run(1);
        }
        net.run(age);
        let lower = (gone + n - 1) % n;
        net.remove(gone, |to| waits[usize::from(to == lower)]);
        net.run(30_000);
        prop_assert!(net.degrees().values().all(|&degree| degree == 2), "{:?}", net.links());
        prop_assert_eq!(net.components(), 1);
        for (&node, overlay) in &net.overlays {
            prop_assert_eq!(overlay.active().wanting(), 0, "{} wants another", node);
            prop_assert_eq!(overlay.active().target(), 2, "{} is to have so many", node);
            let knows = waits[usize::from(node == lower)].is_none() && [lower, (gone + 1) % n].contains(&node);
            prop_assert!(overlay.is_declared(&NodeId::numbered(gone)) == knows);
        }
        let one_was_told = waits.iter().any(Option::is_some);
        for &(a, b) in &net.links() {
            let is_declared = |a: u32, b: u32| net.overlays[&a].is_declared(&NodeId::numbered(b));
            prop_assert_eq!(is_declared(a, b), is_declared(b, a), "{} - {}", a, b);
            prop_assert!(is_declared(a, b) || !one_was_told, "{} - {}", a, b);
        }
    }

    #[test]
    fn half_of_all_dead_leave_one_component(seed: u64, half in 2u32..32, shape in 0usize..3) {
        let n = 2 * half;
        let edges = match shape {
            0 => ring(n),
            1 => regular(n, 3.min(n - 1), seed),
            _ => powerlaw(n, seed),
        };
        let mut net = Net::of(seed, &edges);
        let dead = Rng::new(seed).sample(0..n, half as usize);
        dead.iter().for_each(|&node| net.kill(node));
        net.run(90_000);
        prop_assert_eq!(net.components(), 1, "{:?}", net.links());
        let targets = degrees_of(&edges);
        for (node, degree) in net.degrees() {
            prop_assert!(degree <= targets[&node] + 3, "{node} has {degree} of {}", targets[&node]);
        }
        net.declare(&edges);
        net.run(400_000);
        assert_declared(&net, &edges);
    }

    #[test]
    fn a_cut_network_is_one_again(seed: u64, half in 2u32..16, shape in 0usize..2, split in 1u32..31) {
        let n = 2 * half;
        let edges = if shape == 0 { ring(n) } else { powerlaw(n, seed) };
        let mut net = Net::of(seed, &edges);
        let split = split % n;
        net.cut(|node| u32::from(node < split));
        net.run(40_000);
        net.mend();
        net.run(200_000);
        assert_declared(&net, &edges);
    }
}

#[test]
fn a_quiet_network_only_beats_and_shuffles() {
    for (edges, dead) in [(ring(12), vec![]), (regular(16, 3, 5), vec![3]), (powerlaw(24, 1), vec![])] {
        let mut net = Net::of(7, &edges);
        dead.iter().for_each(|&node| net.kill(node));
        net.run(90_000);
        net.sent.clear();
        net.run(60_000);
        // Those of three declared links; and after 90 s the root asks somebody about every second.
        let redials = if dead.is_empty() { 61 } else { 3 * 61 + 61 };
        let beats = net.sent.remove("BEACON").unwrap();
        let greetings = net.sent.remove("HELLO").unwrap_or(0);
        assert!(greetings <= redials, "{greetings} greetings");
        assert!(beats <= 61 * 2 * edges.len());
        // Everybody knows everybody: at most one shuffle each, and its answer.
        let walks = net.sent.remove("WALK").unwrap_or(0);
        assert!(walks <= 2 * usize::from(walk::STEPS) * net.overlays.len(), "{walks} steps");
        // The root has asked for the dead node in vain.
        let parted = net.sent.remove("PART").unwrap_or(0);
        assert!(parted == 0 || !dead.is_empty());
        assert!(net.sent.is_empty(), "{:?}", net.sent);
    }
}

#[test]
fn a_network_that_is_being_stopped_does_not_heal() {
    let edges = ring(8);
    let mut net = Net::of(3, &edges);
    net.sent.clear();
    net.stop(4);
    net.run(20_000);
    assert_eq!(net.links().len(), 6);
}

#[test]
fn a_network_that_does_not_heal_asks_for_nothing() {
    let edges = ring(8);
    let mut net = Net::new(3);
    net.protocol.heal = false;
    net.declare(&edges);
    net.run(5_000);
    assert_declared(&net, &edges);
    net.kill(3);
    net.run(60_000);
    assert_eq!(net.sent.keys().copied().collect::<Vec<_>>(), ["HELLO"]);
    assert_eq!(net.links().len(), 6);
}

#[test]
fn who_leaves_a_second_time_is_replaced_a_second_time() {
    let mut net = Net::of(5, &ring(4));
    net.leave(3);
    net.run(10_000);
    assert_eq!(net.links(), BTreeSet::from([(0, 1), (0, 2), (1, 2)]));
    // It comes back between two that were not its neighbours.
    net.declare(&[(0, 3), (1, 3)]);
    net.sever(0, 1);
    net.run(10_000);
    assert_eq!(net.links(), BTreeSet::from([(0, 2), (0, 3), (1, 2), (1, 3)]));
    net.leave(3);
    net.run(20_000);
    assert_eq!(net.links(), BTreeSet::from([(0, 1), (0, 2), (1, 2)]));
}
