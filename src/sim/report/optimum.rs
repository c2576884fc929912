//! The flood optimum: no message can be anywhere before the quickest way there has been gone.

use crate::{
    sim::{links::lengths::message_len, network::Model},
    topology::Graph,
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// Nanoseconds to each node from `from` by the quickest way over nodes that are `present`, `None` where no such way leads:
/// latencies of the links, and for
/// each the time that a message of `size` bytes takes to be put on it. If latencies are drawn for each frame they count
/// as their mean, and a lucky frame can be quicker.
///
/// Dijkstra, *A Note on Two Problems in Connexion with Graphs*, Numerische Mathematik 1959.
pub fn quickest(
    graph: &Graph,
    model: &Model,
    seed: u64,
    from: usize,
    size: usize,
    present: &[bool],
) -> Vec<Option<u64>> {
    let transmission = model.transmission(message_len(size));
    let mut times = vec![None; graph.node_count()];
    let mut heap = BinaryHeap::from([Reverse((0_u64, from))]);
    while let Some(Reverse((time, node))) = heap.pop() {
        if times[node].is_some() {
            continue;
        }
        times[node] = Some(time);
        for &next in graph.neighbours(node).iter().filter(|&&next| times[next].is_none() && present[next]) {
            heap.push(Reverse((time + model.latency(seed, node, next) + transmission, next)));
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        quantity::{Span, Time},
        topology::{Shape, generate, metrics::distances},
    };

    #[test]
    fn with_equal_latencies_it_counts_hops() {
        let span = Span { least: Time::millis(7), most: Time::millis(7) };
        let model = Model { latency: span, bandwidth: Some(133_000), ..Model::default() };
        let graph = generate(Shape::Powerlaw, 40, 5).unwrap();
        let hops: Vec<_> = distances(&graph, 3).iter().map(|hops| hops.map(|hops| hops as u64 * 8_000_000)).collect();
        assert_eq!(quickest(&graph, &model, 1, 3, 100, &[true; 40]), hops, "7 ms and 133 bytes at 133 kB/s a hop");
    }
}
