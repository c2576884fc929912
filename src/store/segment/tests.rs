//! Tests of the log as a whole, on a disk that fails as real ones do.

mod cuts;
mod damage;
mod faults;
mod process;

use super::{Disk, Options, Reading, Survey, Writer};
use crate::{
    core::{
        batch::{Batch, Body, Packer},
        event::record::{LogSeq, Record},
        id::{Incarnation, MessageId, NodeId, StreamId},
        message::{Hop, Payload, Relays, Trace},
        rng::Rng,
        time::Wall,
    },
    sim::disk::SimDisk,
};

const NOW: Wall = Wall(1_800_000_000_000_000_000);

/// The stream of a node that stands for this one, or for another.
fn stream(number: u32) -> StreamId {
    StreamId { origin: NodeId::numbered(number), incarnation: Incarnation(1 << 50 | u64::from(number)) }
}

/// Messages that are told from all others by `sequence`.
fn received(rng: &mut Rng, origin: u32, sequence: u64) -> Record {
    let StreamId { origin, incarnation } = stream(origin);
    let count = [1, 1, 2, 5][rng.below(4)];
    let len_max = [1, 30, 300, 2000][rng.below(4)];
    let mut packer = Packer::default();
    for _ in 0..count {
        let payload: Vec<u8> = (0..rng.below(len_max)).map(|_| rng.bits() as u8).collect();
        packer.push(&payload);
    }
    let trace = (count == 1 && rng.below(3) == 0).then(|| Trace {
        relays: Relays::ONE,
        path: [Hop { node: origin.clone(), micros: 0 }, Hop { node: NodeId::numbered(7), micros: rng.bits() }].into(),
    });
    let batch = Batch {
        id: MessageId { origin, incarnation, sequence },
        published_at: Wall(rng.bits()),
        hops: rng.below(5) as u32,
        trace,
        tree: (rng.below(2) == 0).then(|| NodeId::numbered(3)),
        body: packer.take().unwrap(),
    };
    let last = batch.last();
    Record::Received { batch, first: sequence, last, position: rng.bits(), at: NOW }
}

/// The records of one turn, from `place` on: messages of others, own ones with receipts for them, and what stands alone.
fn turn(rng: &mut Rng, place: u64) -> Vec<(LogSeq, Record)> {
    let mut records: Vec<Record> = (0..rng.below(3)).map(|at| received(rng, 2, place * 100 + at as u64 * 10)).collect();
    if rng.below(2) == 0 {
        let StreamId { origin, incarnation } = stream(1);
        for at in 0..=rng.below(2) as u64 {
            records.push(received(rng, 1, place * 100 + 50 + at * 10));
        }
        for at in 0..rng.below(3) as u64 {
            let message = MessageId { origin: origin.clone(), incarnation, sequence: place * 100 + 50 };
            let request = [place.to_be_bytes(), at.to_be_bytes()].concat();
            records.push(Record::Receipt { client: [5, 0].into(), request: request.into(), message, count: 1 });
        }
    }
    if rng.below(3) == 0 {
        records.push(Record::GivenUp { stream: stream(2), first: place, last: place + 1 });
    }
    if rng.below(3) == 0 || records.is_empty() {
        records.push(Record::Marked { first: place, last: place });
    }
    if rng.below(4) == 0 {
        let (path, id) = ([Hop { node: NodeId::numbered(7), micros: rng.bits() }].into(), stream(2));
        records.push(Record::Path {
            id: MessageId { origin: id.origin, incarnation: id.incarnation, sequence: place },
            path,
        });
    }
    (place..).map(LogSeq).zip(records).collect()
}

/// All that a disk gives back.
fn read<D: Disk>(disk: &mut D) -> (Vec<(LogSeq, Record)>, Survey) {
    let mut reading = Reading::begin(disk).unwrap();
    let records = reading.by_ref().map(Result::unwrap).collect();
    (records, reading.end().unwrap())
}

fn writer(disk: &SimDisk, options: Options) -> Writer<SimDisk> {
    let survey = Reading::begin(&mut disk.clone()).unwrap().end().unwrap();
    Writer::new(disk.clone(), options, survey, 5)
}

/// A log of `turns` turns, with a checkpoint in its middle, and its records.
fn small_log(seed: u64, turns: usize) -> (SimDisk, Vec<(LogSeq, Record)>) {
    let (disk, mut rng, mut records) = (SimDisk::new(seed), Rng::new(seed), Vec::new());
    let mut writer = writer(&disk, Options::default());
    for at in 0..turns {
        let turn = turn(&mut rng, records.len() as u64 + 1);
        writer.append(&turn);
        records.extend(turn);
        if at == turns / 2 {
            let known = known();
            writer.checkpoint(LogSeq(records.len() as u64), &known, false);
        }
        writer.commit(NOW);
    }
    writer.mark();
    assert_eq!(writer.finished(), LogSeq(records.len() as u64));
    (disk, records)
}

/// All that is known at a place but messages.
fn known() -> [Record; 3] {
    let had = Record::Had { stream: stream(2), first: 1, last: 9 };
    [had, Record::Forgotten { stream: stream(1), missing: 4, highest: 5 }, Record::Positions { next: 7 }]
}

/// Says that it is of a checkpoint.
fn is_known(record: &Record) -> bool {
    known().contains(record)
}

fn payload(len: usize) -> Payload {
    Payload::from(&vec![7; len][..])
}

/// A message of `len` bytes.
fn message(sequence: u64, body: Payload) -> Record {
    let StreamId { origin, incarnation } = stream(2);
    let id = MessageId { origin, incarnation, sequence };
    let batch = Batch { id, published_at: NOW, hops: 1, trace: None, tree: None, body: Body::one(body) };
    Record::Received { batch, first: sequence, last: sequence, position: sequence, at: NOW }
}

#[test]
fn what_was_appended_is_read() {
    for seed in 0..50 {
        let (mut disk, records) = small_log(seed, 12);
        let (read, survey) = read(&mut disk);
        assert_eq!(read, records, "seed {seed}");
        assert_eq!((survey.findings.len(), survey.segments.len()), (0, 2), "seed {seed}");
        let places = (survey.finished, survey.last, survey.unfinished.len());
        assert_eq!(places, (records.len() as u64, records.len() as u64, 0), "seed {seed}");
        // Another life goes on in a segment of its own.
        let mut writer = writer(&disk, Options::default());
        assert!(writer.wants_checkpoint());
        writer.append(&[(LogSeq(survey.last + 1), Record::Marked { first: 1, last: 1 })]);
        writer.commit(NOW);
        assert_eq!(self::read(&mut disk).0.len(), records.len() + 1);
    }
}

#[test]
fn a_single_segment_begins_with_all_that_is_known_but_messages() {
    let (mut disk, records) = small_log(3, 12);
    disk.remove("0000000000000001.seg").unwrap();
    let (read, survey) = read(&mut disk);
    let known = known();
    assert_eq!(read[..3].iter().map(|(_, record)| record).collect::<Vec<_>>(), known.iter().collect::<Vec<_>>());
    assert_eq!(read[3..], records[records.len() + 3 - read.len()..]);
    assert_eq!((survey.findings, survey.last), (vec![], records.len() as u64));
}

#[test]
fn retention_drops_whole_segments_that_a_checkpoint_stands_in_for() {
    let disk = SimDisk::new(1);
    let retention = super::Retention { bytes: 8 << 20, ..Default::default() };
    let mut writer = writer(&disk, Options { segment_len: 1 << 20, retention });
    let body = payload(100_000);
    for place in 1..=200 {
        writer.append(&[(LogSeq(place), message(place, body.clone()))]);
        writer.commit(NOW);
        if writer.wants_checkpoint() {
            writer.checkpoint(LogSeq(place), &[], false);
            writer.commit(NOW);
        }
    }
    let (read, survey) = read(&mut disk.clone());
    assert!(survey.segments.iter().map(|segment| segment.len).sum::<u64>() <= 8 << 20);
    assert!(survey.segments.len() > 5 && survey.findings.is_empty());
    let places: Vec<_> = read.iter().map(|(place, _)| place.0).collect();
    assert_eq!(places, (201 - places.len() as u64..=200).collect::<Vec<_>>());
    assert!(places.len() > 60, "{}", places.len());
}
