//! Two honest nodes with a link each way, and hostile peers that say what they like: who is there, how inputs get to the
//! nodes, what becomes of outputs.

use crate::{
    checks::Before,
    engine::{Features, hash, magnitude},
    side::{Side, endpoint, name},
    wire::{head, words},
};
use gossip::core::{
    batch::Body,
    endpoint::Endpoint,
    event::{Input, LinkId, Output, Principal, ReturnAddress},
    frame::{Answer, Frame},
    id::NodeId,
    request::{Reply, Request, RequestId},
    stats::Counter,
    time::{Mono, Now, Wall},
};
use std::time::Duration;

/// Hostile peers, besides names that nobody has.
pub(crate) const HOSTILE: std::ops::Range<u32> = 3..9;
/// Inputs that may follow from one another at one time.
const CASCADE_MAX: usize = 4000;
/// Ticks that a node may need at one time.
const TICKS_MAX: usize = 8;

/// The nodes, their clocks, and what has happened.
pub(crate) struct World {
    pub(crate) sides: [Side; 2],
    pub(crate) now: Now,
    /// True if hostile peers may also pretend to be honest ones, and clients stop nodes.
    pub(crate) is_wild: bool,
    pub(crate) features: Features,
    last: u64,
    inputs: usize,
}

impl World {
    /// Two nodes that have met, each with a message of the other.
    pub(crate) fn new(mode: u8) -> Self {
        let now = Now { mono: Mono(1_000_000_000), wall: Wall(1_795_435_200_000_000_000) };
        let is_wild = mode & 0x40 != 0;
        let sides = [1, 2].map(|number| Side::new(number, mode, now));
        let mut world = Self { sides, now, is_wild, features: Features::default(), last: 0, inputs: 0 };
        for side in 0..2 {
            let other = 2 - side as u32;
            world.request(side, Request::Connect { peers: vec![(Some(name(other)), endpoint(other))] });
        }
        world.settle(Duration::from_secs(2));
        for side in 0..2 {
            world.request(side, Request::Publish { trace: None, body: Body::one(b"first"[..].into()) });
        }
        world.settle(Duration::from_secs(2));
        let met = world.sides.iter().all(|side| side.ledger.delivered.len() == 2);
        assert!(met, "two nodes alone do not exchange messages");
        world
    }

    /// All that has happened.
    pub(crate) fn end(mut self) -> Features {
        for side in 0..2 {
            if let Some(Reply::Status(status)) = self.ask(side, Request::Status) {
                for (counter, count) in status.counters {
                    self.features.note((side, &counter, magnitude(count as usize)));
                    self.features.note(counter);
                }
                self.features.note((side, magnitude(status.peers.len()), magnitude(status.unread as usize)));
            }
        }
        self.features
    }

    /// Returns whether nothing has been said or done that may keep the honest nodes apart.
    pub(crate) fn is_honest(&self) -> bool {
        !self.is_wild && self.sides.iter().all(|side| !side.is_lost && !side.has_exited)
    }

    /// Value of a node's counter.
    pub(crate) fn count(&mut self, side: usize, counter: Counter) -> u64 {
        match self.ask(side, Request::Status) {
            Some(Reply::Status(status)) => status.counters.get(counter.name()).copied().unwrap_or(0),
            _ => 0,
        }
    }

    /// A client asks; what comes back at once.
    pub(crate) fn ask(&mut self, side: usize, request: Request) -> Option<Reply> {
        self.request(side, request);
        self.sides[side].ledger.reply.take()
    }

    pub(crate) fn request(&mut self, side: usize, request: Request) {
        self.requests(side, vec![(RequestId::None, request)]);
    }

    /// Clients ask in one turn.
    pub(crate) fn requests(&mut self, side: usize, requests: Vec<(RequestId, Request)>) {
        let requested = |(id, request)| {
            let client = ReturnAddress([1].into());
            Input::Requested { principal: Principal::Unnamed, client, id, request }
        };
        self.turn(side, requests.into_iter().map(requested).collect());
        self.run();
    }

    /// Hands one input to a node, checks what comes out, and does it.
    pub(crate) fn input(&mut self, side: usize, input: Input) {
        self.turn(side, vec![input]);
    }

    /// The same for the inputs of one turn.
    fn turn(&mut self, side: usize, inputs: Vec<Input>) {
        if self.sides[side].has_exited {
            return;
        }
        self.now.mono.0 += 1_000;
        self.now.wall.0 = self.now.wall.0.saturating_add(1_000);
        self.inputs += 1;
        let came: Vec<_> = inputs.iter().map(std::mem::discriminant).collect();
        let came = format!("{came:?}");
        let (now, this) = (self.now, &mut self.sides[side]);
        let before = Before::of(this, &inputs, self.inputs);
        let mut outputs: Vec<Output> = Vec::new();
        for input in inputs {
            this.node.handle(now, input);
            outputs.extend(std::iter::from_fn(|| this.node.poll_output()));
        }
        this.node.flush(now);
        outputs.extend(std::iter::from_fn(|| this.node.poll_output()));
        before.check(this, now, &outputs);
        let mut kinds: Vec<(String, usize)> = Vec::new();
        for output in &outputs {
            if let Output::Answer(_, Answer::Refuse { code, .. }) = output {
                self.features.note(format!("refused_{code}"));
            }
            let kind = kind(output);
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        kinds.iter_mut().for_each(|(_, count)| *count = magnitude(*count) as usize);
        self.note(side, &came, &kinds);
        for output in outputs {
            self.perform(side, output);
        }
    }

    /// Notes what an input brought about, by itself and after what the one before it did.
    fn note(&mut self, side: usize, came: &str, kinds: &[(String, usize)]) {
        let gauge = self.sides[side].node.gauge();
        let sizes = [gauge.messages, gauge.streams, gauge.links].map(magnitude);
        let this = hash((came, kinds));
        self.features.note((this, sizes));
        self.features.note((this, self.last % 64));
        self.last = this;
    }

    fn perform(&mut self, side: usize, output: Output) {
        let other = 1 - side;
        let there = endpoint(other as u32 + 1);
        match output {
            Output::Append(seq, record) => {
                self.sides[side].appended = seq;
                self.sides[side].log.push(record);
            }
            Output::Renew(incarnation) => self.sides[side].incarnation = incarnation,
            Output::Connect(link, endpoint, _) => {
                if endpoint == there {
                    self.sides[side].queue.push_back(Input::Writable(link));
                }
                self.sides[side].links.insert(link, endpoint);
            }
            Output::Disconnect(link) => {
                self.sides[side].links.remove(&link);
                self.sides[side].pings.remove(&link);
            }
            Output::Send(links, frame) => {
                for link in links {
                    self.send(side, link, &there, frame.clone());
                }
            }
            Output::Answer(to, answer) => self.answer(side, &to, answer),
            Output::Exit { .. } => self.sides[side].has_exited = true,
            Output::Reply(_, _, reply) => self.sides[side].ledger.reply = Some(reply),
            Output::Notify(_) | Output::Disturb(..) | Output::Reopen | Output::Adopt(_) => {}
        }
    }

    fn send(&mut self, side: usize, link: LinkId, there: &Endpoint, frame: Frame) {
        if let Frame::Ping { token, .. } = frame {
            self.sides[side].pings.insert(link, token);
        }
        if self.sides[side].links.get(&link) != Some(there) {
            return;
        }
        if self.sides[side].is_connected && !self.sides[1 - side].has_exited {
            let arrived = Input::Arrived { from: name(side as u32 + 1).into(), frame };
            self.sides[1 - side].queue.push_back(arrived);
        } else {
            self.sides[side].queue.push_back(Input::Unsent { link, why: Counter::NotConnected });
        }
    }

    fn answer(&mut self, side: usize, to: &NodeId, answer: Answer) {
        let other = 1 - side;
        let here = endpoint(side as u32 + 1);
        if *to == name(other as u32 + 1)
            && self.sides[other].is_connected
            && let Some(link) = self.sides[other].link_to(&here)
        {
            self.sides[other].queue.push_back(Input::Answered { link, answer });
        }
    }

    /// Lets all that is under way between the honest nodes arrive.
    pub(crate) fn run(&mut self) {
        let mut inputs = 0;
        while let Some(side) = (0..2).find(|&side| !self.sides[side].queue.is_empty()) {
            if let Some(input) = self.sides[side].queue.pop_front() {
                self.input(side, input);
            }
            inputs += 1;
            assert!(inputs < CASCADE_MAX, "two nodes talk without end at one time");
        }
        for side in 0..2 {
            let appended = self.sides[side].appended;
            if appended > self.sides[side].ledger.synced {
                self.sides[side].ledger.synced = appended;
                self.input(side, Input::Synced(appended));
            }
        }
    }

    /// Ticks a node that has something to do.
    pub(crate) fn tick_if_due(&mut self, side: usize) {
        for tick in 0.. {
            let due = self.sides[side].node.deadline().filter(|due| *due <= self.now.mono);
            if due.is_none() || self.sides[side].has_exited {
                return;
            }
            assert!(tick < TICKS_MAX, "ticks at one time do not end");
            // Time stands still while a node ticks: what it does must not depend on time that passes meanwhile.
            let now = self.now;
            self.input(side, Input::Tick);
            self.now = now;
        }
    }

    /// Goes on to the next moment at which a node has something to do, if that is before `end`.
    pub(crate) fn step(&mut self, end: Mono) -> bool {
        let next = self.sides.iter().filter(|side| !side.has_exited).filter_map(|side| side.node.deadline()).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.pass(next.since(self.now.mono));
        (0..2).for_each(|side| self.tick_if_due(side));
        self.run();
        true
    }

    /// Lets time go by with all that is due in it.
    pub(crate) fn settle(&mut self, time: Duration) {
        let end = self.now.mono + time;
        self.run();
        let mut steps = 0;
        while self.step(end) {
            steps += 1;
            let allowed = 400 + 400 * time.as_secs();
            assert!(steps < allowed, "{steps} moments in {time:?} in which something is due");
        }
        self.pass(end.since(self.now.mono));
    }

    /// Lets time go by, and nothing happen in it.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall.0 = self.now.wall.0.saturating_add(time.as_nanos() as u64);
    }
}

/// Kind of an output, without its values.
fn kind(output: &Output) -> String {
    match output {
        Output::Append(_, record) => head(record),
        Output::Send(links, frame) => format!("{} to {}", head(frame), magnitude(links.len())),
        Output::Answer(_, Answer::Refuse { code, text }) => format!("{code} {}", words(text)),
        Output::Answer(_, answer) => head(answer),
        Output::Reply(_, _, Reply::Refused { refusal, .. }) => refusal.name().to_owned(),
        Output::Reply(_, _, reply) => head(reply),
        Output::Notify(event) => head(event),
        other => head(other),
    }
}
