//! Digests as they are told, and that in the end all know the same.

use super::*;
use crate::core::{
    config::Limits,
    dissemination::seen::{sighting::Sighting, telling::DigestPage},
    frame::StreamRanges,
    id::{Incarnation, NodeId},
};
use proptest::prelude::*;

const A: Slot = Slot(0);
const B: Slot = Slot(1);
const INTERVAL: Duration = Duration::from_secs(1);

/// A node's messages, none yet. It has room for all intervals that a test puts into one stream.
fn nothing() -> Seen {
    let own = StreamId { origin: "me".parse().unwrap(), incarnation: Incarnation(1) };
    Seen::new(own, &Limits { intervals_max: 10_000, ..Limits::default() })
}

/// Adds ranges of a stream; says whether that changed anything.
fn add(seen: &mut Seen, stream: &StreamId, ranges: &[(u64, u64)]) -> bool {
    let mut new = |&range: &(u64, u64)| seen.insert(&stream.origin, stream.incarnation, range) != Sighting::Again;
    ranges.iter().filter(|range| new(range)).count() > 0
}

fn stream(origin: u32) -> StreamId {
    StreamId { origin: NodeId::numbered(origin), incarnation: Incarnation(1) }
}

/// Hashes of nodes that have given nothing up.
fn seen(seen: u64) -> Hashes {
    Hashes { seen, given_up: 0 }
}

fn at(millis: u64) -> Mono {
    Mono::default() + Duration::from_millis(millis)
}

/// Links, and how many streams each frame names.
fn told(dues: &[Due]) -> Vec<(&[Slot], usize)> {
    dues.iter().map(|(slots, told)| (&slots[..], told.streams.len())).collect()
}

#[test]
fn a_new_neighbour_is_told_everything_and_then_what_changes() {
    let (mut digests, mut had) = (Digests::new(INTERVAL), nothing());
    for origin in 0..3 {
        add(&mut had, &stream(origin), &[(1, 9)]);
    }
    digests.rose(at(0), A);
    assert_eq!(digests.deadline(), Some(at(0)));
    assert_eq!(told(&digests.on_tick(at(0), &had)), [(&[A][..], 3)]);
    assert_eq!(digests.deadline(), None);
    add(&mut had, &stream(1), &[(10, 10)]);
    digests.changed(at(100));
    digests.changed(at(900));
    digests.rose(at(500), B);
    assert_eq!(told(&digests.on_tick(at(500), &had)), [(&[B][..], 3)]);
    add(&mut had, &stream(7), &[(1, 1)]);
    assert_eq!(digests.deadline(), Some(at(1100)));
    assert_eq!(told(&digests.on_tick(at(1100), &had)), [(&[A][..], 2), (&[B][..], 1)]);
    add(&mut had, &stream(7), &[(2, 2)]);
    digests.changed(at(1200));
    assert_eq!(told(&digests.on_tick(at(2200), &had)), [(&[A, B][..], 1)], "one frame for both");
    digests.forget(A);
    digests.forget(B);
    digests.changed(at(3000));
    assert_eq!(digests.deadline(), None);
}

#[test]
fn other_hashes_bring_everything_in_a_quiet_moment_and_not_too_often() {
    let (mut digests, mut had) = (Digests::new(INTERVAL), nothing());
    digests.rose(at(0), A);
    add(&mut had, &stream(1), &[(1, 1)]);
    digests.changed(at(0));
    digests.on_tick(at(0), &had);
    let told = [(999, A, 1), (1000, A, 2), (1000, B, 1)]
        .map(|(ms, to, hash)| digests.on_ping_digest(at(ms), to, seen(hash), seen(2)));
    assert_eq!(told, [false; 3]);
    digests.on_tick(at(1000), &had);
    assert_eq!(digests.deadline(), None);
    let (mut full, mut told) = (0, 0);
    for second in 1..=11 {
        told += usize::from(digests.on_ping_digest(at(second * 1000), A, seen(1), seen(2)));
        full += digests.on_tick(at(second * 1000), &had).len();
    }
    assert_eq!((full, told), (3, 3), "after 1, 6 and 11 s");
}

#[test]
fn who_has_given_up_something_else_is_told_everything_a_few_times() {
    let (mut digests, had) = (Digests::new(INTERVAL), nothing());
    digests.rose(at(0), A);
    digests.on_tick(at(0), &had);
    let with = |given_up| Hashes { seen: 7, given_up };
    let mut told = |seconds: std::ops::Range<u64>, theirs, ours| -> Vec<u64> {
        let is_told = |second: &u64| {
            let is_told = digests.on_ping_digest(at(second * 1000), A, with(theirs), with(ours));
            digests.on_tick(at(second * 1000), &had);
            is_told
        };
        seconds.filter(is_told).collect()
    };
    assert!(told(1..100, 5, 5).is_empty());
    assert_eq!(told(100..300, 5, 6), [100, 110, 130], "whatever can be sent is found by the first that arrives");
    assert_eq!(told(300..400, 5, 9), [300, 310, 330], "and another difference is another matter");
}

#[test]
fn a_large_digest_goes_in_frames_with_pauses() {
    let (mut digests, mut had) = (Digests::new(INTERVAL), nothing());
    for origin in 0..20_000 {
        add(&mut had, &stream(origin), &[(1, 1)]);
    }
    digests.rose(at(0), A);
    let first = digests.on_tick(at(0), &had);
    assert_eq!(told(&first), [(&[A][..], STREAMS_MAX); 4]);
    assert_eq!(digests.deadline(), Some(at(0) + PAUSE));
    add(&mut had, &first[0].1.streams[0].stream, &[(2, 2)]);
    digests.changed(at(1));
    let rest = digests.on_tick(at(0) + PAUSE, &had);
    assert_eq!(told(&rest), [(&[A][..], 20_000 - 4 * STREAMS_MAX)]);
    assert!(digests.on_tick(at(900), &had).is_empty());
    let changed = digests.on_tick(at(1001), &had);
    assert_eq!(changed[0].1, had.changed_since(20_000, None, 9, 9), "what changed behind the digest's back");
    let many: Vec<_> = (1..=5000).map(|n| (2 * n, 2 * n)).collect();
    (0..5).for_each(|origin| assert!(add(&mut had, &stream(origin), &many)));
    digests.changed(at(2000));
    let frames = digests.on_tick(at(3000), &had);
    assert_eq!(told(&frames), [(&[A][..], 3), (&[A][..], 2)]);
}

/// Two neighbours, each with what it has seen. A digest brings what it shows: as if it were pulled at once.
struct Pair {
    nodes: [(Digests, Seen); 2],
    now: Mono,
}

impl Pair {
    /// Both do what is due; each frame is lost if `loses` says so.
    fn tick(&mut self, mut loses: impl FnMut() -> bool) -> Result<(), TestCaseError> {
        for from in [0, 1] {
            let (digests, had) = &mut self.nodes[from];
            let dues = digests.on_tick(self.now, had);
            prop_assert!(digests.deadline().is_none_or(|at| at > self.now));
            prop_assert!(dues.len() <= FRAMES_MAX);
            for (_, told) in dues {
                prop_assert!(!told.streams.is_empty());
                if loses() {
                    continue;
                }
                self.hear(1 - from, told, &mut loses);
            }
        }
        Ok(())
    }

    /// One hears a digest. What it asks for, and each answer, may be lost, too.
    fn hear(&mut self, by: usize, mut told: DigestPage, mut loses: impl FnMut() -> bool) {
        loop {
            let (digests, had) = &mut self.nodes[by];
            for StreamRanges { stream, ranges } in &told.streams {
                if add(had, stream, ranges) {
                    digests.changed(self.now);
                }
            }
            let asked: Vec<_> = told.spans.iter().filter_map(|span| had.spans().ask(span)).collect();
            if asked.is_empty() || loses() {
                return;
            }
            told = self.nodes[1 - by].1.spans().answer(&asked);
            if loses() {
                return;
            }
        }
    }

    fn ping(&mut self) {
        let hashes = [0, 1].map(|index| self.nodes[index].1.hashes());
        for index in [0, 1] {
            self.nodes[index].0.on_ping_digest(self.now, A, hashes[1 - index], hashes[index]);
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_both_sides_end_equal(
        steps in prop::collection::vec((0..8_u8, 0..2_usize, 0..6_u32, 1..50_u64, any::<bool>()), 0..120),
        lives in prop_oneof![Just(1_u64), Just(200)],
    ) {
        let mut pair = Pair { nodes: [(); 2].map(|()| (Digests::new(INTERVAL), nothing())), now: at(0) };
        pair.nodes.iter_mut().for_each(|(digests, _)| digests.rose(at(0), A));
        for (kind, node, origin, number, flag) in steps {
            match kind {
                0..=3 => {
                    let (digests, had) = &mut pair.nodes[node];
                    let life = Incarnation(1 + number * 7919 % lives);
                    let stream = StreamId { incarnation: life, ..stream(origin % (1 + 6 / lives as u32)) };
                    if add(had, &stream, &[(number, number + number % 3)]) {
                        digests.changed(pair.now);
                    }
                }
                4 => pair.ping(),
                5 if flag => {
                    let now = pair.now;
                    pair.nodes.iter_mut().for_each(|(digests, _)| digests.forget(A));
                    pair.nodes.iter_mut().for_each(|(digests, _)| digests.rose(now, A));
                }
                _ => {
                    pair.now = pair.now + Duration::from_millis(number * 30);
                    pair.tick(|| flag)?;
                }
            }
        }
        for _ in 0..20 {
            pair.now = pair.now + Duration::from_secs(1);
            pair.ping();
            pair.tick(|| false)?;
        }
        let [(left, left_had), (right, right_had)] = &pair.nodes;
        prop_assert_eq!(left_had.digest(), right_had.digest());
        prop_assert_eq!((left.deadline(), right.deadline()), (None, None), "and then there is silence");
    }
}
