//! One run: the nodes meet, messages are published and faults happen when the scenario says so, and once all has come
//! to rest it is judged.

use super::{
    checker::{Survivor, Violation, Wrong},
    cluster::{Cluster, Tamper},
    host::{Event, Work},
    optimum::quickest,
    report::Report,
    scenario::{Fault, Load, NODES_MAX, Retention, Scenario, ScenarioError, Senders},
};
use crate::{
    core::{
        message::Relays,
        request::{Cursor, Fetch, Reply, Request, Status},
        time::Mono,
    },
    topology::generate_within,
};
use rand::RngExt;
use std::time::Duration;

/// What came of a run.
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
    phase: Phase,
    /// When all links were up: the scenario's times count from here.
    began: Mono,
    /// Messages and faults that are still to come.
    pending: u64,
    published: u32,
    messages: u32,
    sender: usize,
    trace: Trace,
    events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Meeting,
    Running,
    Settling(Mono),
    Over,
}

impl Simulation {
    /// A run of `scenario` in which everything that is left to chance follows from `seed`.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let graph = generate_within(scenario.shape()?, scenario.nodes, NODES_MAX, seed)?;
        let all = if scenario.load.senders == Senders::All { scenario.nodes } else { 1 };
        let mut cluster = Cluster::new(scenario.clone(), graph, seed);
        let sender = cluster.lots.random_range(0..scenario.nodes) as usize;
        Ok(Self {
            cluster,
            phase: Phase::New,
            began: Mono(0),
            pending: 0,
            published: 0,
            messages: scenario.load.messages.saturating_mul(all),
            sender,
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
            (0..self.cluster.hosts.len()).try_for_each(|host| self.cluster.begin_life(host))?;
            (0..self.cluster.hosts.len()).try_for_each(|host| self.cluster.await_links(host))?;
        }
        for _ in 0..events {
            if self.phase == Phase::Over || !self.step()? {
                self.phase = Phase::Over;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How much of the load has been published, 0 to 1.
    pub fn progress(&self) -> f64 {
        f64::from(self.published) / f64::from(self.messages)
    }

    /// How many things have happened so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    fn step(&mut self) -> Result<bool, Violation> {
        let Some((at, event)) = self.cluster.queue.pop() else { return Ok(false) };
        if let Phase::Settling(end) = self.phase
            && at > end
        {
            return Ok(false);
        }
        self.cluster.now = at;
        self.events += 1;
        self.trace.note(at, &event);
        self.happen(event)?;
        let is_at_rest = self.pending == 0 && self.cluster.under_way == 0;
        match self.phase {
            Phase::Meeting if self.cluster.unready == 0 => self.begin_load(),
            Phase::Running if is_at_rest => self.phase = Phase::Settling(at + self.cluster.scenario.settle.0),
            Phase::Settling(_) if !is_at_rest => self.phase = Phase::Running,
            _ => {}
        }
        Ok(true)
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        let cluster = &mut self.cluster;
        match event {
            Event::Arrive { connection, epoch, way, transit } => cluster.on_arrive(connection, epoch, way, transit),
            Event::Dial { connection, epoch } => cluster.on_dial(connection, epoch),
            Event::Writable { connection, epoch } => cluster.on_writable(connection, epoch),
            Event::Tick { host, life } => cluster.on_tick(host as usize, life),
            Event::Work { host, life } => cluster.on_work(host as usize, life),
            Event::Break { connection, epoch } => {
                cluster.on_break(connection, epoch);
                Ok(())
            }
            Event::Hangup { connection } => {
                cluster.on_hangup(connection);
                Ok(())
            }
            Event::Sever { cut } => {
                cluster.sever(cut);
                Ok(())
            }
            Event::Publish { number } => {
                self.pending -= 1;
                self.published += 1;
                self.publish(number)
            }
            Event::Fault { index } => {
                self.pending -= 1;
                let fault = cluster.scenario.faults[index as usize].clone();
                cluster.inflict(&fault)
            }
            Event::Churn { down } => {
                self.pending -= u64::from(!cluster.churn(Duration::from_nanos(down)));
                Ok(())
            }
            Event::Rise { host, life } => {
                self.pending -= 1;
                cluster.rise(host as usize, life)
            }
        }
    }

    /// All links are up, or have been waited for long enough: the scenario begins.
    fn begin_load(&mut self) {
        (self.phase, self.began) = (Phase::Running, self.cluster.now);
        self.cluster.traffic = Default::default();
        let Scenario { load: Load { senders, interval, .. }, faults, nodes, .. } = self.cluster.scenario.clone();
        let queue = &mut self.cluster.queue;
        // Faults first: one at the moment of a message comes before it.
        for (index, fault) in (0..).zip(&faults) {
            let at = self.began + fault.at().0;
            if let Fault::Churn { at, until, every, down } = fault {
                let times = std::iter::successors(Some(at.0), |&time| Some(time + every.0));
                for time in times.take_while(|&time| time <= until.0) {
                    self.pending += 1;
                    queue.push(self.began + time, Event::Churn { down: down.nanos() });
                }
            }
            self.pending += 1;
            queue.push(at, Event::Fault { index });
        }
        for number in 0..self.messages {
            let round = if senders == Senders::All { number / nodes } else { number };
            self.pending += 1;
            queue.push(self.began + interval.0 * round, Event::Publish { number });
        }
    }

    /// Finds who is to publish a message, and hands it over.
    fn publish(&mut self, number: u32) -> Result<(), Violation> {
        let cluster = &mut self.cluster;
        let host = match cluster.scenario.load.senders {
            Senders::One => self.sender,
            Senders::All => (number % cluster.scenario.nodes) as usize,
            Senders::Random => {
                let live: Vec<_> = (0..cluster.hosts.len()).filter(|&host| cluster.lives(host)).collect();
                match live.len() {
                    0 => 0,
                    count => live[cluster.lots.random_range(0..count as u32) as usize],
                }
            }
        };
        if cluster.lives(host) {
            return cluster.hand_over(host, Work::Publish(number));
        }
        cluster.traffic.refused += 1;
        Ok(())
    }

    /// Judges the end: what is missing and why, how many frames it took, what nodes have recorded.
    pub fn finish(mut self) -> Result<Outcome, Violation> {
        self.cluster.excuse_stranded();
        if self.cluster.scenario.load.trace {
            (0..self.cluster.hosts.len()).try_for_each(|host| self.check_inbox(host))?;
        }
        let cluster = &self.cluster;
        let survivor = |host: usize| {
            let place = &cluster.hosts[host];
            place.node.as_ref().map(|_| Survivor { life: place.life, began: place.began })
        };
        let survivors: Vec<_> = (0..cluster.hosts.len()).map(survivor).collect();
        let mut report = Report { runs: 1, events: self.events, ..Report::default() };
        report.virtual_nanos = cluster.now.0 - self.began.0;
        report.refused = cluster.traffic.refused;
        report.control_frames = cluster.traffic.control;
        let live = survivors.iter().flatten().count();
        report.duplicates.add(cluster.traffic.duplicates as f64 / cluster.hosts.len() as f64);
        report.live_nodes.add(live as f64);
        for node in cluster.hosts.iter().filter_map(|place| place.node.as_ref()) {
            report.memory.add(node.gauge().bytes as f64);
        }
        // Messages of one origin have one optimum.
        let mut places: Vec<_> = (0..cluster.checker.told.len()).collect();
        places.sort_by_key(|&place| (cluster.checker.told[place].origin, place));
        let mut optimum = (usize::MAX, Vec::new());
        for place in places {
            let told = &cluster.checker.told[place];
            if optimum.0 != told.origin {
                let Scenario { network, load, .. } = &cluster.scenario;
                optimum = (told.origin, quickest(&cluster.graph, network, cluster.seed, told.origin, load.size));
            }
            self.judge(place, &survivors, &optimum.1, &mut report)?;
        }
        Ok(Outcome { report, trace_hash: self.trace.0 })
    }

    /// Adds what became of one message.
    fn judge(
        &self,
        place: usize,
        survivors: &[Option<Survivor>],
        optimum: &[Option<u64>],
        report: &mut Report,
    ) -> Result<(), Violation> {
        let Cluster { checker, graph, scenario, .. } = &self.cluster;
        let told = &checker.told[place];
        let (mut last, mut quickest, mut missing) = (0, 0, 0);
        for (host, survivor) in survivors.iter().enumerate() {
            let Some(survivor) = *survivor else { continue };
            let (life, at) = told.delivered[host];
            let is_due = survivor.began <= told.published_at;
            report.due += u64::from(is_due);
            if life != survivor.life {
                let cause = checker.cause(graph, place, host, survivor);
                let cause = cause.map_err(|wrong| self.cluster.violation(host, wrong))?;
                missing += u64::from(is_due);
                *report.missing.entry(cause.name()).or_default() += 1;
            } else if is_due {
                let delay = at.0 - told.published_at.0;
                report.coverage.add(delay);
                last = last.max(delay);
                quickest = quickest.max(optimum[host].unwrap_or(0));
            }
            if is_due {
                report.coverage.expect(1);
                if let Some(time) = optimum[host] {
                    report.optimum_coverage.add(time);
                    report.optimum_coverage.expect(1);
                }
            }
        }
        let expected = checker.frames_due(graph).filter(|_| {
            let is_exact = scenario.is_faultless() && !checker.has_excuses();
            is_exact && scenario.limits == Retention::default()
        });
        if let Some(expected) = expected.filter(|&expected| expected != told.frames) {
            let wrong = Wrong::Frames { id: told.id.clone(), found: told.frames, expected };
            return Err(self.cluster.violation(told.origin, wrong));
        }
        let reached = told.delivered.iter().filter(|(life, _)| *life > 0).count() as u64;
        report.add_message(told.frames, told.bytes, reached, missing == 0);
        report.last_hop.add(f64::from(told.hops));
        report.add_times(last, quickest);
        Ok(())
    }

    /// Checks what a node has recorded of all the messages that it holds.
    fn check_inbox(&mut self, host: usize) -> Result<(), Violation> {
        let mut from = Cursor::default();
        while self.cluster.lives(host) {
            let fetch = Fetch { status: Status::All, from, through: None, limit: u64::MAX, mark: false };
            let Some(Reply::Page(page)) = self.cluster.inspect(host, Request::Fetch(fetch))? else { return Ok(()) };
            for message in &page.messages {
                let recorded = self.cluster.checker.recorded(&self.cluster.graph, host, &message.id, &message.paths);
                recorded.map_err(|wrong| self.cluster.violation(host, wrong))?;
            }
            match page.next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
        Ok(())
    }
}

impl Cluster {
    /// Hands a message to a node that has time for it.
    pub(super) fn publish_at(&mut self, host: usize, number: u32) -> Result<(), Violation> {
        let Load { trace, relays, size, .. } = self.scenario.load;
        let trace = Relays::try_from(relays).ok().filter(|_| trace);
        let payload = payload(self.seed, number, size);
        self.publish(host, number, Request::Publish { trace, payload: payload.as_slice().into() })
    }
}

/// Bytes that tell one message from another.
fn payload(seed: u64, number: u32, size: usize) -> Vec<u8> {
    let first = (seed ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..size as u64).map(|index| (first.wrapping_add(index * 0x61c8_8647) >> 24) as u8).collect()
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
                (way as u64, u64::from(connection), u64::from(epoch) | transit.bytes as u64 | sequence)
            }
            Event::Dial { connection, epoch } => (2, connection.into(), epoch.into()),
            Event::Break { connection, epoch } => (3, connection.into(), epoch.into()),
            Event::Hangup { connection } => (4, connection.into(), 0),
            Event::Writable { connection, epoch } => (5, connection.into(), epoch.into()),
            Event::Tick { host, life } => (6, host.into(), life.into()),
            Event::Work { host, life } => (7, host.into(), life.into()),
            Event::Publish { number } => (8, number.into(), 0),
            Event::Fault { index } => (9, index.into(), 0),
            Event::Churn { down } => (10, down, 0),
            Event::Rise { host, life } => (11, host.into(), life.into()),
            Event::Sever { cut } => (12, cut.into(), 0),
        };
        for word in [at.0, kind, what, more] {
            self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
