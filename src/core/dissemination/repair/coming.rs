//! Messages on their way in pieces: whoever sends it is taken for asked, so that nobody else is.

use super::missing::Missing;
use crate::core::{dissemination::repair::ask::How, id::MessageId, slots::Slot, time::Mono};
use std::time::Duration;

impl Missing {
    /// `by` has begun to send a message, which is not here: nobody is asked for it as long as it goes on. Says when it was
    /// told of first, if it comes unasked.
    pub(super) fn coming(&mut self, now: Mono, id: &MessageId, by: Slot, patience: Duration) -> Option<Mono> {
        let stream = id.stream();
        let since = self.want(&stream).and_then(|want| want.since(id.sequence)).unwrap_or(now);
        self.offered(now, &stream, by, &[(id.sequence, id.sequence)], How::Announced, Duration::ZERO);
        self.want(&stream)?;
        let number = self.next_question();
        if !self.want(&stream)?.coming(now, by, id.sequence, number, patience) {
            return None;
        }
        self.account(by).ask(now, 1);
        self.refresh(now, &stream);
        Some(since)
    }

    /// Something large that `by` sends goes on; if it does so no more, that is known at the time `until`. `None`: it is here.
    pub(super) fn sending(&mut self, now: Mono, by: Slot, until: Option<Mono>) {
        if let Some(account) = self.known_account(by) {
            account.is_sending(now, until);
        }
    }

    /// `by` does not send a message that it had begun to send.
    pub(super) fn stopped(&mut self, now: Mono, id: &MessageId, by: Slot) {
        let stream = id.stream();
        let Some(want) = self.want(&stream) else { return };
        if let Some(number) = want.stopped(now, by, id.sequence) {
            self.account(by).answer(now, number, 1);
            self.refresh(now, &stream);
        }
    }
}
