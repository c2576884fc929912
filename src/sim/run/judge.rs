//! The end of a run: what is missing and why, how many frames it took, what nodes have recorded.

use super::{Outcome, Simulation};
use crate::{
    core::{id::MessageId, message::Hop, request::Gap, time::Mono},
    sim::{
        checker::{Inspection, Overlay, Survivor, Violation},
        network::{Draw, Model},
        report::{MessageOutcome, OverlayShape, Report, optimum::quickest},
        scenario::{Fault, Retention, Scenario, Spread},
    },
    topology::Graph,
};
use std::collections::BTreeMap;

/// By how much a message may take longer than before the faults, and all be well again.
const RECOVERED: f64 = 1.25;
/// The messages of a run whose times are told apart, counted from 0.
const NTH: [u32; 3] = [0, 1, 9];

/// Courses of the messages that count, to tell when all was well again: the time of publication of each, the time that it took to
/// be everywhere, and whether it was.
type Courses = Vec<(Mono, u64, bool)>;

/// Facts that all messages are judged by.
struct Facts<'a> {
    survivors: &'a [Option<Survivor>],
    /// By node, what it has given up.
    gaps: &'a BTreeMap<usize, Vec<Gap>>,
    /// Nanoseconds from the message's origin to each node.
    optimum: &'a [Option<u64>],
}

impl Simulation {
    /// Judges the end.
    pub fn finish(mut self) -> Result<Outcome, Violation> {
        let mut report = Report { runs: 1, events: self.events, ..Report::default() };
        if self.cluster.scenario.load.trace {
            self.cluster.nodes().try_for_each(|host| self.check_inbox(host, &mut report))?;
        }
        self.tell_counts(&mut report);
        let gaps = self.inspect().gaps();
        self.check()?;
        // Messages of one origin have one optimum, as long as the same nodes are there.
        let told = &self.checker.messages;
        let mut places: Vec<_> = (0..told.len()).collect();
        places.sort_by_key(|&place| (told[place].origin, told[place].presence, place));
        let mut optimum = (None, Vec::new());
        let mut courses = Courses::new();
        for place in places {
            let told = &self.checker.messages[place];
            let same = Some((told.origin, told.presence));
            if optimum.0 != same {
                let Scenario { network, load, .. } = &self.cluster.scenario;
                let (seed, present) = (self.cluster.seed, &self.checker.presence[told.presence]);
                optimum = (same, quickest(self.ground(), network, seed, told.origin, load.size, present));
            }
            let facts = Facts { survivors: &self.checker.survivors, gaps: &gaps, optimum: &optimum.1 };
            self.judge(place, &facts, &mut report, &mut courses)?;
        }
        self.tell_recovery(courses, &mut report);
        for mended in self.checker.mending.finish() {
            report.missing_bytes += mended.missing;
            report.mending_bytes += mended.sent;
            match mended.took {
                Some(nanos) => report.equal_ms.add(nanos as f64 / 1e6),
                None => report.unequal += 1,
            }
        }
        Ok(Outcome { report, trace_hash: self.trace.0 })
    }

    /// The graph on which messages spread, as far as it was there when they began.
    fn ground(&self) -> &Graph {
        self.ground.as_ref().unwrap_or(&self.cluster.graph)
    }

    /// Adds what was counted over the whole run.
    fn tell_counts(&self, report: &mut Report) {
        let cluster = &self.cluster;
        report.virtual_nanos = cluster.timeline.now.0 - self.began.0;
        report.refused = cluster.counts.refused;
        [report.traffic, report.idle_traffic] = cluster.counts.traffic;
        let rested = self.rested.max(self.began);
        let links = 2.0 * self.ground().edge_count() as f64;
        report.link_seconds = links * rested.since(self.began).as_secs_f64();
        report.idle_link_seconds =
            if cluster.is_idle { links * cluster.timeline.now.since(rested).as_secs_f64() } else { 0.0 };
        report.duplicates.add(cluster.counts.duplicates as f64 / cluster.nodes().len() as f64);
        let live = cluster.hosts[cluster.nodes()].iter().filter(|place| place.node.is_some());
        report.live_nodes.add(live.clone().count() as f64);
        for node in live.clone().filter_map(|place| place.node.as_ref()) {
            report.memory.add(node.gauge().bytes as f64);
        }
        let sum: u64 = live.clone().map(|place| place.frames).sum();
        let most = live.clone().map(|place| place.frames).max().unwrap_or(0);
        if sum > 0 {
            report.load.add(most as f64 * live.count() as f64 / sum as f64);
        }
        if cluster.scenario.join.is_some() || cluster.scenario.heal {
            let overlay = Overlay::of(cluster);
            let graph = overlay.graph(cluster.graph.nodes().to_vec());
            let lopsided = overlay.lopsided().count();
            report.overlay = Some(OverlayShape::of(&graph, |host| cluster.lives(host), lopsided));
        }
    }

    /// Adds what became of one message.
    fn judge(
        &self,
        place: usize,
        facts: &Facts<'_>,
        report: &mut Report,
        courses: &mut Courses,
    ) -> Result<(), Violation> {
        let Facts { survivors, gaps, optimum } = *facts;
        let told = &self.checker.messages[place];
        // What does not count is looked at all the same.
        let mut unseen = Report::default();
        let index = told.number.checked_sub(self.warmup);
        let report = if index.is_some() && !told.is_doubtful() { report } else { &mut unseen };
        let (mut last, mut fastest, mut missing, mut live) = (0, 0, 0, 0);
        for (host, survivor) in survivors.iter().enumerate() {
            let Some(survivor) = *survivor else { continue };
            let (life, at) = told.delivered[host];
            let (is_there, is_due) = (life == survivor.life, survivor.began <= told.published_at);
            live += 1;
            if !is_there && !told.is_doubtful() {
                let cause = Inspection::cause_of_loss(told, host, survivors, gaps);
                *report.missing.entry(cause.name()).or_default() += 1;
            }
            if !is_due {
                continue;
            }
            report.due += 1;
            report.coverage.expect(1);
            if let Some(time) = optimum[host] {
                report.optimum_coverage.add(time);
                report.optimum_coverage.expect(1);
                report.reachable += 1;
                report.reached += u64::from(is_there);
            }
            if is_there {
                let delay = at.0 - told.published_at.0;
                report.coverage.add(delay);
                last = last.max(delay);
                fastest = fastest.max(optimum[host].unwrap_or(0));
            } else {
                missing += 1;
            }
        }
        self.check_frames(place)?;
        let Some(index) = index.filter(|_| !told.is_doubtful()) else { return Ok(()) };
        let share = f64::from(index) / f64::from(self.messages);
        let reached = told.delivered.iter().filter(|(life, _)| *life > 0).count() as u64;
        let (frames, bytes, is_complete) = (told.frames, told.bytes, missing == 0);
        report.add_message(&MessageOutcome { share, frames, bytes, reached, last, quickest: fastest, is_complete });
        report.last_hop.add(f64::from(told.hops));
        report.node_messages += f64::from(live);
        if let Some(nth) = NTH.iter().position(|&nth| nth == index) {
            report.nth_ms[nth].add(last as f64 / 1e6);
        }
        courses.push((told.published_at, last, is_complete));
        Ok(())
    }

    /// Checks that a message took as many frames as it must, where nothing went wrong.
    fn check_frames(&self, place: usize) -> Result<(), Violation> {
        let cluster = &self.cluster;
        let Scenario { network, limits, join, load, single, .. } = &cluster.scenario;
        let told = &self.checker.messages[place];
        let is_exact = cluster.scenario.is_faultless() && !self.checker.has_losses();
        if !is_exact || join.is_some() || told.is_doubtful() || *limits != Retention::default() {
            return Ok(());
        }
        let checked = match cluster.scenario.dissemination {
            // Who has a part of a batch already passes all of it on.
            Spread::Flood if load.burst > 1 && *single > 0.0 => Ok(()),
            Spread::Flood => self.checker.check_flood(&cluster.graph, place),
            Spread::Tree if !is_steady(network) => Ok(()),
            Spread::Tree => {
                let small = cluster.scenario.node_limits().small_payload_max;
                self.checker.check_tree(&cluster.graph, network, small, place)
            }
        };
        checked.map_err(|wrong| self.checker.violation(cluster.timeline.now, told.origin, wrong))
    }

    /// Adds how long it took after the last fault until all was well again.
    fn tell_recovery(&self, mut courses: Courses, report: &mut Report) {
        let faults = self.cluster.scenario.faults.iter();
        let faults: Vec<_> = faults.filter(|fault| !matches!(fault, Fault::Clock { .. })).collect();
        let Some(first) = faults.iter().map(|fault| fault.at()).min() else { return };
        let end = faults.iter().map(|fault| fault.end()).max().unwrap_or_default();
        let (first, end) = (self.began + first.0, self.began + end.0);
        courses.sort_unstable();
        let before = courses.iter().filter(|(at, _, is_complete)| *at < first && *is_complete);
        let (sum, count) = before.fold((0, 0), |(sum, count), (_, last, _)| (sum + last, count + 1));
        if count == 0 {
            return;
        }
        let most = RECOVERED * sum as f64 / f64::from(count);
        let is_well = |&(_, last, is_complete): &(Mono, u64, bool)| is_complete && last as f64 <= most;
        let after: Vec<_> = courses.into_iter().filter(|(at, ..)| *at >= end).collect();
        match after.iter().rposition(|course| !is_well(course)) {
            None if !after.is_empty() => report.recovery_ms.add(0.0),
            Some(bad) if bad + 1 < after.len() => {
                report.recovery_ms.add(after[bad + 1].0.since(end).as_secs_f64() * 1e3);
            }
            _ => report.unrecovered += 1,
        }
    }

    /// Checks what a node has recorded of all the messages that it holds.
    fn check_inbox(&mut self, host: usize, report: &mut Report) -> Result<(), Violation> {
        let pages = self.inspect().pages(host);
        for message in pages.iter().flat_map(|page| &page.messages) {
            let recorded = self.checker.recorded(host, &message.id, &message.paths);
            recorded.map_err(|wrong| self.checker.violation(self.cluster.timeline.now, host, wrong))?;
            for path in &message.paths {
                report.paths_hash = report.paths_hash.wrapping_add(hash_path(host, &message.id, path));
            }
        }
        Ok(())
    }
}

/// Returns whether frames of one link take the same time each and overtake nobody: then nothing but a tree decides who is first.
fn is_steady(model: &Model) -> bool {
    let is_even = model.draw == Draw::Link || model.latency.least == model.latency.most;
    is_even && model.order && model.bandwidth.is_none()
}

/// A number for a message, a node and the names on a path to it (FNV-1a over bytes).
fn hash_path(host: usize, id: &MessageId, path: &[Hop]) -> u64 {
    let ids = [host as u64, id.incarnation.0, id.sequence];
    let names = path.iter().map(|hop| hop.node.as_str()).chain([id.origin.as_str()]);
    let bytes = ids.iter().flat_map(|number| number.to_le_bytes());
    let bytes = bytes.chain(names.flat_map(|name| name.bytes().chain([0])));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
