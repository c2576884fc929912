//! Links that somebody wants no more: both ends forget that they were declared, and healing leaves it at that.

use super::{
    crashes::{regular, ring},
    net::Net,
};
use crate::{core::id::NodeId, topology::Graph};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Pair = (u32, u32);

/// Returns true if the nodes below `n`, without `dead`, are one component.
fn is_connected(n: u32, dead: Option<u32>, edges: &BTreeSet<Pair>) -> bool {
    let place = |node: u32| (if dead.is_some_and(|dead| node > dead) { node - 1 } else { node }) as usize;
    let count = n - u32::from(dead.is_some());
    let edges = edges.iter().map(|&(a, b)| (place(a), place(b)));
    Graph::new((0..count).map(NodeId::numbered).collect(), edges).unwrap().is_connected()
}

/// Insists that these links are there and no other, that all of them are declared, and that nobody wants more.
fn insist(net: &Net, expected: &BTreeSet<Pair>) -> Result<(), TestCaseError> {
    prop_assert_eq!(&net.links(), expected);
    for (&node, overlay) in &net.overlays {
        let declared = overlay.active().declared().count();
        let linked = expected.iter().filter(|&&(a, b)| a == node || b == node).count();
        prop_assert_eq!(declared, linked, "what {} has declared", node);
        prop_assert!(linked == 0 || overlay.active().target() == linked);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_undeclared_link_is_not_replaced(
        seed: u64, n in 4u32..16, which: prop::sample::Index, ends in 1u32..4, wait in 0u64..60, is_ring: bool,
    ) {
        let edges = if is_ring { ring(n) } else { regular(n, if n % 2 == 0 { 3 } else { 2 }, seed) };
        let mut net = Net::of(seed, &edges);
        let &(a, b) = which.get(&edges);
        let edges: BTreeSet<Pair> = edges.into_iter().collect();
        // One end is told, or the other, or both, one of them maybe before it has heard of the other.
        if ends & 1 != 0 {
            net.sever(a, b);
            net.run(wait);
        }
        if ends & 2 != 0 {
            net.sever(b, a);
        }
        let mut expected = edges.clone();
        expected.remove(&(a, b));
        prop_assume!(is_connected(n, None, &expected));
        for _ in 0..4 {
            net.run(10_000);
            insist(&net, &expected)?;
        }
        net.declare(&[(a, b)]);
        net.run(5_000);
        insist(&net, &edges)?;
    }

    /// Links in the place of a dead node go with the place.
    #[test]
    fn what_stood_in_for_a_severed_node_goes_too(seed: u64, n in 6u32..14, dead in 0u32..14) {
        let edges = regular(2 * n, 4, seed);
        let dead = dead % (2 * n);
        let left: BTreeSet<Pair> = edges.iter().copied().filter(|&(a, b)| a != dead && b != dead).collect();
        prop_assume!(is_connected(2 * n, Some(dead), &left));
        let mut net = Net::of(seed, &edges);
        net.kill(dead);
        net.run(20_000);
        prop_assert!(net.links().len() > left.len(), "nobody took its place");
        for &(a, b) in edges.iter().filter(|pair| !left.contains(pair)) {
            net.sever(if a == dead { b } else { a }, dead);
        }
        net.run(40_000);
        insist(&net, &left)?;
    }
}

#[test]
fn a_node_that_stopped_and_is_back_ends_the_quiet() {
    let mut net = Net::of(3, &ring(6));
    net.stop(2);
    net.run(500);
    net.start(2);
    for other in [1, 3] {
        net.declare(&[(2, other)]);
    }
    net.run(3_000);
    // Half a minute of quiet would not be over by now.
    net.kill(5);
    net.run(10_000);
    assert!(net.degrees().values().all(|&degree| degree == 2), "{:?}", net.links());
}
