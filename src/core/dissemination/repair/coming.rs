//! Messages on their way in pieces: whoever sends them is taken for asked, so that nobody else is.

use super::missing::Missing;
use crate::core::{
    dissemination::repair::ask::How,
    id::{StreamId, ranges::Ranges},
    slots::Slot,
    time::Mono,
};
use std::time::Duration;

impl Missing {
    /// `by` has begun to send messages, `lacking` of which are not here: nobody is asked for these as long as it goes on. Says
    /// when the first of them was told of first, if they come unasked.
    pub(super) fn coming(
        &mut self,
        now: Mono,
        stream: &StreamId,
        lacking: &Ranges,
        by: Slot,
        patience: Duration,
    ) -> Option<Mono> {
        let &(first, _) = lacking.as_slice().first()?;
        let since = self.want(stream).and_then(|want| want.since(first)).unwrap_or(now);
        self.offered(now, stream, by, lacking.as_slice(), How::Announced, Duration::ZERO);
        self.want(stream)?;
        let number = self.next_question();
        let count = self.want(stream)?.coming(now, by, lacking, number, patience);
        if count == 0 {
            return None;
        }
        self.account(by).ask(now, count);
        self.refresh(now, stream);
        Some(since)
    }

    /// Something large that `by` sends goes on; if it does so no more, that is known at the time `until`. `None`: it is here.
    pub(super) fn sending(&mut self, now: Mono, by: Slot, until: Option<Mono>) {
        if let Some(account) = self.known_account(by) {
            account.is_sending(now, until);
        }
    }

    /// `by` does not send messages that it had begun to send.
    pub(super) fn stopped(&mut self, now: Mono, stream: &StreamId, range: (u64, u64), by: Slot) {
        let Some(want) = self.want(stream) else { return };
        if let Some((number, count)) = want.stopped(now, by, range) {
            self.account(by).answer(now, number, count);
            self.refresh(now, stream);
        }
    }
}
