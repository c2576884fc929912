//! One run: the nodes meet, messages are published and faults happen when the scenario says so, and once all has come
//! to rest it is judged.

mod judge;
mod load;

use super::{
    checker::{Checker, Inspection, Violation},
    cluster::{Cluster, Tamper, namesakes},
    faults::Faults,
    host::Event,
    report::Report,
    scenario::{Disk, NODES_MAX, Scenario, ScenarioError, Senders},
    traffic::Kind,
};
use crate::{
    core::time::Mono,
    topology::{Graph, generate_within},
};
use rand::{RngExt, seq::SliceRandom};
use std::time::Duration;

/// Interval between two looks whether all have come to rest.
const LOOK: Duration = Duration::from_millis(250);

/// Outcome of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Its numbers.
    pub report: Report,
    /// Of all that happened, in order: equal seeds give equal hashes, on every platform.
    pub trace_hash: u64,
}

/// A scenario under way.
pub struct Simulation {
    cluster: Cluster,
    /// Watches the cluster.
    checker: Checker,
    faults: Faults,
    phase: Phase,
    /// Time at which all links were up and all warmed: the scenario's times count from here.
    began: Mono,
    /// Time at which everything had come to rest.
    rested: Mono,
    /// Messages, faults and nodes that are still to come.
    pending: u64,
    /// Time at which a run ends in which not all is mended, at rest or not.
    latest: Option<Mono>,
    published: u32,
    /// Messages that do not count, and those that do; numbers begin with the former.
    warmup: u32,
    messages: u32,
    /// Senders: the one of all messages, or if each is to come from another node, all in this order.
    senders: Vec<usize>,
    next_sender: usize,
    /// The overlay when the messages began, if nobody declared it.
    ground: Option<Graph>,
    trace: Trace,
    events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    /// Links come up.
    Meeting,
    /// Messages that do not count are under way; not over before the first time, over at the second.
    Warming(Mono, Mono),
    /// Messages and faults are under way.
    Running,
    /// All has happened; until then everything must come to rest.
    Converging(Mono),
    /// All is at rest; the run ends then.
    Settling(Mono),
    Over,
}

impl Simulation {
    /// A run of `scenario` in which everything that is left to chance follows from `seed`.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let graph = generate_within(scenario.shape()?, scenario.nodes, NODES_MAX, seed)?;
        let load = &scenario.load;
        let all = if load.senders == Senders::All { scenario.nodes } else { 1 };
        let checker = Checker::new(seed, load.clone(), scenario.node_limits(), graph.nodes().to_vec());
        let mut cluster = Cluster::new(scenario.clone(), graph, seed);
        let mut senders = vec![cluster.lots.random_range(0..scenario.nodes) as usize];
        if load.senders == Senders::Fresh {
            senders = (0..scenario.nodes as usize).collect();
            senders.shuffle(&mut cluster.lots);
        }
        Ok(Self {
            cluster,
            checker,
            faults: Faults::new(seed),
            phase: Phase::New,
            began: Mono(0),
            rested: Mono(0),
            pending: 0,
            latest: None,
            published: 0,
            warmup: load.warmup.saturating_mul(all),
            messages: load.messages.saturating_mul(all),
            senders,
            next_sender: 0,
            ground: None,
            trace: Trace::default(),
            events: 0,
        })
    }

    /// Lets something stand between the nodes and the world.
    pub fn tamper(&mut self, tamper: Tamper) {
        self.cluster.tamper = Some(tamper);
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<Outcome, Violation> {
        while !self.advance(u64::MAX)? {}
        self.finish()
    }

    /// Lets at most `events` things happen; says whether it is over.
    pub fn advance(&mut self, events: u64) -> Result<bool, Violation> {
        if self.phase == Phase::New {
            self.phase = Phase::Meeting;
            self.begin();
            self.check()?;
        }
        for _ in 0..events {
            if self.phase == Phase::Over || !self.step()? {
                self.phase = Phase::Over;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Share of the load that has been published, 0 to 1.
    pub fn progress(&self) -> f64 {
        f64::from(self.published) / (f64::from(self.messages) + f64::from(self.warmup))
    }

    /// Number of events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn step(&mut self) -> Result<bool, Violation> {
        let Some((at, event)) = self.cluster.timeline.next() else { return Ok(false) };
        if let Phase::Settling(end) = self.phase
            && at > end
        {
            return Ok(false);
        }
        self.cluster.timeline.now = at;
        self.events += 1;
        self.trace.note(at, &event);
        self.happen(event)?;
        self.check()?;
        self.proceed();
        Ok(true)
    }

    /// Shows the checker all that nodes have done.
    fn check(&mut self) -> Result<(), Violation> {
        let now = self.cluster.timeline.now;
        let mut observations = self.cluster.timeline.observations();
        observations.try_for_each(|(host, observation)| self.checker.observe(now, host, observation))
    }

    /// Goes on to the next phase if this one is over.
    fn proceed(&mut self) {
        let now = self.cluster.timeline.now;
        let is_over = self.phase == Phase::Running && self.pending == 0 && self.is_late();
        let is_at_rest = self.pending == 0 && self.cluster.is_still();
        match self.phase {
            Phase::Meeting if self.pending == 0 && self.cluster.unready == 0 => self.warm(),
            Phase::Warming(earliest, latest) if now >= latest || (is_at_rest && now >= earliest && self.is_quiet()) => {
                self.begin_load();
            }
            Phase::Running if self.pending == 0 && self.cluster.is_mended() => {
                let (_, patience) = self.patience();
                self.phase = Phase::Converging(now + patience);
                self.cluster.timeline.schedule(now + LOOK, Event::Look);
            }
            Phase::Running if is_at_rest || is_over => self.settle(),
            Phase::Settling(_) if !is_at_rest && !self.cluster.is_idle => self.phase = Phase::Running,
            _ => {}
        }
    }

    /// Time in which nobody speaks of messages when nodes are at rest; and the time that they have to come to rest.
    fn patience(&self) -> (Duration, Duration) {
        self.checker.patience(&self.cluster.scenario)
    }

    /// Returns whether all has happened so long ago that there will be no rest: a node that is too slow never comes to an end.
    fn is_late(&mut self) -> bool {
        let (now, cluster, checker) = (self.cluster.timeline.now, &self.cluster, &self.checker);
        now >= *self.latest.get_or_insert_with(|| now + checker.patience(&cluster.scenario).1)
    }

    /// Returns whether nobody has spoken of messages for a while.
    fn is_quiet(&self) -> bool {
        let (quiet, _) = self.patience();
        let is_old = |(at, ..): (Mono, usize, Kind)| self.cluster.timeline.now.since(at) >= quiet;
        self.cluster.last_news.is_none_or(is_old)
    }

    /// It is time to see whether all have come to rest.
    fn look(&mut self) -> Result<(), Violation> {
        if let Phase::Converging(until) = self.phase {
            match self.inspect().check_whole() {
                Ok(()) => {
                    self.settle();
                    self.cluster.is_idle = true;
                    return Ok(());
                }
                Err(violation) if self.cluster.timeline.now >= until => return Err(violation),
                Err(_) => {}
            }
        }
        if matches!(self.phase, Phase::Warming(..) | Phase::Converging(_)) {
            self.cluster.timeline.schedule(self.cluster.timeline.now + LOOK, Event::Look);
        }
        Ok(())
    }

    fn inspect(&mut self) -> Inspection<'_> {
        Inspection { cluster: &mut self.cluster, checker: &self.checker }
    }

    fn settle(&mut self) {
        self.rested = self.cluster.timeline.now;
        self.phase = Phase::Settling(self.rested + self.cluster.scenario.settle.0);
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        let cluster = &mut self.cluster;
        match event {
            Event::Arrive { connection, epoch, way, transit } => cluster.on_arrive(connection, epoch, way, transit),
            Event::Dial { connection, epoch } => cluster.on_dial(connection, epoch),
            Event::Writable { connection, epoch } => cluster.on_writable(connection, epoch),
            Event::Tick { host, life } => cluster.on_tick(host as usize, life),
            Event::Work { host, life } => cluster.on_work(host as usize, life),
            Event::Break { connection, epoch } => cluster.on_break(connection, epoch),
            Event::Hangup { connection } => cluster.wires.on_hangup(connection),
            Event::Sever { cut } => self.faults.sever(cluster, cut),
            Event::Join { host } => {
                self.pending -= 1;
                cluster.begin_life(host as usize, Disk::Kept, Vec::new());
                cluster.await_links(host as usize);
            }
            Event::Withdraw => {
                self.pending -= 1;
                namesakes::end(cluster);
            }
            Event::Look => return self.look(),
            Event::Publish { number, count } => {
                self.pending -= 1;
                self.published += count;
                self.publish(number, count);
            }
            Event::Fault { index } => {
                self.pending -= 1;
                let fault = cluster.scenario.faults[index as usize].clone();
                let is_alone = cluster.scenario.load.senders == Senders::One;
                self.faults.inflict(cluster, &fault, self.senders.first().copied().filter(|_| is_alone));
            }
            Event::Churn { down } => {
                self.pending -= u64::from(!self.faults.churn(cluster, Duration::from_nanos(down)));
            }
            Event::Rise { host, life } => {
                self.pending -= 1;
                cluster.rise(host as usize, life);
            }
        }
        Ok(())
    }
}

/// A hash over all that happens (FNV-1a over words).
#[derive(Debug, Clone, Copy)]
struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    fn note(&mut self, at: Mono, event: &Event) {
        let (kind, what, more) = match *event {
            Event::Arrive { connection, epoch, way, ref transit } => {
                let sequence = transit.message().map_or(0, |id| id.sequence << 32);
                let kind = (transit.kind as u64) << 1 | way as u64;
                (kind << 8, u64::from(connection), u64::from(epoch) | (transit.bytes as u64) << 16 | sequence)
            }
            Event::Dial { connection, epoch } => (2, connection.into(), epoch.into()),
            Event::Break { connection, epoch } => (3, connection.into(), epoch.into()),
            Event::Hangup { connection } => (4, connection.into(), 0),
            Event::Writable { connection, epoch } => (5, connection.into(), epoch.into()),
            Event::Tick { host, life } => (6, host.into(), life.into()),
            Event::Work { host, life } => (7, host.into(), life.into()),
            Event::Publish { number, count } => (8, number.into(), u64::from(count) - 1),
            Event::Fault { index } => (9, index.into(), 0),
            Event::Churn { down } => (10, down, 0),
            Event::Rise { host, life } => (11, host.into(), life.into()),
            Event::Sever { cut } => (12, cut.into(), 0),
            Event::Join { host } => (13, host.into(), 0),
            Event::Look => (14, 0, 0),
            Event::Withdraw => (15, 0, 0),
        };
        for word in [at.0, kind, what, more] {
            self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
