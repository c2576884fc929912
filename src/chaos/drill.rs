//! A drill: a schedule of faults carried out while messages are submitted, then all is mended, and the checker proves that
//! the network has what it should.

use super::{
    check::{NetworkCheck, look},
    error::ChaosError,
    executor::Executor,
    holdings::Holdings,
    judge::{Evidence, Verdict, judge},
    load::{Load, THREADS},
    order::Order,
    schedule::ScheduledOrder,
    timeline::{Death, Timeline},
};
use crate::{
    client::Clients,
    clock::{Clock, Deadline},
    core::{endpoint::Endpoint, id::NodeId, time::Mono},
    survey::{Home, Judgement, Target},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// Interval at which it is seen whether the user wants to end it, and whether all nodes agree by now.
const GLANCE: Duration = Duration::from_millis(50);
/// Time that one look at the network may take.
const LOOK: Duration = Duration::from_secs(2);

/// Drill that is to be made.
#[derive(Debug, Clone)]
pub struct Drill {
    /// Orders, each with its time.
    pub steps: Vec<ScheduledOrder>,
    /// Time for which messages are submitted, at least; the schedule may take longer.
    pub span: Duration,
    /// Messages a second.
    pub rate: u64,
    /// Names the run in its messages.
    pub seed: u64,
    /// Time that a node must live on for its acknowledgements to count.
    pub keep: Duration,
    /// Time that the network may take to agree when all is mended.
    pub timeout: Duration,
    /// True if those that are dead at the end stay so.
    pub leave_dead: bool,
    /// True if nothing is changed: what is out of order is told and not mended.
    pub only_looks: bool,
}

/// Something that was done, or could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Since the beginning, when it was in force.
    pub at: Duration,
    /// Order that was given.
    pub order: Order,
    /// Reason why it was not carried out.
    pub failure: Option<String>,
}

/// Outcome of a drill.
#[derive(Debug, Clone, Default)]
pub struct DrillReport {
    /// Messages submitted.
    pub sent: u64,
    /// Of these, acknowledged.
    pub acknowledged: u64,
    /// Faults, by their word.
    pub faults: BTreeMap<&'static str, u64>,
    /// The checker's.
    pub verdict: Verdict,
    /// States of the nodes at the end, as every command judges them.
    pub judgement: Judgement,
    /// Nodes that run, as far as is known, and do not answer.
    pub silent: Vec<NodeId>,
    /// Nodes that answer, and that a live neighbour does not hear.
    pub suspect: Vec<NodeId>,
    /// Nodes that are halted.
    pub paused: Vec<NodeId>,
    /// Links that are disturbed: who speaks, and who does not hear as usual.
    pub disturbed: BTreeSet<(NodeId, NodeId)>,
    /// Parts of the network at the end, if there are several.
    pub parts: Vec<Vec<NodeId>>,
    /// Nodes that keep no more all that they received, and how many messages are gone: of these they say that they saw them.
    pub incomplete: Vec<(NodeId, u64)>,
    /// From the last order to a network of one piece; `None`: not within the time.
    pub to_one: Option<Duration>,
    /// From the last order, or the last message if that was later, to nodes that have all seen the same; `None`: not within
    /// the time.
    pub to_equal: Option<Duration>,
}

impl DrillReport {
    /// Returns whether something is out of order that goes on until somebody mends it: waiting is in vain.
    fn is_broken(&self) -> bool {
        !self.paused.is_empty() || !self.disturbed.is_empty()
    }

    /// Returns whether the network has what it should.
    pub fn is_clean(&self) -> bool {
        !self.is_broken()
            && self.verdict.is_clean()
            && self.silent.is_empty()
            && self.suspect.is_empty()
            && self.to_one.is_some()
            && self.to_equal.is_some()
    }
}

/// A drill under way.
struct Run<'a> {
    executor: &'a mut Executor,
    drill: &'a Drill,
    clock: Clock,
    begin: Mono,
    load: &'a Load,
    timeline: Timeline,
    faults: BTreeMap<&'static str, u64>,
    /// Time at which the last order was in force.
    last: Mono,
    /// Time from which on no more messages were submitted.
    quiet: Mono,
    /// From the last order to a network of one piece, if it has become that.
    to_one: Option<Duration>,
    interrupted: &'a AtomicBool,
    tell: &'a mut dyn FnMut(&Happening),
}

/// Carries out a drill. `tell` hears of each order. Whatever happens, and also when `interrupted` is set meanwhile, what was
/// broken is mended, unless it [only looks](Drill::only_looks).
pub fn drill(
    executor: &mut Executor,
    drill: &Drill,
    interrupted: &AtomicBool,
    tell: &mut dyn FnMut(&Happening),
) -> Result<DrillReport, ChaosError> {
    let (clock, load) = (Clock::new(), Load::new(drill.rate, drill.seed));
    let begin = clock.now().mono;
    let (timeline, faults) = (Timeline::default(), BTreeMap::new());
    let mut run = Run {
        executor,
        drill,
        clock: clock.clone(),
        begin,
        load: &load,
        timeline,
        faults,
        last: begin,
        quiet: begin,
        to_one: None,
        interrupted,
        tell,
    };
    run.timeline.add(begin, run.executor.active_faults());
    run.offer();
    let done = thread::scope(|scope| {
        for thread in 0..if drill.rate > 0 { THREADS } else { 0 } {
            let (clock, load) = (&clock, &load);
            scope.spawn(move || load.submit(thread, clock));
        }
        let done = run.follow();
        load.end();
        run.quiet = run.now();
        let mended = run.mend();
        done.and(mended)
    });
    done?;
    if interrupted.load(Relaxed) {
        return Err(ChaosError::Interrupted);
    }
    run.prove()
}

impl Run<'_> {
    fn now(&self) -> Mono {
        self.clock.now().mono
    }

    /// Messages go to nodes that run.
    fn offer(&self) {
        let runs = |node: &&NodeId| self.executor.active_faults().runs(node);
        self.load.set_takers(
            self.nodes().iter().map(|(node, _)| node).filter(runs).filter_map(|node| self.place(node)).collect(),
        );
    }

    fn place(&self, node: &NodeId) -> Option<(NodeId, Endpoint)> {
        Some((node.clone(), self.executor.endpoint(node)?.clone()))
    }

    /// All nodes, with their addresses.
    fn nodes(&self) -> Vec<(NodeId, Endpoint)> {
        self.executor.manifest().nodes.iter().map(|record| (record.node.clone(), record.endpoint.clone())).collect()
    }

    /// Looks at all of them.
    fn look(&self) -> Result<NetworkCheck, ChaosError> {
        let down = &self.executor.active_faults().down;
        let (network, instance) = (&self.executor.manifest().network, &self.executor.manifest().instance);
        let target = |(node, endpoint): (NodeId, Endpoint)| {
            let has_ended = down.contains(&node);
            let home = Some(Home { network: network.clone(), instance: instance.clone() });
            Target { node: Some(node), home, endpoint, is_ours: true, has_ended }
        };
        Ok(look(self.nodes().into_iter().map(target).collect(), LOOK)?)
    }

    /// Waits until `at` since the beginning; `false` if the user ended it.
    fn wait_until(&self, at: Duration) -> bool {
        loop {
            let now = self.now().since(self.begin);
            if self.interrupted.load(Relaxed) {
                return false;
            }
            if now >= at {
                return true;
            }
            Deadline::after((at - now).min(GLANCE)).pause(GLANCE);
        }
    }

    /// The schedule, in order. An order that cannot be carried out now is told, and the schedule goes on: a node may be on
    /// its way down or up.
    fn follow(&mut self) -> Result<(), ChaosError> {
        let drill = self.drill;
        for ScheduledOrder { at, order } in &drill.steps {
            if !self.wait_until(*at) {
                return Ok(());
            }
            self.give(order)?;
        }
        // Whether the pieces find each other is looked at while messages still come.
        while self.to_one.is_none() && self.now().since(self.begin) < drill.span && self.wait_until(Duration::ZERO) {
            let glance = self.look()?;
            let since = self.now().since(self.last);
            self.to_one = glance.is_one().then_some(since);
            Deadline::after(GLANCE).pause(GLANCE);
        }
        self.wait_until(drill.span);
        Ok(())
    }

    fn give(&mut self, order: &Order) -> Result<(), ChaosError> {
        let mut after = self.executor.active_faults().clone();
        after.apply(order);
        let begin = self.now();
        if order.is_fault() {
            // Nobody submits to a node that is about to stand still, or counts on what is about to go.
            if matches!(order, Order::Kill(_) | Order::Pause(_) | Order::Restart(_)) {
                let taking =
                    self.nodes().into_iter().filter(|(node, _)| after.runs(node) && !order.nodes().contains(&node));
                self.load.set_takers(taking.collect());
            }
            let mut harmed = after;
            if let Order::Restart(nodes) = order {
                harmed.apply(&Order::Kill(nodes.clone()));
            }
            self.timeline.add(begin, &harmed);
        }
        let was_down = self.executor.active_faults().down.clone();
        let done = self.executor.perform(order, self.interrupted);
        let end = self.now();
        let mut harms = order.is_fault();
        if let Order::Kill(nodes) | Order::Restart(nodes) = order {
            let killed: Vec<_> = nodes.iter().filter(|node| !was_down.contains(node)).collect();
            // Who starts the dead anew mends.
            harms = !killed.is_empty();
            self.timeline.note_deaths(Death { begin, end }, killed);
        }
        self.timeline.add(end, self.executor.active_faults());
        self.offer();
        (self.last, self.to_one) = (end, None);
        let failure = match done {
            Ok(()) => None,
            Err(error @ ChaosError::NotAllowed { .. }) => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        if failure.is_none() && harms {
            *self.faults.entry(order.name()).or_default() += 1;
        }
        (self.tell)(&Happening { at: end.since(self.begin), order: order.clone(), failure });
        Ok(())
    }

    /// All that is still broken, with or without our doing, is mended; also after Ctrl-C, which counts no more then.
    fn mend(&mut self) -> Result<(), ChaosError> {
        if self.drill.only_looks {
            return Ok(());
        }
        let go_on = AtomicBool::new(false);
        let active_faults = self.executor.active_faults().clone();
        if active_faults.has_disturbances() || !active_faults.paused.is_empty() {
            self.executor.perform(&Order::Heal, &go_on)?;
            self.tell_done(Order::Heal);
        }
        if !self.drill.leave_dead && !active_faults.down.is_empty() {
            let restart = Order::Restart(active_faults.down.into_iter().collect());
            self.executor.perform(&restart, &go_on)?;
            self.tell_done(restart);
        }
        Ok(())
    }

    fn tell_done(&mut self, order: Order) {
        (self.last, self.to_one) = (self.now(), None);
        (self.tell)(&Happening { at: self.last.since(self.begin), order, failure: None });
    }

    /// Waits until the network is one and all have seen the same, then reads what they hold and judges.
    fn prove(mut self) -> Result<DrillReport, ChaosError> {
        let receipts = self.load.take_receipts();
        let mut told = DrillReport {
            sent: self.load.sent(),
            acknowledged: receipts.len() as u64,
            faults: std::mem::take(&mut self.faults),
            to_one: self.to_one,
            ..DrillReport::default()
        };
        let peers = self.executor.places().into_iter().map(|place| (place.node, place.peers)).collect();
        let deadline = Deadline::after(self.drill.timeout);
        loop {
            let glance = self.converge(&deadline, &mut told)?;
            let mut holdings = Holdings::new(glance.live.iter().map(|(node, _)| node.clone()));
            let clients = Clients::new()?;
            for (node, endpoint) in &glance.live {
                holdings.read(node, endpoint, &clients, LOOK.max(deadline.remaining()))?;
            }
            let evidence =
                Evidence { receipts: &receipts, timeline: &self.timeline, keep: self.drill.keep, peers: &peers };
            told.verdict = judge(&holdings, &evidence);
            // What all have seen and one keeps no more is not missing there.
            let excused = |node: &NodeId, missing: usize| {
                holdings.incomplete().any(|(one, gone)| one == node && missing as u64 <= gone)
            };
            if told.to_equal.is_some() {
                told.verdict.missing.retain(|node, missing| !excused(node, missing.len()));
            }
            told.incomplete = holdings.incomplete().map(|(node, count)| (node.clone(), count)).collect();
            if told.is_clean() || told.is_broken() || !deadline.pause(GLANCE) {
                return Ok(told);
            }
            self.check()?;
        }
    }

    fn check(&self) -> Result<(), ChaosError> {
        if self.interrupted.load(Relaxed) { Err(ChaosError::Interrupted) } else { Ok(()) }
    }

    /// Looks at the network until it is one, all hear each other, and all have seen the same; or until time is up.
    fn converge(&self, deadline: &Deadline, told: &mut DrillReport) -> Result<NetworkCheck, ChaosError> {
        loop {
            let glance = self.look()?;
            let since = self.now().since(self.last);
            (told.silent, told.suspect) = (glance.silent(), glance.suspect());
            told.judgement = glance.judgement.clone();
            let is_one = glance.is_one();
            let is_equal = glance.is_equal && told.silent.is_empty();
            told.parts = if is_one { Vec::new() } else { glance.parts.clone() };
            // What was reached and lost again was not reached.
            told.to_one = is_one.then(|| told.to_one.unwrap_or(since));
            let quiet = self.now().since(self.quiet.max(self.last));
            told.to_equal = is_equal.then(|| told.to_equal.unwrap_or(quiet));
            told.paused = self.executor.active_faults().paused.iter().cloned().collect();
            told.disturbed = glance.disturbed.clone();
            let is_whole = is_one && is_equal && told.suspect.is_empty();
            if is_whole || told.is_broken() || !deadline.pause(GLANCE) {
                if glance.live.is_empty() {
                    return Err(ChaosError::NobodyRuns { network: self.executor.manifest().network.clone() });
                }
                return Ok(glance);
            }
            self.check()?;
        }
    }
}
