//! What holds once all that went wrong is mended, however messages spread: soon nothing is missing that anybody keeps,
//! the overlay holds together, and nobody speaks of messages any more.

use super::{Cause, Survivor, Tracked, Wrong, index_of};
use crate::{
    core::{
        config::Timing,
        id::MessageId,
        node::Node,
        request::{Cursor, Fetch, Gap, Page, Reply, Request, Status},
    },
    sim::{
        checker::Violation,
        cluster::Cluster,
        scenario::{Fault, Retention},
    },
    topology::Graph,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long nodes have to come to rest, at least; where they look for news less often than once a second, longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A queue that does not hold what nodes tell each other at one time.
const QUEUE_SMALL: usize = 16 << 10;
/// How long a node must have lived on, and with it one of its neighbours, after it took in a message, so that this
/// message cannot be lost: frames may be delayed, and where they can be lost they are asked for again.
const ENTRUSTED: Duration = Duration::from_secs(1);
const ENTRUSTED_LOSSY: Duration = Duration::from_secs(8);

/// Nodes of a network in which each comes to know all others: neighbours of neighbours and a view.
const KNOWN_MAX: usize = 48;

impl Cluster {
    /// Whether nothing stands in the way of any frame.
    pub(in crate::sim) fn is_mended(&self) -> bool {
        self.network.is_whole() && self.hosts.iter().all(|place| !place.is_paused && place.service == 0)
    }

    /// How long nobody must have spoken of messages, for the nodes to be at rest; and how long they have to come to rest
    /// after the last thing that happened to them.
    pub(in crate::sim) fn patience(&self) -> (Duration, Duration) {
        let Timing { digest_interval: beat, lost_after, .. } = self.scenario.protocol().timing;
        let bytes: usize = self.checker.told.iter().map(|told| told.payload.len() + 64).sum();
        let narrow = Duration::from_nanos(self.network.model.transmission(4 * bytes));
        // That something is nowhere any more is found out by one node after the other, and each asks for one after the other.
        let is_forgetful = self.scenario.limits != Retention::default();
        let asking = self.network.model.latency.most.0 * 2 * self.checker.told.len() as u32;
        let hop = beat + lost_after + asking;
        let forgotten = if is_forgetful { hop * self.hosts.len() as u32 } else { Duration::ZERO };
        // What does not fit into a queue is asked for again.
        let often = if self.network.model.queue < QUEUE_SMALL { 2 } else { 1 };
        (3 * beat, often * PATIENCE.max(60 * beat) + narrow + forgotten)
    }

    /// Whether all live nodes are as they must be at rest; if not, what is wrong, and where.
    pub(in crate::sim) fn check_whole(&mut self) -> Result<(), Violation> {
        let (quiet, _) = self.patience();
        // Where nodes seek their own neighbours links change for long, and over each new one all is told that was seen.
        let may_rest = self.scenario.join.is_none();
        if let Some((at, host, kind)) = self.last_news
            && may_rest
            && self.now.since(at) < quiet
        {
            return Err(self.violation(host, Wrong::Restless { kind: kind.name() }));
        }
        let overlay = self.overlay();
        let parts = self.check_overlay(&overlay).map_err(|(host, wrong)| self.violation(host, wrong))?;
        let survivors = self.survivors();
        let gaps = self.gaps(&survivors)?;
        let names_gap = |host: usize, id: &MessageId| gaps.get(&host).is_some_and(|gaps| is_within(gaps, id));
        let holdings = (self.scenario.limits != Retention::default()).then(|| self.holdings()).transpose()?;
        let keeps = |host: usize, told: &Tracked| {
            let is_there = survivors[host].is_some_and(|survivor| told.delivered[host].0 == survivor.life);
            is_there && holdings.as_ref().is_none_or(|kept| kept[host].contains(&told.id))
        };
        for told in self.checker.told.iter().filter(|told| !told.is_doubtful()) {
            let lacks = |host: usize| survivors[host].is_some_and(|survivor| told.delivered[host].0 != survivor.life);
            // What was given up is taken from a neighbour that keeps it.
            for host in gaps.keys().copied().filter(|&host| lacks(host) && names_gap(host, &told.id)) {
                if let Some(&holder) =
                    overlay.of(host).iter().find(|&&other| overlay.has(other, host) && keeps(other, told))
                {
                    let holder = self.graph.nodes()[holder].clone();
                    return Err(self.violation(host, Wrong::Withheld { id: told.id.clone(), holder }));
                }
            }
            for part in &parts {
                let Some(&lacking) = part.iter().find(|&&host| lacks(host) && !names_gap(host, &told.id)) else {
                    continue;
                };
                let id = told.id.clone();
                let holder = part.iter().find(|&&host| keeps(host, told));
                if let Some(&holder) = holder {
                    let holder = self.graph.nodes()[holder].clone();
                    return Err(self.violation(lacking, Wrong::Withheld { id, holder }));
                }
                if part.iter().any(|&host| !lacks(host)) {
                    return Err(self.violation(lacking, Wrong::Unsaid { id }));
                }
                if self.is_entrusted(told, part, &survivors) {
                    return Err(self.violation(lacking, Wrong::Missing { id }));
                }
            }
        }
        Ok(())
    }

    /// Why a message is not at a live node that is otherwise as it must be.
    pub(in crate::sim) fn cause_of_loss(
        told: &Tracked,
        host: usize,
        survivors: &[Option<Survivor>],
        gaps: &BTreeMap<usize, Vec<Gap>>,
    ) -> Cause {
        if gaps.get(&host).is_some_and(|gaps| is_within(gaps, &told.id)) {
            return Cause::Gap;
        }
        let live = survivors.iter().zip(&told.delivered);
        let is_anywhere = live.clone().any(|(survivor, at)| survivor.is_some_and(|survivor| survivor.life == at.0));
        if is_anywhere { Cause::Unreachable } else { Cause::Crash }
    }

    /// The live nodes as a graph: two are linked if each has the other for a neighbour. Which has the other, and is not had
    /// by it, stands in [`check_overlay`](Self::check_overlay).
    pub(in crate::sim) fn overlay(&self) -> Overlay {
        let neighbours = |host: usize| -> Vec<usize> {
            let node = self.hosts[host].node.as_ref();
            let mut indexes: Vec<_> =
                node.into_iter().flat_map(|node| node.neighbours()).filter_map(index_of).collect();
            indexes.sort_unstable();
            indexes
        };
        Overlay((0..self.hosts.len()).map(neighbours).collect())
    }

    /// The parts that live nodes fall into, if the overlay is as it must be.
    fn check_overlay(&self, overlay: &Overlay) -> Result<Vec<Vec<usize>>, (usize, Wrong)> {
        let name = |host: usize| self.graph.nodes()[host].clone();
        if let Some((host, other)) = overlay.lopsided().next() {
            return Err((host, Wrong::Lopsided { to: name(other) }));
        }
        let live = |host: &usize| self.lives(*host);
        if !self.scenario.heal && self.scenario.join.is_none() {
            let mut edges = self.graph.edges().filter(|(a, b)| live(a) && live(b));
            if let Some((host, to)) = edges.find(|&(a, b)| !overlay.has(a, b)) {
                return Err((host, Wrong::Unlinked { to: name(to) }));
            }
        }
        if self.scenario.heal && self.scenario.join.is_none() {
            self.check_healed(overlay)?;
        }
        let graph = overlay.graph(self.graph.nodes().to_vec());
        let mut parts = graph.components();
        parts.retain(|part| part.iter().any(live));
        if self.scenario.heal
            && let Some((part, apart)) = self.apart(&parts)
        {
            return Err((part[0], Wrong::Apart { to: name(apart[0]), count: apart.len() }));
        }
        Ok(parts)
    }

    /// Whether lost neighbours were replaced: where nodes have equally many, any two that have too few are neighbours of
    /// each other, so that no link could help both. As a sum of degrees is even, one may have to have too few.
    fn check_healed(&self, overlay: &Overlay) -> Result<(), (usize, Wrong)> {
        let is_even = matches!(self.scenario.topology.as_str(), "circular" | "random");
        // In larger networks two that lack a neighbour may not know of each other, and meet by chance alone.
        let is_known = self.hosts.len() <= KNOWN_MAX;
        if !is_even || !is_known || self.scenario.faults.iter().any(|fault| matches!(fault, Fault::Leave { .. })) {
            return Ok(());
        }
        let lacks = |&host: &usize| self.lives(host) && overlay.0[host].len() < self.graph.degree(host);
        let lacking: Vec<usize> = (0..self.hosts.len()).filter(lacks).collect();
        for (index, &host) in lacking.iter().enumerate() {
            if let Some(&other) = lacking[index + 1..].iter().find(|&&other| !overlay.has(host, other)) {
                let to = self.graph.nodes()[other].clone();
                let (found, declared) = (overlay.0[host].len(), self.graph.degree(host));
                return Err((host, Wrong::Unhealed { to, found, declared }));
            }
        }
        Ok(())
    }

    /// Two parts, of which a node of the first knows a live one of the second: it was told who that is, or has met it, in this
    /// life. Nothing else brings them together.
    fn apart<'a>(&self, parts: &'a [Vec<usize>]) -> Option<(&'a [usize], &'a [usize])> {
        let known = |part: &'a Vec<usize>| {
            let nodes = part.iter().filter_map(|&host| self.hosts[host].node.as_ref());
            let told = nodes.flat_map(Node::acquaintances).filter_map(|node| index_of(&node));
            let declared = part.iter().flat_map(|&host| self.graph.neighbours(host)).copied();
            let is_declared = self.scenario.join.is_none();
            told.chain(declared.filter(move |_| is_declared)).filter(|&other| self.lives(other))
        };
        let part_of = |host: usize| parts.iter().find(|part| part.contains(&host));
        parts.iter().find_map(|part| {
            let other = known(part).find(|other| !part.contains(other))?;
            Some((part.as_slice(), part_of(other)?.as_slice()))
        })
    }

    /// By node, the messages that it keeps for reading.
    fn holdings(&mut self) -> Result<Vec<BTreeSet<MessageId>>, Violation> {
        let mut all = Vec::new();
        for host in 0..self.hosts.len() {
            let mut kept = BTreeSet::new();
            self.each_page(host, |_, page| {
                kept.extend(page.messages.iter().map(|message| message.id.clone()));
                Ok(())
            })?;
            all.push(kept);
        }
        Ok(all)
    }

    /// Goes through all that a node keeps.
    pub(in crate::sim) fn each_page(
        &mut self,
        host: usize,
        mut look: impl FnMut(&Self, &Page) -> Result<(), Wrong>,
    ) -> Result<(), Violation> {
        let mut from = Cursor::default();
        while self.lives(host) {
            let fetch = Fetch { status: Status::All, from, through: None, limit: u64::MAX, mark: false };
            let Some(Reply::Page(page)) = self.inspect(host, Request::Fetch(fetch))? else { return Ok(()) };
            look(self, &page).map_err(|wrong| self.violation(host, wrong))?;
            match page.next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// What live nodes that lack anything say that they have given up, or only heard of.
    pub(in crate::sim) fn gaps(
        &mut self,
        survivors: &[Option<Survivor>],
    ) -> Result<BTreeMap<usize, Vec<Gap>>, Violation> {
        let lacks = |&(host, survivor): &(usize, Survivor)| {
            self.checker.told.iter().any(|told| told.delivered[host].0 != survivor.life)
        };
        let live = survivors.iter().enumerate().filter_map(|(host, survivor)| Some((host, (*survivor)?)));
        let hosts: Vec<_> = live.filter(lacks).map(|(host, _)| host).collect();
        let mut gaps = BTreeMap::new();
        for host in hosts {
            let named: &mut Vec<Gap> = gaps.entry(host).or_default();
            let mut after = None;
            while let Some(Reply::Vector(page)) = self.inspect(host, Request::Seen { after, of: Vec::new() })? {
                named.extend(page.gaps.into_iter().chain(page.unproven));
                after = page.streams.last().map(|held| held.stream.clone()).filter(|_| page.more);
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(gaps)
    }

    /// Whether a message cannot be lost in this part of the overlay: a client has its receipt, its origin and one that was
    /// its neighbour then lived on long enough, the neighbour to the end and in this part, and nothing kept them apart.
    fn is_entrusted(&self, told: &Tracked, part: &[usize], survivors: &[Option<Survivor>]) -> bool {
        let is_undisturbed = self.scenario.faults.iter().all(|fault| fault.ends_processes_alone());
        let is_wide = self.network.model.bandwidth.is_none() && !self.checker.has_full_queues;
        let enough = if self.network.model.is_stream() { ENTRUSTED } else { ENTRUSTED_LOSSY };
        let lived = self.hosts[told.origin].lived_until(told.life, self.now).since(told.published_at);
        let is_witness = |&(host, life): &(usize, u32)| {
            part.binary_search(&host).is_ok() && survivors[host].is_some_and(|survivor| survivor.life == life)
        };
        told.is_acknowledged && is_undisturbed && is_wide && lived >= enough && told.witnesses.iter().any(is_witness)
    }
}

fn is_within(gaps: &[Gap], id: &MessageId) -> bool {
    let stream = id.stream();
    gaps.iter().any(|gap| gap.stream == stream && (gap.first..=gap.last).contains(&id.sequence))
}

/// Who has whom for a neighbour, by node; each ascending.
pub(in crate::sim) struct Overlay(Vec<Vec<usize>>);

impl Overlay {
    /// The neighbours of a node.
    fn of(&self, host: usize) -> &[usize] {
        &self.0[host]
    }

    /// Whether one node has another for a neighbour.
    fn has(&self, host: usize, other: usize) -> bool {
        self.0[host].binary_search(&other).is_ok()
    }

    /// Pairs of which only the first has the other for a neighbour.
    pub(in crate::sim) fn lopsided(&self) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.0.iter().enumerate().flat_map(|(host, others)| others.iter().map(move |&other| (host, other)));
        pairs.filter(|&(host, other)| !self.has(other, host))
    }

    /// The links that both ends have.
    pub(in crate::sim) fn graph(&self, nodes: Vec<crate::core::id::NodeId>) -> Graph {
        let pairs = self.0.iter().enumerate().flat_map(|(host, others)| others.iter().map(move |&other| (host, other)));
        let edges = pairs.filter(|&(host, other)| host < other && self.has(other, host));
        Graph::new(nodes, edges).expect("neighbours are other nodes of the same network")
    }
}
