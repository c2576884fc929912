//! Faults at each step, crashes and lost power: whatever was reported as finished is there.

use super::*;
use crate::{
    core::event::record::Condition,
    sim::disk::{Failure, Fault},
    store::segment::{Retention, recovery::Damage},
};
use std::{collections::BTreeMap, io::ErrorKind};

/// A log through several lives, and what it must remember.
struct World {
    seed: u64,
    disk: SimDisk,
    rng: Rng,
    options: Options,
    /// All that was appended and may be there.
    appended: BTreeMap<u64, Record>,
    /// All up to here was reported as finished.
    promised: u64,
    /// Records that retention may have dropped end here.
    dropped: u64,
    last: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let retention = Retention { bytes: [1 << 30, 6000][rng.below(2)], ..Retention::default() };
        let options = Options { segment_len: 1 << 20, retention };
        let disk = SimDisk::new(seed ^ 0xd15c);
        Self { seed, disk, rng, options, appended: BTreeMap::new(), promised: 0, dropped: 0, last: 0 }
    }

    /// Reads the log back and holds it to its promises.
    fn recover(&mut self) -> Writer<SimDisk> {
        let (records, survey) = read(&mut self.disk);
        let seed = self.seed;
        let holes: Vec<_> = survey.findings.iter().filter(|finding| finding.damage == Damage::Hole).collect();
        assert!(holes.is_empty(), "seed {seed}: {holes:?}");
        let records: Vec<_> = records.into_iter().filter(|(_, record)| !is_known(record)).collect();
        assert!(records.is_sorted_by(|one, other| one.0 < other.0), "seed {seed}: {records:?}");
        let records: BTreeMap<u64, Record> = records.into_iter().map(|(place, record)| (place.0, record)).collect();
        for (place, record) in &records {
            assert_eq!(self.appended.get(place), Some(record), "seed {seed}: at place {place}");
        }
        let begin = records.keys().next().map_or(self.promised + 1, |&first| first);
        for place in self.appended.range(..=self.promised).map(|(&place, _)| place) {
            let is_dropped = place < begin && place <= self.dropped;
            assert!(
                is_dropped || records.contains_key(&place),
                "seed {seed}: place {place} of {} is lost",
                self.promised
            );
        }
        for (&place, record) in &records {
            if let Record::Receipt { message, .. } = record {
                let is_its = |(_, other): (&u64, &Record)| match other {
                    Record::Received { batch, .. } => batch.id == *message,
                    _ => false,
                };
                let is_there = records.range(..place).any(is_its) || place - 4 < begin && self.dropped > 0;
                assert!(is_there, "seed {seed}: the receipt at {place} stands alone");
            }
        }
        assert!(survey.finished <= survey.last.max(self.promised), "seed {seed}");
        self.last = survey.last.max(self.promised);
        self.appended = records;
        Writer::new(self.disk.clone(), self.options, survey, 5)
    }

    /// One life, with a fault or none.
    fn live(&mut self, fault: Option<Fault>) {
        self.disk.set_fault(None);
        let mut writer = self.recover();
        self.disk.set_fault(fault);
        for _ in 0..4 + self.rng.below(12) {
            match self.rng.below(12) {
                0 => writer.mark(),
                1 | 2 => {
                    writer.checkpoint(LogSeq(self.last), &known(), false);
                }
                3 => writer.reopen(NOW),
                _ => {
                    let turn = turn(&mut self.rng, self.last + 1);
                    writer.append(&turn);
                    self.last += turn.len() as u64;
                    self.appended.extend(turn.into_iter().map(|(place, record)| (place.0, record)));
                }
            }
            if self.rng.below(3) > 0 {
                writer.commit(NOW);
            }
            assert!(writer.finished().0 <= self.last);
            self.promised = self.promised.max(writer.finished().0);
        }
        if self.options.retention.bytes < 1 << 20 {
            self.dropped = self.promised;
        }
        drop(writer);
        if self.rng.below(2) == 0 { self.disk.crash() } else { self.disk.lose_power() }
    }
}

const FAILURES: [Failure; 4] = [Failure::Before, Failure::After, Failure::Torn, Failure::End];

#[test]
fn what_is_finished_is_there_whichever_step_fails() {
    for seed in 0..12 {
        // As many steps as the same life takes without a fault.
        let mut world = World::new(seed);
        (0..2).for_each(|_| world.live(None));
        let before = world.disk.steps();
        world.live(None);
        let steps = world.disk.steps() - before;
        for step in 0..steps {
            for (failure, error) in
                FAILURES.into_iter().zip([ErrorKind::Other, ErrorKind::StorageFull].into_iter().cycle())
            {
                let mut world = World::new(seed);
                (0..2).for_each(|_| world.live(None));
                world.live(Some(Fault { step, times: 1, failure, error }));
                (0..2).for_each(|_| world.live(None));
                world.recover();
            }
        }
    }
}

#[test]
fn what_is_finished_is_there_after_two_thousand_power_cuts() {
    let mut cuts = 0;
    for seed in 1000..1800 {
        let mut world = World::new(seed);
        for _ in 0..4 {
            let (step, failure) = (world.rng.below(40) as u64, FAILURES[world.rng.below(4)]);
            let error = [ErrorKind::Other, ErrorKind::StorageFull][world.rng.below(2)];
            let times = 1 + world.rng.below(4) as u64;
            let fault = (world.rng.below(4) > 0).then_some(Fault { step, times, failure, error });
            world.live(fault);
            world.disk.lose_power();
            cuts += 1;
        }
        world.recover();
    }
    assert!(cuts > 2000);
}

fn marks(from: u64, count: u64) -> Vec<(LogSeq, Record)> {
    (from..from + count).map(|place| (LogSeq(place), Record::Marked { first: place, last: place })).collect()
}

#[test]
fn a_failed_sync_is_never_made_up_for_on_the_same_descriptor() {
    let disk = SimDisk::new(1);
    let mut log = writer(&disk, Options::default());
    log.append(&marks(1, 3));
    log.commit(NOW);
    log.append(&marks(4, 3));
    // The write, then the sync.
    disk.set_fault(Some(Fault { step: 1, times: 1, failure: Failure::Before, error: ErrorKind::Other }));
    log.commit(NOW);
    log.append(&marks(7, 3));
    (0..3).for_each(|_| log.commit(NOW));
    assert!(matches!(log.condition(), Condition::Failed(_)) && !log.wants_checkpoint());
    assert_eq!(log.finished(), LogSeq(3));
    log.reopen(NOW);
    assert_eq!((log.condition(), log.finished()), (&Condition::Well, LogSeq(9)));
    disk.lose_power();
    let (records, survey) = read(&mut disk.clone());
    assert_eq!((records, survey.segments.len()), (marks(1, 9), 2));
}

#[test]
fn what_a_failed_disk_still_shows_is_written_again() {
    let disk = SimDisk::new(1);
    let mut log = writer(&disk, Options::default());
    log.append(&marks(1, 200));
    // The steps of a segment that begins are four; then come the write and the sync.
    disk.set_fault(Some(Fault { step: 5, times: 1, failure: Failure::Before, error: ErrorKind::Other }));
    log.commit(NOW);
    drop(log);
    // The process ends; the system still shows what it never wrote, and takes it for written.
    let mut log = writer(&disk, Options::default());
    assert_eq!(read(&mut disk.clone()).0, marks(1, 200));
    assert_eq!(log.finished(), LogSeq(0));
    log.commit(NOW);
    assert_eq!(log.finished(), LogSeq(200));
    disk.lose_power();
    assert_eq!(read(&mut disk.clone()).0, marks(1, 200));
}

#[test]
fn a_full_disk_is_left_behind_in_a_new_segment() {
    let disk = SimDisk::new(1);
    let mut log = writer(&disk, Options::default());
    log.append(&marks(1, 10));
    log.commit(NOW);
    disk.set_room(1000);
    log.append(&marks(11, 10));
    log.commit(NOW);
    for _ in 0..5 {
        assert!(matches!(log.condition(), Condition::Full(_)), "{:?}", log.condition());
        assert_eq!(log.finished(), LogSeq(10));
        log.reopen(NOW);
    }
    assert_eq!(disk.clone().list().unwrap().len(), 1, "attempts leave nothing behind");
    disk.set_room(usize::MAX);
    log.reopen(NOW);
    assert_eq!((log.condition(), log.finished()), (&Condition::Well, LogSeq(20)));
    log.mark();
    disk.lose_power();
    assert_eq!(read(&mut disk.clone()).0, marks(1, 20));
}

#[test]
fn an_empty_queue_does_not_say_that_the_disk_is_well() {
    let disk = SimDisk::new(1);
    let mut log = writer(&disk, Options::default());
    log.append(&marks(1, 1));
    log.commit(NOW);
    disk.set_fault(Some(Fault { step: 0, times: 1, failure: Failure::Before, error: ErrorKind::Other }));
    log.mark();
    assert!(matches!(log.condition(), Condition::Failed(_)));
    disk.set_room(0);
    log.reopen(NOW);
    assert!(matches!(log.condition(), Condition::Full(_)));
}

#[test]
fn a_checkpoint_stands_in_for_records_that_were_never_appended() {
    let disk = SimDisk::new(1);
    let mut log = writer(&disk, Options::default());
    log.append(&marks(1, 3));
    let known = [Record::Marked { first: 1, last: 90 }];
    log.checkpoint(LogSeq(90), &known, true);
    log.append(&marks(91, 3));
    // The new segment cannot be had at first: nothing behind the gap is finished before the gap is.
    disk.set_fault(Some(Fault { step: 6, times: 1, failure: Failure::Before, error: ErrorKind::StorageFull }));
    log.commit(NOW);
    assert_eq!(log.finished(), LogSeq(3));
    log.reopen(NOW);
    assert_eq!(log.finished(), LogSeq(93));
    disk.lose_power();
    let (records, survey) = read(&mut disk.clone());
    let bridge = vec![(LogSeq(90), known[0].clone())];
    assert_eq!(records, [marks(1, 3), bridge, marks(91, 3)].concat());
    assert_eq!((survey.findings, survey.finished >= 90), (vec![], true));
}
