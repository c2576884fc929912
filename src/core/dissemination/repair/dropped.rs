//! Messages that neighbours had and keep no more, as they said: so that none is asked again and again for what was given up here.

use crate::core::{
    id::{StreamId, ranges::Ranges},
    slots::Slot,
};
use std::collections::BTreeMap;

/// Ranges kept of one neighbour. One that has dropped more is not asked for what was given up until its link comes up anew.
const RANGES_MAX: usize = 4096;

/// Messages that each neighbour has dropped since its link came up, as far as it was asked.
#[derive(Debug, Default)]
pub(super) struct Dropped(BTreeMap<Slot, OfPeer>);

#[derive(Debug, Default)]
struct OfPeer {
    streams: BTreeMap<StreamId, Ranges>,
    len: usize,
    is_full: bool,
}

impl Dropped {
    /// A neighbour keeps these ranges no more.
    pub(super) fn note(&mut self, slot: Slot, stream: &StreamId, ranges: &[(u64, u64)]) {
        let peer = self.0.entry(slot).or_default();
        if peer.is_full || ranges.is_empty() {
            return;
        }
        let known = peer.streams.entry(stream.clone()).or_default();
        let before = known.as_slice().len();
        known.extend(ranges);
        peer.len = peer.len + known.as_slice().len() - before;
        if peer.len > RANGES_MAX {
            *peer = OfPeer { is_full: true, ..OfPeer::default() };
        }
    }

    /// The part of these ranges that a neighbour may still have.
    pub(super) fn rest(&self, slot: Slot, stream: &StreamId, ranges: Vec<(u64, u64)>) -> Ranges {
        let mut rest = Ranges::from(&ranges[..]);
        match self.0.get(&slot) {
            Some(peer) if peer.is_full => Ranges::default(),
            Some(peer) => {
                peer.streams.get(stream).into_iter().for_each(|dropped| rest.subtract(dropped.as_slice()));
                rest
            }
            None => rest,
        }
    }

    /// The link is gone: whoever comes next is asked anew.
    pub(super) fn forget(&mut self, slot: Slot) {
        self.0.remove(&slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::id::{Incarnation, NodeId};

    fn stream(origin: u32) -> StreamId {
        StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(1) }
    }

    #[test]
    fn nobody_is_asked_twice_for_what_it_has_dropped_unless_it_comes_back() {
        let mut dropped = Dropped::default();
        dropped.note(Slot(1), &stream(4), &[(1, 5), (9, 9)]);
        let rest =
            |dropped: &Dropped, slot, origin| dropped.rest(Slot(slot), &stream(origin), vec![(4, 10)]).into_vec();
        assert_eq!(rest(&dropped, 1, 4), [(6, 8), (10, 10)]);
        assert_eq!(rest(&dropped, 1, 5), [(4, 10)]);
        assert_eq!(rest(&dropped, 2, 4), [(4, 10)]);
        dropped.forget(Slot(1));
        assert_eq!(rest(&dropped, 1, 4), [(4, 10)]);
    }

    #[test]
    fn one_that_has_dropped_too_much_is_asked_no_more() {
        let mut dropped = Dropped::default();
        for number in 0..=RANGES_MAX as u64 {
            dropped.note(Slot(1), &stream(4), &[(2 * number + 1, 2 * number + 1)]);
        }
        assert!(dropped.rest(Slot(1), &stream(5), vec![(1, 9)]).is_empty());
        assert_eq!(dropped.0[&Slot(1)].len, 0);
    }
}
