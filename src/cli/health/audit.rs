//! `gossip audit`.

use super::{
    node_health::name,
    survey::{TIMEOUT, network, take},
    wording,
};
use crate::{
    cli::{
        Context, NodeArgument, Output,
        error::{CliError, ErrorBody},
        text::{self, count},
    },
    clock::Deadline,
    core::id::{NodeId, StreamId, ranges::Ranges},
    launcher::ranges::ranges,
    survey::{
        Compared, Comparison, Heard, Judgement, Overlay, State, Survey,
        vectors::{self, Numbers},
    },
};
use serde::Serialize;
use std::{collections::BTreeSet, fmt};

/// Prove that every node has every message, or name who misses which
///
/// Compares what all nodes have seen, first by hash, then by ranges of ids: the cost grows with origins and gaps, not with
/// messages. Messages in flight do not count: nodes that differ are asked again until each has seen what any of them had
/// seen when the audit began, for at most --timeout (2 s). Lists, for each node, the messages that it misses, and those that
/// it could not recover because no neighbour held them, with the nodes that still do. Ids that were only claimed by peers and
/// never received by any node are listed separately and do not count as missing.
///
/// Exit code 1 if a node misses messages or could not recover them, 3 if a node does not answer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Audit all nodes of the network
  gossip audit

  # Give the nodes 10 seconds to catch up
  gossip audit --timeout 10

  # Audit a network that was not started here, through one of its nodes
  gossip audit 10.0.0.7:7004")]
pub struct Args {
    /// Numbers or names of nodes; or one address host:port: all nodes of its network [default: all of the network]
    #[arg(value_name = "NODE")]
    nodes: Vec<NodeArgument>,
}

/// Report that is printed.
#[derive(Serialize)]
struct Report {
    network: String,
    /// True if all nodes answered and none misses anything.
    ok: bool,
    /// Messages that at least one node had seen when the audit began.
    messages: u64,
    nodes: Vec<Entry>,
    /// Count of the nodes that are up, for people.
    #[serde(skip)]
    told_nodes: String,
}

#[derive(Serialize)]
struct Entry {
    node: String,
    /// As `status` judges it.
    state: State,
    answered: bool,
    missing_count: u64,
    missing: Vec<Range>,
    gap_count: u64,
    gaps: Vec<GapRange>,
    /// Messages given up that the node does not list.
    gaps_unlisted: u64,
    unproven_count: u64,
    /// Ids that the node has only heard of, and no node has had.
    unproven: Vec<Range>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

/// Messages of one stream, by the sequence numbers in their ids.
#[derive(Serialize)]
struct Range {
    origin: String,
    incarnation: u64,
    from: u64,
    to: u64,
}

/// Messages of one stream that a node has given up.
#[derive(Serialize)]
struct GapRange {
    #[serde(flatten)]
    range: Range,
    /// Number of these that it has given up.
    count: u64,
    /// The nodes that keep some of them.
    kept_by: Vec<String>,
}

/// Asks all, waits for those that are late, prints who misses what; then complains.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let timeout = context.timeout_or(TIMEOUT);
    let survey = take(&args.nodes, context, timeout)?;
    let comparison = Comparison::of(&survey, &Deadline::after(timeout))?;
    let judgement = Judgement::of(&survey, &Overlay::of(&survey)?);
    let report = Report::new(context, &survey, &judgement, &comparison);
    out.print(&report)?;
    let wanting: Vec<_> = comparison.nodes.iter().filter(|node| node.is_finding()).map(|node| &node.node).collect();
    let unheard = report.unheard();
    let mut wrong = Vec::new();
    if !wanting.is_empty() {
        let verb = if wanting.len() == 1 { "misses" } else { "miss" };
        wrong.push(format!("{} messages: {}", count_of(wanting.len(), report.nodes.len(), verb), ranges(wanting)));
    }
    if !unheard.is_empty() {
        wrong.push(format!(
            "{} not be audited: {}",
            count_of(unheard.len(), report.nodes.len(), "could"),
            ranges(&unheard)
        ));
    }
    match (comparison.has_findings(), wrong.is_empty()) {
        (true, _) => Err(CliError::Failed(wrong.join("; "))),
        (false, false) => Err(CliError::Unreachable(wrong.join("; "))),
        (false, true) => Ok(()),
    }
}

/// `1 of 6 nodes misses`, `2 of 6 nodes could`.
fn count_of(some: usize, all: usize, verb: &str) -> String {
    format!("{some} of {} {verb}", count(all as u64, "node"))
}

impl Report {
    fn new(context: &Context, survey: &Survey, judgement: &Judgement, comparison: &Comparison) -> Self {
        let entry = |heard: &Heard| {
            let compared = comparison.nodes.iter().find(|node| node.node.as_str() == heard.name);
            let mute = comparison.mute.iter().find(|(node, _)| node.as_str() == heard.name);
            let error = mute.map(|(_, error)| CliError::from(error).body()).or_else(|| wording::error(heard));
            Entry::new(&heard.name, judgement.state_of(&heard.name), comparison, compared, error)
        };
        let nodes: Vec<_> = survey.nodes.iter().map(entry).collect();
        let ok = !comparison.has_findings() && nodes.iter().all(|entry| entry.answered);
        let (network, told_nodes) = (network(survey, context).to_string(), wording::nodes(judgement));
        Self { network, ok, messages: comparison.messages, nodes, told_nodes }
    }

    fn unheard(&self) -> Vec<NodeId> {
        self.nodes.iter().filter(|entry| !entry.answered).filter_map(|entry| NodeId::new(&entry.node).ok()).collect()
    }
}

impl Entry {
    fn new(
        node: &str,
        state: State,
        comparison: &Comparison,
        compared: Option<&Compared>,
        error: Option<ErrorBody>,
    ) -> Self {
        Self {
            node: node.to_owned(),
            state,
            answered: error.is_none(),
            missing_count: compared.map_or(0, Compared::missing_count),
            missing: compared.map_or_else(Vec::new, |node| Range::all(&node.missing)),
            gap_count: compared.map_or(0, Compared::given_up_count),
            gaps: compared.map_or_else(Vec::new, |node| GapRange::all(node, comparison)),
            gaps_unlisted: compared.map_or(0, |node| node.unlisted),
            unproven_count: compared.map_or(0, |node| vectors::count(&node.unproven)),
            unproven: compared.map_or_else(Vec::new, |node| Range::all(&node.unproven)),
            error,
        }
    }
}

impl Range {
    fn of(stream: &StreamId, from: u64, to: u64) -> Self {
        Self { origin: stream.origin.to_string(), incarnation: stream.incarnation.0, from, to }
    }

    fn all(numbers: &Numbers) -> Vec<Self> {
        let ranges = |(stream, numbers): (&StreamId, &Ranges)| -> Vec<Self> {
            numbers.as_slice().iter().map(|&(from, to)| Self::of(stream, from, to)).collect()
        };
        numbers.iter().flat_map(ranges).collect()
    }
}

impl GapRange {
    /// Ranges that nobody keeps first, then those that some do.
    fn all(node: &Compared, comparison: &Comparison) -> Vec<Self> {
        let (lost, kept) = comparison.divide(node);
        let kept_by = |stream: &StreamId, range: (u64, u64)| {
            let keeps = |kept: &Numbers| kept.get(stream).is_some_and(|kept| !kept.intersection(&[range]).is_empty());
            let keepers = comparison.keepers.iter().filter(|(_, kept)| keeps(kept));
            keepers.map(|(node, _)| node.to_string()).collect()
        };
        let all = [&lost, &kept].into_iter().flatten();
        let ranges = all.flat_map(|(stream, numbers)| numbers.as_slice().iter().map(move |&range| (stream, range)));
        let whole = ranges.map(|(stream, (from, to))| Self {
            range: Range::of(stream, from, to),
            count: (to - from).saturating_add(1),
            kept_by: kept_by(stream, (from, to)),
        });
        let joined = node.joined.iter().map(|gap| Self {
            range: Range::of(&gap.stream, gap.first, gap.last),
            count: gap.count,
            kept_by: Vec::new(),
        });
        whole.chain(joined).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = self.nodes.iter().filter(|entry| entry.answered).count() as u64;
        let whole = |entry: &&Entry| entry.missing_count == 0 && entry.gap_count == 0;
        let whole = self.nodes.iter().filter(|entry| entry.answered).filter(whole).count() as u64;
        let messages = count(self.messages, "message");
        match (answered, whole) {
            (0, _) => write!(f, "No node answered: {}", text::escape(&self.told_nodes))?,
            (_, 0) => write!(f, "None of {} has all of {messages}:", count(answered, "node"))?,
            _ if answered == whole => {
                let who = if answered == 1 { "The only node".to_owned() } else { format!("All {answered} nodes") };
                let verb = if answered == 1 { "has" } else { "have" };
                write!(f, "{who} that answered {verb} seen the same {messages}; nothing is missing")?;
            }
            _ => write!(
                f,
                "{whole} of {} that answered have all of {messages}; the others miss some:",
                count(answered, "node")
            )?,
        }
        let asked = if answered == 1 { "the one node asked".to_owned() } else { format!("the {answered} nodes asked") };
        for entry in &self.nodes {
            entry.show(f, &asked)?;
        }
        Ok(())
    }
}

impl Entry {
    fn show(&self, f: &mut fmt::Formatter<'_>, asked: &str) -> fmt::Result {
        let name = name(&self.node);
        if let Some(error) = &self.error {
            write!(f, "\n{name} ({}) was not audited: {}", self.state.name(), error.message)?;
        }
        if self.missing_count > 0 {
            write!(f, "\n{name} misses {}:", count(self.missing_count, "message"))?;
            show_ranges(f, &self.missing)?;
        }
        let (kept, lost): (Vec<&GapRange>, Vec<&GapRange>) = self.gaps.iter().partition(|gap| !gap.kept_by.is_empty());
        if !lost.is_empty() || self.gaps_unlisted > 0 {
            let messages = lost.iter().map(|gap| gap.count).fold(self.gaps_unlisted, u64::saturating_add);
            write!(f, "\n{name} could not recover {}, which none of {asked} holds:", count(messages, "message"))?;
            show_ranges(f, lost.iter().map(|gap| &gap.range))?;
            if self.gaps_unlisted > 0 {
                write!(f, "\n  and {} more that it does not list", self.gaps_unlisted)?;
            }
        }
        if !kept.is_empty() {
            let messages = kept.iter().map(|gap| gap.count).fold(0, u64::saturating_add);
            let keepers: BTreeSet<NodeId> =
                kept.iter().flat_map(|gap| &gap.kept_by).filter_map(|node| NodeId::new(node).ok()).collect();
            let noun = if keepers.len() == 1 { "node" } else { "nodes" };
            let one = keepers.first().map(|keeper| text::escape(keeper.as_str()).into_owned()).unwrap_or_default();
            let keepers = text::escape(&ranges(&keepers)).into_owned();
            let (messages, this) = (count(messages, "message"), text::escape(&self.node));
            write!(
                f,
                "\n{name} could not recover {messages}, still held by {noun} {keepers}: link it to one of these, such as "
            )?;
            write!(f, "with 'gossip connect {this} {one}':")?;
            show_ranges(f, kept.iter().map(|gap| &gap.range))?;
        }
        if self.unproven_count > 0 {
            let ids = count(self.unproven_count, "id");
            write!(f, "\n{name} has heard of {ids} of which no node has had the message (unproven):")?;
            show_ranges(f, &self.unproven)?;
        }
        Ok(())
    }
}

/// A line for each stream: `4-1795437901: 12–40, 42`.
fn show_ranges<'a>(f: &mut fmt::Formatter<'_>, ranges: impl IntoIterator<Item = &'a Range>) -> fmt::Result {
    let mut stream = None;
    for Range { origin, incarnation, from, to } in ranges {
        let is_new = stream.replace((origin, incarnation)) != Some((origin, incarnation));
        if is_new {
            write!(f, "\n  {}-{incarnation}: ", text::escape(origin))?;
        } else {
            f.write_str(", ")?;
        }
        if from == to { write!(f, "{from}")? } else { write!(f, "{from}–{to}")? }
    }
    Ok(())
}
