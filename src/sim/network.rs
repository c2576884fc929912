//! Network between nodes: the latency of frames, losses, and cuts.

use crate::quantity::{Span, Time, share, size};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Model of the links.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// One way. Default 10 to 50 ms.
    pub latency: Span,
    /// Time at which a latency is drawn. Default: once for each link.
    pub draw: Draw,
    /// Share of frames that are lost without a word. Default 0. With losses a link is one of datagrams: a cut swallows
    /// what it meets, where TCP would send it again later.
    #[serde(deserialize_with = "share::in_file")]
    pub loss: f64,
    /// True if frames arrive in the order in which they were sent. Default: yes.
    pub order: bool,
    /// Bytes a second of each link, each way; default: no end of them.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "size::in_file_or_none")]
    pub bandwidth: Option<u64>,
    /// Bytes that may be under way over a link, each way; more are refused. Default 64 MiB.
    #[serde(deserialize_with = "size::in_memory")]
    pub queue: usize,
    /// Time that a cut must last before connections across it break. Default 90 s: the keep-alive of a node's sockets.
    pub break_after: Time,
}

/// Time at which the latency of a frame is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Draw {
    /// Once for each pair of nodes, the same both ways.
    Link,
    /// For each frame.
    Frame,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            latency: Span { least: Time::millis(10), most: Time::millis(50) },
            draw: Draw::Link,
            loss: 0.0,
            order: true,
            bandwidth: None,
            queue: 64 << 20,
            break_after: Time(Duration::from_secs(90)),
        }
    }
}

impl Model {
    /// Returns whether links behave like TCP: all that is sent arrives, in order, or the connection breaks.
    pub fn is_stream(&self) -> bool {
        self.loss == 0.0 && self.order
    }

    /// Nanoseconds that `bytes` take to be put on a link.
    pub fn transmission(&self, bytes: usize) -> u64 {
        transmission(self.bandwidth, bytes)
    }

    /// Nanoseconds from one node to another, either way: as drawn for the pair, or on average if it is drawn for each
    /// frame. Follows from the seed and the pair alone, so that neither reconnecting nor the order of things changes it.
    pub fn latency(&self, seed: u64, a: usize, b: usize) -> u64 {
        let Span { least, most } = self.latency;
        if least == most || self.draw == Draw::Frame {
            return self.latency.mean().nanos();
        }
        let pair = (a.min(b) as u64) << 32 | a.max(b) as u64;
        let mut random = Pcg64Mcg::seed_from_u64(seed ^ pair.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.random_range(least.nanos()..=most.nanos())
    }
}

/// Nanoseconds that `bytes` take to be put on a link of this bandwidth.
pub(super) fn transmission(bandwidth: Option<u64>, bytes: usize) -> u64 {
    let nanos = |bandwidth: u64| bytes as u128 * 1_000_000_000 / u128::from(bandwidth);
    bandwidth.map_or(0, |bandwidth| u64::try_from(nanos(bandwidth)).unwrap_or(u64::MAX))
}

/// The links' model with all that is drawn from it, and the cuts there are now.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) model: Model,
    seed: u64,
    random: Pcg64Mcg,
    /// By node: nodes of different sides do not hear each other.
    sides: Vec<u32>,
    /// Pairs of nodes of which the second does not hear the first.
    cuts: BTreeSet<(usize, usize)>,
    /// Bandwidths of pairs of nodes, the lower first, whose links differ from the others.
    narrow: BTreeMap<(usize, usize), u64>,
    next_side: u32,
    is_whole: bool,
}

impl Network {
    pub(super) fn new(model: Model, nodes: usize, seed: u64) -> Self {
        let random = Pcg64Mcg::seed_from_u64(seed ^ 0x6e65_7477_6f72_6b00);
        let (sides, cuts, narrow) = (vec![0; nodes], BTreeSet::new(), BTreeMap::new());
        Self { model, seed, random, sides, cuts, narrow, next_side: 1, is_whole: true }
    }

    /// One more node, on the side where all begin.
    pub(super) fn add_node(&mut self) {
        self.sides.push(0);
    }

    /// Bytes a second of a link between two nodes.
    pub(super) fn bandwidth(&self, a: usize, b: usize) -> Option<u64> {
        self.narrow.get(&(a.min(b), a.max(b))).copied().or(self.model.bandwidth)
    }

    /// Gives the links between two nodes a bandwidth, or the one of all others.
    pub(super) fn narrow(&mut self, a: usize, b: usize, bandwidth: Option<u64>) {
        let pair = (a.min(b), a.max(b));
        match bandwidth {
            Some(bandwidth) => self.narrow.insert(pair, bandwidth),
            None => self.narrow.remove(&pair),
        };
    }

    /// Nanoseconds between two nodes as long as their connection lasts.
    pub(super) fn latency(&self, a: usize, b: usize) -> u64 {
        self.model.latency(self.seed, a, b)
    }

    /// Nanoseconds that the next frame takes on a link of this `latency`.
    pub(super) fn draw(&mut self, latency: u64) -> u64 {
        let Span { least, most } = self.model.latency;
        match self.model.draw {
            Draw::Frame if least < most => self.random.random_range(least.nanos()..=most.nanos()),
            _ => latency,
        }
    }

    /// Returns whether the next frame is lost.
    pub(super) fn loses(&mut self) -> bool {
        self.model.loss > 0.0 && self.random.random_bool(self.model.loss)
    }

    /// Returns whether what `from` sends does not reach `to`.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        !self.is_whole && (self.sides[from] != self.sides[to] || self.cuts.contains(&(from, to)))
    }

    /// Returns whether all nodes hear each other.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Puts nodes on a side of their own.
    pub(super) fn partition(&mut self, nodes: &[usize]) {
        for &node in nodes {
            self.sides[node] = self.next_side;
        }
        self.next_side += 1;
        self.is_whole = false;
    }

    /// Makes some deaf to others.
    pub(super) fn cut(&mut self, from: &[usize], to: &[usize]) {
        self.cuts.extend(from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to))));
        self.is_whole = false;
    }

    /// Joins everything again.
    pub(super) fn heal(&mut self) {
        self.sides.fill(0);
        self.cuts.clear();
        self.is_whole = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_belongs_to_a_pair_and_a_seed() {
        let model = Model::default();
        let (a, b) = (model.latency(1, 3, 8), model.latency(1, 8, 3));
        assert_eq!(a, b);
        assert!((10_000_000..=50_000_000).contains(&a));
        assert!(a != model.latency(2, 3, 8) && a != model.latency(1, 3, 9));
        assert_eq!(Model { draw: Draw::Frame, ..model }.latency(1, 3, 8), 30_000_000);
    }

    #[test]
    fn sides_and_cuts_end_when_healed() {
        let mut network = Network::new(Model::default(), 4, 1);
        network.partition(&[0, 1]);
        network.cut(&[2], &[3]);
        let cut: Vec<_> = [(0, 1), (1, 2), (2, 1), (2, 3), (3, 2)].map(|(a, b)| network.is_cut(a, b)).into();
        assert_eq!(cut, [false, true, true, true, false]);
        network.heal();
        assert!(!network.is_cut(1, 2) && !network.is_cut(2, 3));
    }

    #[test]
    fn bytes_take_their_time() {
        let model = Model { bandwidth: Some(1_000_000), ..Model::default() };
        assert_eq!((model.transmission(1_000), Model::default().transmission(1_000)), (1_000_000, 0));
    }
}
