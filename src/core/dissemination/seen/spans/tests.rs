//! Spans against the streams that they stand for.

use super::*;
use crate::core::{config::Limits, frame::StreamRanges};
use proptest::prelude::*;

/// Streams that a full digest names of an origin with many lives.
const NEWEST_TOLD: usize = 8;

fn origin(number: u32) -> NodeId {
    NodeId::numbered(number)
}

/// Memory of a node with room for so many streams.
fn seen(streams_max: usize) -> Seen {
    let own = StreamId { origin: "me".parse().unwrap(), incarnation: Incarnation(1) };
    Seen::new(own, &Limits { streams_max, lives_max: 3, ..Limits::default() })
}

/// A node that has had a message of each of these lives of one origin.
fn lived(lives: impl IntoIterator<Item = u64>) -> Seen {
    let mut seen = seen(65_536);
    lives.into_iter().for_each(|life| _ = seen.insert(&origin(1), Incarnation(life), (1, 1)));
    seen
}

/// Takes in what a neighbour names, as if it had been fetched; what it has given up is given up here, too.
fn take_in(seen: &mut Seen, page: &DigestPage) {
    for named in page.streams.iter().cloned() {
        let StreamRanges { stream, ranges } = named.without(&page.given_up);
        ranges.iter().for_each(|&range| _ = seen.insert(&stream.origin, stream.incarnation, range));
    }
    page.given_up.iter().for_each(|told| _ = seen.close(&told.stream, &told.ranges));
}

/// One tells another all that it has seen; how many frames that takes, and how many streams and spans are in these.
fn tell(from: &Seen, to: &mut Seen) -> (usize, usize) {
    let (mut frames, mut len, mut after) = (0, 0, None);
    let mut hear = |to: &mut Seen, page: &DigestPage| {
        take_in(to, page);
        (frames, len) = (frames + 1, len + page.streams.len() + page.spans.len());
        page.spans.iter().filter_map(|span| to.spans().ask(span)).collect::<Vec<_>>()
    };
    loop {
        let page = from.account(after.as_ref(), STREAMS_MAX, RANGES_MAX);
        let Some(last) = page.streams.last() else { break };
        after = Some(last.stream.clone());
        let mut asked = hear(to, &page);
        while !asked.is_empty() {
            let page = from.spans().answer(&asked);
            assert!(page.streams.len() <= STREAMS_MAX && page.spans.len() <= STREAMS_MAX);
            let is_apart = |a: &Span, b: &Span| (&a.origin, a.below) <= (&b.origin, b.from);
            assert!(page.spans.is_sorted_by(is_apart) && page.spans.iter().all(|span| span.from < span.below));
            asked = hear(to, &page);
        }
    }
    (frames, len)
}

#[test]
fn ten_thousand_lives_are_told_as_ten_are() {
    for lives in [9, 10, 10_000] {
        let page = lived(1..=lives).account(None, STREAMS_MAX, RANGES_MAX);
        assert_eq!((page.streams.len(), page.spans.len()), (NEWEST_TOLD, 1), "{lives}");
        assert!(
            page.spans.iter().all(|span| lived(1..=lives).spans().ask(span).is_none()),
            "who knows them asks nothing"
        );
    }
    assert_eq!(lived(1..=8).account(None, STREAMS_MAX, RANGES_MAX).spans, []);
    let all = lived(1..=10_000);
    let mut joiner = seen(65_536);
    let (frames, len) = tell(&all, &mut joiner);
    assert_eq!(joiner.hashes(), all.hashes());
    assert!(frames <= 6 && len < 10_500, "{frames} frames of {len}");
    let mut other = lived((1..=10_000).filter(|&life| life != 5_000));
    assert!(tell(&all, &mut other).1 < 150, "one life is found without the others");
    assert_eq!(other.hashes(), all.hashes());
}

#[test]
fn what_was_forgotten_is_not_asked_for() {
    let (all, mut few) = (lived(1..=100), seen(21));
    (1..=100).for_each(|life| _ = few.insert(&origin(1), Incarnation(life), (1, 1)));
    assert_eq!(few.streams(), 21);
    let span = &all.account(None, STREAMS_MAX, RANGES_MAX).spans[0];
    assert_eq!((span.from, span.below), (Incarnation(1), Incarnation(93)));
    let asked = few.spans().ask(span).unwrap();
    assert_eq!((asked.from, asked.below), (Incarnation(81), Incarnation(93)));
    assert_eq!(all.spans().answer(&[asked]), DigestPage::default(), "of what it remembers it has seen the same");
    let old = Span { below: Incarnation(80), ..span.clone() };
    assert_eq!(few.spans().ask(&old), None);

    let mut full = seen(21);
    (80..100).for_each(|life| _ = full.insert(&origin(1), Incarnation(life), (1, 1)));
    let asked = full.spans().ask(&Span { from: Incarnation(70), ..span.clone() }).unwrap();
    assert_eq!(asked.from, Incarnation(80), "there is no room for older ones");
    assert_eq!(
        full.spans().ask(&Span { origin: origin(2), ..span.clone() }).unwrap().from,
        span.from,
        "but for others there is"
    );
}

#[test]
fn one_who_gave_up_what_another_has_asks() {
    let all = lived(1..=20);
    let mut other = lived(2..=20);
    other.close(&StreamId { origin: origin(1), incarnation: Incarnation(1) }, &[(1, 1)]);
    assert_eq!(all.hashes().seen, other.hashes().seen);
    let span = &all.account(None, STREAMS_MAX, RANGES_MAX).spans[0];
    let answer = all.spans().answer(&[other.spans().ask(span).unwrap()]);
    assert!(answer.streams.iter().any(|told| told.stream.incarnation == Incarnation(1)));
}

#[test]
fn what_finds_no_room_in_a_frame_is_told_as_a_span_again() {
    let mut all = seen(65_536);
    for life in 1..=60 {
        let range = |number: u64| (2 * number, 2 * number);
        (1..=1000).for_each(|number| _ = all.insert(&origin(1), Incarnation(life), range(number)));
    }
    let mut joiner = seen(65_536);
    tell(&all, &mut joiner);
    assert_eq!(joiner.hashes(), all.hashes());
}

/// Origin, incarnation, first number, how many more, and whether they are given up.
type Step = (u32, u64, u64, u64, bool);

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((1..3_u32, 1..200_u64, 1..4_u64, 0..3_u64, prop::bool::weighted(0.1)), 0..300)
}

fn apply(seen: &mut Seen, steps: &[Step]) {
    for &(node, life, first, more, is_given_up) in steps {
        let stream = StreamId { origin: origin(node), incarnation: Incarnation(life) };
        if is_given_up {
            seen.close(&stream, &[(first, first + more)]);
        } else {
            seen.insert(&stream.origin, stream.incarnation, (first, first + more));
        }
    }
}

proptest! {
    #[test]
    fn hashes_of_spans_are_equal_where_the_lives_are(both in any_steps(), mine in any_steps(), from in 0..220_u64, len in 1..220_u64) {
        let [mut a, mut b] = [(); 2].map(|()| seen(65_536));
        apply(&mut a, &both);
        apply(&mut b, &both);
        apply(&mut b, &mine[..mine.len().min(2)]);
        let (from, below) = (Incarnation(from), Incarnation(from + len));
        let part = |seen: &Seen| {
            let page = seen.changed_since(0, None, usize::MAX, usize::MAX);
            let is_in = |told: &StreamRanges| told.stream.origin == origin(1) && (from..below).contains(&told.stream.incarnation);
            [page.streams, page.given_up].map(|told| told.into_iter().filter(is_in).collect::<Vec<_>>())
        };
        let hashes = a.spans().hashes_of(&a.spans().seen_between(&origin(1), from, below).collect::<Vec<_>>());
        let told = Span { origin: origin(1), from, below, hashes };
        let asked = b.spans().ask(&told);
        prop_assert_eq!(asked.is_none(), part(&a) == part(&b));
        let named = asked.map(|asked| a.spans().answer(&[asked])).unwrap_or_default();
        prop_assert_eq!(named == DigestPage::default(), part(&a) == part(&b) || part(&a)[0].is_empty());
    }

    #[test]
    fn whoever_lacks_is_told_all(mine in any_steps(), theirs in any_steps()) {
        let [mut a, mut b] = [(); 2].map(|()| seen(65_536));
        apply(&mut a, &mine);
        apply(&mut b, &theirs);
        for _ in 0..3 {
            tell(&a, &mut b);
            tell(&b, &mut a);
        }
        prop_assert_eq!(a.hashes(), b.hashes());
        prop_assert!(tell(&a, &mut b).0 <= 1, "and then nobody asks");
    }
}
