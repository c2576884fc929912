//! How long it takes after something was mended until all live nodes have seen the same, and what that costs.

use super::{super::links::lengths::message_len, Checker, Survivor};
use crate::core::time::Mono;

/// A time after a mend in which live nodes lack messages that other live nodes have.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Mending {
    under_way: Option<Gathering>,
    done: Vec<Mended>,
}

/// What is under way.
#[derive(Debug, Clone)]
struct Gathering {
    since: Mono,
    /// By place, of the messages published before: live nodes without it.
    lacking: Vec<u32>,
    /// All of these together.
    open: u64,
    mended: Mended,
}

/// What a mend has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::sim) struct Mended {
    /// Nanoseconds until nothing was missing any more; `None`: it never came to that.
    pub(in crate::sim) took: Option<u64>,
    /// Bytes of the messages that were missing, each as often as it was.
    pub(in crate::sim) missing: u64,
    /// Bytes of all payloads, announcements and repair that were sent for them.
    pub(in crate::sim) sent: u64,
}

impl Mending {
    /// A message is at one more live node.
    pub(super) fn delivered(&mut self, place: usize, at: Mono) {
        let Some(gathering) = &mut self.under_way else { return };
        let Some(lacking) = gathering.lacking.get_mut(place).filter(|lacking| **lacking > 0) else { return };
        *lacking -= 1;
        gathering.open -= 1;
        self.end_if_done(at);
    }

    /// Bytes of a message are sent.
    pub(super) fn sent(&mut self, place: usize, bytes: usize) {
        if let Some(gathering) = self.under_way.as_mut().filter(|gathering| place < gathering.lacking.len()) {
            gathering.mended.sent += bytes as u64;
        }
    }

    fn end_if_done(&mut self, at: Mono) {
        if let Some(gathering) = self.under_way.as_mut().filter(|gathering| gathering.open == 0) {
            gathering.mended.took = Some(at.0.saturating_sub(gathering.since.0));
            self.finish();
        }
    }

    /// Bytes are sent that tell of messages, or ask for them.
    pub(in crate::sim) fn told(&mut self, bytes: usize) {
        if let Some(gathering) = &mut self.under_way {
            gathering.mended.sent += bytes as u64;
        }
    }

    /// Ends what is under way, and gives all that there was.
    pub(in crate::sim) fn finish(&mut self) -> &[Mended] {
        self.done.extend(self.under_way.take().map(|gathering| gathering.mended));
        &self.done
    }
}

impl Checker {
    /// Something was mended: from now on all that is lacking is waited for. One that is under way counts no more.
    pub(in crate::sim) fn mended(&mut self, now: Mono, nodes: &[Option<Survivor>]) {
        let (lacking, missing) = self.lacking(self.told.len(), nodes);
        let open = lacking.iter().map(|&count| u64::from(count)).sum();
        let mended = Mended { took: None, missing, sent: 0 };
        self.mending.under_way = (open > 0).then_some(Gathering { since: now, lacking, open, mended });
    }

    /// Nodes have come or gone while something is waited for.
    pub(in crate::sim) fn recount(&mut self, now: Mono, nodes: impl FnOnce() -> Vec<Option<Survivor>>) {
        let Some(places) = self.mending.under_way.as_ref().map(|gathering| gathering.lacking.len()) else { return };
        let (lacking, _) = self.lacking(places, &nodes());
        if let Some(gathering) = &mut self.mending.under_way {
            gathering.open = lacking.iter().map(|&count| u64::from(count)).sum();
            gathering.lacking = lacking;
        }
        self.mending.end_if_done(now);
    }

    /// By place, for the first `places`: live nodes without the message, where another has it; and the bytes of all of
    /// these messages together.
    fn lacking(&self, places: usize, nodes: &[Option<Survivor>]) -> (Vec<u32>, u64) {
        let mut bytes = 0;
        let lacking = self.told[..places].iter().map(|told| {
            let live = || nodes.iter().zip(&told.delivered).filter_map(|(node, at)| Some((node.as_ref()?, at.0)));
            let having = live().filter(|(node, life)| node.life == *life).count();
            if having == 0 || told.is_doubtful() {
                return 0;
            }
            let lacking = live().count() - having;
            bytes += (lacking * message_len(told.payload.len())) as u64;
            lacking as u32
        });
        (lacking.collect(), bytes)
    }
}
