//! Budget of a queue of libzmq. Its high-water mark counts messages only, so bytes are counted here:
//! each message takes a [`Share`] when it is handed over and gives it back when libzmq lets go of its last
//! frame, which is when that frame has reached the kernel or was dropped with its connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes that a frame costs beside its own: libzmq's slot in the queue (64 bytes), its record of the content
/// and the allocator's own. Without it a million empty frames would weigh nothing.
pub const FRAME_COST: usize = 128;

/// Bytes that a part may take of the whole without being asked, as long as it holds nothing: enough for all replies but pages
/// of messages. So whoever reads is served, however many do not; the sum is bounded by the number of connections, each
/// of which costs libzmq more than this.
const RESERVED: usize = 4096;

/// Bytes and messages that wait, and how many may. Maybe part of a larger budget that must have room too: a part that
/// holds nothing may take half of what the whole has left, and then go on up to an eighth of it. So the whole is never
/// used up by the parts that came first. (After the dynamic thresholds of Choudhury and Hahne for shared buffers.)
///
/// Any thread may give back; the counts are right at any moment, but two of them read one after the other
/// need not belong together.
#[derive(Debug)]
pub struct Budget {
    bytes_max: usize,
    messages_max: usize,
    bytes: AtomicUsize,
    messages: AtomicUsize,
    whole: Option<Arc<Self>>,
}

impl Budget {
    /// Room for `bytes_max` bytes ([`cost`]) in `messages_max` messages.
    pub fn new(bytes_max: usize, messages_max: usize) -> Arc<Self> {
        Arc::new(Self::build(bytes_max, messages_max, None))
    }

    /// A part of `whole`: what is taken here is taken there too.
    pub fn part_of(whole: &Arc<Self>, bytes_max: usize, messages_max: usize) -> Arc<Self> {
        Arc::new(Self::build(bytes_max, messages_max, Some(Arc::clone(whole))))
    }

    fn build(bytes_max: usize, messages_max: usize, whole: Option<Arc<Self>>) -> Self {
        Self { bytes_max, messages_max, bytes: AtomicUsize::new(0), messages: AtomicUsize::new(0), whole }
    }

    /// Takes room for one message of `bytes`, or `None` if here or in the whole there is not enough.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Option<Share> {
        self.try_add(bytes).then(|| Share { budget: Arc::clone(self), bytes })
    }

    /// Bytes that wait, with the [`FRAME_COST`] of each frame.
    pub fn pending_bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Messages that wait.
    pub fn pending_messages(&self) -> usize {
        self.messages.load(Relaxed)
    }

    /// Returns whether more than one `fraction`th of the bytes or of the messages is taken.
    pub fn is_above(&self, fraction: usize) -> bool {
        self.pending_bytes() > self.bytes_max / fraction || self.pending_messages() > self.messages_max / fraction
    }

    fn try_add(&self, bytes: usize) -> bool {
        let bytes_max = self.whole.as_ref().map_or(usize::MAX, |whole| whole.leaves_to(self.pending_bytes()));
        if !add_within(&self.bytes, bytes, self.bytes_max.min(bytes_max)) {
            return false;
        }
        if !add_within(&self.messages, 1, self.messages_max) {
            self.bytes.fetch_sub(bytes, Relaxed);
            return false;
        }
        if let Some(whole) = &self.whole {
            // What this part may take was settled above; parts are added to by one thread.
            whole.bytes.fetch_add(bytes, Relaxed);
            whole.messages.fetch_add(1, Relaxed);
        }
        true
    }

    /// Bytes that a part may hold which holds `pending` now.
    fn leaves_to(&self, pending: usize) -> usize {
        let left = self.bytes_max.saturating_sub(self.pending_bytes());
        if pending == 0 { RESERVED.max(left / 2) } else { left / 8 }
    }

    fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Relaxed);
        self.messages.fetch_sub(1, Relaxed);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }
}

fn add_within(count: &AtomicUsize, more: usize, max: usize) -> bool {
    count.fetch_update(Relaxed, Relaxed, |now| now.checked_add(more).filter(|&sum| sum <= max)).is_ok()
}

/// The room that one message takes, until it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// Bytes that a message of frames of these lengths takes from a [`Budget`].
pub fn cost(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.map(|len| len + FRAME_COST).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    #[test]
    fn a_part_is_bounded_by_itself_and_by_the_whole() {
        let whole = Budget::new(1000 * KIB, 10);
        let [a, b] = [Budget::part_of(&whole, 400 * KIB, 2), Budget::part_of(&whole, 600 * KIB, 2)];
        assert!(a.take(401 * KIB).is_none(), "over the part's bytes");
        let first = a.take(400 * KIB).unwrap();
        assert!(b.take(301 * KIB).is_none(), "over half of what the whole has left");
        let _rest = (b.take(20 * KIB).unwrap(), b.take(20 * KIB).unwrap());
        assert!(b.take(0).is_none(), "over the part's messages");
        assert_eq!((whole.pending_bytes(), whole.pending_messages()), (440 * KIB, 3));
        drop(first);
        assert_eq!((whole.pending_bytes(), a.pending_bytes(), b.pending_bytes()), (40 * KIB, 0, 40 * KIB));
        assert!(!a.is_above(20) && b.is_above(20) && !b.is_above(1));
    }

    #[test]
    fn greedy_parts_leave_something_for_the_next() {
        let whole = Budget::new(64 * KIB * KIB, usize::MAX);
        let mut taken = Vec::new();
        for greedy in 1..=200 {
            let part = Budget::part_of(&whole, 8 * KIB * KIB, usize::MAX);
            let reply = 64 * KIB;
            taken.extend(std::iter::from_fn(|| part.take(reply)));
            let next = Budget::part_of(&whole, 8 * KIB * KIB, usize::MAX);
            assert!(next.take(RESERVED).is_some(), "{greedy} parts leave nothing");
            assert!(greedy > 20 || next.take(KIB * KIB).is_some(), "{greedy} parts leave no room for a page");
            assert!(whole.pending_bytes() <= 64 * KIB * KIB);
        }
    }
}
