//! The one client that submits the messages of a load: a DEALER, from one thread, without waiting for each receipt.

use crate::Failure;
use gossip::{
    clock::{Clock, Deadline},
    core::{
        endpoint::Endpoint,
        message::Payload,
        request::{Reply, Request, RequestId},
        stats::Refusal,
        time::Wall,
    },
    transport::{Context, Fan, Part},
    wire::{Decoder, Incoming, encode},
};
use std::{collections::BTreeSet, time::Duration};

/// How many submissions may be without a receipt. Fewer than a DEALER's queue holds, so that none is refused there.
const WINDOW: usize = 500;
/// Longest wait for the next receipt.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before submitting again what a busy node refused.
const BUSY: Duration = Duration::from_millis(5);

/// A connection to the node that messages are submitted to.
pub(crate) struct Publisher {
    fan: Fan,
    target: usize,
    clock: Clock,
    header: Vec<u8>,
    body: Vec<u8>,
    inbound: Inbound,
}

/// What has come back.
struct Inbound {
    decoder: Decoder,
    /// Submissions without a reply yet, by number.
    waiting: BTreeSet<u64>,
    /// To be submitted again.
    busy: Vec<u64>,
    failure: Option<String>,
}

impl Publisher {
    pub(crate) fn connect(endpoint: &Endpoint, size: usize) -> Result<Self, Failure> {
        let context = Context::new(8)?;
        let mut fan = Fan::new(&context);
        let target = fan.connect(endpoint)?;
        let decoder = Decoder::new(usize::MAX);
        let inbound = Inbound { decoder, waiting: BTreeSet::new(), busy: Vec::new(), failure: None };
        let body = vec![b'x'; size.max(size_of::<u64>())];
        Ok(Self { fan, target, clock: Clock::new(), header: Vec::new(), body, inbound })
    }

    /// Submits messages `0..count` as fast as receipts come, and returns when the first one was submitted.
    pub(crate) fn flood(&mut self, count: u64) -> Result<Wall, Failure> {
        let began = self.clock.now().wall;
        let mut numbers = 0..count;
        loop {
            while self.inbound.waiting.len() < WINDOW
                && let Some(number) = self.inbound.busy.pop().or_else(|| numbers.next())
            {
                self.submit(number)?;
            }
            if self.inbound.waiting.is_empty() {
                return Ok(began);
            }
            // Half the window stays on its way, so that neither side runs dry.
            let left = if numbers.is_empty() { 0 } else { WINDOW / 2 };
            self.collect(left, PATIENCE)?;
            if !self.inbound.busy.is_empty() {
                Deadline::after(BUSY).pause(BUSY);
            }
        }
    }

    /// Submits messages `0..count`, one each `gap`, and returns when each was submitted.
    pub(crate) fn pace(&mut self, count: u64, gap: Duration) -> Result<Vec<Wall>, Failure> {
        let mut submitted = Vec::new();
        let clock = Clock::new();
        for number in 0..count {
            let due = gap * u32::try_from(number)?;
            let early = due.saturating_sub(Duration::from_nanos(clock.now().mono.0));
            Deadline::after(early).pause(early);
            submitted.push(clock.now().wall);
            self.submit(number)?;
            self.collect(0, Duration::ZERO)?;
        }
        self.collect(0, PATIENCE)?;
        match (self.inbound.waiting.is_empty(), self.inbound.busy.is_empty()) {
            (true, true) => Ok(submitted),
            _ => Err(Failure::new("a node without load refused a message, or lost its receipt")),
        }
    }

    fn submit(&mut self, number: u64) -> Result<(), Failure> {
        self.body[..size_of::<u64>()].copy_from_slice(&number.to_be_bytes());
        let request = Request::Publish { trace: None, payload: Payload::from(&self.body[..]) };
        self.header.clear();
        let payload = encode::request(&mut self.header, &RequestId::Number(number), &request);
        let frames = std::iter::once(&self.header[..]).chain(payload.map(|payload| &**payload));
        self.fan.send(self.target, &frames.collect::<Vec<_>>())?;
        self.inbound.waiting.insert(number);
        Ok(())
    }

    /// Takes receipts until at most `left` submissions are without one, or time is up.
    fn collect(&mut self, left: usize, time: Duration) -> Result<(), Failure> {
        let Self { fan, inbound, .. } = self;
        let before = inbound.waiting.len();
        let mut targets = BTreeSet::from([self.target]);
        fan.collect(&mut targets, &Deadline::after(time), |_, parts| {
            inbound.take(parts);
            inbound.waiting.len() <= left || inbound.failure.is_some()
        })?;
        match inbound.failure.take() {
            Some(text) => Err(Failure::new(text)),
            None if inbound.waiting.len() == before && before > left && !time.is_zero() => {
                Err(Failure::new(format!("{before} submissions without a receipt after {} s", time.as_secs())))
            }
            None => Ok(()),
        }
    }
}

impl Inbound {
    fn take(&mut self, parts: &[Part]) {
        if let Err(text) = self.understand(parts) {
            self.failure = Some(text);
        }
    }

    fn understand(&mut self, parts: &[Part]) -> Result<(), String> {
        let (header, body) = parts.split_first().ok_or("a reply without frames")?;
        let incoming = self.decoder.decode(header.as_ref(), body).map_err(|rejected| rejected.error.to_string())?;
        let Incoming::Response(response) = incoming else { return Err("no reply".into()) };
        let RequestId::Number(number) = response.request else { return Err("a reply to no request".into()) };
        if !self.waiting.remove(&number) {
            return Err(format!("two replies to submission {number}"));
        }
        match response.reply {
            Reply::Receipt { .. } => {}
            Reply::Refused { refusal: Refusal::Busy, .. } => self.busy.push(number),
            other => return Err(format!("no receipt but {other:?}")),
        }
        Ok(())
    }
}

/// The number that a payload carries.
pub(crate) fn number(payload: &[u8]) -> Option<u64> {
    payload.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}
