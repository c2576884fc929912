//! Messages known to be missing though nobody offers them: what others have heard of, and what lies below a message that came.

use super::missing::Missing;
use crate::core::{id::StreamId, slots::Slot, time::Mono};

impl Missing {
    /// `by` knows of `missing` (intervals, none of them seen here) and cannot send it: it is given up if nobody offers it.
    pub(super) fn heard_of(&mut self, now: Mono, stream: &StreamId, by: Slot, missing: &[(u64, u64)]) {
        if missing.is_empty() || !self.open(now, stream, by) {
            return;
        }
        let Some(want) = self.want(stream) else { return };
        want.hear(now, missing);
        self.refresh(now, stream);
    }

    /// A message of a stream came from `by`, and something below it has not: what nobody offers is given up.
    pub(super) fn expect(&mut self, now: Mono, stream: &StreamId, by: Slot, below: u64) {
        if !self.open(now, stream, by) {
            return;
        }
        let Some(want) = self.want(stream) else { return };
        want.expect(now, below);
        self.look_when_lost(now, stream);
    }

    /// Nothing is missing any more below what came of a stream.
    pub(super) fn filled(&mut self, now: Mono, stream: &StreamId) {
        let Some(want) = self.want(stream) else { return };
        want.fill();
        if want.is_done() {
            self.close(now, stream);
        }
    }
}
