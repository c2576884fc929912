//! Bytes that a neighbour may be sent because it asked for messages; they come back as time goes by. A short question can ask for
//! all that a node keeps; what it is not allowed now it asks for again.

use crate::core::{slots::Slot, time::Mono};
use std::collections::BTreeMap;

/// Most bytes at once.
const BYTES_MAX: usize = 4 << 20;
/// Bytes that come back in a millisecond: 32 MB a second.
const BYTES_A_MILLISECOND: u64 = 32_000;

/// Bytes that each neighbour is allowed. Bounds: an entry a link.
#[derive(Debug, Default)]
pub(in crate::core::dissemination) struct Allowances {
    left: BTreeMap<Slot, (Mono, usize)>,
}

impl Allowances {
    /// The bytes that a neighbour may be sent now.
    pub(in crate::core::dissemination) fn left(&self, now: Mono, slot: Slot) -> usize {
        let Some(&(at, left)) = self.left.get(&slot) else { return BYTES_MAX };
        let back = u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX).saturating_mul(BYTES_A_MILLISECOND);
        left.saturating_add(usize::try_from(back).unwrap_or(usize::MAX)).min(BYTES_MAX)
    }

    /// It is sent that many; the last message may go beyond what it was allowed.
    pub(in crate::core::dissemination) fn spend(&mut self, now: Mono, slot: Slot, bytes: usize) {
        let left = self.left(now, slot).saturating_sub(bytes);
        self.left.insert(slot, (now, left));
    }

    /// A slot is another peer's from now on.
    pub(in crate::core::dissemination) fn forget(&mut self, slot: Slot) {
        self.left.remove(&slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time_and_never_more() {
        let (mut allowances, at) = (Allowances::default(), |millis: u64| Mono(millis * 1_000_000));
        let mut sent = 0;
        for millis in 0..1_000 {
            for _ in 0..10 {
                let left = allowances.left(at(millis), Slot(1));
                allowances.spend(at(millis), Slot(1), left);
                sent += left;
            }
        }
        assert_eq!(sent, BYTES_MAX + 999 * 32_000);
        assert_eq!(allowances.left(at(999), Slot(2)), BYTES_MAX, "each has its own");
        assert_eq!(allowances.left(at(1_000_000), Slot(1)), BYTES_MAX);
        allowances.forget(Slot(1));
        assert_eq!(allowances.left(at(999), Slot(1)), BYTES_MAX);
    }
}
