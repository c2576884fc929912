//! Pages, marks and bounds of a mailbox.

use super::*;
use crate::core::{
    id::{Incarnation, NodeId},
    message::{Hop, Relays, Trace, extend_path},
    request::{Cursor, Status},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn id(sequence: u64) -> MessageId {
    MessageId { origin: NodeId::numbered(1), incarnation: Incarnation(1), sequence }
}

fn message(sequence: u64, payload: &[u8], traced: bool) -> Batch {
    let trace = traced.then(|| Trace { relays: Relays::MAX, path: [].into() });
    Batch { id: id(sequence), published_at: Wall(0), hops: 0, trace, tree: None, body: Body::one(payload.into()) }
}

fn path(hops: usize) -> Path {
    (0..hops).map(|_| Hop { node: NodeId::numbered(77), micros: u64::MAX }).collect()
}

fn fetch(status: Status) -> Fetch {
    Fetch { status, from: Cursor::default(), through: None, limit: u64::MAX, mark: false }
}

/// All pages of a fetch, each checked against the bound.
fn pages(mailbox: &Mailbox, status: Status, len_max: usize) -> Vec<Page> {
    let mut fetch = fetch(status);
    let mut pages: Vec<Page> = Vec::new();
    loop {
        let page = mailbox.fetch(&fetch, len_max);
        (fetch.from, fetch.through) = (page.next.unwrap_or_default(), Some(page.through));
        let is_last = page.next.is_none();
        assert!(is_last || !page.messages.is_empty(), "a page without progress");
        pages.push(page);
        if is_last {
            return pages;
        }
    }
}

fn file(mailbox: &mut Mailbox, batch: &Batch, at: Wall) -> Evicted {
    mailbox.file(batch, batch.range(), at);
    mailbox.trim()
}

fn note_path(mailbox: &mut Mailbox, id: &MessageId, arrival: Path) -> Evicted {
    mailbox.note_path(id, arrival);
    mailbox.trim()
}

#[test]
fn marking_changes_what_is_unread_and_read() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    for n in 1..=4 {
        file(&mut mailbox, &message(n, b"m", false), Wall(n));
    }
    assert_eq!(mailbox.mark(2, 3), 2);
    assert_eq!(mailbox.mark(0, 2), 1);
    assert_eq!(mailbox.unread(), 1);
    let positions = |status| -> Vec<_> {
        mailbox.fetch(&fetch(status), usize::MAX).messages.iter().map(|m| (m.position, m.unread)).collect()
    };
    assert_eq!(positions(Status::Unread), [(4, true)]);
    assert_eq!(positions(Status::Read), [(1, false), (2, false), (3, false)]);
    assert_eq!(positions(Status::All).len(), 4);
}

#[test]
fn a_snapshot_ends_where_it_began_to_be_read() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    for n in 1..=2 {
        file(&mut mailbox, &message(n, b"m", false), Wall(n));
    }
    let first = mailbox.fetch(&Fetch { limit: 1, ..fetch(Status::All) }, usize::MAX);
    file(&mut mailbox, &message(3, b"late", false), Wall(3));
    let from = first.next.unwrap();
    let rest = mailbox.fetch(&Fetch { from, through: Some(first.through), ..fetch(Status::All) }, usize::MAX);
    assert_eq!(rest.messages.iter().map(|m| m.position).collect::<Vec<_>>(), [2]);
    assert_eq!(rest.next, None);
}

#[test]
fn a_payload_larger_than_a_page_comes_alone() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    for (n, len) in [(1, 10), (2, 5000), (3, 10)] {
        file(&mut mailbox, &message(n, &vec![7; len], false), Wall(n));
    }
    let pages = pages(&mailbox, Status::All, 1000);
    assert_eq!(pages.iter().map(|page| page.messages.len()).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn many_paths_spread_over_pages_and_none_is_lost() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    file(&mut mailbox, &message(1, b"payload", true), Wall(1));
    note_path(&mut mailbox, &id(1), path(1));
    for hops in 2..=50 {
        note_path(&mut mailbox, &id(1), path(hops));
    }
    let pages = pages(&mailbox, Status::All, 2000);
    assert!(pages.len() > 5);
    let paths: Vec<_> = pages.iter().flat_map(|page| &page.messages).flat_map(|m| &m.paths).map(|p| p.len()).collect();
    assert_eq!(paths, (1..=50).collect::<Vec<_>>());
    let continued: Vec<_> = pages.iter().flat_map(|page| &page.messages).map(|m| m.continued).collect();
    assert!(!continued[0] && continued[1..].iter().all(|&continued| continued));
}

#[test]
fn paths_count_towards_the_bytes_kept() {
    let mut mailbox = Mailbox::new(10, 20_000);
    file(&mut mailbox, &message(1, b"old", true), Wall(1));
    note_path(&mut mailbox, &id(1), path(1));
    file(&mut mailbox, &message(2, b"new", true), Wall(2));
    note_path(&mut mailbox, &id(2), path(1));
    let mut evicted = Evicted::default();
    while evicted.messages == 0 {
        evicted = note_path(&mut mailbox, &id(2), path(10));
    }
    assert_eq!((evicted.messages, mailbox.len()), (1, 1));
    assert_eq!(mailbox.oldest(), Some(id(2)));
    assert_eq!(mailbox.body(&id(1)), None);
    assert!(mailbox.bytes() <= 20_000);
}

#[test]
fn a_message_larger_than_all_leaves_at_once() {
    let mut mailbox = Mailbox::new(10, 1000);
    let evicted = file(&mut mailbox, &message(1, &[0; 2000], false), Wall(1));
    assert_eq!((evicted.messages, mailbox.len(), mailbox.bytes(), mailbox.unread()), (1, 0, 0, 0));
    file(&mut mailbox, &message(2, b"fits", false), Wall(2));
    assert_eq!(mailbox.fetch(&fetch(Status::All), 1000).messages[0].position, 2);
}

#[test]
fn a_message_goes_out_again_as_it_went_on_first() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    let traced = Batch { hops: 3, ..message(1, b"traced", true) };
    file(&mut mailbox, &traced, Wall(1));
    note_path(&mut mailbox, &traced.id, path(4));
    note_path(&mut mailbox, &id(1), path(7));
    file(&mut mailbox, &Batch { hops: 2, ..message(2, b"plain", false) }, Wall(2));
    let resent = mailbox.resend(&id(1).stream(), &[(1, 5)], &[(1, 3)], 10, 1000);
    let trace = Some(Trace { relays: Relays::MAX, path: path(4) });
    let expected = [Batch { hops: 4, trace, ..traced }, Batch { hops: 3, ..message(2, b"plain", false) }];
    assert_eq!((&resent.batches[..], &resent.lost[..]), (&expected[..], &[(3, 3)][..]));
    assert_eq!(resent.rest, []);
}

#[test]
fn a_budget_ends_with_the_message_that_exhausts_it() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    for n in [1, 2, 4, 5] {
        file(&mut mailbox, &message(n, &[0; 100], false), Wall(n));
    }
    let sent = |messages, bytes| {
        let resent = mailbox.resend(&id(1).stream(), &[(1, 2), (4, u64::MAX)], &[(1, 9)], messages, bytes);
        (resent.batches.len(), resent.lost, resent.rest)
    };
    assert_eq!(sent(10, 150), (2, vec![], vec![(4, u64::MAX)]));
    assert_eq!(sent(3, 9999), (3, vec![], vec![(5, u64::MAX)]));
    assert_eq!(sent(10, 9999), (4, vec![(6, 9)], vec![]));
    assert_eq!(sent(0, 9999), (0, vec![], vec![(1, 2), (4, u64::MAX)]));
    let other = StreamId { incarnation: Incarnation(2), ..id(1).stream() };
    assert_eq!(mailbox.resend(&other, &[(1, 9)], &[(1, 3)], 9, 9999).lost, [(1, 3)]);
}

#[test]
fn a_number_that_is_there_twice_leaves_twice() {
    let mut mailbox = Mailbox::new(3, 1 << 20);
    for n in [1, 2, 1, 3, 4, 5] {
        file(&mut mailbox, &message(n, b"m", false), Wall(n));
        let resent = mailbox.resend(&id(1).stream(), &[(n, n)], &[(n, n)], 9, 9999);
        assert_eq!((resent.batches.len(), resent.lost.len()), (1, 0));
    }
    let resent = mailbox.resend(&id(1).stream(), &[(1, 9)], &[(1, 5)], 9, 9999);
    assert_eq!((resent.batches.len(), &resent.lost[..]), (3, &[(1, 2)][..]));
}

#[test]
fn a_longer_path_extends_a_shorter_one() {
    let extended = extend_path(&path(2), Hop { node: NodeId::numbered(5), micros: 3 });
    assert_eq!((extended.len(), extended[2].micros), (3, 3));
}

proptest! {
    /// Whatever is filed, marked and dropped: sums agree with the entries, and all pages together are the mailbox.
    #[test]
    fn sums_and_pages_agree_with_the_entries(
        steps in prop::collection::vec((0..3_u8, 0..40_u64, 0..300_usize), 1..120),
        len_max in 1..3000_usize,
    ) {
        let mut mailbox = Mailbox::new(12, 6000);
        let mut sequence = 0;
        for (kind, n, len) in steps {
            match kind {
                0 => {
                    sequence += 1;
                    file(&mut mailbox, &message(sequence, &vec![1; len], n % 2 == 0), Wall(n));
                    note_path(&mut mailbox, &id(sequence), path(1));
                }
                1 => {
                    mailbox.mark(n, n + len as u64 % 5);
                }
                _ => {
                    note_path(&mut mailbox, &id(n), path(len % 9));
                }
            }
            let streams = mailbox.index.streams() * Index::STREAM_COST;
            prop_assert_eq!(mailbox.bytes(), streams + mailbox.entries.iter().map(Entry::cost).sum::<usize>());
            prop_assert_eq!(mailbox.unread(), (mailbox.first..mailbox.next).filter(|&position| !mailbox.read.contains(position)).count() as u64);
            prop_assert!(mailbox.len() <= 12 && mailbox.bytes() <= 6000);
        }
        let all = pages(&mailbox, Status::All, len_max);
        let whole = all.iter().flat_map(|page| &page.messages).filter(|m| !m.continued).map(|m| m.position);
        prop_assert!(whole.eq(mailbox.first..mailbox.next));
        let paths = all.iter().flat_map(|page| &page.messages).map(|m| m.paths.len()).sum::<usize>();
        let kept = mailbox.entries.iter().map(|entry| entry.paths().len()).sum::<usize>();
        prop_assert_eq!(paths, kept);
    }

    /// Whatever came in whatever order and left: what is asked for is sent, lost, left over or was never seen.
    #[test]
    fn what_is_asked_for_is_sent_or_accounted_for(
        steps in prop::collection::vec((0..3_u64, 1..40_u64), 1..120),
        asked in prop::collection::vec((1..45_u64, 0..9_u64), 1..8),
        budget in 0..30_usize,
    ) {
        let mut mailbox = Mailbox::new(20, 1 << 20);
        let (mut seen, mut order) = (BTreeMap::<u64, Ranges>::new(), Vec::new());
        for (life, sequence) in steps {
            let seen = seen.entry(life).or_default();
            if !seen.contains(sequence) {
                seen.insert(sequence, sequence);
                order.push((life, sequence));
                let id = MessageId { incarnation: Incarnation(life), ..id(sequence) };
                file(&mut mailbox, &Batch { id, ..message(sequence, b"m", sequence % 2 == 0) }, Wall(0));
            }
        }
        let kept: BTreeSet<_> = order.iter().rev().take(20).copied().collect();
        prop_assert!(mailbox.index.streams() == kept.iter().map(|&(life, _)| life).collect::<BTreeSet<_>>().len());
        let asked: Vec<_> = asked.into_iter().map(|(first, more)| (first, first + more)).collect();
        let asked = Ranges::from(&asked[..]);
        for (life, seen) in seen {
            let stream = StreamId { incarnation: Incarnation(life), ..id(1).stream() };
            let resent = mailbox.resend(&stream, asked.as_slice(), seen.as_slice(), budget, 9999);
            prop_assert!(resent.batches.len() <= budget);
            prop_assert!(resent.batches.is_sorted_by_key(|message| message.id.sequence));
            let [lost, rest] = [&resent.lost, &resent.rest].map(|ranges| Ranges::from(&ranges[..]));
            prop_assert!(rest.is_empty() || resent.batches.len() == budget);
            for sequence in 1..60 {
                let is_sent = resent.batches.iter().any(|message| message.id == stream.message(sequence));
                let is_examined = asked.contains(sequence) && !rest.contains(sequence);
                let is_kept = kept.contains(&(life, sequence));
                prop_assert_eq!(is_sent, is_examined && is_kept);
                prop_assert_eq!(lost.contains(sequence), is_examined && !is_kept && seen.contains(sequence));
            }
        }
    }
}
