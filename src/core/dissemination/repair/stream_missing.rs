//! One stream of which something is missing: since when, who offers it, and who was asked.

use super::{
    ask::{How, Offered},
    in_flight::{Answered, InFlight, PullWindow},
    parts::{INTERVALS_MAX, Part, Parts},
};
use crate::core::{id::ranges::Ranges, slots::Slot, time::Mono};
use std::time::Duration;

/// Most sources asked at one time for messages of one stream.
const SOURCES_ASKED_MAX: usize = 2;
/// Longest wait before a source that did not answer is asked again.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Questions in a row that may bring nothing: then the source is asked no more, until it offers again.
const TRIES_MAX: u32 = 16;

/// Peer that has something that is missing here.
#[derive(Debug)]
struct Source {
    slot: Slot,
    /// At least what is still missing of what it has.
    offers: Ranges,
    /// Messages that it has seen and keeps no more.
    lost: Ranges,
    /// Questions in a row that brought nothing.
    tries: u32,
    not_before: Mono,
}

/// Messages missing of one stream.
#[derive(Debug, Default)]
pub(super) struct StreamMissing {
    /// The peer that told of it first.
    opener: Slot,
    /// Each message is offered by a source, or bare.
    parts: Parts,
    sources: Vec<Source>,
    questions: Vec<InFlight>,
    /// All that is missing below a message that came, and since when.
    holes: Option<(u64, Mono)>,
    /// Its place in the queue of those that could be asked for now.
    ticket: Option<u64>,
    /// The time when it is looked at next, at the latest.
    at: Option<Mono>,
}

impl StreamMissing {
    /// Nothing yet of a stream that `opener` tells of first.
    pub(super) fn of(opener: Slot) -> Self {
        Self { opener, ..Self::default() }
    }

    pub(super) fn is_queued(&self) -> bool {
        self.ticket.is_some()
    }

    /// Gives it a place in the queue.
    pub(super) fn queue(&mut self, ticket: u64) {
        self.ticket = Some(ticket);
    }

    /// Takes its place in the queue from it.
    pub(super) fn unqueue(&mut self) -> Option<u64> {
        self.ticket.take()
    }

    /// It is to be looked at by `at`. Gives what was planned before; `None` if that is as early, and stays.
    pub(super) fn plan(&mut self, at: Mono) -> Option<Option<Mono>> {
        self.at.is_none_or(|planned| at < planned).then(|| self.at.replace(at))
    }

    /// It is looked at now. Gives the time that was planned.
    pub(super) fn unplan(&mut self) -> Option<Mono> {
        self.at.take()
    }

    /// The peer that told of it first.
    pub(super) fn opener(&self) -> Slot {
        self.opener
    }

    /// Notes that `by` has `missing`; what was not wanted before is asked for when it is `due`.
    pub(super) fn offer(&mut self, now: Mono, by: Slot, missing: &[(u64, u64)], how: How, due: Mono) -> Offered {
        let mut offer = Ranges::from(missing);
        let known = self.sources.iter().position(|source| source.slot == by);
        if let Some(index) = known {
            // What was lost counts as long as it is sought elsewhere; what was forgotten since may be offered again.
            offer.subtract(self.sources[index].lost.intersection(self.parts.sought().as_slice()).as_slice());
        }
        let mut offered = Offered::default();
        if offer.is_empty() {
            return offered;
        }
        let index = known.unwrap_or_else(|| {
            offered.is_new_source = true;
            let (offers, lost) = (Ranges::default(), Ranges::default());
            self.sources.push(Source { slot: by, offers, lost, tries: 0, not_before: Mono::default() });
            self.sources.len() - 1
        });
        offered.is_cut = self.add_offer(index, &offer);
        let fresh = self.sources[index].offers.intersection(offer.as_slice());
        self.parts.revise(fresh.as_slice(), |part| {
            if part.bare.take().is_some() || (how == How::Overdue && part.due > now) {
                (part.due, part.how) = (now, how);
                offered.is_urgent = true;
            }
            true
        });
        self.parts.add(fresh, |(first, last)| Part { first, last, since: now, due, how, bare: None });
        if offered.is_cut {
            self.reconcile(None);
        }
        offered.is_cut |= self.parts.compact();
        offered
    }

    /// Others know of `missing` and cannot send it.
    pub(super) fn hear(&mut self, now: Mono, missing: &[(u64, u64)]) {
        let bare = Some(now);
        let part = |(first, last)| Part { first, last, since: now, due: now, how: How::Digest, bare };
        self.parts.add(Ranges::from(missing), part);
        self.parts.compact();
    }

    /// A message came, and something below it has not, as far as that is not known already.
    pub(super) fn expect(&mut self, now: Mono, below: u64) {
        self.holes.get_or_insert((below, now));
    }

    /// Nothing is missing below what came.
    pub(super) fn fill(&mut self) {
        self.holes = None;
    }

    /// Below which number all is given up that was missing `before` and is not offered by anybody; and what is.
    pub(super) fn take_holes(&mut self, before: impl Fn(Mono) -> bool) -> Option<(u64, Ranges)> {
        let (below, _) = self.holes.take_if(|(_, since)| before(*since))?;
        Some((below, self.parts.sought()))
    }

    /// Takes messages that came out of what is missing; gives the first part that any of them was in.
    pub(super) fn take(&mut self, first: u64, last: u64) -> Option<Part> {
        self.parts.take(first, last)
    }

    /// Takes messages that came out of the questions for them.
    pub(super) fn answer(&mut self, now: Mono, first: u64, last: u64) -> Vec<Answered> {
        let answered = self.close(now, (first, last), |_| true);
        for source in &mut self.sources {
            if answered.iter().any(|answered| answered.by == source.slot) {
                (source.tries, source.not_before) = (0, Mono::default());
            }
        }
        answered
    }

    /// Takes messages out of the questions for them that are meant.
    fn close(&mut self, now: Mono, range: (u64, u64), is_meant: impl Fn(&InFlight) -> bool) -> Vec<Answered> {
        let meant = self.questions.iter_mut().filter(|question| is_meant(question));
        let answered = meant.filter_map(|question| question.answer(now, range)).collect();
        self.questions.retain(|question| !question.open().is_empty());
        answered
    }

    /// `by` has begun to send messages, maybe unasked: as long as it is at it, nobody is asked. Says for how many nobody had been.
    pub(super) fn coming(&mut self, now: Mono, by: Slot, lacking: &Ranges, number: u64, patience: Duration) -> u64 {
        let mut fresh = lacking.clone();
        self.questions.iter().for_each(|question| fresh.subtract(question.open().as_slice()));
        if fresh.is_empty() {
            return 0;
        }
        self.ask(now, by, &fresh, number, patience);
        let question = self.questions.iter_mut().find(|question| question.to() == by);
        question.into_iter().for_each(|question| question.comes_unasked(&fresh));
        fresh.count()
    }

    /// `by` does not send messages that it had begun to send: they are asked for, of others first. The number of the question,
    /// and how many of them it was for.
    pub(super) fn stopped(&mut self, now: Mono, by: Slot, range: (u64, u64)) -> Option<(u64, u64)> {
        let closed = self.close(now, range, |question| question.to() == by);
        let &Answered { number, count, .. } = closed.first()?;
        if let Some(source) = self.sources.iter_mut().find(|source| source.slot == by) {
            source.tries = source.tries.saturating_add(1);
        }
        Some((number, count))
    }

    /// The time when a message that is missing was told of first.
    pub(super) fn since(&self, sequence: u64) -> Option<Mono> {
        self.parts.since(sequence)
    }

    /// `by` keeps `ranges` no more: the number of the question, and how much of it that answers.
    pub(super) fn lose(&mut self, now: Mono, by: Slot, ranges: &[(u64, u64)]) -> Option<(u64, u64)> {
        let source = self.sources.iter_mut().find(|source| source.slot == by)?;
        let lost = source.offers.intersection(Ranges::from(ranges).as_slice());
        source.offers.subtract(lost.as_slice());
        source.lost.extend(lost.as_slice());
        source.lost.truncate(INTERVALS_MAX);
        (source.tries, source.not_before) = (0, Mono::default());
        let asked = self.questions.iter_mut().find(|question| question.to() == by);
        let asked = asked.map(|question| question.lose(now, ranges));
        self.questions.retain(|question| !question.open().is_empty());
        self.reconcile(Some(now));
        if self.sources.iter_mut().any(|source| source.offers.truncate(INTERVALS_MAX)) {
            self.reconcile(None);
        }
        asked
    }

    /// A peer is gone: what only it offered is not known to exist any more.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.sources.retain(|source| source.slot != slot);
        self.questions.retain(|question| question.to() != slot);
        self.reconcile(None);
    }

    /// A peer may have got since what it said that it keeps no more: it may be asked for that again.
    pub(super) fn forgive(&mut self, now: Mono, slot: Slot) {
        let Some(source) = self.sources.iter_mut().find(|source| source.slot == slot) else { return };
        let again = std::mem::take(&mut source.lost).intersection(self.parts.sought().as_slice());
        source.offers.extend(again.as_slice());
        self.parts.revise(again.as_slice(), |part| (part.bare.take().map(|_| part.due = now), true).1);
        if self.sources.iter_mut().any(|source| source.offers.truncate(INTERVALS_MAX)) {
            self.reconcile(None);
        }
    }

    /// Says whether a peer offers something of it, or was asked.
    pub(super) fn knows(&self, slot: Slot) -> bool {
        self.sources.iter().any(|source| source.slot == slot) || self.questions.iter().any(|q| q.to() == slot)
    }

    /// Puts off what was not asked for and comes after `sequence`: it is on its way, and not overdue before `due`.
    pub(super) fn put_off(&mut self, sequence: u64, due: Mono) {
        self.parts.put_off(sequence, due);
    }

    /// Ends the questions that brought nothing for too long. Their sources come last in the next round.
    pub(super) fn void(&mut self, now: Mono, account: impl Fn(Slot) -> PullWindow) -> Vec<InFlight> {
        let is_void = |question: &mut InFlight| question.void_at(&account(question.to())) <= now;
        let ended: Vec<_> = self.questions.extract_if(.., is_void).collect();
        for question in &ended {
            if let Some(source) = self.sources.iter_mut().find(|source| source.slot == question.to()) {
                source.tries = source.tries.saturating_add(1);
                let doubled = source.tries.checked_sub(2).map(|power| 1_u32 << power.min(16));
                let wait = doubled.map_or(Duration::ZERO, |times| question.patience().saturating_mul(times));
                source.not_before = now + wait.min(RETRY_MAX);
            }
        }
        // It does not have what it offered: maybe it came back without its memory.
        if self.sources.extract_if(.., |source| source.tries >= TRIES_MAX).count() > 0 {
            self.reconcile(None);
        }
        ended
    }

    /// Takes what nobody has offered since `before`.
    pub(super) fn give_up(&mut self, before: impl Fn(Mono) -> bool) -> Vec<(u64, u64)> {
        self.parts.give_up(before)
    }

    /// Chooses a source and what it is asked for now, if any has room for it: the lowest numbers first, of the source that was
    /// asked already, or else of the one that answers best. What that offers is asked of no other: batches come whole, so two
    /// that are asked for neighbouring messages may both send the same batch.
    pub(super) fn choose(
        &self,
        now: Mono,
        pull_max: u64,
        account: impl Fn(Slot) -> PullWindow,
        round_trip: impl Fn(Slot) -> Duration,
    ) -> Option<(Slot, Ranges)> {
        let mut due = self.due(now);
        let is_asked = |source: &Source| self.questions.iter().any(|question| question.to() == source.slot);
        let ready = self.sources.iter().filter(|source| source.not_before <= now);
        let mut useful: Vec<_> = ready.map(|source| (source, is_asked(source))).collect();
        let busy = |slot| (account(slot).open() / 16, round_trip(slot));
        useful.sort_by_key(|&(source, is_asked)| (!is_asked, source.tries, busy(source.slot)));
        useful.into_iter().find_map(|(source, is_asked)| {
            let mut ranges = source.offers.intersection(due.as_slice());
            if ranges.is_empty() || !is_asked && self.questions.len() >= SOURCES_ASKED_MAX {
                return None;
            }
            if is_asked {
                due.subtract(ranges.as_slice());
            }
            let account = account(source.slot);
            let room = account.room(pull_max);
            // Many small questions would cost more than one a little later.
            let needed = ranges.count().min(account.width(pull_max) / 2).max(1);
            (room >= needed).then(|| {
                ranges.keep_first(room);
                (source.slot, ranges)
            })
        })
    }

    /// Notes that `ranges` were asked of `to`.
    pub(super) fn ask(&mut self, now: Mono, to: Slot, ranges: &Ranges, number: u64, patience: Duration) {
        let index = self.questions.iter().position(|question| question.to() == to).unwrap_or_else(|| {
            self.questions.push(InFlight::new(to));
            self.questions.len() - 1
        });
        self.questions[index].ask(now, ranges, number, patience);
    }

    /// Says whether something could be asked for now if there is room.
    pub(super) fn is_due(&self, now: Mono) -> bool {
        let due = self.due(now);
        self.useful(now, &due).next().is_some()
    }

    /// Says whether all of `ranges` was announced lately: little, that is to come soon.
    pub(super) fn is_urgent(&self, ranges: &Ranges) -> bool {
        let mut others = self.parts.iter().filter(|part| !matches!(part.how, How::Announced | How::Overdue));
        !others.any(|part| !ranges.intersection(&[(part.first, part.last)]).is_empty())
    }

    /// Says whether any of `ranges` is wanted because it was announced.
    pub(super) fn was_announced(&self, ranges: &Ranges) -> bool {
        let mut announced = self.parts.iter().filter(|part| matches!(part.how, How::Announced | How::Overdue));
        announced.any(|part| !ranges.intersection(&[(part.first, part.last)]).is_empty())
    }

    /// The time when something of it must be done that nothing else brings about.
    pub(super) fn deadline(
        &self,
        now: Mono,
        lost_after: Duration,
        account: impl Fn(Slot) -> PullWindow,
    ) -> Option<Mono> {
        let dues = self.parts.iter().filter(|part| part.bare.is_none()).map(|part| part.due);
        let sources = self.sources.iter().map(|source| source.not_before);
        let bare = self.parts.iter().filter_map(|part| part.bare).map(|since| since + lost_after);
        let holes = self.holes.map(|(_, since)| since + lost_after);
        let questions = self.questions.iter().map(|question| question.void_at(&account(question.to())));
        dues.chain(sources).filter(|&at| at > now).chain(bare).chain(holes).chain(questions).min()
    }

    /// Says whether nothing is missing any more.
    pub(super) fn is_done(&self) -> bool {
        self.parts.is_empty() && self.questions.is_empty() && self.holes.is_none()
    }

    /// Adds to what a source offers. Without room first what has come since gives way, then the highest; says whether that did.
    fn add_offer(&mut self, index: usize, offer: &Ranges) -> bool {
        self.sources[index].offers.extend(offer.as_slice());
        if self.sources[index].offers.as_slice().len() > INTERVALS_MAX {
            let mut missing = self.parts.sought();
            missing.extend(offer.as_slice());
            self.sources[index].offers = self.sources[index].offers.intersection(missing.as_slice());
        }
        self.sources[index].offers.truncate(INTERVALS_MAX)
    }

    /// Numbers that are due and were not asked for.
    fn due(&self, now: Mono) -> Ranges {
        let mut due = Ranges::default();
        for part in self.parts.iter().filter(|part| part.bare.is_none() && part.due <= now) {
            due.insert(part.first, part.last);
        }
        for question in &self.questions {
            due.subtract(question.open().as_slice());
        }
        due
    }

    /// The sources that may be asked now, each with what it has of `due`.
    fn useful(&self, now: Mono, due: &Ranges) -> impl Iterator<Item = (&Source, Ranges)> {
        let ready = self.sources.iter().filter(move |source| source.not_before <= now);
        ready
            .map(|source| (source, source.offers.intersection(due.as_slice())))
            .filter(|(_, ranges)| !ranges.is_empty())
    }

    /// Makes bare since `lost` what no source offers, or forgets it.
    fn reconcile(&mut self, lost: Option<Mono>) {
        let mut orphaned = Ranges::default();
        for part in self.parts.iter().filter(|part| part.bare.is_none()) {
            orphaned.insert(part.first, part.last);
        }
        for source in &self.sources {
            orphaned.subtract(source.offers.as_slice());
        }
        self.parts.revise(orphaned.as_slice(), |part| {
            part.bare = lost;
            lost.is_some()
        });
    }

    /// The questions that are open.
    pub(super) fn questions(&self) -> &[InFlight] {
        &self.questions
    }

    /// Bytes of memory, without the allocator's share.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let ranges = |ranges: &Ranges| size_of_val(ranges.as_slice());
        let sources = self.sources.iter().map(|s| size_of::<Source>() + ranges(&s.offers) + ranges(&s.lost));
        let questions = self.questions.iter().map(|q| size_of::<InFlight>() + ranges(q.open()));
        size_of::<Self>() + size_of_val(self.parts.as_slice()) + sources.chain(questions).sum::<usize>()
    }

    /// The parts, and the intervals of each source.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> {
        let sources = self.sources.iter().flat_map(|s| [s.offers.as_slice().len(), s.lost.as_slice().len()]);
        std::iter::once(self.parts.as_slice().len()).chain(sources)
    }

    /// The messages that are missing, and whether somebody offers them.
    #[cfg(test)]
    pub(super) fn missing(&self) -> impl Iterator<Item = (u64, bool)> {
        self.parts.iter().flat_map(|part| (part.first..=part.last).map(|number| (number, part.bare.is_none())))
    }
}
