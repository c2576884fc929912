//! Mending: the time after a repair until all live nodes have seen the same, and its cost.

use super::tracked::{Survivor, Tracked};
use crate::{core::time::Mono, sim::links::lengths::message_len};

/// A time after a mend in which live nodes lack messages that other live nodes have.
#[derive(Debug, Clone, Default)]
pub(in crate::sim) struct Mending {
    under_way: Option<Gathering>,
    done: Vec<Mended>,
}

/// Mend that is under way.
#[derive(Debug, Clone)]
struct Gathering {
    since: Mono,
    /// By place, of the messages published before: live nodes without it.
    lacking: Vec<u32>,
    /// All of these together.
    open: u64,
    mended: Mended,
}

/// Cost of a mend.
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
    /// Something was mended: from now on all that is lacking is waited for. One that is under way counts no more.
    pub(super) fn begin(&mut self, now: Mono, told: &[Tracked], nodes: &[Option<Survivor>]) {
        let (lacking, missing) = count_lacking(told, nodes);
        let open = lacking.iter().map(|&count| u64::from(count)).sum();
        let mended = Mended { took: None, missing, sent: 0 };
        self.under_way = (open > 0).then_some(Gathering { since: now, lacking, open, mended });
    }

    /// Nodes have come or gone, perhaps while something is waited for.
    pub(super) fn recount(&mut self, now: Mono, told: &[Tracked], nodes: &[Option<Survivor>]) {
        let Some(gathering) = &mut self.under_way else { return };
        let (lacking, _) = count_lacking(&told[..gathering.lacking.len()], nodes);
        gathering.open = lacking.iter().map(|&count| u64::from(count)).sum();
        gathering.lacking = lacking;
        self.end_if_done(now);
    }

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
    pub(super) fn told(&mut self, bytes: usize) {
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

/// By place, live nodes without the message, where another has it; and the bytes of all of these messages together.
fn count_lacking(told: &[Tracked], nodes: &[Option<Survivor>]) -> (Vec<u32>, u64) {
    let mut bytes = 0;
    let lacking = told.iter().map(|told| {
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
