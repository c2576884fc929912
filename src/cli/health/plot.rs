//! `gossip plot`.

use super::{
    message_id::parse,
    node_health::micros,
    survey::{record, take},
    wording,
};
use crate::{
    cli::{
        Context, NodeArgument, Output,
        commands::plot::{Plot, picture_file},
        error::CliError,
        text::{self, count},
    },
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::{MessageId, NodeId, natural_key},
        neighbours::LinkRole,
    },
    launcher::{Manifest, NodeRecord},
    survey::{Health, HopTiming, Journey, Judgement, Overlay, State, Survey},
    topology::{Graph, Margin},
    viz::{Link, LinkMark, Measure, NodeMark, Picture, Scene},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    time::Duration,
};

/// Longest time that nodes may take unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Draw the network as it is now, as declared, or the route of one message
///
/// Marks nodes that are down, silent or suspect, links added by repair, declared links that are down, and single points of
/// failure: nodes, and links (bridges), whose loss splits the network. Writes SVG and PNG to the network's state folder, and
/// draws on a terminal (× down, ? silent, ~ suspect, ! single point of failure).
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  # Draw the network as it is now
  gossip plot

  # Draw a network that was not started here, through one of its nodes
  gossip plot 10.0.0.7:7004

  # Draw it as declared
  gossip plot --declared

  # Draw to a file
  gossip plot -o network.png

  # Draw the route of a message, with the time from submission to each arrival
  gossip send-message 4 apple --json
  gossip plot --message 4-1795437901-1")]
pub struct Args {
    /// Address of a node whose network was not started here [default: the network of --network]
    #[arg(value_name = "HOST:PORT")]
    node: Option<Endpoint>,
    /// Draw the declared topology instead of the current one
    #[arg(long)]
    declared: bool,
    /// Draw the path on which the message with this id first reached each node; it must be traced
    #[arg(long, value_name = "ID", value_parser = parse, conflicts_with = "declared")]
    message: Option<MessageId>,
    /// Write the picture only to this file, which ends in .svg or .png
    #[arg(short, long, value_name = "FILE", value_parser = picture_file)]
    output: Option<PathBuf>,
}

/// Report that is printed.
#[derive(Serialize)]
struct Report {
    network: String,
    /// `overlay`, `declared` or `message`.
    kind: &'static str,
    caption: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Hop>,
    plot: Vec<PathBuf>,
    #[serde(skip)]
    drawing: Option<String>,
}

#[derive(Serialize)]
struct Hop {
    from: String,
    to: String,
    took_us: u64,
    after_us: u64,
}

/// Asks all nodes, draws what they say, and says where the picture lies.
pub fn run(args: Args, context: &Context, out: &mut Output) -> Result<(), CliError> {
    let deadline = Deadline::after(context.timeout_or(TIMEOUT));
    let address: Vec<_> = args.node.into_iter().map(NodeArgument::Address).collect();
    let survey = || take(&address, context, deadline.remaining() / 2);
    let (manifest, survey) = match (address.is_empty(), args.declared) {
        (true, true) => (record(context)?, None),
        (true, false) => (record(context)?, Some(survey()?)),
        (false, _) => {
            let survey = survey()?;
            (found(&survey, &address)?, Some(survey))
        }
    };
    let (kind, picture, journey) = match survey.filter(|_| !args.declared) {
        None => {
            let graph = graph_of(&manifest, &BTreeSet::new())?;
            ("topology", Picture::new(&graph, manifest.network.as_str(), &manifest.topology), None)
        }
        Some(survey) => {
            let overlay = Overlay::of(&survey)?;
            let journey = args.message.as_ref().map(|id| Journey::trace(id, &survey, &deadline)).transpose()?;
            let kind = if journey.is_some() { "message" } else { "overlay" };
            (kind, Picture::of(Canvas::new(&manifest, &survey, &overlay, journey.as_ref())?.scene(&manifest)), journey)
        }
    };
    let folder = context.networks()?.folder(&manifest.network);
    let caption = picture.caption().to_owned();
    let plot = match &args.output {
        Some(file) => Plot::draw_into(file, &picture, out)?,
        None => {
            folder.create()?;
            Plot::draw_as(&folder, kind, &picture, out)?
        }
    };
    let hop = |step: HopTiming| Hop {
        from: step.from.to_string(),
        to: step.to.to_string(),
        took_us: step.took_us,
        after_us: step.after_us,
    };
    out.print(&Report {
        network: manifest.network.to_string(),
        kind: if kind == "topology" { "declared" } else { kind },
        caption,
        message: journey.as_ref().map(|journey| journey.id.to_string()),
        steps: journey.map_or_else(Vec::new, |journey| journey.steps().into_iter().map(hop).collect()),
        plot: plot.files,
        drawing: plot.drawing,
    })
}

/// Record of a network that was not started here, as its nodes tell it.
fn found(survey: &Survey, address: &[NodeArgument]) -> Result<Manifest, CliError> {
    let Some(first) = survey.said().next() else {
        let address = address.first().map_or_else(String::new, NodeArgument::to_string);
        return Err(CliError::Unreachable(format!("no node answers at {address}")));
    };
    let topology = "as reported by its nodes".to_owned();
    let mut manifest = Manifest::new(first.network.clone(), first.instance.clone(), topology, 0, 0);
    manifest.nodes.extend(survey.said().map(|status| {
        let declared = status.peers.iter().filter(|peer| peer.role == LinkRole::Declared);
        NodeRecord {
            node: status.node.clone(),
            endpoint: status.endpoint.clone(),
            process: None,
            peers: declared.filter_map(|peer| peer.node.clone()).collect(),
            lost: Vec::new(),
        }
    }));
    Ok(manifest)
}

/// Picture before it is placed.
struct Canvas {
    /// Graph by which nodes are placed.
    places: Graph,
    links: BTreeMap<(usize, usize), Link>,
    marks: Vec<NodeMark>,
    values: (Measure, Vec<usize>),
    caption: String,
}

impl Canvas {
    fn new(
        manifest: &Manifest,
        survey: &Survey,
        overlay: &Overlay,
        journey: Option<&Journey>,
    ) -> Result<Self, CliError> {
        let mut names: BTreeSet<NodeId> = overlay.graph.nodes().iter().cloned().collect();
        names.extend(journey.map_or_else(BTreeSet::new, Journey::nodes));
        let declared = graph_of(manifest, &names)?;
        let judgement = Judgement::of(survey, overlay);
        let at = |node: &NodeId| declared.index_of(node);
        let live = overlay.kinds.iter().filter_map(|(&(a, b), &kind)| {
            let [a, b] = [a, b].map(|end| at(&overlay.graph.nodes()[end]));
            Some((pair(a?, b?), kind))
        });
        let live: BTreeMap<(usize, usize), LinkRole> = live.collect();
        // Nodes stand where the declared topology puts them, whatever became of it; one without a declared link, where its
        // links are.
        let is_undeclared = |&(a, b): &(usize, usize)| declared.degree(a) == 0 || declared.degree(b) == 0;
        let placing = declared.edges().chain(live.keys().copied().filter(is_undeclared));
        let places =
            Graph::new(declared.nodes().to_vec(), placing).map_err(|error| CliError::Failed(error.to_string()))?;
        let mut canvas = Self {
            marks: declared.nodes().iter().map(|node| mark_of(node, &judgement, overlay)).collect(),
            links: BTreeMap::new(),
            values: (Measure::Degree, Vec::new()),
            caption: caption(&judgement, overlay),
            places,
        };
        match journey {
            Some(journey) => canvas.show_journey(journey, &live),
            None => canvas.show_overlay(&declared, &live, overlay),
        }
        Ok(canvas)
    }

    fn scene(&self, manifest: &Manifest) -> Scene<'_> {
        Scene {
            places: &self.places,
            links: self.links.clone(),
            marks: self.marks.clone(),
            values: self.values.clone(),
            heading: manifest.network.to_string(),
            caption: self.caption.clone(),
        }
    }

    fn show_overlay(&mut self, declared: &Graph, live: &BTreeMap<(usize, usize), LinkRole>, overlay: &Overlay) {
        let node = |index: usize| &overlay.graph.nodes()[index];
        let bridges = overlay
            .weak
            .links
            .iter()
            .filter_map(|&(a, b)| Some(pair(self.places.index_of(node(a))?, self.places.index_of(node(b))?)));
        let bridges: BTreeSet<_> = bridges.collect();
        for edge in declared.edges() {
            self.links.insert(edge, Link { mark: LinkMark::Down, ..Link::default() });
        }
        for (&edge, &kind) in live {
            let mark = match kind {
                _ if bridges.contains(&edge) => LinkMark::Bridge,
                LinkRole::Healing => LinkMark::Healing,
                LinkRole::Declared | LinkRole::Joined => LinkMark::Plain,
            };
            self.links.insert(edge, Link { mark, ..Link::default() });
        }
        let degree = |name: &NodeId| overlay.graph.index_of(name).map_or(0, |index| overlay.graph.degree(index));
        self.values = (Measure::Degree, self.places.nodes().iter().map(degree).collect());
    }

    fn show_journey(&mut self, journey: &Journey, live: &BTreeMap<(usize, usize), LinkRole>) {
        self.links = live.keys().map(|&edge| (edge, Link::default())).collect();
        let steps = journey.steps();
        for step in &steps {
            let (Some(from), Some(to)) = (self.places.index_of(&step.from), self.places.index_of(&step.to)) else {
                continue;
            };
            let note = Some(format!("+{}", micros(step.after_us)));
            self.links.insert(pair(from, to), Link { mark: LinkMark::Way, to: Some(to), note });
        }
        for (node, mark) in self.places.nodes().iter().zip(&mut self.marks) {
            *mark = match (*mark, journey.hops(node)) {
                (_, Some(_)) if *node == journey.id.origin => NodeMark::Start,
                (_, Some(_)) => NodeMark::Plain,
                (NodeMark::Dead | NodeMark::Silent, None) => *mark,
                (_, None) => NodeMark::Without,
            };
        }
        let hops = |node: &NodeId| journey.hops(node).unwrap_or(0);
        self.values = (Measure::Hops, self.places.nodes().iter().map(hops).collect());
        let last = steps.last().map_or_else(String::new, |step| format!(" · last after {}", micros(step.after_us)));
        let reached = count(journey.first.len() as u64, "node");
        let far = self.values.1.iter().max().copied().unwrap_or(0) as u64;
        self.caption = format!("message {} · {reached} reached · {} at most{last}", journey.id, count(far, "hop"));
    }
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// The declared topology, with nodes besides that are in no record.
fn graph_of(manifest: &Manifest, others: &BTreeSet<NodeId>) -> Result<Graph, CliError> {
    let mut names: BTreeSet<NodeId> = manifest.nodes.iter().map(|record| record.node.clone()).collect();
    names.extend(others.iter().cloned());
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by(|a, b| natural_key(a.as_str()).cmp(&natural_key(b.as_str())));
    let at = |node: &NodeId| names.iter().position(|name| name == node);
    let peers = manifest.nodes.iter().flat_map(|record| record.peers.iter().map(|peer| (&record.node, peer)));
    let edges: Vec<_> = peers.filter_map(|(node, peer)| Some((at(node)?, at(peer)?))).collect();
    Graph::new(names, edges).map_err(|error| CliError::Failed(error.to_string()))
}

fn mark_of(node: &NodeId, judgement: &Judgement, overlay: &Overlay) -> NodeMark {
    let is_cut = || overlay.graph.index_of(node).is_some_and(|index| overlay.weak.nodes.contains(&index));
    match judgement.state_of(node.as_str()) {
        State::Up if is_cut() => NodeMark::Cut,
        State::Up => NodeMark::Plain,
        State::Suspect => NodeMark::Suspect,
        State::Silent => NodeMark::Silent,
        State::Down => NodeMark::Dead,
    }
}

/// `overlay now · 5 of 6 nodes up · 5 links · 2 node failures could split it`
fn caption(judgement: &Judgement, overlay: &Overlay) -> String {
    let how = match (judgement.health, overlay.margin) {
        (Health::Down, _) => return format!("overlay now · DOWN · {}", wording::up(judgement)),
        (Health::Silent, _) => return format!("overlay now · SILENT · {}", wording::up(judgement)),
        (_, Margin::Split) => format!("split into {} parts", overlay.parts().len()),
        (_, Margin::Failures(failures)) => format!("{} could split it", count(failures as u64, "node failure")),
        (_, Margin::AtMost(failures)) => format!("{} or fewer could split it", count(failures as u64, "node failure")),
        (_, Margin::Never) if overlay.graph.node_count() == 1 => "only one node is up".to_owned(),
        (_, Margin::Never) => "fully connected".to_owned(),
    };
    let links = count(overlay.graph.edge_count() as u64, "link");
    format!("overlay now · {} · {links} · {how}", wording::up(judgement))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network '{}': {}", self.network, self.caption)?;
        if let Some(drawing) = &self.drawing {
            write!(f, "\n\n{}", drawing.trim_end_matches('\n'))?;
        }
        for Hop { from, to, took_us, after_us } in &self.steps {
            let line = format!("{from} ➜ {to}  +{}  (this hop {})", micros(*after_us), micros(*took_us));
            write!(f, "\n  {}", text::escape(&line))?;
        }
        if !self.plot.is_empty() && (self.drawing.is_some() || !self.steps.is_empty()) {
            f.write_str("\n")?;
        }
        for file in &self.plot {
            write!(f, "\nPicture: {}", file.display())?;
        }
        Ok(())
    }
}
