//! Frames that come in pieces: of each neighbour those that it has begun to send, or told of, in the order in which they
//! come; the first of them grows.

use super::body::{BULK_MIN, PARCELS_MAX, covers, is_part_of};
use crate::core::{
    batch::Batch,
    frame::{Chunk, Frame},
    id::NodeId,
    message::Payload,
    stats::Refusal,
    time::Mono,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Bytes that a frame that was told of takes beside its body and its path.
const HEAD_COST: usize = 512;
/// Bytes that a step of its path takes.
const HOP_COST: usize = 32;

/// Bytes of bodies sent whole that may arrive between two pieces and count as a sign that the link still moves.
const PASSED_MAX: usize = 1 << 20;

/// The frames of all neighbours that are not whole yet.
///
/// Bounds: 1024 frames of each neighbour, one of which has a part of its body; `bytes_max` bytes of all of them together.
/// What grows no more for `patience` is dropped. Bodies of the same neighbour that arrive whole meanwhile begin that time anew, up to
/// 1 MiB of them.
#[derive(Debug)]
pub(in crate::core::dissemination) struct Incoming {
    lines: BTreeMap<NodeId, Line>,
    bytes: usize,
    bytes_max: usize,
    body_len_max: usize,
    patience: Duration,
}

/// Frames of one neighbour.
#[derive(Debug, Default)]
struct Line {
    parcels: VecDeque<Parcel>,
    /// The time when something of it, or in front of it, came last.
    moved: Mono,
    /// Bytes of bodies that arrived whole since the last piece.
    passed: usize,
}

/// One frame.
#[derive(Debug)]
struct Parcel {
    number: u64,
    length: usize,
    head: Frame,
    body: Vec<u8>,
}

/// Outcome of a piece.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::core::dissemination) struct Taken {
    /// A frame that will come, without its body.
    pub begun: Option<Frame>,
    /// A frame that is here.
    pub whole: Option<Frame>,
    /// Frames that will not come, without their bodies.
    pub dropped: Vec<Frame>,
}

impl Incoming {
    /// Nothing under way. Bodies of more than `body_len_max` bytes are refused.
    pub(in crate::core::dissemination) fn new(bytes_max: usize, body_len_max: usize, patience: Duration) -> Self {
        Self { lines: BTreeMap::new(), bytes: 0, bytes_max, body_len_max, patience }
    }

    /// Takes a piece from a neighbour. A piece that does not go on where the last one ended is passed over.
    pub(in crate::core::dissemination) fn take(
        &mut self,
        now: Mono,
        from: &NodeId,
        chunk: Chunk,
    ) -> Result<Taken, (Refusal, String)> {
        let Chunk { number, offset, length, head, bytes } = chunk;
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > length) {
            return Err((Refusal::BadRequest, format!("a piece beyond the {length} bytes of its body")));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.body_len_max {
            let text = format!("body of {length} bytes is over the limit of {}", self.body_len_max);
            return if head.is_some() { Err((Refusal::TooLarge, text)) } else { Ok(Taken::default()) };
        }
        let mut line = self.lines.remove(from).unwrap_or_default();
        let mut taken = Taken::default();
        if let Some(head) = head {
            self.begin(&mut line, Parcel { number, length, head: *head, body: Vec::new() }, &mut taken);
        }
        if !bytes.is_empty() {
            self.grow(&mut line, number, offset, &bytes, &mut taken);
        }
        if !line.parcels.is_empty() {
            (line.moved, line.passed) = (now, 0);
            self.lines.insert(from.clone(), line);
        }
        Ok(taken)
    }

    /// A body of this length arrived whole from a neighbour. If pieces of others are still to come from it, gives the time until
    /// which they are waited for.
    #[inline]
    pub(in crate::core::dissemination) fn passed(&mut self, now: Mono, from: &NodeId, len: usize) -> Option<Mono> {
        if self.bytes == 0 || len < BULK_MIN {
            return None;
        }
        let line = self.lines.get_mut(from).filter(|line| line.passed < PASSED_MAX)?;
        (line.moved, line.passed) = (now, line.passed + len);
        Some(now + self.patience)
    }

    /// Notes a frame that is to come. One with a number that is not above the others' begins anew: its connection is
    /// another one.
    fn begin(&mut self, line: &mut Line, parcel: Parcel, taken: &mut Taken) {
        if line.parcels.back().is_some_and(|last| last.number >= parcel.number) {
            taken.dropped.extend(line.parcels.drain(..).map(|parcel| self.release(parcel)));
        }
        let cost = parcel.cost();
        if line.parcels.len() >= PARCELS_MAX || self.bytes + cost > self.bytes_max {
            return taken.dropped.push(parcel.head);
        }
        self.bytes += cost;
        taken.begun = Some(parcel.head.clone());
        line.parcels.push_back(parcel);
    }

    /// Adds a piece. With the first of it, those before are over: one goes after the other.
    fn grow(&mut self, line: &mut Line, number: u64, offset: u64, bytes: &[u8], taken: &mut Taken) {
        while let Some(former) = line.parcels.pop_front_if(|first| first.number < number) {
            taken.dropped.push(self.release(former));
        }
        let Some(parcel) = line.parcels.front_mut().filter(|first| first.number == number) else { return };
        let follows = offset == parcel.body.len() as u64 && parcel.body.len() + bytes.len() <= parcel.length;
        if follows && self.bytes + bytes.len() <= self.bytes_max {
            self.bytes += bytes.len();
            parcel.body.extend_from_slice(bytes);
            if parcel.body.len() < parcel.length {
                return;
            }
        }
        let Some(parcel) = line.parcels.pop_front() else { return };
        if parcel.body.len() == parcel.length {
            let body = Payload::from(&parcel.body[..]);
            taken.whole = Some(self.release(parcel).with_body(body));
        } else {
            taken.dropped.push(self.release(parcel));
        }
    }

    /// Messages are here by another way: nothing of what carries them alone needs to come any more. Gives who was sending that,
    /// with the frame that they sent, without its body.
    pub(in crate::core::dissemination) fn settle(&mut self, batch: &Batch) -> Vec<(NodeId, Frame)> {
        let mut settled = Vec::new();
        for (from, line) in &mut self.lines {
            while let Some(index) = line.parcels.iter().position(|parcel| is_part_of(&parcel.head, batch)) {
                let parcel = line.parcels.remove(index);
                settled.extend(parcel.map(|parcel| (from.clone(), release(&mut self.bytes, parcel))));
            }
        }
        self.lines.retain(|_, line| !line.parcels.is_empty());
        settled
    }

    /// The neighbours that are sending all messages of a batch.
    pub(in crate::core::dissemination) fn senders<'a>(&'a self, batch: &'a Batch) -> impl Iterator<Item = &'a NodeId> {
        let sends = move |line: &Line| line.parcels.iter().any(|parcel| covers(&parcel.head, batch));
        self.lines.iter().filter(move |(_, line)| sends(line)).map(|(from, _)| from)
    }

    /// Until when a neighbour may be silent and still be sending, if it is.
    pub(in crate::core::dissemination) fn busy_until(&self, from: &NodeId) -> Option<Mono> {
        self.lines.get(from).map(|line| line.moved + self.patience)
    }

    /// Drops what grows no more.
    pub(in crate::core::dissemination) fn on_tick(&mut self, now: Mono) -> Vec<(NodeId, Frame)> {
        let patience = self.patience;
        let stopped = self.lines.extract_if(.., |_, line| line.moved + patience <= now);
        let stopped: Vec<(NodeId, Line)> = stopped.collect();
        let mut dropped = Vec::new();
        for (from, line) in stopped {
            dropped.extend(line.parcels.into_iter().map(|parcel| (from.clone(), self.release(parcel))));
        }
        dropped
    }

    /// The time when [`on_tick`](Self::on_tick) has something to do.
    pub(in crate::core::dissemination) fn deadline(&self) -> Option<Mono> {
        self.lines.values().map(|line| line.moved + self.patience).min()
    }

    /// Bytes that are held.
    pub(in crate::core::dissemination) fn bytes(&self) -> usize {
        self.bytes
    }

    fn release(&mut self, parcel: Parcel) -> Frame {
        release(&mut self.bytes, parcel)
    }
}

fn release(bytes: &mut usize, parcel: Parcel) -> Frame {
    *bytes -= parcel.cost() + parcel.body.len();
    parcel.head
}

impl Parcel {
    /// Bytes that it takes beside the body.
    fn cost(&self) -> usize {
        let hops = match &self.head {
            Frame::Message(message) => message.trace.as_ref().map_or(0, |trace| trace.path.len()),
            _ => 0,
        };
        HEAD_COST + hops * HOP_COST
    }
}

#[cfg(test)]
#[path = "incoming/tests.rs"]
mod tests;
