//! What may wait in a queue of libzmq. Its high-water mark counts messages only, so bytes are counted here:
//! each message takes a [`Share`] when it is handed over and gives it back when libzmq lets go of its last
//! frame, which is when that frame has reached the kernel or was dropped with its connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// What a frame costs beside its bytes: libzmq's slot in the queue (64 bytes), its record of the content
/// and the allocator's own. Without it a million empty frames would weigh nothing.
pub const FRAME_COST: usize = 128;

/// Bytes and messages that wait, and how many may. Maybe part of a larger budget that must have room too: a part
/// may hold at most as much as the whole has left, so that however many parts are greedy, something is left for the
/// next one. (The dynamic threshold of Choudhury and Hahne for shared buffers, with its factor at 1.)
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

    /// Whether more than one `fraction`th of the bytes or of the messages is taken.
    pub fn is_above(&self, fraction: usize) -> bool {
        self.pending_bytes() > self.bytes_max / fraction || self.pending_messages() > self.messages_max / fraction
    }

    fn try_add(&self, bytes: usize) -> bool {
        let bytes_max = match &self.whole {
            Some(whole) => self.bytes_max.min(whole.bytes_max.saturating_sub(whole.pending_bytes())),
            None => self.bytes_max,
        };
        let fits = add_within(&self.bytes, bytes, bytes_max);
        if !fits {
            return false;
        }
        if !add_within(&self.messages, 1, self.messages_max) {
            self.bytes.fetch_sub(bytes, Relaxed);
            return false;
        }
        if self.whole.as_ref().is_some_and(|whole| !whole.try_add(bytes)) {
            self.bytes.fetch_sub(bytes, Relaxed);
            self.messages.fetch_sub(1, Relaxed);
            return false;
        }
        true
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

/// What a message of frames of these lengths takes from a [`Budget`].
pub fn cost(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.map(|len| len + FRAME_COST).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_bounded_by_itself_and_by_the_whole() {
        let whole = Budget::new(100, 10);
        let [a, b] = [Budget::part_of(&whole, 80, 2), Budget::part_of(&whole, 80, 2)];
        let first = a.take(60).unwrap();
        assert!(a.take(30).is_none(), "over the part's bytes");
        assert!(b.take(50).is_none(), "over the whole's bytes");
        let _rest = (b.take(10).unwrap(), b.take(10).unwrap());
        assert!(b.take(0).is_none(), "over the part's messages");
        assert_eq!((whole.pending_bytes(), whole.pending_messages()), (80, 3));
        drop(first);
        assert_eq!((whole.pending_bytes(), a.pending_bytes(), b.pending_bytes()), (20, 0, 20));
        assert!(!a.is_above(8) && b.is_above(8) && !b.is_above(1));
    }

    #[test]
    fn greedy_parts_leave_something_for_the_next() {
        const WHOLE: usize = 1 << 20;
        let whole = Budget::new(WHOLE, usize::MAX);
        let mut taken = Vec::new();
        for greedy in 1..=100 {
            let part = Budget::part_of(&whole, WHOLE, usize::MAX);
            taken.extend(std::iter::from_fn(|| part.take(256)));
            let left = WHOLE - whole.pending_bytes();
            assert!(left >= 256, "{greedy} parts left {left} bytes");
            if greedy == 20 {
                assert!(left >= WHOLE >> 20, "{left}");
            }
        }
    }
}
