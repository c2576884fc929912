//! Damage: found, named, and no more lost than was hit.

use super::*;
use crate::store::{
    StoreError,
    segment::{
        DiskFile,
        format::{HEADER_LEN, Header},
        recovery::{Damage, Finding, name},
    },
};

fn find(findings: &[Finding], segment: u64, at: u64) -> Option<&Finding> {
    findings.iter().find(|finding| finding.segment == segment && finding.bytes.contains(&at))
}

#[test]
fn a_flipped_bit_at_each_byte_is_found_and_all_else_is_read() {
    let logs = (0..).map(|seed| small_log(seed, 6));
    let mut logs = logs.map(|(mut disk, records)| {
        let (_, sound) = read(&mut disk);
        (disk, records, sound)
    });
    let is_small = |sound: &Survey| sound.segments.iter().map(|segment| segment.len).sum::<u64>() < 4000;
    let is_receipt = |(_, record): &(LogSeq, Record)| matches!(record, Record::Receipt { .. });
    let chosen =
        logs.find(|(_, records, sound)| is_small(sound) && records.len() > 12 && records.iter().any(is_receipt));
    let (mut disk, records, sound) = chosen.unwrap();
    assert_eq!(sound.findings, []);
    let mut lost_most = 0;
    for segment in &sound.segments {
        for at in 0..segment.len {
            disk.damage(&name(segment.id), at as usize, 1 << (at % 8));
            let (mut found, survey) = read(&mut disk);
            // Without what the log begins with, a later checkpoint stands in for it.
            found.retain(|(_, record)| !is_known(record));
            disk.damage(&name(segment.id), at as usize, 1 << (at % 8));
            let context = format!("byte {at} of {}: {:?}", name(segment.id), survey.findings);
            assert_eq!(survey.findings.len(), 1, "{context}");
            let finding = find(&survey.findings, segment.id, at).expect(&context);
            let damage = if at < segment.safe { Damage::Hole } else { Damage::Torn };
            assert_eq!(finding.damage, damage, "{context}");
            let lost: Vec<_> =
                records.iter().filter(|record| !found.contains(record)).map(|(place, _)| place.0).collect();
            assert_eq!(found.len() + lost.len(), records.len(), "{context}");
            let named = |place: &u64| finding.places.is_some_and(|(first, last)| (first..=last).contains(place));
            assert!(lost.iter().all(named), "lost {lost:?}; {context}");
            lost_most = lost_most.max(lost.len());
            if finding.about == "header" || finding.about == "padding" {
                assert!(lost.is_empty(), "{context}");
            }
        }
    }
    assert!((1..=6).contains(&lost_most), "{lost_most}");
}

#[test]
fn messages_that_a_disk_lost_are_named_and_their_receipts_are_kept() {
    let disk = SimDisk::new(1);
    let mut log = writer(&disk, Options::default());
    let own = |sequence| match message(sequence, payload(500)) {
        Record::Received { mut batch, first, last, position, at } => {
            batch.id.origin = NodeId::numbered(1);
            Record::Received { batch, first, last, position, at }
        }
        other => other,
    };
    let StreamId { incarnation, .. } = stream(2);
    let id = MessageId { origin: NodeId::numbered(1), incarnation, sequence: 9 };
    let receipt = Record::Receipt { client: [].into(), request: [1].into(), message: id, count: 1 };
    log.append(&[(LogSeq(1), own(9)), (LogSeq(2), receipt.clone())]);
    log.commit(NOW);
    // Before anything says that it was finished, it is torn, and comes back as a whole or not at all.
    disk.damage(&name(1), 500, 1);
    let (records, survey) = read(&mut disk.clone());
    assert_eq!((records, survey.findings[0].damage), (vec![], Damage::Torn));
    log.mark();
    let (records, survey) = read(&mut disk.clone());
    assert_eq!(records, [(LogSeq(2), receipt)]);
    let [finding] = &survey.findings[..] else { panic!("{survey:?}") };
    assert_eq!((finding.damage, finding.places), (Damage::Hole, Some((1, 2))));
    let text = finding.to_string();
    assert!(
        text.starts_with("0000000000000001.seg: bytes 128 to ")
            && text.contains("a hole, records 1 to 2: messages 9 to 9 of 1-"),
        "{text}"
    );
}

#[test]
fn a_file_that_is_gone_or_cut_is_a_hole() {
    let (mut disk, records) = small_log(4, 12);
    let mut log = writer(&disk, Options::default());
    let next = records.len() as u64 + 1;
    log.append(&[(LogSeq(next), Record::Marked { first: 1, last: 1 })]);
    log.commit(NOW);
    log.mark();
    let (_, sound) = read(&mut disk);
    let [_, second, third] = &sound.segments[..] else { panic!("{sound:?}") };
    // The last mark of each life is known to nobody but itself.
    assert_eq!((second.len - second.safe, third.len - third.safe), (40, 40));
    disk.cut(&name(2), second.len as usize - 200);
    let (found, survey) = read(&mut disk);
    let last = survey.findings.last().unwrap();
    assert_eq!((last.bytes.end, last.places.unwrap().1), (second.safe, next - 1));
    assert!(found.len() < records.len());
    assert!(survey.findings.iter().all(|finding| (finding.segment, finding.damage) == (2, Damage::Hole)), "{survey:?}");
    disk.remove(&name(2)).unwrap();
    let (found, survey) = read(&mut disk);
    let [finding] = &survey.findings[..] else { panic!("{survey:?}") };
    assert_eq!((finding.segment, finding.damage, finding.about.as_str()), (2, Damage::Hole, "the file is missing"));
    assert_eq!(finding.places, Some((found[found.len() - 2].0.0 + 1, next - 1)));
}

#[test]
fn segments_that_change_places_are_noticed() {
    let (mut disk, _) = small_log(4, 12);
    let mut other = Vec::new();
    disk.read(&name(1), 0, u64::MAX, &mut other).unwrap();
    disk.create(&name(3)).unwrap().append(&other).unwrap();
    let (before, _) = read(&mut small_log(4, 12).0);
    let (records, survey) = read(&mut disk);
    assert_eq!(records, before);
    assert!(survey.findings.iter().all(|finding| finding.segment == 3));
    assert!(survey.findings.iter().any(|finding| finding.bytes.start == HEADER_LEN as u64));
}

#[test]
fn a_later_version_is_refused_by_name() {
    let (mut disk, _) = small_log(4, 2);
    let mut header = Header { id: 3, follows: 2, safe: 64, first: 9, salt: 5 }.encode();
    header[8] = 2;
    let crc = crc32fast::hash(&header[..60]);
    header[60..64].copy_from_slice(&crc.to_le_bytes());
    header.copy_within(..64, 64);
    disk.create(&name(3)).unwrap().append(&header).unwrap();
    let error = Reading::begin(&mut disk).unwrap_err();
    assert!(matches!(error, StoreError::Newer { version: 2, known: 1, .. }));
    let expected =
        "0000000000000003.seg has version 2 of the log's format, and this program reads up to 1: use a later one";
    assert!(error.to_string().ends_with(expected), "{error}");
}

/// A log as the first version wrote it. It is never changed: a change of the format takes a number and files of its own.
const VERSION_1: [&[u8]; 2] =
    [include_bytes!("version-1/0000000000000001.seg"), include_bytes!("version-1/0000000000000002.seg")];

/// The records in it.
fn of_version_1() -> Vec<(LogSeq, Record)> {
    let StreamId { origin, incarnation } = stream(1);
    let mut packer = Packer::default();
    [&b"one"[..], b"", b"three"].into_iter().for_each(|payload| packer.push(payload));
    let id = MessageId { origin, incarnation, sequence: 4 };
    let trace = Trace { relays: Relays::ONE, path: [Hop { node: NodeId::numbered(2), micros: 9 }].into() };
    let traced = Batch {
        id: MessageId { sequence: 1, ..stream_id(2) },
        published_at: Wall(7),
        hops: 2,
        trace: Some(trace),
        tree: None,
        body: Body::one(Payload::from(&b"traced"[..])),
    };
    let tree = Some(NodeId::numbered(3));
    let own = Batch { id: id.clone(), published_at: Wall(8), hops: 0, trace: None, tree, body: packer.take().unwrap() };
    let records = [
        Record::Received { batch: traced, first: 1, last: 1, position: 21, at: Wall(10) },
        Record::Received { batch: own, first: 4, last: 6, position: 22, at: Wall(8) },
        Record::Receipt { client: [5, 0].into(), request: [1, 2, 3].into(), message: id, count: 3 },
        Record::GivenUp { stream: stream(2), first: 2, last: 5 },
        Record::Marked { first: 1, last: 4 },
        Record::Path {
            id: MessageId { sequence: 1, ..stream_id(2) },
            path: [Hop { node: NodeId::numbered(1), micros: 300 }].into(),
        },
    ];
    (1..).map(LogSeq).zip(records).collect()
}

fn stream_id(number: u32) -> MessageId {
    let StreamId { origin, incarnation } = stream(number);
    MessageId { origin, incarnation, sequence: 0 }
}

#[test]
fn the_first_version_is_read_and_written() {
    let mut old = SimDisk::new(1);
    for (id, bytes) in (1..).zip(VERSION_1) {
        old.create(&name(id)).unwrap().append(bytes).unwrap();
    }
    let mut new = SimDisk::new(1);
    let mut log = writer(&new, Options::default());
    log.append(&of_version_1());
    log.commit(NOW);
    log.checkpoint(LogSeq(6), &known(), true);
    log.commit(NOW);
    log.mark();
    for (id, old) in (1..).zip(VERSION_1) {
        let mut bytes = Vec::new();
        new.read(&name(id), 0, u64::MAX, &mut bytes).unwrap();
        assert!(bytes == old, "{}", bytes.escape_ascii());
    }
    let (found, survey) = read(&mut old);
    let known = known().map(|record| (LogSeq(6), record));
    assert_eq!((found, survey.findings), ([of_version_1(), known.to_vec()].concat(), vec![]));
}
