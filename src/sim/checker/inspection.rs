//! Rules that hold once all that went wrong is mended, however messages spread: soon nothing is missing that anybody keeps,
//! the overlay holds together, and nobody speaks of messages any more.

use super::{
    overlay::Overlay,
    steps::Checker,
    tracked::{Survivor, Tracked},
    wrong::{Cause, Violation, Wrong},
};
use crate::{
    core::{
        id::MessageId,
        node::Node,
        request::{Cursor, Fetch, Gap, Page, Reply, Request, Status},
    },
    sim::{
        cluster::Cluster,
        host::index_of,
        scenario::{Fault, Retention},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Time that a node must have lived on, and with it one of its neighbours, after it took in a message, so that this
/// message cannot be lost: frames may be delayed, and where they can be lost they are asked for again.
const ENTRUSTED: Duration = Duration::from_secs(1);
const ENTRUSTED_LOSSY: Duration = Duration::from_secs(8);

/// Nodes of a network in which each comes to know all others: neighbours of neighbours and a view.
const KNOWN_MAX: usize = 48;

/// A look at nodes that are to be at rest: they are asked for all that they hold.
pub(in crate::sim) struct Inspection<'a> {
    pub(in crate::sim) cluster: &'a mut Cluster,
    pub(in crate::sim) checker: &'a Checker,
}

impl Inspection<'_> {
    /// Checks that all live nodes are as they must be at rest.
    pub(in crate::sim) fn check_whole(&mut self) -> Result<(), Violation> {
        let (quiet, _) = self.checker.patience(&self.cluster.scenario);
        // Where nodes seek their own neighbours links change for long, and over each new one all is told that was seen.
        let may_rest = self.cluster.scenario.join.is_none();
        if let Some((at, host, kind)) = self.cluster.last_news
            && may_rest
            && self.cluster.timeline.now.since(at) < quiet
        {
            return Err(self.violation(host, Wrong::Restless { kind: kind.name() }));
        }
        let overlay = Overlay::of(self.cluster);
        let parts = self.check_overlay(&overlay).map_err(|(host, wrong)| self.violation(host, wrong))?;
        let checker = self.checker;
        let survivors = &checker.survivors;
        let gaps = self.gaps();
        let names_gap = |host: usize, id: &MessageId| gaps.get(&host).is_some_and(|gaps| is_within(gaps, id));
        let holdings = (self.cluster.scenario.limits != Retention::default()).then(|| self.holdings());
        let keeps = |host: usize, told: &Tracked| {
            let is_there = survivors[host].is_some_and(|survivor| told.delivered[host].0 == survivor.life);
            is_there && holdings.as_ref().is_none_or(|kept| kept[host].contains(&told.id))
        };
        for told in checker.messages.iter().filter(|told| !told.is_doubtful()) {
            let lacks = |host: usize| survivors[host].is_some_and(|survivor| told.delivered[host].0 != survivor.life);
            // What was given up is taken from a neighbour that keeps it.
            for host in gaps.keys().copied().filter(|&host| lacks(host) && names_gap(host, &told.id)) {
                if let Some(&holder) =
                    overlay.neighbours(host).iter().find(|&&other| overlay.has(other, host) && keeps(other, told))
                {
                    let holder = self.cluster.graph.nodes()[holder].clone();
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
                    let holder = self.cluster.graph.nodes()[holder].clone();
                    return Err(self.violation(lacking, Wrong::Withheld { id, holder }));
                }
                if part.iter().any(|&host| !lacks(host)) {
                    return Err(self.violation(lacking, Wrong::Unsaid { id }));
                }
                if self.is_entrusted(told, part) {
                    return Err(self.violation(lacking, Wrong::Missing { id }));
                }
            }
        }
        Ok(())
    }

    /// A rule that is broken at a node.
    fn violation(&self, host: usize, wrong: Wrong) -> Violation {
        self.checker.violation(self.cluster.timeline.now, host, wrong)
    }

    /// Cause for which a message is not at a live node that is otherwise as it must be.
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

    /// The parts that live nodes fall into, if the overlay is as it must be.
    fn check_overlay(&self, overlay: &Overlay) -> Result<Vec<Vec<usize>>, (usize, Wrong)> {
        let name = |host: usize| self.cluster.graph.nodes()[host].clone();
        if let Some((host, other)) = overlay.lopsided().next() {
            return Err((host, Wrong::Lopsided { to: name(other) }));
        }
        let live = |host: &usize| self.cluster.lives(*host);
        if !self.cluster.scenario.heal && self.cluster.scenario.join.is_none() {
            let mut edges = self.cluster.graph.edges().filter(|(a, b)| live(a) && live(b));
            if let Some((host, to)) = edges.find(|&(a, b)| !overlay.has(a, b)) {
                return Err((host, Wrong::Unlinked { to: name(to) }));
            }
        }
        if self.cluster.scenario.heal && self.cluster.scenario.join.is_none() {
            self.check_healed(overlay)?;
        }
        let graph = overlay.graph(self.cluster.graph.nodes().to_vec());
        let mut parts = graph.components();
        parts.retain(|part| part.iter().any(live));
        if self.cluster.scenario.heal
            && let Some((part, apart)) = self.apart(&parts)
        {
            return Err((part[0], Wrong::Apart { to: name(apart[0]), count: apart.len() }));
        }
        Ok(parts)
    }

    /// Checks that lost neighbours were replaced: where nodes have equally many, any two that have too few are neighbours of
    /// each other, so that no link could help both. As a sum of degrees is even, one may have to have too few.
    fn check_healed(&self, overlay: &Overlay) -> Result<(), (usize, Wrong)> {
        let is_even = matches!(self.cluster.scenario.topology.as_str(), "circular" | "random");
        // In larger networks two that lack a neighbour may not know of each other, and meet by chance alone.
        let is_known = self.cluster.nodes().len() <= KNOWN_MAX;
        if !is_even
            || !is_known
            || self.cluster.scenario.faults.iter().any(|fault| matches!(fault, Fault::Leave { .. }))
        {
            return Ok(());
        }
        let lacks = |&host: &usize| {
            self.cluster.lives(host) && overlay.neighbours(host).len() < self.cluster.graph.degree(host)
        };
        let lacking: Vec<usize> = self.cluster.nodes().filter(lacks).collect();
        for (index, &host) in lacking.iter().enumerate() {
            if let Some(&other) = lacking[index + 1..].iter().find(|&&other| !overlay.has(host, other)) {
                let to = self.cluster.graph.nodes()[other].clone();
                let (found, declared) = (overlay.neighbours(host).len(), self.cluster.graph.degree(host));
                return Err((host, Wrong::Unhealed { to, found, declared }));
            }
        }
        Ok(())
    }

    /// Two parts, of which a node of the first knows a live one of the second: it was told who that is, or has met it, in this
    /// life. Nothing else brings them together.
    fn apart<'a>(&self, parts: &'a [Vec<usize>]) -> Option<(&'a [usize], &'a [usize])> {
        let known = |part: &'a Vec<usize>| {
            let nodes = part.iter().filter_map(|&host| self.cluster.hosts[host].node.as_ref());
            let told = nodes.flat_map(Node::acquaintances).filter_map(|node| index_of(&node));
            let declared = part.iter().flat_map(|&host| self.cluster.graph.neighbours(host)).copied();
            let is_declared = self.cluster.scenario.join.is_none();
            told.chain(declared.filter(move |_| is_declared)).filter(|&other| self.cluster.lives(other))
        };
        let mut part_of = vec![usize::MAX; self.cluster.nodes().len()];
        for (index, part) in parts.iter().enumerate() {
            part.iter().for_each(|&host| part_of[host] = index);
        }
        parts.iter().enumerate().find_map(|(index, part)| {
            let other = known(part).find(|&other| part_of[other] != index)?;
            Some((part.as_slice(), parts.get(part_of[other])?.as_slice()))
        })
    }

    /// By node, the messages that it keeps for reading.
    fn holdings(&mut self) -> Vec<BTreeSet<MessageId>> {
        let ids = |page: Page| page.messages.into_iter().map(|message| message.id);
        self.cluster.nodes().map(|host| self.pages(host).into_iter().flat_map(ids).collect()).collect()
    }

    /// All that a node keeps, if it lives.
    pub(in crate::sim) fn pages(&mut self, host: usize) -> Vec<Page> {
        let mut pages = Vec::new();
        let mut from = Some(Cursor::default());
        while let Some(cursor) = from.filter(|_| self.cluster.lives(host)) {
            let fetch = Fetch { status: Status::All, from: cursor, through: None, limit: u64::MAX, mark: false };
            let Some(Reply::Page(page)) = self.cluster.inspect(host, Request::Fetch(fetch)) else { break };
            from = page.next;
            pages.push(page);
        }
        pages
    }

    /// Gaps of live nodes that lack anything: what they have given up, or only heard of.
    pub(in crate::sim) fn gaps(&mut self) -> BTreeMap<usize, Vec<Gap>> {
        let checker = self.checker;
        let lacks = |&(host, survivor): &(usize, Survivor)| {
            checker.messages.iter().any(|told| told.delivered[host].0 != survivor.life)
        };
        let live = checker.survivors.iter().enumerate().filter_map(|(host, survivor)| Some((host, (*survivor)?)));
        let mut gaps = BTreeMap::new();
        for (host, _) in live.filter(lacks) {
            let named: &mut Vec<Gap> = gaps.entry(host).or_default();
            let mut after = None;
            while let Some(Reply::Vector(page)) = self.cluster.inspect(host, Request::Seen { after, of: Vec::new() }) {
                named.extend(page.gaps.into_iter().chain(page.unproven));
                after = page.streams.last().map(|held| held.stream.clone()).filter(|_| page.more);
                if after.is_none() {
                    break;
                }
            }
        }
        gaps
    }

    /// Returns whether a message cannot be lost in this part of the overlay: a client has its receipt, its origin and one that was
    /// its neighbour then lived on long enough, the neighbour to the end and in this part, and nothing kept them apart.
    fn is_entrusted(&self, told: &Tracked, part: &[usize]) -> bool {
        let is_undisturbed = self.cluster.scenario.faults.iter().all(|fault| fault.ends_processes_alone());
        let is_wide = self.cluster.wires.network.model.bandwidth.is_none() && !self.checker.has_full_queues;
        let enough = if self.cluster.wires.network.model.is_stream() { ENTRUSTED } else { ENTRUSTED_LOSSY };
        let lived =
            self.checker.lived_until(told.origin, told.life, self.cluster.timeline.now).since(told.published_at);
        let is_witness = |&(host, life): &(usize, u32)| {
            part.binary_search(&host).is_ok()
                && self.checker.survivors[host].is_some_and(|survivor| survivor.life == life)
        };
        told.is_acknowledged && is_undisturbed && is_wide && lived >= enough && told.witnesses.iter().any(is_witness)
    }
}

fn is_within(gaps: &[Gap], id: &MessageId) -> bool {
    let stream = id.stream();
    gaps.iter().any(|gap| gap.stream == stream && (gap.first..=gap.last).contains(&id.sequence))
}
