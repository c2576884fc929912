//! The overlay as it is now, put together from what its nodes say of their links, and how well it holds.

use super::{error::SurveyError, heard::Survey};
use crate::{
    core::{
        id::{NodeId, natural_key},
        neighbours::{LinkRole, MemberState},
    },
    topology::{Graph, Margin, Metrics, WeakPoints},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Looks at links that the search for the fewest failures may take: a fraction of a second.
const STEPS_MAX: u64 = 100_000_000;

/// The nodes that live, and the links between them.
#[derive(Debug)]
pub struct Overlay {
    /// The links that both ends say are up, as far as they serve requests.
    pub graph: Graph,
    /// LinkRole of each link, by the indexes of its ends, the lower first: healing if one end says so.
    pub kinds: BTreeMap<(usize, usize), LinkRole>,
    /// Links that are up at one end only.
    pub half_open: usize,
    /// Single points of failure.
    pub weak: WeakPoints,
    /// Distance to a split, in failures.
    pub margin: Margin,
    /// Its measures.
    pub metrics: Metrics,
    /// Round trips over links that are up, ascending.
    pub round_trips: Vec<Duration>,
    /// By node that is suspected or taken for down, who says so.
    pub suspects: BTreeMap<NodeId, BTreeSet<NodeId>>,
}

/// Shape of an overlay, for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shape {
    /// The parts that cannot reach each other, the largest first.
    pub components: Vec<Vec<String>>,
    /// Links whose loss splits a part.
    pub bridges: Vec<[String; 2]>,
    /// Nodes whose loss splits a part.
    pub articulation_points: Vec<String>,
    /// Number of nodes that must fail until the rest is split: 0, it is; null, no number does, or no node lives.
    pub failures_to_split: Option<usize>,
    /// True if fewer certainly do not; false where no node lives.
    pub is_exact: bool,
    /// Links between nodes that answered.
    pub links: usize,
    /// Of these, the ones that heal the overlay.
    pub healing_links: usize,
    /// Links that are up at one end only.
    pub half_open_links: usize,
    /// Hops between the two nodes farthest apart; null if some cannot reach each other.
    pub diameter: Option<usize>,
    /// Neighbours of a node.
    pub degree: Degrees,
    /// Over links that are up, in microseconds; null if none was measured.
    pub round_trip_us: Option<RoundTrips>,
}

/// Numbers of neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Degrees {
    /// The fewest.
    pub min: usize,
    /// On average.
    pub mean: f64,
    /// The most.
    pub max: usize,
}

/// Round trips in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoundTrips {
    /// The shortest.
    pub min: u64,
    /// The one in the middle.
    pub median: u64,
    /// The longest.
    pub max: u64,
}

impl Overlay {
    /// Of the nodes that answered, and those that serve no requests.
    pub fn of(survey: &Survey) -> Result<Self, SurveyError> {
        let deaf: BTreeSet<NodeId> = survey.deaf().into_iter().collect();
        let mut names: Vec<NodeId> = survey.said().map(|status| status.node.clone()).chain(deaf.clone()).collect();
        names.sort_by(|a, b| natural_key(a.as_str()).cmp(&natural_key(b.as_str())));
        names.dedup();
        let index: BTreeMap<&NodeId, usize> = names.iter().enumerate().map(|(at, name)| (name, at)).collect();
        let mut halves: BTreeMap<(usize, usize), (BTreeSet<usize>, LinkRole)> = BTreeMap::new();
        let mut round_trips = Vec::new();
        let mut suspects: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for status in survey.said() {
            let here = index[&status.node];
            for peer in &status.peers {
                let Some(node) = &peer.node else { continue };
                if matches!(peer.state, Some(MemberState::Suspect | MemberState::Down)) {
                    suspects.entry(node.clone()).or_default().insert(status.node.clone());
                }
                if !peer.up {
                    continue;
                }
                round_trips.extend(peer.round_trip);
                let Some(&there) = index.get(node).filter(|&&there| there != here) else { continue };
                let (ends, kind) = halves.entry((here.min(there), here.max(there))).or_default();
                ends.insert(here);
                ends.extend(deaf.contains(node).then_some(there));
                // The end that was dialled may know less of the reason.
                *kind = if peer.role == LinkRole::Declared { *kind } else { peer.role };
            }
        }
        let half_open = halves.values().filter(|(ends, _)| ends.len() < 2).count();
        let whole = halves.into_iter().filter(|(_, (ends, _))| ends.len() == 2);
        let kinds: BTreeMap<_, _> = whole.map(|(link, (_, kind))| (link, kind)).collect();
        let graph = Graph::new(names, kinds.keys().copied())?;
        let weak = WeakPoints::of(&graph);
        let margin = Margin::of(&graph, &weak, STEPS_MAX);
        round_trips.sort_unstable();
        Ok(Self { metrics: Metrics::of(&graph), graph, kinds, half_open, weak, margin, round_trips, suspects })
    }

    /// Returns whether anybody lives in it: nothing can be said of how it holds otherwise.
    pub fn has_nodes(&self) -> bool {
        self.graph.node_count() > 0
    }

    /// The parts that cannot reach each other, the largest first.
    pub fn parts(&self) -> Vec<Vec<&NodeId>> {
        let mut parts = self.graph.components();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.iter().map(|part| part.iter().map(|&node| &self.graph.nodes()[node]).collect()).collect()
    }

    /// Shape, as programs are told of it.
    pub fn shape(&self) -> Shape {
        let name = |node: usize| self.graph.nodes()[node].to_string();
        let (failures_to_split, is_exact) = match self.margin {
            Margin::Split => (Some(0), true),
            Margin::Failures(count) => (Some(count), true),
            Margin::AtMost(count) => (Some(count), false),
            Margin::Never => (None, self.has_nodes()),
        };
        let nodes = self.graph.node_count().max(1) as f64;
        let micros = |time: &Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let times = &self.round_trips;
        let round_trip_us = times.first().zip(times.get(times.len() / 2)).zip(times.last());
        Shape {
            components: self
                .parts()
                .into_iter()
                .map(|part| part.into_iter().map(NodeId::to_string).collect())
                .collect(),
            bridges: self.weak.links.iter().map(|&(a, b)| [name(a), name(b)]).collect(),
            articulation_points: self.weak.nodes.iter().map(|&node| name(node)).collect(),
            failures_to_split,
            is_exact,
            links: self.graph.edge_count(),
            healing_links: self.kinds.values().filter(|&&kind| kind == LinkRole::Healing).count(),
            half_open_links: self.half_open,
            diameter: self.metrics.diameter,
            degree: Degrees {
                min: self.metrics.degree_min(),
                mean: 2.0 * self.graph.edge_count() as f64 / nodes,
                max: self.metrics.degree_max(),
            },
            round_trip_us: round_trip_us.map(|((min, median), max)| RoundTrips {
                min: micros(min),
                median: micros(median),
                max: micros(max),
            }),
        }
    }
}
