//! Links and peers as small numbers, and sets of them: so that what is kept of each neighbour for each origin takes bits.

/// One outgoing connection, numbered by the node that opens it. The number stays with the same peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Place of a peer in the node's table: the lowest that was free when the link to it was opened, so it is used again
/// after the link was closed. Whoever keeps slots is told to forget them then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Slot(pub u16);

/// A set of slots. 16 bytes as long as all of them are below 64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slots {
    low: u64,
    /// Words for the slots from 64 on; the last one is never 0.
    #[expect(clippy::box_collection, reason = "a word less for each of many sets, most of which have no such slots")]
    high: Option<Box<Vec<u64>>>,
}

impl Slots {
    /// Adds a slot; says whether it was missing.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let (word, bit) = Self::place(slot);
        let word = match word.checked_sub(1) {
            None => &mut self.low,
            Some(index) => {
                let high = self.high.get_or_insert_default();
                high.resize(high.len().max(index + 1), 0);
                &mut high[index]
            }
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Takes a slot out; says whether it was there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let (word, bit) = Self::place(slot);
        let Some(index) = word.checked_sub(1) else {
            let was_there = self.low & bit != 0;
            self.low &= !bit;
            return was_there;
        };
        let Some(high) = &mut self.high else { return false };
        let Some(word) = high.get_mut(index) else { return false };
        let was_there = *word & bit != 0;
        *word &= !bit;
        while high.last() == Some(&0) {
            high.pop();
        }
        if high.is_empty() {
            self.high = None;
        }
        was_there
    }

    /// Returns whether a slot is in the set.
    pub fn contains(&self, slot: Slot) -> bool {
        let (word, bit) = Self::place(slot);
        let word = match word.checked_sub(1) {
            None => self.low,
            Some(index) => self.high.as_ref().and_then(|high| high.get(index)).copied().unwrap_or(0),
        };
        word & bit != 0
    }

    /// The slots, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Slot> {
        let high = self.high.iter().flat_map(|words| (1..).zip(words.iter()));
        Bits { index: 0, word: self.low }.chain(high.flat_map(|(index, &word)| Bits { index, word }))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        let high = self.high.iter().flat_map(|high| high.iter());
        std::iter::once(&self.low).chain(high).map(|word| word.count_ones() as usize).sum()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.low == 0 && self.high.is_none()
    }

    fn place(slot: Slot) -> (usize, u64) {
        (usize::from(slot.0 / 64), 1 << (slot.0 % 64))
    }
}

impl FromIterator<Slot> for Slots {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut set = Self::default();
        set.extend(slots);
        set
    }
}

impl Extend<Slot> for Slots {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

/// The slots of one word, ascending.
struct Bits {
    /// Which of the words it is.
    index: u16,
    word: u64,
}

impl Iterator for Bits {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        if self.word == 0 {
            return None;
        }
        let bit = self.word.trailing_zeros() as u16;
        self.word &= self.word - 1;
        Some(Slot(self.index * 64 + bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn slots_are_a_set(steps in prop::collection::vec((0u16..200, any::<bool>()), 0..100)) {
            let (mut slots, mut set) = (Slots::default(), BTreeSet::new());
            for (number, adds) in steps {
                let slot = Slot(number);
                if adds {
                    prop_assert_eq!(slots.insert(slot), set.insert(slot));
                } else {
                    prop_assert_eq!(slots.remove(slot), set.remove(&slot));
                }
                prop_assert_eq!(slots.contains(slot), set.contains(&slot));
                prop_assert_eq!((slots.len(), slots.is_empty()), (set.len(), set.is_empty()));
                prop_assert!(slots.iter().eq(set.iter().copied()));
                let again: Slots = set.iter().copied().collect();
                prop_assert_eq!(&again, &slots);
            }
        }
    }
}
