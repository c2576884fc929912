//! Report of `gossip status`: a verdict that is understood at a glance, a table of the nodes, and what went wrong.

use super::{
    node_health::{Counts, Details, NodeHealth, micros},
    wording,
};
use crate::{
    cli::text::{self, count},
    core::id::NetworkName,
    launcher::{error::no_node_left, ranges::ranges},
    quantity::Size,
    survey::{Health, Judgement, Overlay, Shape, State, Survey, Totals},
    topology::Margin,
};
use serde::{Serialize, Serializer};
use std::fmt;

/// Most names that a line of the verdict lists.
const NAMED_MAX: usize = 12;

/// Report on a network.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(serialize_with = "as_text")]
    network: NetworkName,
    /// Of the whole; null if only some nodes were asked.
    verdict: Option<NetworkHealth>,
    pub(super) nodes: Vec<NodeHealth>,
    #[serde(skip)]
    with_peers: bool,
    #[serde(skip)]
    has_colour: bool,
    #[serde(skip)]
    pub(super) lines: Vec<String>,
}

/// Verdict on a network as a whole.
#[derive(Debug, Serialize)]
struct NetworkHealth {
    /// True if every node is up and can reach every other.
    ok: bool,
    /// Health in a word.
    health: Health,
    up: usize,
    suspect: usize,
    silent: usize,
    down: usize,
    #[serde(flatten)]
    shape: Shape,
    #[serde(flatten)]
    totals: Totals,
}

impl Report {
    /// Of what was heard. `with_peers`: as text, too, it shows what was counted at each peer.
    pub fn new(network: &NetworkName, survey: &Survey, overlay: &Overlay, with_peers: bool, has_colour: bool) -> Self {
        let judgement = Judgement::of(survey, overlay);
        let nodes: Vec<_> =
            survey.nodes.iter().map(|heard| NodeHealth::new(heard, survey, overlay, &judgement)).collect();
        let verdict = Some(NetworkHealth::of(&judgement, survey, overlay)).filter(|_| survey.is_whole);
        let lines = verdict.as_ref().map_or_else(Vec::new, |verdict| verdict.lines(network, &judgement, overlay));
        Self { network: network.clone(), verdict, nodes, with_peers, has_colour, lines }
    }
}

impl NetworkHealth {
    fn of(judgement: &Judgement, survey: &Survey, overlay: &Overlay) -> Self {
        Self {
            ok: judgement.health == Health::Well,
            health: judgement.health,
            up: judgement.count(State::Up),
            suspect: judgement.count(State::Suspect),
            silent: judgement.count(State::Silent),
            down: judgement.count(State::Down),
            shape: overlay.shape(),
            totals: Totals::of(survey),
        }
    }

    /// The verdict for people: how it is, how it holds, and what that costs. Nothing is said of how a network holds in which
    /// nobody lives.
    fn lines(&self, network: &NetworkName, judgement: &Judgement, overlay: &Overlay) -> Vec<String> {
        let word = match self.health {
            Health::Well => "healthy".to_owned(),
            Health::Unwell => "connected, but degraded".to_owned(),
            Health::Split => format!("SPLIT into {} parts", self.shape.components.len()),
            Health::Silent => "SILENT".to_owned(),
            Health::Down => "DOWN".to_owned(),
        };
        let mut lines = vec![format!("Network '{network}' is {word}: {}.", wording::nodes(judgement))];
        if overlay.has_nodes() {
            lines.extend([self.margin(overlay), self.measures()]);
        }
        lines
    }

    fn margin(&self, overlay: &Overlay) -> String {
        let some = |list: Vec<String>| {
            let more = list.len().saturating_sub(NAMED_MAX);
            let shown = list[..list.len() - more].join(", ");
            text::escape(&if more > 0 { format!("{shown} and {more} more") } else { shown }).into_owned()
        };
        let distance = match overlay.margin {
            Margin::Split => return format!("Parts: {}.", text::escape(&wording::parts(overlay))),
            Margin::Never if overlay.graph.node_count() == 1 => return "Only one node is up.".to_owned(),
            Margin::Never => return "No set of node failures can split it (fully connected).".to_owned(),
            Margin::Failures(count) => format!("{} could split it", failures(count)),
            Margin::AtMost(count) => format!("{} or fewer could split it", failures(count)),
        };
        if self.shape.articulation_points.is_empty() {
            return format!("{distance}.");
        }
        let weak: Vec<_> = overlay.weak.nodes.iter().map(|&node| &overlay.graph.nodes()[node]).collect();
        let nodes = if weak.len() > 1 { "any of nodes" } else { "node" };
        let nodes = format!("{nodes} {}", text::escape(&ranges(weak)));
        let bridges: Vec<_> = self.shape.bridges.iter().map(|[a, b]| format!("{a}–{b}")).collect();
        match bridges.is_empty() {
            true => format!("{distance}: {nodes}."),
            false => format!("{distance}: {nodes}; so could the loss of a bridge: {}.", some(bridges)),
        }
    }

    fn measures(&self) -> String {
        let Shape { links, healing_links, diameter, degree, round_trip_us, .. } = &self.shape;
        let mut parts = vec![count(*links as u64, "link")];
        if *healing_links > 0 {
            parts[0].push_str(&format!(" ({healing_links} healing)"));
        }
        if self.shape.half_open_links > 0 {
            parts.push(count(self.shape.half_open_links as u64, "half-open link"));
        }
        parts.push(if degree.min == degree.max {
            format!("degree {}", degree.min)
        } else {
            format!("degree {}–{} (mean {:.1})", degree.min, degree.max, degree.mean)
        });
        parts.extend(diameter.map(|hops| format!("diameter {hops}")));
        if let Some(times) = round_trip_us {
            let [min, median, max] = [times.min, times.median, times.max].map(micros);
            parts.push(format!("round trips {min} to {max} (median {median})"));
        }
        parts.extend(self.totals.redundancy.map(|redundancy| format!("{redundancy:.2} duplicates per delivery")));
        parts.push(format!(
            "{} kept ({})",
            count(self.totals.retained_messages, "message"),
            Size(self.totals.retained_bytes)
        ));
        match self.totals.equal {
            Some(true) => parts.push("all nodes have seen the same messages".to_owned()),
            Some(false) => parts.push("the nodes have seen different messages ('gossip audit' names them)".to_owned()),
            None => {}
        }
        format!("{}.", parts.join(", "))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes.is_empty() {
            return write!(f, "Network '{}': {}", self.network, no_node_left(&self.network));
        }
        for (place, line) in self.lines.iter().enumerate() {
            writeln!(f, "{}", if place == 0 { self.painted(line) } else { line.clone() })?;
        }
        if !self.lines.is_empty() {
            writeln!(f)?;
        }
        f.write_str(&self.table(&self.nodes.iter().collect::<Vec<_>>()).join("\n"))?;
        self.troubles().map_or(Ok(()), |troubles| write!(f, "\n\n{troubles}"))?;
        let nodes: Vec<_> = self.nodes.iter().filter(|_| self.with_peers).collect();
        self.counters(&nodes).iter().try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl Report {
    /// The first line of the verdict in its colour.
    pub(super) fn painted(&self, line: &str) -> String {
        let colour = if self.verdict.as_ref().is_some_and(|verdict| verdict.ok) { "1;32" } else { "1;31" };
        if self.has_colour { format!("\x1b[{colour}m{line}\x1b[0m") } else { line.to_owned() }
    }

    /// Returns whether what was counted at each peer is to be shown.
    pub(super) const fn has_counters(&self) -> bool {
        self.with_peers
    }

    /// Lines on what was counted at each of these nodes and its peers, each node with an empty line before it.
    pub(super) fn counters(&self, nodes: &[&NodeHealth]) -> Vec<String> {
        let counted = nodes.iter().filter_map(|account| Some(Counted(&account.node, account.details.as_deref()?)));
        counted.flat_map(|counted| counted.to_string().lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Line on what went wrong at all nodes together, if anything did.
    pub(super) fn troubles(&self) -> Option<String> {
        let verdict = self.verdict.as_ref().filter(|verdict| !verdict.totals.troubles.is_empty())?;
        Some(format!("Drops, refusals, resends and gaps: {}", Counts(&verdict.totals.troubles)))
    }

    /// A head, and a line on each of these nodes.
    pub(super) fn table(&self, nodes: &[&NodeHealth]) -> Vec<String> {
        let head = ["node", "state", "peers", "behind", "messages", "kept", "unread", "round trip", ""];
        let head = head.map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(head).chain(nodes.iter().map(|account| row(account))).collect();
        let table = text::columns("  ", &rows);
        let colour = |place: usize| match place.checked_sub(1).map(|node| nodes[node].state) {
            None => Some("2"),
            Some(State::Up) => None,
            Some(State::Suspect | State::Silent) => Some("33"),
            Some(State::Down) => Some("31"),
        };
        let painted = table.lines().enumerate().map(|(place, line)| match colour(place).filter(|_| self.has_colour) {
            Some(colour) => format!("\x1b[{colour}m{line}\x1b[0m"),
            None => line.to_owned(),
        });
        painted.collect()
    }
}

/// Counts of a node and its peers.
struct Counted<'a>(&'a str, &'a Details);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.show_counters(f, self.0)
    }
}

/// `Three node failures`: small numbers in words, as they stand at the beginning of a sentence.
fn failures(count: usize) -> String {
    const WORDS: [&str; 10] = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];
    let number = WORDS.get(count).map_or_else(|| count.to_string(), |&word| word.to_owned());
    format!("{number} node failure{}", if count == 1 { "" } else { "s" })
}

fn row(account: &NodeHealth) -> Vec<String> {
    let details = account.details.as_deref();
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let (up, all) = details.map_or((0, 0), |details| details.links());
    vec![
        text::escape(&account.node).into_owned(),
        account.state.name().to_owned(),
        shown(details.map(|_| format!("{up}/{all}"))),
        shown(details.map(|_| account.lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string()))),
        shown(details.map(|details| details.retained_messages.to_string())),
        shown(details.map(|details| Size(details.retained_bytes).to_string())),
        shown(details.map(|details| details.unread.to_string())),
        shown(details.and_then(|details| details.round_trip_us()).map(micros)),
        account.remark(),
    ]
}

fn as_text<S: Serializer>(network: &NetworkName, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(network)
}
