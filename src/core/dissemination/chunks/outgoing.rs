//! Frames that are to cross each link in pieces: a queue of frames for each, of which the first is under way. Each piece is followed
//! by a probe, whose answer says that it has arrived, for links keep their order.

use super::{
    body::{PARCELS_MAX, carries, covers},
    pace::Pace,
    whole::Whole,
};
use crate::core::{
    batch::Batch,
    frame::{Chunk, Frame},
    id::StreamId,
    message::Payload,
    slots::{Slot, Slots},
    time::Mono,
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// The tokens of these probes: no clock of the core gets there.
const TOKENS: u64 = 1 << 63;
/// Most probes that may wait for their answers; the oldest counts as answered with the next one beyond that.
const PROBES_MAX: usize = 64;
/// Bytes of bodies sent whole after which a link is probed.
const UNPROBED_MAX: usize = 32 << 10;
/// Longest time in which a link may acknowledge nothing before its queue makes nobody wait any more: its peer hangs.
const STALLED_AFTER: Duration = Duration::from_secs(2);

/// The queues of all links.
///
/// Bounds: `bytes_max` bytes and 1024 frames of each link that wait, and 128 KiB of it under way.
#[derive(Debug)]
pub(in crate::core::dissemination) struct Outgoing {
    lanes: BTreeMap<Slot, Lane>,
    /// Links over which something may go that did not before.
    stirred: Slots,
    tokens: u64,
    bytes_max: usize,
    /// Longest time that an answer may take before the question is repeated: it may have been lost.
    patience: Duration,
    is_pressed: bool,
}

/// One link.
#[derive(Debug, Default)]
struct Lane {
    parcels: VecDeque<Parcel>,
    /// Bytes of bodies that wait.
    waiting: usize,
    /// Counts the frames.
    number: u64,
    probes: VecDeque<Probe>,
    /// Bytes that were sent and not acknowledged.
    under_way: usize,
    pace: Pace,
    /// The time when it was asked or acknowledged something last.
    moved: Mono,
    /// The time when it acknowledged something last, or had nothing to.
    acknowledged: Mono,
    /// Time that the last acknowledgement took.
    took: Duration,
    /// Bytes of bodies sent whole since the last probe.
    unprobed: usize,
    /// Bodies that go to a peer that takes no pieces.
    whole: Whole,
}

/// One frame.
#[derive(Debug)]
struct Parcel {
    number: u64,
    /// Without its body.
    head: Frame,
    body: Payload,
    /// Bytes of it that were sent.
    offset: usize,
    /// True if its head was sent.
    is_announced: bool,
}

/// A probe behind a piece.
#[derive(Debug)]
struct Probe {
    token: u64,
    bytes: usize,
    /// The time when it was sent; `None`: in this turn.
    at: Option<Mono>,
}

impl Outgoing {
    /// Nothing to send.
    pub(in crate::core::dissemination) fn new(bytes_max: usize, patience: Duration) -> Self {
        let (lanes, stirred) = (BTreeMap::new(), Slots::default());
        Self { lanes, stirred, tokens: TOKENS, bytes_max, patience, is_pressed: false }
    }

    /// Says whether the answer to a probe with this token is for [`acknowledge`](Self::acknowledge).
    pub(in crate::core::dissemination) fn is_token(token: u64) -> bool {
        token >= TOKENS
    }

    /// Queues a frame for a link. Says whether there was room.
    pub(in crate::core::dissemination) fn push(&mut self, slot: Slot, frame: Frame) -> bool {
        let Some(body) = frame.body().cloned() else { return false };
        let lane = self.lanes.entry(slot).or_default();
        let has_room = lane.parcels.is_empty() || lane.waiting + body.len() <= self.bytes_max;
        if !has_room || lane.parcels.len() >= PARCELS_MAX {
            return false;
        }
        lane.number += 1;
        lane.waiting += body.len();
        let head = frame.with_body(Payload::from(&[][..]));
        lane.parcels.push_back(Parcel { number: lane.number, head, body, offset: 0, is_announced: false });
        self.stirred.insert(slot);
        true
    }

    /// A body of this length is sent whole to a peer that takes pieces. Gives the probe to send behind it, if it is time for one: many
    /// such bodies in a row keep a slow link as busy as a large one does. The probe counts as sent at the end of the turn.
    #[inline]
    pub(in crate::core::dissemination) fn passed(&mut self, slot: Slot, len: usize) -> Option<Frame> {
        let lane = self.lanes.entry(slot).or_default();
        lane.unprobed += len;
        if lane.unprobed < UNPROBED_MAX {
            return None;
        }
        self.stirred.insert(slot);
        Some(lane.probe(None, 0, &mut self.tokens))
    }

    /// A body of this length is sent whole to a peer that takes no pieces.
    pub(in crate::core::dissemination) fn push_whole(&mut self, slot: Slot, len: usize) {
        self.lanes.entry(slot).or_default().whole.push(len);
        self.stirred.insert(slot);
    }

    /// A probe over a link was answered that was sent at that time.
    pub(in crate::core::dissemination) fn answered(&mut self, now: Mono, slot: Slot, sent: Mono) {
        if let Some(lane) = self.lanes.get_mut(&slot) {
            lane.whole.answered(now, sent);
        }
    }

    /// The links that may be silent because a body that goes in one is on its way, and until when.
    pub(in crate::core::dissemination) fn excused(&self, now: Mono) -> impl Iterator<Item = (Slot, Mono)> {
        let excused = self.lanes.iter().map(|(&slot, lane)| (slot, lane.whole.excused_until()));
        excused.filter(move |&(_, until)| until > now)
    }

    /// The time that acknowledgements take on the slowest of the links that have something under way.
    pub(in crate::core::dissemination) fn delay(&self) -> Duration {
        let busy = self.lanes.values().filter(|lane| !lane.probes.is_empty());
        busy.map(|lane| lane.took).max().unwrap_or(Duration::ZERO)
    }

    /// Says whether nothing may go that could not go before.
    #[inline]
    pub(in crate::core::dissemination) fn is_idle(&self) -> bool {
        self.stirred.is_empty()
    }

    /// Takes the frames that go now, each with its link.
    pub(in crate::core::dissemination) fn take_frames(&mut self, now: Mono) -> Vec<(Slot, Frame)> {
        let mut frames = Vec::new();
        for slot in std::mem::take(&mut self.stirred).iter() {
            if let Some(lane) = self.lanes.get_mut(&slot) {
                lane.whole.sent(now);
                lane.take_frames(now, &mut self.tokens, |frame| frames.push((slot, frame)));
            }
        }
        frames
    }

    /// A probe was answered: all that went before it has arrived. Says how long that took; `None` if nobody waited for it.
    pub(in crate::core::dissemination) fn acknowledge(
        &mut self,
        now: Mono,
        slot: Slot,
        token: u64,
    ) -> Option<Duration> {
        let lane = self.lanes.get_mut(&slot)?;
        let index = lane.probes.iter().position(|probe| probe.token == token)?;
        let mut took = Duration::ZERO;
        for probe in lane.probes.drain(..=index) {
            took = probe.at.map_or(Duration::ZERO, |at| now.since(at));
            lane.under_way -= probe.bytes;
            if probe.bytes > 0 {
                lane.pace.note(probe.bytes, took);
            }
        }
        (lane.moved, lane.acknowledged, lane.took) = (now, now, took);
        self.stirred.insert(slot);
        Some(took)
    }

    /// A peer has these: they need not be sent to it.
    pub(in crate::core::dissemination) fn known_to(&mut self, slot: Slot, stream: &StreamId, ranges: &[(u64, u64)]) {
        let Some(lane) = self.lanes.get_mut(&slot) else { return };
        let Lane { parcels, waiting, .. } = lane;
        parcels.retain(|parcel| {
            let is_known = carries(&parcel.head, stream, ranges);
            *waiting -= if is_known { parcel.rest() } else { 0 };
            !is_known
        });
        self.stirred.insert(slot);
    }

    /// Says whether all messages of a batch wait to be sent to a peer, or are under way.
    pub(in crate::core::dissemination) fn holds(&self, slot: Slot, batch: &Batch) -> bool {
        let lane = self.lanes.get(&slot);
        lane.is_some_and(|lane| lane.parcels.iter().any(|parcel| covers(&parcel.head, batch)))
    }

    /// The connection of a link is gone, and all that waited for it. Says how many frames that were.
    pub(in crate::core::dissemination) fn forget(&mut self, slot: Slot) -> u64 {
        self.lanes.remove(&slot).map_or(0, |lane| lane.parcels.len() as u64)
    }

    /// Asks again where an answer may have been lost.
    pub(in crate::core::dissemination) fn on_tick(&mut self, now: Mono) -> Vec<(Slot, Frame)> {
        let mut frames = Vec::new();
        for (&slot, lane) in &mut self.lanes {
            if lane.deadline(self.patience).is_some_and(|at| at <= now) {
                frames.push((slot, lane.probe(Some(now), 0, &mut self.tokens)));
            }
        }
        frames
    }

    /// The time when [`on_tick`](Self::on_tick) has something to do.
    pub(in crate::core::dissemination) fn deadline(&self) -> Option<Mono> {
        self.lanes.values().filter_map(|lane| lane.deadline(self.patience)).min()
    }

    /// Says whether a queue is more than half full, from when on submissions are refused until all are less than a quarter full.
    /// One that moves no more does not count.
    pub(in crate::core::dissemination) fn is_pressed(&mut self, now: Mono) -> bool {
        let most = self.bytes_max / if self.is_pressed { 4 } else { 2 };
        let moves = |lane: &Lane| now.since(lane.acknowledged) < STALLED_AFTER;
        self.is_pressed = self.lanes.values().any(|lane| lane.waiting > most && moves(lane));
        self.is_pressed
    }

    /// The most bytes that wait for one link.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.lanes.values().map(|lane| lane.waiting).max().unwrap_or(0)
    }
}

impl Lane {
    /// Sends as much as may be under way, and tells of what must wait.
    fn take_frames(&mut self, now: Mono, tokens: &mut u64, mut send: impl FnMut(Frame)) {
        if self.probes.front().is_none_or(|first| first.at.is_none()) {
            (self.moved, self.acknowledged) = (now, now);
        }
        for probe in self.probes.iter_mut().rev().take_while(|probe| probe.at.is_none()) {
            (probe.at, self.moved) = (Some(now), now);
        }
        while let Some(piece) = self.next_piece() {
            let bytes = piece.bytes.len();
            send(Frame::Chunk(piece));
            send(self.probe(Some(now), bytes, tokens));
        }
        for parcel in self.parcels.iter_mut().filter(|parcel| !parcel.is_announced) {
            send(Frame::Chunk(parcel.cut(0)));
        }
    }

    /// The next piece, if there is one and it may go.
    fn next_piece(&mut self) -> Option<Chunk> {
        let parcel = self.parcels.front_mut()?;
        let len = parcel.rest().min(self.pace.piece());
        if self.under_way + len > self.pace.window() {
            return None;
        }
        let piece = parcel.cut(len);
        self.waiting -= len;
        self.under_way += len;
        if parcel.rest() == 0 {
            self.parcels.pop_front();
        }
        Some(piece)
    }

    fn probe(&mut self, at: Option<Mono>, bytes: usize, tokens: &mut u64) -> Frame {
        *tokens += 1;
        self.unprobed = 0;
        self.moved = at.unwrap_or(self.moved);
        self.probes.push_back(Probe { token: *tokens, bytes, at });
        if self.probes.len() > PROBES_MAX
            && let Some(oldest) = self.probes.pop_front()
            && let Some(next) = self.probes.front_mut()
        {
            next.bytes += oldest.bytes;
        }
        Frame::Ping { token: *tokens, digest: None }
    }

    fn deadline(&self, patience: Duration) -> Option<Mono> {
        (!self.probes.is_empty()).then(|| self.moved + patience)
    }
}

impl Parcel {
    fn rest(&self) -> usize {
        self.body.len() - self.offset
    }

    /// The next piece, of `len` bytes.
    fn cut(&mut self, len: usize) -> Chunk {
        let end = self.offset + len;
        let head = (!std::mem::replace(&mut self.is_announced, true)).then(|| Box::new(self.head.clone()));
        let bytes = Payload::from(&self.body[self.offset..end]);
        let chunk =
            Chunk { number: self.number, offset: self.offset as u64, length: self.body.len() as u64, head, bytes };
        self.offset = end;
        chunk
    }
}

#[cfg(test)]
#[path = "outgoing/tests.rs"]
mod tests;
