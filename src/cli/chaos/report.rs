//! Report on faults and their outcome: a line or an object each.

use crate::{
    chaos::{DrillReport, Happening, Order},
    cli::health::wording,
    core::id::{MessageId, NodeId},
    launcher::ranges::ranges,
    quantity::Time,
    survey::State,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

/// Ids of one node that are named in a line; the document has all.
const NAMED_MAX: usize = 3;
/// Nodes whose ids are named in a line.
const NODES_MAX: usize = 8;

/// A step as a script has it: `   1.25s  kill 3 4`.
pub(super) fn line(at: Duration, order: &Order) -> String {
    // What was measured has more digits than anybody reads.
    let at = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
    format!("{:>9}  {order}", Time(at))
}

/// An order that was carried out, or is planned.
#[derive(Serialize)]
pub(super) struct Fault {
    at_ms: u64,
    order: &'static str,
    nodes: Vec<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    line: String,
}

impl Fault {
    pub(super) fn new(at: Duration, order: &Order, error: Option<String>) -> Self {
        let nodes = order.nodes().into_iter().map(ToString::to_string).collect();
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        Self { at_ms, order: order.name(), nodes, text: order.to_string(), error, line: line(at, order) }
    }

    /// Without its time, for one that was given by hand.
    pub(super) fn done(self) -> Self {
        Self { line: format!("Done: {}", self.text), ..self }
    }
}

impl From<&Happening> for Fault {
    fn from(happening: &Happening) -> Self {
        Self::new(happening.at, &happening.order, happening.failure.clone())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)?;
        self.error.as_ref().map_or(Ok(()), |error| write!(f, "  # not done: {error}"))
    }
}

/// Summary of a drill.
#[derive(Serialize)]
pub(super) struct Summary {
    network: String,
    seed: u64,
    clean: bool,
    sent: u64,
    acknowledged: u64,
    held: u64,
    everywhere: u64,
    duplicates: BTreeMap<String, Vec<String>>,
    missing: BTreeMap<String, Vec<String>>,
    lost: Vec<String>,
    died_with_holder: Vec<String>,
    faults: BTreeMap<&'static str, u64>,
    to_one_component_ms: Option<u64>,
    to_equal_ms: Option<u64>,
    components: usize,
    up: usize,
    silent: Vec<String>,
    /// Nodes that answer, and that a live neighbour does not hear.
    suspect: Vec<String>,
    /// Nodes whose process has ended.
    down: Vec<String>,
    paused: Vec<String>,
    /// Pairs of nodes of which the first speaks and the second does not hear it as usual.
    disturbed: Vec<[String; 2]>,
    keep_no_more: BTreeMap<String, u64>,
    /// Count of the nodes that are up, for people.
    #[serde(skip)]
    told_nodes: String,
    #[serde(skip)]
    complaint: Option<String>,
}

impl Summary {
    pub(super) fn new(network: &str, seed: u64, told: &DrillReport) -> Self {
        let verdict = &told.verdict;
        let ids = |ids: &[MessageId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let by_node = |lists: &BTreeMap<NodeId, Vec<MessageId>>| {
            lists.iter().map(|(node, list)| (node.to_string(), ids(list))).collect::<BTreeMap<_, _>>()
        };
        let names = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let millis = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Self {
            network: network.to_owned(),
            seed,
            clean: told.is_clean(),
            sent: told.sent,
            acknowledged: told.acknowledged,
            held: verdict.held,
            everywhere: verdict.everywhere,
            duplicates: by_node(&verdict.duplicates),
            missing: by_node(&verdict.missing),
            lost: ids(&verdict.lost),
            died_with_holder: ids(&verdict.died),
            faults: told.faults.clone(),
            to_one_component_ms: millis(told.to_one),
            to_equal_ms: millis(told.to_equal),
            components: told.parts.len().max(1),
            up: told.judgement.count(State::Up),
            silent: names(&told.silent),
            suspect: names(&told.suspect),
            down: names(&told.judgement.names(State::Down)),
            paused: names(&told.paused),
            disturbed: told.disturbed.iter().map(|(from, to)| [from.to_string(), to.to_string()]).collect(),
            keep_no_more: told.incomplete.iter().map(|(node, count)| (node.to_string(), *count)).collect(),
            told_nodes: wording::nodes(&told.judgement),
            complaint: complaint(told),
        }
    }

    /// Complaint, in one line; `None` if nothing is wrong.
    pub(super) fn complaint(&self) -> Option<String> {
        self.complaint.clone()
    }
}

fn complaint(told: &DrillReport) -> Option<String> {
    if told.is_clean() {
        return None;
    }
    let verdict = &told.verdict;
    let mut parts = Vec::new();
    if !told.paused.is_empty() {
        let (noun, verb) = if told.paused.len() == 1 { ("node", "is") } else { ("nodes", "are") };
        parts.push(format!("{noun} {} {verb} paused", ranges(&told.paused)));
    }
    if !told.disturbed.is_empty() {
        parts.push(format!("links are disturbed: {}; clear them with 'gossip chaos heal'", links(&told.disturbed)));
    }
    let silent: Vec<_> = told.silent.iter().filter(|node| !told.paused.contains(node)).collect();
    if !silent.is_empty() {
        parts.push(format!("no answer from {}", ranges(silent)));
    }
    if !told.suspect.is_empty() {
        parts.push(format!("not heard by a neighbour: {}", ranges(&told.suspect)));
    }
    if told.parts.len() > 1 {
        let sides: Vec<_> = told.parts.iter().take(NODES_MAX).map(ranges).collect();
        parts.push(format!("{} components: {}", told.parts.len(), sides.join(" | ")));
    }
    for (what, lists) in [("misses", &verdict.missing), ("has duplicates of", &verdict.duplicates)] {
        for (node, ids) in lists.iter().take(NODES_MAX) {
            parts.push(format!("node {node} {what} {}", some(ids)));
        }
        if lists.len() > NODES_MAX {
            parts.push(format!("and so on for {} more nodes", lists.len() - NODES_MAX));
        }
    }
    if !verdict.lost.is_empty() {
        parts.push(format!("acknowledged and lost: {}", some(&verdict.lost)));
    }
    if parts.is_empty() {
        parts.push("the nodes have seen different messages".into());
    }
    Some(format!("check failed: {}", parts.join("; ")))
}

/// Links by who does not hear whom as usual: `1 to 2, 2 to 1`; of many only as many as there may be.
fn links(disturbed: &BTreeSet<(NodeId, NodeId)>) -> String {
    let named: Vec<_> = disturbed.iter().take(NODES_MAX).map(|(from, to)| format!("{from} to {to}")).collect();
    match disturbed.len().saturating_sub(NODES_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// A few ids, and how many more there are.
fn some(ids: &[MessageId]) -> String {
    let named: Vec<_> = ids.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    match ids.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(", ") };
        let time = |time: Option<u64>| {
            time.map_or_else(|| "not in time".to_owned(), |ms| Time::millis(ms).rounded().to_string())
        };
        let twice: usize = self.duplicates.values().map(Vec::len).sum();
        let missing: usize = self.missing.values().map(Vec::len).sum();
        // Nothing was ordered or sent: it was only looked at.
        let is_check = self.faults.is_empty() && self.sent == 0;
        if !is_check {
            writeln!(f, "Faults       {faults}")?;
        }
        writeln!(f, "Nodes        {}", self.told_nodes)?;
        if !is_check {
            writeln!(f, "Messages     {} sent, {} acknowledged", self.sent, self.acknowledged)?;
        }
        writeln!(
            f,
            "Delivered    {} of {} on all live nodes, {missing} missing, {twice} twice",
            self.everywhere, self.held
        )?;
        write!(
            f,
            "Gone         {} lost, {} died with their only holder",
            self.lost.len(),
            self.died_with_holder.len()
        )?;
        if !self.died_with_holder.is_empty() {
            let named: Vec<_> = self.died_with_holder.iter().take(NODES_MAX).map(String::as_str).collect();
            let more = if self.died_with_holder.len() > NODES_MAX { " …" } else { "" };
            write!(f, ": {}{more}", named.join(", "))?;
        }
        for (node, count) in &self.keep_no_more {
            write!(f, "\nNote         node {node} has dropped its oldest {count} messages; it reports them as seen")?;
        }
        if !is_check {
            let [one, equal] = [self.to_one_component_ms, self.to_equal_ms].map(time);
            write!(f, "\nRecovery     one component {one}, equal {equal} after the last order")?;
        }
        write!(f, "\nVerdict      {}", if self.clean { "clean" } else { "not clean" })
    }
}
