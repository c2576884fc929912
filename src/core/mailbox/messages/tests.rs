//! Pages, marks and bounds of a mailbox.

use super::*;
use crate::core::{
    batch::Packer,
    id::{Incarnation, NodeId},
    message::{Hop, Payload, Relays, Trace, extend_path},
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

/// Messages from a number on in one batch, each payload its number.
fn batch(first: u64, count: u64) -> Batch {
    let mut packer = Packer::default();
    (first..first + count).for_each(|number| packer.push(&Payload::from(&[number as u8][..])));
    Batch { body: packer.take().unwrap(), ..message(first, b"", false) }
}

fn path(hops: usize) -> Path {
    (0..hops).map(|_| Hop { node: NodeId::numbered(77), micros: u64::MAX }).collect()
}

fn fetch(status: Status) -> Fetch {
    Fetch { status, from: Cursor::default(), through: None, limit: u64::MAX, mark: false }
}

/// All pages of a fetch, each checked against the bound.
fn pages(mailbox: &Mailbox, mut fetch: Fetch, len_max: usize) -> Vec<Page> {
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
    let pages = pages(&mailbox, fetch(Status::All), 1000);
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
    let pages = pages(&mailbox, fetch(Status::All), 2000);
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
    let expected = [Batch { trace, ..traced }, Batch { hops: 2, ..message(2, b"plain", false) }];
    assert_eq!((&resent.batches[..], &resent.lost[..]), (&expected[..], &[(3, 3)][..]));
}

#[test]
fn a_budget_ends_with_the_message_that_exhausts_it() {
    let mut mailbox = Mailbox::new(10, 1 << 20);
    for n in [1, 2, 4, 5] {
        file(&mut mailbox, &message(n, &[0; 100], false), Wall(n));
    }
    let sent = |messages, bytes| {
        let resent = mailbox.resend(&id(1).stream(), &[(1, 2), (4, u64::MAX)], &[(1, 9)], messages, bytes);
        (resent.batches.len(), resent.lost)
    };
    assert_eq!(sent(10, 150), (2, vec![]), "what was not looked at is not lost");
    assert_eq!(sent(3, 9999), (3, vec![]));
    assert_eq!([sent(4, 9999), sent(10, 9999)], [(4, vec![(6, 9)]), (4, vec![(6, 9)])]);
    assert_eq!(sent(0, 9999), (0, vec![]));
    let other = StreamId { incarnation: Incarnation(2), ..id(1).stream() };
    assert_eq!(mailbox.resend(&other, &[(1, 9)], &[(1, 3)], 9, 9999).lost, [(1, 3)]);
}

#[test]
fn a_batch_that_is_there_in_parts_is_sent_whole_and_once() {
    let mut mailbox = Mailbox::new(99, 1 << 20);
    (3..=5).for_each(|number| _ = file(&mut mailbox, &message(number, b"m", false), Wall(1)));
    let whole = Batch { hops: 2, ..batch(1, 9) };
    for part in [(1, 2), (6, 9)] {
        mailbox.file(&whole, part, Wall(2));
    }
    let stream = id(1).stream();
    let resent = |ranges: &[(u64, u64)]| {
        let resent = mailbox.resend(&stream, ranges, &[(1, 12)], 99, 9999);
        assert!(
            resent.batches.iter().all(|batch| batch.body.count() == 1 || batch.body == whole.body && batch.hops == 2)
        );
        (resent.batches.iter().map(Batch::range).collect::<Vec<_>>(), resent.lost)
    };
    assert_eq!(resent(&[(1, 12)]), (vec![(1, 9)], vec![(10, 12)]), "the others come with it");
    assert_eq!(resent(&[(1, 1), (4, 4), (9, 10)]), (vec![(1, 9)], vec![(10, 10)]));
    assert_eq!(resent(&[(4, 4)]), (vec![(4, 4)], vec![]));
    assert_eq!(resent(&[(4, 7)]), (vec![(4, 4), (5, 5), (1, 9)], vec![]));
    assert_eq!([2, 7].map(|number| mailbox.body(&id(number))), [Some(whole.body.clone()), Some(whole.body.clone())]);
    assert_eq!(mailbox.kept(&stream, &[(2, 20)], 9), [(2, 9)]);
}

#[test]
fn the_oldest_messages_of_a_batch_leave_first() {
    let mut mailbox = Mailbox::new(4, 1 << 20);
    assert_eq!(file(&mut mailbox, &batch(1, 6), Wall(1)), Evicted { messages: 2, unread: 2 });
    let cost = mailbox.bytes();
    assert_eq!(mailbox.mark(1, 4), 2);
    assert_eq!(file(&mut mailbox, &message(7, b"m", false), Wall(2)), Evicted { messages: 1, unread: 0 });
    assert_eq!((mailbox.len(), mailbox.unread(), mailbox.oldest()), (4, 3, Some(id(4))));
    let page = mailbox.fetch(&fetch(Status::All), usize::MAX);
    let shown: Vec<_> = page.messages.iter().map(|m| (m.position, m.id.sequence, m.payload[0], m.unread)).collect();
    assert_eq!(shown, [(4, 4, 4, false), (5, 5, 5, true), (6, 6, 6, true), (7, 7, b'm', true)]);
    let stream = id(1).stream();
    let resent = mailbox.resend(&stream, &[(2, 4)], &[(1, 7)], 9, 9999);
    assert_eq!(
        (resent.batches.len(), resent.batches[0].range(), resent.lost),
        (1, (1, 6), vec![]),
        "it is there as a whole"
    );
    let resent = mailbox.resend(&stream, &[(1, 3)], &[(1, 7)], 9, 9999);
    assert_eq!((resent.batches, resent.lost), (vec![], vec![(1, 3)]));
    assert_eq!((mailbox.body(&id(3)), mailbox.body(&id(4))), (None, Some(batch(1, 6).body)));
    assert_eq!(mailbox.bytes() - cost, mailbox.entries[1].cost(), "it takes as much as before");
    assert_eq!(file(&mut mailbox, &batch(8, 9), Wall(3)).messages, 4 + 5);
    assert_eq!((mailbox.len(), mailbox.oldest()), (4, Some(id(13))));
}

#[test]
fn too_many_bytes_leave_with_the_batches_that_have_them() {
    let mut mailbox = Mailbox::new(999, 1000);
    let packed = |first, count| {
        let mut packer = Packer::default();
        (0..count).for_each(|_| packer.push(&Payload::from(&[0; 100][..])));
        Batch { body: packer.take().unwrap(), ..message(first, b"", false) }
    };
    assert_eq!(file(&mut mailbox, &packed(1, 5), Wall(1)).messages, 0);
    assert_eq!(file(&mut mailbox, &packed(6, 3), Wall(1)), Evicted { messages: 5, unread: 5 });
    assert_eq!(file(&mut mailbox, &packed(9, 50), Wall(1)).messages, 53, "what is larger than all leaves at once");
    assert_eq!((mailbox.len(), mailbox.bytes(), mailbox.unread()), (0, 0, 0));
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
        let all = pages(&mailbox, fetch(Status::All), len_max);
        let whole = all.iter().flat_map(|page| &page.messages).filter(|m| !m.continued).map(|m| m.position);
        prop_assert!(whole.eq(mailbox.first..mailbox.next));
        let paths = all.iter().flat_map(|page| &page.messages).map(|m| m.paths.len()).sum::<usize>();
        let kept = mailbox.entries.iter().map(|entry| entry.paths().len()).sum::<usize>();
        prop_assert_eq!(paths, kept);
    }

    /// Whatever came in whatever batches, of which parts were here, and left: what is kept is as if each message had come alone.
    #[test]
    fn how_messages_were_cut_into_batches_does_not_matter_to_a_reader(
        steps in prop::collection::vec((0..4_u8, 0..2_u64, 1..40_u64, 1..9_u64), 1..60),
        (len_max, limit) in (1..3000_usize, 1..9_u64),
    ) {
        let [mut batches, mut singles] = [(); 2].map(|()| Mailbox::new(20, usize::MAX));
        let mut seen = BTreeMap::<u64, Ranges>::new();
        for (kind, life, first, count) in steps {
            if kind == 0 {
                let range = (first * 2, first * 2 + count);
                prop_assert_eq!(batches.mark(range.0, range.1), singles.mark(range.0, range.1));
                continue;
            }
            let id = MessageId { incarnation: Incarnation(life), ..id(first) };
            let whole = Batch { id, ..batch(first, count) };
            let seen = seen.entry(life).or_default();
            let mut new = Ranges::from(&[whole.range()][..]);
            new.subtract(seen.as_slice());
            seen.extend(new.as_slice());
            for &part in new.as_slice() {
                batches.file(&whole, part, Wall(count));
            }
            for single in whole.singles().filter(|single| new.contains(single.id.sequence)) {
                singles.file(&single, single.range(), Wall(count));
            }
            prop_assert_eq!(batches.trim(), singles.trim());
            let counts = |mailbox: &Mailbox| (mailbox.len(), mailbox.unread(), mailbox.oldest());
            prop_assert_eq!(counts(&batches), counts(&singles));
        }
        for status in [Status::All, Status::Unread, Status::Read] {
            let fetch = Fetch { limit, ..fetch(status) };
            prop_assert_eq!(pages(&batches, fetch.clone(), len_max), pages(&singles, fetch, len_max));
        }
        for life in 0..2 {
            let stream = StreamId { incarnation: Incarnation(life), ..id(1).stream() };
            for ranges_max in 0..4 {
                let ranges = [(limit, 2 * limit), (3 * limit, 60)];
                let kept = [&batches, &singles].map(|mailbox| mailbox.kept(&stream, &ranges, ranges_max));
                prop_assert_eq!(&kept[0], &kept[1]);
            }
            for sequence in 1..60 {
                let bodies = [&batches, &singles].map(|mailbox| mailbox.body(&stream.message(sequence)));
                prop_assert_eq!(bodies[0].is_some(), bodies[1].is_some());
            }
        }
    }

    /// Whatever came in whatever order and left: what is asked for is sent, lost, or was never seen.
    #[test]
    fn what_is_asked_for_is_sent_or_accounted_for(
        steps in prop::collection::vec((0..3_u64, 1..40_u64, 1..9_u64, any::<bool>()), 1..120),
        asked in prop::collection::vec((1..45_u64, 0..9_u64), 1..8),
        (messages, bytes) in (0..30_usize, 0..200_usize),
    ) {
        let mut mailbox = Mailbox::new(20, 1 << 20);
        let (mut seen, mut order, mut came) = (BTreeMap::<u64, Ranges>::new(), Vec::new(), Vec::new());
        for (life, first, count, is_traced) in steps {
            let id = MessageId { incarnation: Incarnation(life), ..id(first) };
            let whole = if is_traced { message(first, b"m", true) } else { batch(first, count) };
            let whole = Batch { id, ..whole };
            let seen = seen.entry(life).or_default();
            let mut new = Ranges::from(&[whole.range()][..]);
            new.subtract(seen.as_slice());
            seen.extend(new.as_slice());
            for &(first, last) in new.as_slice() {
                mailbox.file(&whole, (first, last), Wall(0));
                order.extend((first..=last).map(|number| (life, number)));
            }
            mailbox.trim();
            came.push(whole);
        }
        let kept: BTreeSet<_> = order.iter().rev().take(20).copied().collect();
        prop_assert!(mailbox.index.streams() == kept.iter().map(|&(life, _)| life).collect::<BTreeSet<_>>().len());
        let asked: Vec<_> = asked.into_iter().map(|(first, more)| (first, first + more)).collect();
        let asked = Ranges::from(&asked[..]);
        for (life, seen) in seen {
            let stream = StreamId { incarnation: Incarnation(life), ..id(1).stream() };
            let is_kept = |sequence| kept.contains(&(life, sequence));
            for (messages, bytes) in [(messages, bytes), (usize::MAX, usize::MAX)] {
                let resent = mailbox.resend(&stream, asked.as_slice(), seen.as_slice(), messages, bytes);
                let ranges: Vec<_> = resent.batches.iter().map(Batch::range).collect();
                prop_assert!(ranges.iter().collect::<BTreeSet<_>>().len() == ranges.len(), "one is sent twice: {ranges:?}");
                for batch in &resent.batches {
                    let is_same = |other: &&Batch| other.id == batch.id && other.body == batch.body;
                    prop_assert!(came.iter().any(|other| is_same(&other)), "it is not as it came");
                    prop_assert!((batch.id.sequence..=batch.last()).any(|number| asked.contains(number) && is_kept(number)));
                }
                let counts: Vec<_> = resent.batches.iter().map(|batch| batch.body.count() as usize).collect();
                let lens: Vec<_> = resent.batches.iter().map(|batch| batch.body.bytes().len()).collect();
                prop_assert_eq!(resent.bytes, lens.iter().sum::<usize>());
                let before_last = |numbers: &[usize]| numbers.iter().rev().skip(1).sum::<usize>();
                prop_assert!(counts.is_empty() || before_last(&counts) < messages && before_last(&lens) < bytes);
                let is_spent = counts.iter().sum::<usize>() >= messages || resent.bytes >= bytes;
                let [sent, lost] = [&ranges, &resent.lost].map(|ranges| Ranges::from(&ranges[..]));
                for sequence in (1..60).filter(|&sequence| asked.contains(sequence)) {
                    let is_lost = seen.contains(sequence) && !is_kept(sequence) && !sent.contains(sequence);
                    prop_assert!(is_lost || !lost.contains(sequence));
                    prop_assert!(is_spent || lost.contains(sequence) == is_lost);
                    prop_assert!(is_spent || !is_kept(sequence) || sent.contains(sequence));
                }
                prop_assert!(lost.as_slice().iter().all(|&(first, last)| (first..=last).all(|number| asked.contains(number))));
            }
        }
    }
}

#[test]
fn positions_that_were_lost_stay_empty_and_count_for_nothing() {
    let mut mailbox = Mailbox::new(3, 1 << 20);
    mailbox.skip_to(5);
    assert_eq!((mailbox.len(), mailbox.next_position()), (0, 5));
    file(&mut mailbox, &message(1, b"m", false), Wall(1));
    mailbox.skip_to(9);
    assert_eq!(mailbox.file(&message(2, b"m", false), (2, 2), Wall(2)), 9);
    mailbox.skip_to(4);
    assert_eq!((mailbox.len(), mailbox.unread(), mailbox.next_position()), (2, 2, 10));
    let positions = |mailbox: &Mailbox| -> Vec<_> {
        mailbox.fetch(&fetch(Status::All), usize::MAX).messages.iter().map(|m| m.position).collect()
    };
    assert_eq!(positions(&mailbox), [5, 9]);
    assert_eq!(mailbox.mark(0, 7), 1);
    assert_eq!(mailbox.unread(), 1);
    // Two more, and the first goes with the empty positions behind it.
    for sequence in 3..=4 {
        file(&mut mailbox, &message(sequence, b"m", false), Wall(3));
    }
    assert_eq!((positions(&mailbox), mailbox.len(), mailbox.unread()), (vec![9, 10, 11], 3, 3));
    assert_eq!((mailbox.mark(0, u64::MAX), mailbox.unread()), (3, 0));
}
