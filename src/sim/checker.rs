//! What must hold: at every step that nothing is delivered twice, altered or made up, that paths are ways that can be
//! gone and that what is new goes on; at the end that every message is everywhere, or why it is not.
//!
//! The rules that know how messages spread are those of a flood: `Checker::relayed` and `Checker::frames_due`.

use super::{links::Transit, scenario::Load};
use crate::{
    core::{
        id::{MessageId, NodeId},
        message::{Hop, Message, Payload},
        time::Mono,
    },
    topology::Graph,
};
use std::collections::BTreeMap;

/// What went against the rules, when and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, {time}, node {node}: {wrong}", time = seconds(*at))]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// When: nanoseconds since the run began.
    pub at: Mono,
    /// At which node.
    pub node: NodeId,
    /// What.
    pub wrong: Wrong,
}

fn seconds(at: Mono) -> String {
    format!("{:.6} s", at.0 as f64 / 1e9)
}

/// What went against the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
pub enum Wrong {
    /// A message was delivered again in the same life of a node.
    #[error("{id} was delivered twice")]
    Twice { id: MessageId },
    /// A message was delivered that nobody had published.
    #[error("{id} was delivered and never published")]
    Unpublished { id: MessageId },
    /// Its bytes are not those that were published.
    #[error("{id} was delivered with other bytes than were published")]
    Altered { id: MessageId },
    /// A path that cannot have been gone.
    #[error("{id} came by the path {path}, which {why}")]
    Path { id: MessageId, path: String, why: &'static str },
    /// A node kept a new message from a neighbour.
    #[error("{id} was not passed on to node {to}, although the link is up")]
    NotRelayed { id: MessageId, to: NodeId },
    /// A receipt names another message than the one that was published, or there is none.
    #[error("message {number} was acknowledged as {found}, not as {id}")]
    Receipt { number: u32, found: MessageId, id: MessageId },
    /// A bound of the configuration is not kept.
    #[error("a bound is not kept: {gauge}")]
    Bound { gauge: String },
    /// A message is missing without any reason.
    #[error("{id} is missing, and no crash, cut or loss explains it")]
    Missing { id: MessageId },
    /// A message crossed more or fewer links than the rule says.
    #[error("{id} took {found} frames where the rule makes it {expected}")]
    Frames { id: MessageId, found: u64, expected: u64 },
    /// More copies were noted than the rule lets neighbours send.
    #[error("{id} has {found} paths where the rule allows {most}")]
    Arrivals { id: MessageId, found: usize, most: usize },
}

/// Why a message is not at a node that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It was not there, or a node that had the message went before it could pass it on.
    Crash,
    /// No link led there, or a connection broke under way.
    Unreachable,
    /// Frames were lost.
    Loss,
    /// The queue of a link was full.
    QueueFull,
    /// It stood still to the end.
    Paused,
}

impl Cause {
    /// The word for it in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Unreachable => "unreachable",
            Self::Loss => "loss",
            Self::QueueFull => "queue_full",
            Self::Paused => "paused",
        }
    }
}

/// What is known of a message: all that is needed to judge every later word of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) number: u32,
    pub(super) origin: usize,
    pub(super) id: MessageId,
    pub(super) published_at: Mono,
    payload: Payload,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// By node: the life in which it was delivered last (0: never), and when.
    pub(super) delivered: Vec<(u32, Mono)>,
    /// Hops to the node that took most.
    pub(super) hops: u32,
}

/// A node at the end of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survivor {
    pub(super) life: u32,
    pub(super) began: Mono,
}

/// Which messages went where, and what excuses there are.
#[derive(Debug)]
pub(super) struct Checker {
    load: Load,
    nodes: usize,
    path_len_max: usize,
    pub(super) told: Vec<Told>,
    /// By origin: its lives, and for each the place in `told` by sequence number.
    by_origin: Vec<Vec<(u64, Vec<usize>)>>,
    /// Why a copy of a message from one node is not at another.
    excuses: BTreeMap<(usize, usize, usize), Cause>,
    /// Whether a path reached its limit, which ends the spread that the rule speaks of.
    is_clipped: bool,
}

/// The index of a node by its name, which is its number.
pub(super) fn index_of(node: &NodeId) -> Option<usize> {
    node.as_str().parse::<usize>().ok()?.checked_sub(1)
}

impl Checker {
    pub(super) fn new(load: Load, nodes: usize, path_len_max: usize) -> Self {
        let by_origin = vec![Vec::new(); nodes];
        Self { load, nodes, path_len_max, told: Vec::new(), by_origin, excuses: BTreeMap::new(), is_clipped: false }
    }

    /// A node has accepted a message.
    pub(super) fn published(&mut self, number: u32, origin: usize, at: Mono, message: &Message) {
        let place = self.told.len();
        let lives = &mut self.by_origin[origin];
        let life = message.id.incarnation.0;
        if lives.last().is_none_or(|(last, _)| *last != life) {
            lives.push((life, Vec::new()));
        }
        if let Some((_, places)) = lives.last_mut() {
            places.push(place);
        }
        self.told.push(Told {
            number,
            origin,
            id: message.id.clone(),
            published_at: at,
            payload: message.payload.clone(),
            frames: 0,
            bytes: 0,
            delivered: vec![(0, Mono(0)); self.nodes],
            hops: 0,
        });
    }

    /// The place of a message in [`told`](Self::told).
    pub(super) fn find(&self, id: &MessageId) -> Option<usize> {
        let lives = self.by_origin.get(index_of(&id.origin)?)?;
        let (_, places) = lives.iter().rev().find(|(life, _)| *life == id.incarnation.0)?;
        places.get(usize::try_from(id.sequence.checked_sub(1)?).ok()?).copied()
    }

    /// A node's client got a receipt.
    pub(super) fn acknowledged(&self, number: u32, found: &MessageId) -> Result<(), Wrong> {
        let id = self.told.iter().rev().find(|told| told.number == number).map(|told| &told.id);
        match id {
            Some(id) if id == found => Ok(()),
            Some(id) => Err(Wrong::Receipt { number, found: found.clone(), id: id.clone() }),
            None => Err(Wrong::Unpublished { id: found.clone() }),
        }
    }

    /// A node in its `life` keeps a message that is new to it. Gives the message's place.
    pub(super) fn delivered(&mut self, node: usize, life: u32, at: Mono, message: &Message) -> Result<usize, Wrong> {
        let id = || message.id.clone();
        let place = self.find(&message.id).ok_or_else(|| Wrong::Unpublished { id: id() })?;
        let told = &mut self.told[place];
        if told.payload != message.payload {
            return Err(Wrong::Altered { id: id() });
        }
        if std::mem::replace(&mut told.delivered[node], (life, at)).0 == life {
            return Err(Wrong::Twice { id: id() });
        }
        told.hops = told.hops.max(message.hops);
        Ok(place)
    }

    /// A copy goes from one node over `links` links.
    pub(super) fn sent(
        &mut self,
        graph: &Graph,
        from: usize,
        message: &Message,
        links: usize,
        bytes: usize,
    ) -> Result<(), Wrong> {
        if let Some(place) = self.find(&message.id) {
            self.told[place].frames += links as u64;
            self.told[place].bytes += (links * bytes) as u64;
        }
        let Some(trace) = &message.trace else { return Ok(()) };
        self.is_clipped |= trace.path.len() >= self.path_len_max;
        check_path(graph, &message.id, &trace.path, from)
    }

    /// A copy that was sent, or would have been, is not going to arrive.
    pub(super) fn excuse(&mut self, id: &MessageId, from: usize, to: usize, cause: Cause) {
        if let Some(place) = self.find(id) {
            self.excuses.insert((place, from, to), cause);
        }
    }

    /// The same for something on a link.
    pub(super) fn lost(&mut self, transit: &Transit, from: usize, to: usize, cause: Cause) {
        if let Some(id) = transit.message() {
            self.excuse(id, from, to, cause);
        }
    }

    /// The flood's rule: a node that has just delivered a message sends it to all its neighbours but the one it came
    /// from, as far as their links are up (`up`).
    pub(super) fn relayed(
        &mut self,
        graph: &Graph,
        node: usize,
        delivery: &Delivery,
        targets: &[usize],
        up: impl Fn(usize) -> bool,
    ) -> Result<(), Wrong> {
        for &to in graph.neighbours(node).iter().filter(|&&to| Some(to) != delivery.from && !targets.contains(&to)) {
            let is_clipped = delivery.path_len > self.path_len_max;
            if up(to) && !is_clipped {
                let id = self.told[delivery.place].id.clone();
                return Err(Wrong::NotRelayed { id, to: graph.nodes()[to].clone() });
            }
            self.is_clipped |= is_clipped;
            self.excuses.insert((delivery.place, node, to), Cause::Unreachable);
        }
        Ok(())
    }

    /// A node's own record of a traced message.
    pub(super) fn recorded(
        &self,
        graph: &Graph,
        node: usize,
        id: &MessageId,
        paths: &[impl AsRef<[Hop]>],
    ) -> Result<(), Wrong> {
        let is_origin = index_of(&id.origin) == Some(node);
        let most = graph.degree(node) * self.load.relays as usize + usize::from(is_origin);
        if paths.len() > most {
            return Err(Wrong::Arrivals { id: id.clone(), found: paths.len(), most });
        }
        paths.iter().try_for_each(|path| check_path(graph, id, path.as_ref(), node))
    }

    /// Whether any copy did not arrive.
    pub(super) fn has_excuses(&self) -> bool {
        !self.excuses.is_empty()
    }

    /// Whether a message that is not at `node` has a reason for it, and which. A node that was there all the time
    /// must be excused by each neighbour that had the message.
    pub(super) fn cause(&self, graph: &Graph, place: usize, node: usize, survivor: Survivor) -> Result<Cause, Wrong> {
        let told = &self.told[place];
        if survivor.began > told.published_at {
            return Ok(Cause::Crash);
        }
        let mut cause = Cause::Unreachable;
        for &neighbour in graph.neighbours(node).iter().filter(|&&neighbour| told.delivered[neighbour].0 > 0) {
            let excuse = self.excuses.get(&(place, neighbour, node));
            cause = *excuse.ok_or_else(|| Wrong::Missing { id: told.id.clone() })?;
        }
        Ok(cause)
    }

    /// How many frames a message takes when nothing goes wrong: 2E − (N−1) if it is not traced; 2E·R if it is, on a
    /// graph without leaves and as long as no path is too long to go on.
    pub(super) fn frames_due(&self, graph: &Graph) -> Option<u64> {
        let (ends, nodes) = (2 * graph.edge_count() as u64, graph.node_count() as u64);
        if !self.load.trace {
            return Some(ends - (nodes - 1));
        }
        let has_leaf = (0..graph.node_count()).any(|node| graph.degree(node) < 2);
        (!has_leaf && !self.is_clipped).then_some(ends * self.load.relays)
    }
}

/// A message that a turn of a node has delivered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivery {
    /// Its place in [`Checker::told`].
    pub(super) place: usize,
    /// Who sent it; nobody if it was published here.
    pub(super) from: Option<usize>,
    /// Hops of the path by which it came, this node included.
    pub(super) path_len: usize,
}

/// A path begins at the origin, ends at `end`, and each step is a link.
fn check_path(graph: &Graph, id: &MessageId, path: &[Hop], end: usize) -> Result<(), Wrong> {
    let wrong = |why| {
        let names: Vec<_> = path.iter().map(|hop| hop.node.as_str()).collect();
        Err(Wrong::Path { id: id.clone(), path: names.join(" ➜ "), why })
    };
    if path.first().map(|hop| &hop.node) != Some(&id.origin) {
        return wrong("does not begin at the origin");
    }
    if path.last().map(|hop| &hop.node) != Some(&graph.nodes()[end]) {
        return wrong("does not end here");
    }
    let index = |hop: &Hop| index_of(&hop.node).filter(|&index| index < graph.node_count());
    let is_link = |pair: &[Hop]| index(&pair[0]).zip(index(&pair[1])).is_some_and(|(a, b)| graph.has_edge(a, b));
    if !path.windows(2).all(is_link) {
        return wrong("takes a link that is not there");
    }
    Ok(())
}
