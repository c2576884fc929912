//! Messages known to exist and missing here: who offers them, and when to ask whom.
//!
//! Plumtree's two timers (SRDS 2007), but a miss is pulled without a change of the tree: the caller grafts only at a
//! repetition. T1 is the `wait` that the caller gives with each offer. T2 is two round trips and 50 ms without any sign
//! of what was asked, or more where a peer was seen to need it. Lowest numbers first, so that what comes leaves no gaps (Scuttlebutt's order).

use super::{
    ask::{Arrival, Ask, Dues, Holes, How, add},
    in_flight::{Answered, PullWindow},
    misses::Misses,
    stream_missing::StreamMissing,
    table::Table,
};
use crate::core::{frame::StreamRanges, id::StreamId, request::Gap, slots::Slot, time::Mono};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Most streams in a row that are looked at in vain because there is no room where they are to be had, and the pause
/// before the next of them are.
const VAIN_MAX: usize = 128;
/// See [`VAIN_MAX`].
const PAUSE: Duration = Duration::from_millis(5);

/// All that is missing.
///
/// Bounds: `missing_max` streams; 256 intervals of each and of what each source offers of it; `pull_max` batches asked of
/// one peer, as far as their size is known, and [`OPEN_MAX`](super::in_flight::OPEN_MAX) messages; of a stream two peers, of a
/// message one peer at a time, beside those who send in pieces what they were not asked for.
#[derive(Debug)]
pub(super) struct Missing {
    wants: Table,
    /// The time when to look at which stream; at most one entry each.
    timers: BTreeSet<(Mono, StreamId)>,
    /// Streams of which more could be asked for as soon as a peer has room, by their tickets.
    queue: BTreeMap<u64, StreamId>,
    tickets: u64,
    /// The time when there may be room for what is in the queue.
    wake: Option<Mono>,
    /// All who have offered something since their link came up.
    accounts: BTreeMap<Slot, PullWindow>,
    /// Counts the asks.
    questions: u64,
    misses: Misses,
    pull_max: u64,
    lost_after: Duration,
}

impl Missing {
    /// Nothing is missing. One peer is asked for at most `pull_max` batches at a time.
    pub(super) fn new(missing_max: usize, pull_max: u64, lost_after: Duration) -> Self {
        Self {
            wants: Table::new(missing_max),
            timers: BTreeSet::new(),
            queue: BTreeMap::new(),
            tickets: 0,
            wake: None,
            accounts: BTreeMap::new(),
            questions: 0,
            misses: Misses::new(missing_max),
            pull_max: pull_max.max(1),
            lost_after,
        }
    }

    /// `by` has `missing` (intervals, none of them seen here). `wait` is how long to wait for it before asking,
    /// where `how` says so.
    pub(super) fn offered(
        &mut self,
        now: Mono,
        stream: &StreamId,
        by: Slot,
        missing: &[(u64, u64)],
        how: How,
        wait: Duration,
    ) {
        if missing.is_empty() {
            return;
        }
        let due = match how {
            How::Announced | How::Digest => now + wait,
            How::Backlog | How::Overdue => now,
        };
        if !self.open(now, stream, by) {
            return;
        }
        let Some(want) = self.wants.get_mut(stream) else { return };
        self.accounts.entry(by).or_default();
        let offered = want.offer(now, by, missing, how, due);
        let (is_done, is_queued) = (want.is_done(), want.is_queued());
        if offered.is_cut {
            self.wants.drop_one();
        }
        if is_done {
            return self.close(now, stream);
        }
        if is_queued && offered.is_new_source {
            self.wake_at(now);
        }
        self.look_at(stream, if offered.is_urgent { now } else { due });
    }

    /// Messages are here that `by` has sent; `None`: by whichever way. Costs nothing as long as nothing is missing, and one
    /// look-up as long as nothing is of their stream.
    pub(super) fn arrived(
        &mut self,
        now: Mono,
        stream: &StreamId,
        (first, last): (u64, u64),
        by: Option<Slot>,
    ) -> Arrival {
        let Some(want) = self.wants.get_mut(stream) else { return Arrival::default() };
        let part = want.take(first, last);
        let answers = want.answer(now, first, last);
        let how = part.map_or(How::Digest, |part| part.how);
        let is_queued = want.is_queued();
        if want.is_done() {
            self.close(now, stream);
        }
        let mut has_room = false;
        for answer in &answers {
            let account = self.accounts.entry(answer.by).or_default();
            let was_free = account.is_half_free(self.pull_max);
            account.answer(now, answer.number, answer.count);
            account.note_batch(answer.count);
            // The queue is tried again when half a window is free, not for each message.
            let quarter = account.width(self.pull_max) / 4;
            has_room |= !was_free && account.is_half_free(self.pull_max)
                || account.open() == 0
                || is_queued && falls_to(quarter, answer.left + answer.count, answer.left);
        }
        if has_room {
            self.wake_queue(now);
        }
        // What came in pieces was late, if it was, when the first of them came.
        let was_asked = |answer: &&Answered| answer.was_asked;
        let is_announced = matches!(how, How::Announced | How::Overdue);
        let is_fresh = answers.is_empty() || answers.iter().any(|answer| answer.was_asked);
        let first_announced = part.filter(|_| is_announced && is_fresh).map(|part| part.since);
        let asked = answers.iter().filter(was_asked).find(|answer| Some(answer.by) == by).map(|_| how);
        Arrival { asked, first_announced }
    }

    /// Messages of `stream` came unasked, up to `sequence`. If from their parent, what is beyond them follows on the same link, in
    /// order: it is not asked for before `wait` has passed.
    pub(super) fn pushed(&mut self, now: Mono, stream: &StreamId, sequence: u64, by_parent: bool, wait: Duration) {
        if by_parent && let Some(want) = self.wants.get_mut(stream) {
            // The timer stays: it may go off too early, which is cheaper than to move it for each message.
            want.put_off(sequence, now + wait);
        }
    }

    /// `by` has had `ranges` and keeps them no more.
    pub(super) fn lost(&mut self, now: Mono, stream: &StreamId, by: Slot, ranges: &[(u64, u64)]) {
        let Some(want) = self.wants.get_mut(stream) else { return };
        if let Some((number, count)) = want.lose(now, by, ranges) {
            self.accounts.entry(by).or_default().answer(now, number, count);
        }
        self.refresh(now, stream);
        self.wake_queue(now);
    }

    /// The link to `slot` is gone, or another peer has the slot now: what it offered and was asked is void.
    pub(super) fn forget(&mut self, now: Mono, slot: Slot) {
        self.accounts.remove(&slot);
        for stream in self.known_by(slot) {
            if let Some(want) = self.wants.get_mut(&stream) {
                want.forget(slot);
            }
            self.refresh(now, &stream);
        }
    }

    /// The link to `slot` is up, for the first time it may be: what it said before that it lacks, maybe in another life, is void.
    pub(super) fn rose(&mut self, now: Mono, slot: Slot) {
        for stream in self.known_by(slot) {
            if let Some(want) = self.wants.get_mut(&stream) {
                want.forgive(now, slot);
            }
            self.refresh(now, &stream);
        }
    }

    /// Gives what is due: to be asked for, with T2 from each peer's round trip, or to be given up.
    pub(super) fn on_tick(&mut self, now: Mono, round_trip: impl Fn(Slot) -> Duration) -> Dues {
        let mut dues = Dues::default();
        let is_due = self.timers.first().is_some_and(|&(at, _)| at <= now);
        let later = self.wake.take_if(|at| *at > now);
        let mut has_room = self.wake.take().is_some();
        if !has_room && !is_due {
            self.wake = later;
            return dues;
        }
        let (fresh, lost_after) = (self.tickets + 1, self.lost_after);
        while self.timers.first().is_some_and(|&(at, _)| at <= now)
            && let Some((_, stream)) = self.timers.pop_first()
        {
            has_room |= self.void(now, &stream);
            let Some(want) = self.wants.get_mut(&stream) else { continue };
            let is_over = |since| since + lost_after <= now;
            let given_up = want.give_up(is_over).into_iter();
            dues.gaps.extend(given_up.map(|(first, last)| Gap::whole(stream.clone(), first, last)));
            if let Some((below, sought)) = want.take_holes(is_over) {
                dues.holes.push(Holes { stream: stream.clone(), by: want.opener(), below, sought });
            }
            if let Some(ticket) = want.unqueue() {
                self.queue.remove(&ticket);
            }
            want.unplan();
            self.refresh(now, &stream);
        }
        // What waits for room need not be looked at again as long as there is none.
        let (asks, is_cut) = self.ask(now, if has_room { 0 } else { fresh }, round_trip);
        self.wake = if is_cut { Some(now + PAUSE) } else { later };
        dues.asks = asks;
        dues
    }

    /// The time when [`on_tick`](Self::on_tick) has something to do.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.timers.first().map(|&(at, _)| at).into_iter().chain(self.wake).min()
    }

    /// Streams of which something is missing.
    pub(super) fn len(&self) -> usize {
        self.wants.len()
    }

    /// Says whether nothing is missing.
    pub(super) fn is_empty(&self) -> bool {
        self.wants.len() == 0
    }

    /// Bytes of memory, without the allocator's share. Costs a look at each stream of which something is missing.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        const STREAM: usize = size_of::<StreamId>();
        let entries = self.timers.len() + self.queue.len() + self.misses.len();
        let wants = self.wants.iter().map(|(_, want)| STREAM + want.bytes()).sum::<usize>();
        wants + entries * (STREAM + size_of::<Mono>()) + self.accounts.len() * size_of::<(Slot, PullWindow)>()
    }

    /// Number of offers that were not or not wholly kept for want of room, since this was asked last.
    pub(super) fn take_dropped(&mut self) -> u64 {
        self.wants.take_dropped()
    }

    /// There may be room for what is queued.
    fn wake_queue(&mut self, now: Mono) {
        if !self.queue.is_empty() {
            self.wake_at(now);
        }
    }

    fn wake_at(&mut self, at: Mono) {
        self.wake = Some(self.wake.map_or(at, |planned| planned.min(at)));
    }

    fn known_by(&self, slot: Slot) -> Vec<StreamId> {
        self.wants.iter().filter(|(_, want)| want.knows(slot)).map(|(stream, _)| stream.clone()).collect()
    }

    /// Ends the questions of a stream that brought nothing. Says whether there were any.
    fn void(&mut self, now: Mono, stream: &StreamId) -> bool {
        let Some(want) = self.wants.get_mut(stream) else { return false };
        let accounts = &self.accounts;
        let ended = want.void(now, |slot| accounts.get(&slot).copied().unwrap_or_default());
        for question in &ended {
            self.accounts.entry(question.to()).or_default().void(question);
        }
        !ended.is_empty()
    }

    /// Asks for what is queued with tickets from `first` on, as far as there is room; says whether more of it is to be
    /// looked at soon.
    fn ask(&mut self, now: Mono, first: u64, round_trip: impl Fn(Slot) -> Duration) -> (Vec<Ask>, bool) {
        let mut asks: BTreeMap<(Slot, bool), Vec<StreamRanges>> = BTreeMap::new();
        let (last, mut vain) = (self.tickets, 0);
        let mut is_cut = false;
        while let Some((&ticket, _)) = self.queue.range(first..).next().filter(|&(&ticket, _)| ticket <= last) {
            is_cut = vain >= VAIN_MAX;
            if is_cut || self.is_full() {
                break;
            }
            let Some(stream) = self.queue.remove(&ticket) else { continue };
            vain += 1;
            // The answer to a later question of another stream may have shown that one of these is not answered.
            self.void(now, &stream);
            let Some(want) = self.wants.get_mut(&stream) else { continue };
            want.unqueue();
            let mut is_repeat = None;
            loop {
                let accounts = &self.accounts;
                let account = |slot| accounts.get(&slot).copied().unwrap_or_default();
                let Some((to, ranges)) = want.choose(now, self.pull_max, account, &round_trip) else { break };
                (self.questions, vain) = (self.questions + 1, 0);
                let account = self.accounts.entry(to).or_default();
                want.ask(now, to, &ranges, self.questions, account.patience(round_trip(to), want.is_urgent(&ranges)));
                account.ask(now, ranges.count());
                let mut note = || self.misses.note(now, &stream);
                let is_repeat = want.was_announced(&ranges) && *is_repeat.get_or_insert_with(&mut note);
                add(asks.entry((to, is_repeat)).or_default(), &stream, ranges);
            }
            self.refresh(now, &stream);
        }
        let asks = asks.into_iter().map(|((to, is_repeat), streams)| Ask { to, streams, is_repeat });
        (asks.collect(), is_cut)
    }

    /// Says whether hardly anything can be asked for now: what is queued is looked at when half a window is free.
    fn is_full(&self) -> bool {
        self.accounts.values().all(|account| account.room(self.pull_max) <= account.width(self.pull_max) / 8)
    }

    /// Begins to look for what is missing of a stream that `by` tells of; says whether there is room for it.
    pub(super) fn open(&mut self, now: Mono, stream: &StreamId, by: Slot) -> bool {
        if self.wants.get(stream).is_some() {
            return true;
        }
        if self.wants.is_full() {
            self.wants.drop_one();
            let Some(victim) = self.wants.victim(by) else { return false };
            self.close(now, &victim);
        }
        self.wants.insert(stream, by);
        true
    }

    /// The messages missing of a stream.
    pub(super) fn want(&mut self, stream: &StreamId) -> Option<&mut StreamMissing> {
        self.wants.get_mut(stream)
    }

    /// The window of a peer.
    pub(super) fn account(&mut self, slot: Slot) -> &mut PullWindow {
        self.accounts.entry(slot).or_default()
    }

    /// The same of one who has offered something since its link came up.
    pub(super) fn known_account(&mut self, slot: Slot) -> Option<&mut PullWindow> {
        self.accounts.get_mut(&slot)
    }

    /// The number of one more ask.
    pub(super) fn next_question(&mut self) -> u64 {
        self.questions += 1;
        self.questions
    }

    /// Has a stream looked at when what is missing from now on would be given up.
    pub(super) fn look_when_lost(&mut self, now: Mono, stream: &StreamId) {
        self.look_at(stream, now + self.lost_after);
    }

    /// Has a stream looked at by `at`, or earlier.
    fn look_at(&mut self, stream: &StreamId, at: Mono) {
        let Some(want) = self.wants.get_mut(stream) else { return };
        if let Some(former) = want.plan(at) {
            if let Some(planned) = former {
                self.timers.remove(&(planned, stream.clone()));
            }
            self.timers.insert((at, stream.clone()));
        }
    }

    /// After a change: forgets the stream if nothing is missing of it, queues it if something could be asked for,
    /// and sets its timer.
    pub(super) fn refresh(&mut self, now: Mono, stream: &StreamId) {
        let Some(want) = self.wants.get_mut(stream) else { return };
        if let Some(planned) = want.unplan() {
            self.timers.remove(&(planned, stream.clone()));
        }
        if want.is_done() {
            return self.close(now, stream);
        }
        if !want.is_queued() && want.is_due(now) {
            self.tickets += 1;
            want.queue(self.tickets);
            self.queue.insert(self.tickets, stream.clone());
        }
        let is_queued = want.is_queued();
        let accounts = &self.accounts;
        let account = |slot| accounts.get(&slot).copied().unwrap_or_default();
        if let Some(at) = want.deadline(now, self.lost_after, account) {
            self.look_at(stream, at);
        }
        if is_queued {
            self.wake_at(now);
        }
    }

    /// Forgets a stream, with all that was asked of it.
    pub(super) fn close(&mut self, now: Mono, stream: &StreamId) {
        let Some(mut want) = self.wants.remove(stream) else { return };
        if let Some(at) = want.unplan() {
            self.timers.remove(&(at, stream.clone()));
        }
        if let Some(ticket) = want.unqueue() {
            self.queue.remove(&ticket);
        }
        for question in want.questions() {
            self.accounts.entry(question.to()).or_default().close(question);
        }
        // There is room for what others wait for.
        if !want.questions().is_empty() {
            self.wake_queue(now);
        }
    }
}

/// Says whether a number of messages that was above a mark is not any more, or has come to nothing.
fn falls_to(mark: u64, before: u64, after: u64) -> bool {
    [mark, 0].iter().any(|&mark| before > mark && after <= mark)
}

#[cfg(test)]
#[path = "missing/tests.rs"]
mod tests;
