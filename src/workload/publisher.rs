//! The one client that submits the messages of a load: a DEALER, from one thread, without waiting for each receipt.

use super::{error::WorkloadError, nodes::Member, payload::body};
use crate::{
    clock::{Clock, Deadline},
    core::{
        batch::{self, Packer},
        id::NodeId,
        request::{Reply, Request, RequestId},
        stats::Refusal,
        time::Wall,
    },
    quantity::Time,
    transport::{Context, Fan, Part},
    wire::{Decoder, Incoming, encode},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Bytes of payloads in one submission of a flood, as long as the window takes four of them.
const FLOOD_LEN: usize = 64 << 10;
/// Time to wait before submitting again what a busy node refused.
const BUSY: Duration = Duration::from_millis(5);

/// A connection to the node that messages are submitted to.
pub struct Publisher {
    node: NodeId,
    patience: Duration,
    fan: Fan,
    target: usize,
    clock: Clock,
    header: Vec<u8>,
    payload: Vec<u8>,
    window: u64,
    /// Most messages of one submission of a flood.
    batch: u64,
    inbound: Inbound,
}

/// Replies that have come back.
struct Inbound {
    decoder: Decoder,
    /// Submissions without a reply yet: the number of the first message, and how many they are.
    waiting: BTreeMap<u64, u64>,
    /// Messages in them.
    waiting_len: u64,
    /// To be submitted again.
    busy: Vec<(u64, u64)>,
    failure: Option<String>,
}

impl Publisher {
    /// Connects, to submit messages of `size` bytes, of which at most `window` wait for their receipt, none for longer than
    /// `patience` after the one before it; one by one if `is_single`, and else many at once in a flood.
    pub fn connect(
        node: &Member,
        size: usize,
        window: usize,
        is_single: bool,
        patience: Duration,
    ) -> Result<Self, WorkloadError> {
        let context = Context::new(8)?;
        let mut fan = Fan::new(&context);
        let target = fan.connect(&node.endpoint)?;
        let decoder = Decoder::new(usize::MAX);
        let (waiting, busy) = (BTreeMap::new(), Vec::new());
        let inbound = Inbound { decoder, waiting, waiting_len: 0, busy, failure: None };
        let (payload, window) = (body(0, size), window.max(1) as u64);
        let fitting = (FLOOD_LEN / batch::packed_len(payload.len())) as u64;
        Ok(Self {
            node: node.name.clone(),
            patience,
            fan,
            target,
            clock: Clock::new(),
            header: Vec::new(),
            payload,
            window,
            batch: if is_single { 1 } else { fitting.min(window / 4).clamp(1, batch::SUBMITTED_MAX.into()) },
            inbound,
        })
    }

    /// Submits messages `0..count` as fast as receipts come, and returns when the first one was submitted.
    pub fn flood(&mut self, count: u64) -> Result<Wall, WorkloadError> {
        let began = self.clock.now().wall;
        let mut next = 0;
        loop {
            while self.inbound.waiting_len < self.window
                && let Some((first, len)) = self.inbound.busy.pop().or_else(|| {
                    let first = next;
                    next = count.min(first + self.batch);
                    (first < next).then_some((first, next - first))
                })
            {
                self.submit(first, len)?;
            }
            if self.inbound.waiting.is_empty() {
                return Ok(began);
            }
            // Half the window stays on its way, so that neither side runs dry.
            let left = if next == count { 0 } else { self.window / 2 };
            self.collect(left, self.patience)?;
            if !self.inbound.busy.is_empty() {
                Deadline::after(BUSY).pause(BUSY);
            }
        }
    }

    /// Submits messages `0..count`, one each `gap`, and returns when each was submitted.
    pub fn pace(&mut self, count: u64, gap: Duration) -> Result<Vec<Wall>, WorkloadError> {
        let mut submitted = Vec::new();
        let clock = Clock::new();
        for number in 0..count {
            let due = gap.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
            let early = due.saturating_sub(Duration::from_nanos(clock.now().mono.0));
            Deadline::after(early).pause(early);
            submitted.push(clock.now().wall);
            self.submit(number, 1)?;
            self.collect(0, Duration::ZERO)?;
        }
        self.collect(0, self.patience)?;
        match (self.inbound.waiting.is_empty(), self.inbound.busy.is_empty()) {
            (true, true) => Ok(submitted),
            _ => Err(WorkloadError::Wrong(format!("node {} refused a message without load: it was busy", self.node))),
        }
    }

    /// Submits the messages from number `first` on, `len` of them.
    fn submit(&mut self, first: u64, len: u64) -> Result<(), WorkloadError> {
        let mut packer = Packer::default();
        for number in first..first + len {
            self.payload[..size_of::<u64>()].copy_from_slice(&number.to_be_bytes());
            packer.push(&self.payload);
        }
        let Some(body) = packer.take() else { return Ok(()) };
        let request = Request::Publish { trace: None, body };
        self.header.clear();
        let payload = encode::request(&mut self.header, &RequestId::Number(first), &request);
        let frames = std::iter::once(&self.header[..]).chain(payload.map(|payload| &**payload));
        self.fan.send(self.target, &frames.collect::<Vec<_>>())?;
        self.inbound.waiting.insert(first, len);
        self.inbound.waiting_len += len;
        Ok(())
    }

    /// Takes receipts until at most `left` messages are without one, or time is up.
    fn collect(&mut self, left: u64, time: Duration) -> Result<(), WorkloadError> {
        let Self { fan, inbound, node, .. } = self;
        let before = inbound.waiting_len;
        let mut targets = BTreeSet::from([self.target]);
        fan.collect(&mut targets, &Deadline::after(time), |_, parts| {
            inbound.take(parts);
            inbound.waiting_len <= left || inbound.failure.is_some()
        })?;
        match inbound.failure.take() {
            Some(text) => Err(WorkloadError::Wrong(format!("node {node}: {text}"))),
            None if inbound.waiting_len == before && before > left && !time.is_zero() => {
                let text = format!("node {node} gave none of {before} receipts for {}; is it paused?", Time(time));
                Err(WorkloadError::TimedOut(text))
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
        let Some(len) = self.waiting.remove(&number) else {
            return Err(format!("two replies to submission {number}"));
        };
        self.waiting_len -= len;
        match response.reply {
            Reply::Receipt { count, .. } if u64::from(count) == len => {}
            Reply::Refused { refusal: Refusal::Busy, .. } => self.busy.push((number, len)),
            Reply::Refused { refusal, text } => return Err(format!("refused a message, {}: {text}", refusal.name())),
            _ => return Err("a reply that is no receipt".into()),
        }
        Ok(())
    }
}
