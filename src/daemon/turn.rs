//! One turn of a node process: take what came, up to a bound; hand each to the core; do what it asks, in order;
//! sync the log once. Nothing here decides anything about the protocol.

use super::{
    disturbances::{Destination, Disturbances, Fate},
    error::DaemonError,
    interpret::{interpret, misplaced, undecodable},
    metrics::MetricsPort,
    report::{self, Reporter},
};
use crate::{
    clock::{self, Clock},
    core::{
        endpoint::Endpoint,
        event::record::{Condition, LogSeq},
        event::{Input, LinkId, Output, Principal, ReturnAddress, Sender},
        frame::Frame,
        id::{Incarnation, Instance},
        node::Node,
        request::{Request, RequestId},
        stats::Counter,
        time::Mono,
    },
    store::{Log, incarnation::Life},
    transport::{Links, Parts, Poller, Router, SharedFrame},
    wire::{Decoder, Frames, Incoming, Rejected, encode},
};
use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// Most messages that one turn takes from a socket, so that no sender keeps the others waiting.
const TURN_MESSAGES_MAX: usize = 1024;
/// Most bytes that one turn takes from a socket.
const TURN_BYTES_MAX: usize = 4 << 20;
/// Longest time that one turn gives to a socket: a short request can ask for a long reply. What comes in order
/// (signals, probes, other sockets) waits that long.
const TURN_TIME_MAX: Duration = Duration::from_millis(20);

/// Time that those whom the node was told to find may take to answer, before that is said.
const SOON: Duration = Duration::from_secs(1);

/// All that a turn works with.
pub(super) struct Turn {
    node: Node,
    clock: Clock,
    /// The time when the clock was last read: once for what a wait brought, once for each input.
    now: Mono,
    router: Router,
    links: Links,
    decoder: Decoder,
    log: Box<dyn Log>,
    life: Life,
    synced: LogSeq,
    /// The log's ability to keep what it is given, as the node was told last.
    condition: Condition,
    pressure: bool,
    exit: Option<Duration>,
    /// Inputs that came of doing what the core asked.
    after: VecDeque<Input>,
    /// Buffers that are used again.
    parts: Parts,
    header: Vec<u8>,
    readable: Vec<LinkId>,
    reporter: Reporter,
    disturbances: Disturbances,
    metrics: Option<MetricsPort>,
    /// Whom it was told to find, and when to say that nobody was found.
    seeks: Option<(Mono, String)>,
}

impl Turn {
    pub(super) fn new(
        node: Node,
        clock: Clock,
        router: Router,
        links: Links,
        decoder: Decoder,
        log: Box<dyn Log>,
        life: Life,
    ) -> Self {
        Self {
            node,
            now: clock.mono(),
            clock,
            router,
            links,
            decoder,
            log,
            life,
            synced: LogSeq::default(),
            condition: Condition::Well,
            pressure: false,
            exit: None,
            after: VecDeque::new(),
            parts: Parts::new(),
            header: Vec::new(),
            readable: Vec::new(),
            reporter: Reporter::default(),
            disturbances: Disturbances::new(clock::seed()),
            metrics: None,
            seeks: None,
        }
    }

    /// From now on whoever asks at this port is told what the node counts.
    pub(super) fn serve_metrics(&mut self, port: MetricsPort) {
        self.metrics = Some(port);
    }

    /// Says so if nobody at these addresses answers soon.
    pub(super) fn expect(&mut self, addresses: &[Endpoint]) {
        if !addresses.is_empty() {
            let addresses: Vec<_> = addresses.iter().map(Endpoint::authority).collect();
            self.seeks = Some((self.now + SOON, addresses.join(", ")));
        }
    }

    /// The node's life.
    pub(super) fn incarnation(&self) -> Incarnation {
        self.life.incarnation()
    }

    /// The start of its network that the node belongs to.
    pub(super) fn instance(&self) -> &Instance {
        self.node.instance()
    }

    /// The time that what was sent may take to leave, once the node was asked to end.
    pub(super) fn exit(&self) -> Option<Duration> {
        self.exit
    }

    /// Closes all sockets.
    pub(super) fn close(self, linger: Duration) {
        self.links.close(linger);
        self.router.close(linger);
    }

    /// Asks the node for something, as its clients do. If it refuses, the log says so.
    pub(super) fn ask(&mut self, request: Request) -> Result<(), DaemonError> {
        let (principal, client, id) = (Principal::Own, ReturnAddress::own(), RequestId::None);
        self.apply(Input::Requested { principal, client, id, request })
    }

    /// Waits for something to do and does it. Returns whether a signal came.
    pub(super) fn wait_and_run(&mut self, poller: &mut Poller, signal: BorrowedFd<'_>) -> Result<bool, DaemonError> {
        let deadline = Mono::earliest([
            self.node.deadline(),
            self.disturbances.deadline(),
            self.seeks.as_ref().map(|&(at, _)| at),
            self.reporter.deadline(),
        ]);
        let timeout = deadline.map(|deadline| deadline.since(self.clock.mono()));
        let metrics = self.metrics.as_ref().map_or(signal, AsFd::as_fd);
        // The log needs no more than to be woken for: each turn ends with a look at it.
        let others = [signal, metrics, self.log.woken().unwrap_or(signal)];
        let ready = poller.poll(&mut self.router, &mut self.links, &others, timeout)?;
        let (router, signalled, is_asked) = (ready.router, ready.others[0], ready.others[1]);
        // What is lost comes first: a connection may be lost and another one up since the last wait.
        self.after.extend(ready.disconnected.iter().copied().map(Input::Disconnected));
        self.after.extend(ready.writable.iter().copied().map(Input::Writable));
        self.readable.clear();
        self.readable.extend_from_slice(&ready.readable);
        self.now = self.clock.mono();
        for (host, error) in self.links.take_unknown_hosts() {
            self.reporter.unknown_host(self.now, &host, &error);
        }
        self.send_delayed();
        self.reporter.catch_up(self.now);
        self.settle()?;
        for index in 0..self.readable.len() {
            self.take_from_link(self.readable[index])?;
        }
        if router {
            self.take_from_router()?;
        }
        let now = self.clock.mono();
        if self.node.deadline().is_some_and(|deadline| deadline <= now) {
            self.apply(Input::Tick)?;
        }
        if let Some((_, addresses)) = self.seeks.take_if(|(at, _)| *at <= now).filter(|_| self.node.is_alone()) {
            self.reporter.nobody_answers(now, &addresses);
        }
        let pressure = self.links.pressure();
        if pressure != self.pressure {
            self.pressure = pressure;
            self.reporter.pressure(self.now, pressure);
            self.apply(Input::Pressure(pressure))?;
        }
        self.flush()?;
        self.sync()?;
        if let Some(port) = self.metrics.as_mut().filter(|_| is_asked) {
            port.answer(|| self.node.snapshot(self.clock.now()));
        }
        Ok(signalled)
    }

    fn take_from_link(&mut self, link: LinkId) -> Result<(), DaemonError> {
        let (mut bytes, end) = (0, self.now + TURN_TIME_MAX);
        for _ in 0..TURN_MESSAGES_MAX {
            if bytes > TURN_BYTES_MAX || self.now > end || !self.links.recv(link, &mut self.parts)? {
                break;
            }
            let parts = self.parts.frames();
            bytes += length(parts);
            let sender = Sender::Link(link);
            let input = match Frames::split(parts) {
                Ok(frames) => match self.decoder.decode(frames.header, frames.body) {
                    Ok(Incoming::Answer(answer)) => Input::Answered { link, answer },
                    Ok(Incoming::Frame(_)) => {
                        // Its far end is a DEALER: this very socket, if the system drew the port that it dials for it.
                        self.links.hang_up(link);
                        self.after.push_back(Input::Disconnected(link));
                        misplaced(sender)
                    }
                    Ok(_) => misplaced(sender),
                    Err(Rejected { error, .. }) => undecodable(sender, &error),
                },
                Err(error) => undecodable(sender, &error),
            };
            self.apply(input)?;
        }
        Ok(())
    }

    fn take_from_router(&mut self) -> Result<(), DaemonError> {
        let (mut bytes, end) = (0, self.now + TURN_TIME_MAX);
        for _ in 0..TURN_MESSAGES_MAX {
            if bytes > TURN_BYTES_MAX || self.now > end || !self.router.recv(&mut self.parts)? {
                break;
            }
            let parts = self.parts.frames();
            bytes += length(parts);
            let input = interpret(&mut self.decoder, parts);
            self.apply(input)?;
        }
        Ok(())
    }

    /// Ends the turn: what was submitted in it leaves.
    fn flush(&mut self) -> Result<(), DaemonError> {
        self.node.flush(self.clock.now());
        self.drain()?;
        self.settle()
    }

    fn sync(&mut self) -> Result<(), DaemonError> {
        let synced = self.log.sync()?;
        if self.log.wants_checkpoint() {
            self.log.checkpoint(self.node.checkpoint().collect());
        }
        if synced > self.synced {
            self.synced = synced;
            self.apply(Input::Synced(synced))?;
        }
        let condition = self.log.condition();
        if condition != self.condition {
            self.reporter.log_condition(self.now, &condition);
            self.condition = condition.clone();
            self.apply(Input::Log(condition))?;
        }
        Ok(())
    }

    /// Hands one input to the core, and does all that comes of it.
    fn apply(&mut self, input: Input) -> Result<(), DaemonError> {
        self.after.push_back(input);
        self.settle()
    }

    fn settle(&mut self) -> Result<(), DaemonError> {
        while let Some(input) = self.after.pop_front() {
            report::trace_input(&input);
            let now = self.clock.now();
            self.now = now.mono;
            self.node.handle(now, input);
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), DaemonError> {
        while let Some(output) = self.node.poll_output() {
            self.perform(output)?;
        }
        Ok(())
    }

    fn perform(&mut self, output: Output) -> Result<(), DaemonError> {
        report::trace_output(&output);
        match output {
            Output::Append(seq, record) => self.log.append(seq, &record)?,
            Output::Reopen => self.log.reopen(),
            Output::Renew(incarnation) => self.life.renew(incarnation)?,
            Output::Adopt(instance) => {
                let kept = self.life.keep_instance(self.node.network(), &instance);
                let unstored = kept.err().map(|error| error.to_string());
                self.reporter.adopted(self.now, &instance, unstored.as_deref());
                self.after.push_back(Input::Adopted { unstored });
            }
            Output::Connect(link, endpoint, dial) => {
                if let Err(error) = self.links.connect(link, &endpoint, dial) {
                    self.reporter.no_link(self.now, &endpoint, &error);
                }
            }
            Output::Disconnect(link) => self.links.disconnect(link, Duration::ZERO),
            Output::Send(links, frame) => self.send(&links, &frame),
            Output::Answer(node, answer) => {
                self.header.clear();
                encode::answer(&mut self.header, &answer);
                let parts = [SharedFrame::from(&self.header[..])];
                self.post(Destination::Back(node), &parts);
            }
            Output::Disturb(nodes, disturbance) => self.disturbances.set(nodes, disturbance),
            Output::Reply(client, _, reply) if client.is_own() => self.reporter.replied(self.now, &reply),
            Output::Reply(client, id, reply) => {
                self.header.clear();
                encode::reply(&mut self.header, self.node.name(), &id, &reply);
                if self.router.reply(&client, &[SharedFrame::from(&self.header[..])]).is_err() {
                    self.after.push_back(Input::Unreplied);
                }
            }
            Output::Notify(event) => self.reporter.report(self.now, &event),
            Output::Exit { linger } => self.exit = Some(linger),
        }
        Ok(())
    }

    /// Encodes a frame once and sends it over each link.
    fn send(&mut self, links: &[LinkId], frame: &Frame) {
        self.header.clear();
        let payload = encode::frame(&mut self.header, frame).cloned();
        let header = SharedFrame::from(&self.header[..]);
        let body: &[SharedFrame] = match payload {
            Some(payload) => &[header, payload.into()],
            None => &[header],
        };
        for &link in links {
            self.post(Destination::Link(link), body);
        }
    }

    /// Sends a message, unless a fault was ordered for it.
    fn post(&mut self, way: Destination, parts: &[SharedFrame]) {
        if !self.disturbances.is_idle() {
            let peer = match &way {
                Destination::Link(link) => self.node.peer_of(*link),
                Destination::Back(node) => Some(node),
            };
            match self.disturbances.lets_go(self.now, way.clone(), peer, parts) {
                Fate::Goes => {}
                Fate::Waits => return,
                Fate::Lost => {
                    if let Destination::Link(link) = way {
                        self.after.push_back(Input::Unsent { link, why: Counter::Disturbed });
                    }
                    return;
                }
            }
        }
        self.send_now(&way, parts);
    }

    fn send_now(&mut self, way: &Destination, parts: &[SharedFrame]) {
        let unsent = match way {
            Destination::Link(link) => {
                self.links.send(*link, parts).err().map(|unsent| Input::Unsent { link: *link, why: unsent.into() })
            }
            Destination::Back(node) => self.router.answer(node, parts).err().map(|_| Input::Unreplied),
        };
        self.after.extend(unsent);
    }

    /// Sends what was to come late and has waited for long enough.
    fn send_delayed(&mut self) {
        while let Some((way, parts)) = self.disturbances.next_due(self.now) {
            self.send_now(&way, &parts);
        }
    }
}

fn length<T: AsRef<[u8]>>(parts: &[T]) -> usize {
    parts.iter().map(|part| part.as_ref().len()).sum()
}
