//! The log of a process: its thread, and the real disk.

use super::*;
use crate::{
    clock::Deadline,
    core::event::record::Condition,
    store::{
        Log, StoreError,
        segment::{DiskFile, Folder, SegmentLog},
    },
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsFd,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

/// The mood of a disk.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// Syncs take until that is over.
    Stalls,
    /// There is no room.
    Full,
}

/// A folder with moods.
#[derive(Debug, Clone)]
struct Moody {
    folder: Folder,
    mood: Arc<(Mutex<Mood>, Condvar)>,
}

struct MoodyFile(File, Moody);

impl Moody {
    fn new(path: PathBuf) -> Self {
        Self { folder: Folder::open(path).unwrap(), mood: Arc::new((Mutex::new(Mood::Well), Condvar::new())) }
    }

    fn set(&self, mood: Mood) {
        *self.mood.0.lock().unwrap() = mood;
        self.mood.1.notify_all();
    }

    fn is(&self, mood: Mood) -> bool {
        *self.mood.0.lock().unwrap() == mood
    }
}

impl Disk for Moody {
    type File = MoodyFile;

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.folder.list()
    }

    fn create(&mut self, name: &str) -> io::Result<MoodyFile> {
        Ok(MoodyFile(self.folder.create(name)?, self.clone()))
    }

    fn read(&mut self, name: &str, offset: u64, len_max: u64, into: &mut Vec<u8>) -> io::Result<()> {
        self.folder.read(name, offset, len_max, into)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.folder.remove(name)
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.folder.sync_folder()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }
}

impl DiskFile for MoodyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.1.is(Mood::Full) {
            // The system's own word for it.
            return OpenOptions::new().write(true).open("/dev/full")?.append(bytes);
        }
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let (mood, changed) = &*self.1.mood;
        drop(changed.wait_while(mood.lock().unwrap(), |mood| *mood == Mood::Stalls).unwrap());
        self.0.sync()
    }
}

fn read_folder(path: PathBuf) -> (Vec<LogSeq>, Survey) {
    let (records, survey) = read(&mut Folder::open(path).unwrap());
    (records.into_iter().map(|(place, _)| place).collect(), survey)
}

fn places(range: std::ops::RangeInclusive<u64>) -> Vec<LogSeq> {
    range.map(LogSeq).collect()
}

/// Syncs until a condition holds; waits as the loop of a process does.
fn sync_until<D: Disk<File: Send> + Clone + Send + 'static>(
    log: &mut SegmentLog<D>,
    mut holds: impl FnMut(&mut SegmentLog<D>, LogSeq) -> bool,
) {
    let deadline = Deadline::after(Duration::from_secs(20));
    loop {
        let finished = log.sync().unwrap();
        if holds(log, finished) {
            return;
        }
        assert!(!deadline.is_over(), "{:?} after {finished:?}", log.condition());
        let woken = log.woken().unwrap().as_fd().try_clone_to_owned().unwrap();
        let patience = Timespec { tv_sec: 5, tv_nsec: 0 };
        poll(&mut [PollFd::new(&woken, PollFlags::IN)], Some(&patience)).unwrap();
    }
}

#[test]
fn a_log_is_there_in_the_next_life() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("log");
    let mut log = SegmentLog::open(path.clone(), Options::default()).unwrap();
    assert_eq!(log.records().unwrap().count(), 0);
    assert!(log.woken().is_none(), "nothing was written yet");
    for place in 1..=10 {
        log.append(LogSeq(place), &message(place, payload(100))).unwrap();
        log.sync().unwrap();
    }
    sync_until(&mut log, |_, finished| finished == LogSeq(10));
    log.append(LogSeq(11), &message(11, payload(100))).unwrap();
    log.sync().unwrap();
    // What was handed over is finished, and the log says so, before it is closed.
    drop(log);
    let (records, survey) = read_folder(path.clone());
    assert_eq!((records, survey.finished, survey.unfinished), (places(1..=11), 11, vec![]));
    let mut log = SegmentLog::open(path.clone(), Options::default()).unwrap();
    assert_eq!(log.records().unwrap().map(Result::unwrap).map(|(place, _)| place).collect::<Vec<_>>(), places(1..=11));
    assert_eq!(log.findings(), []);
    log.append(LogSeq(12), &message(12, payload(100))).unwrap();
    sync_until(&mut log, |_, finished| finished == LogSeq(12));
    assert!(log.wants_checkpoint());
    log.append(LogSeq(13), &message(13, payload(100))).unwrap();
    log.checkpoint(vec![Record::Marked { first: 1, last: 1 }]);
    assert!(!log.wants_checkpoint());
    sync_until(&mut log, |_, finished| finished == LogSeq(13));
    drop(log);
    let (records, survey) = read_folder(path);
    let messages: Vec<_> = survey.segments.iter().map(|segment| segment.messages).collect();
    assert_eq!((records, messages), (places(1..=13), vec![11, 2, 0]), "the checkpoint stands behind its turn");
}

#[test]
fn a_disk_that_stalls_holds_up_nobody() {
    let place = tempfile::tempdir().unwrap();
    let disk = Moody::new(place.path().join("log"));
    disk.set(Mood::Stalls);
    let mut log = SegmentLog::on(disk.clone(), Options::default());
    let body = payload(1 << 20);
    let mut conditions = Vec::new();
    for place in 1..=100 {
        log.append(LogSeq(place), &message(place, body.clone())).unwrap();
        assert_eq!(log.sync().unwrap(), LogSeq(0));
        conditions.push(log.condition());
    }
    let well = conditions.iter().take_while(|condition| **condition == Condition::Well).count();
    assert_eq!(well, 15, "there is a bound, and it is told");
    assert!(conditions[well..].iter().all(|condition| *condition == Condition::Busy));
    disk.set(Mood::Well);
    // What was kept is finished; what was too much is not, until a checkpoint stands in for it.
    sync_until(&mut log, |log, finished| finished >= LogSeq(64) && log.wants_checkpoint());
    assert!(log.sync().unwrap() < LogSeq(70));
    log.append(LogSeq(101), &message(101, body.clone())).unwrap();
    log.sync().unwrap();
    log.checkpoint(vec![Record::Marked { first: 1, last: 1 }]);
    log.append(LogSeq(102), &message(102, body)).unwrap();
    sync_until(&mut log, |log, finished| finished == LogSeq(102) && log.condition() == Condition::Well);
    drop(log);
    let (records, survey) = read_folder(disk.path(""));
    assert_eq!((survey.findings.len(), survey.finished), (0, 102));
    assert_eq!(records[records.len() - 2..], [LogSeq(101), LogSeq(102)]);
    assert!((66..70).contains(&records.len()), "{}", records.len());
}

#[test]
fn a_full_disk_is_told_and_recovers_by_itself() {
    let place = tempfile::tempdir().unwrap();
    let disk = Moody::new(place.path().join("log"));
    let mut log = SegmentLog::on(disk.clone(), Options::default());
    log.append(LogSeq(1), &message(1, payload(100))).unwrap();
    sync_until(&mut log, |_, finished| finished == LogSeq(1));
    disk.set(Mood::Full);
    log.append(LogSeq(2), &message(2, payload(100))).unwrap();
    sync_until(&mut log, |log, _| matches!(log.condition(), Condition::Full(_)));
    let Condition::Full(why) = log.condition() else { panic!("{:?}", log.condition()) };
    assert!(why.starts_with("No space left on device"), "{why}");
    log.append(LogSeq(3), &message(3, payload(100))).unwrap();
    assert_eq!(log.sync().unwrap(), LogSeq(1));
    disk.set(Mood::Well);
    sync_until(&mut log, |log, finished| finished == LogSeq(3) && log.condition() == Condition::Well);
    drop(log);
    let (records, survey) = read_folder(disk.path(""));
    assert_eq!((records, survey.findings), (places(1..=3), vec![]));
}

#[test]
fn a_log_that_failed_waits_for_an_order() {
    let disk = SimDisk::new(1);
    let mut log = SegmentLog::on(disk.clone(), Options::default());
    log.append(LogSeq(1), &message(1, payload(100))).unwrap();
    sync_until(&mut log, |_, finished| finished == LogSeq(1));
    let fault = crate::sim::disk::Failure::Before;
    disk.set_fault(Some(crate::sim::disk::Fault { step: 0, times: 1, failure: fault, error: io::ErrorKind::Other }));
    sync_until(&mut log, |log, _| {
        // The mark of an idle log may have come first.
        log.append(LogSeq(2), &message(2, payload(100))).unwrap();
        matches!(log.condition(), Condition::Failed(_))
    });
    assert_eq!(log.sync().unwrap(), LogSeq(1));
    log.reopen();
    sync_until(&mut log, |log, finished| finished == LogSeq(2) && log.condition() == Condition::Well);
}

#[test]
fn what_was_found_unfinished_is_finished_before_anything_else() {
    let disk = SimDisk::new(1);
    let mut first = writer(&disk, Options::default());
    first.append(&[(LogSeq(1), message(1, payload(100)))]);
    first.commit(NOW);
    drop(first);
    // Nothing in the log says that it was synced.
    assert_eq!(read(&mut disk.clone()).1.unfinished.len(), 1);
    let mut log = SegmentLog::on(disk.clone(), Options::default());
    assert_eq!(log.records().unwrap().count(), 1);
    assert_eq!(log.sync().unwrap(), LogSeq(1));
    drop(log);
    disk.lose_power();
    assert_eq!(read(&mut disk.clone()).1.finished, 1);
}

#[test]
fn a_folder_that_cannot_be_had_is_named() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("file"), "").unwrap();
    let error = SegmentLog::open(place.path().join("file/log"), Options::default()).unwrap_err();
    assert!(
        matches!(&error, StoreError::Io { action: "create", .. }) && error.to_string().contains("file/log"),
        "{error}"
    );
}

#[test]
fn a_turn_costs_little() {
    let place = tempfile::tempdir().unwrap();
    let mut log = SegmentLog::open(place.path().join("log"), Options::default()).unwrap();
    let body = payload(5000);
    let clock = crate::clock::Clock::new();
    let start = clock.mono();
    for place in 1..=2000 {
        log.append(LogSeq(place), &message(place, body.clone())).unwrap();
        log.sync().unwrap();
    }
    sync_until(&mut log, |_, finished| finished == LogSeq(2000));
    let took = clock.mono().since(start);
    println!("2000 turns of 5000 bytes: {took:?}");
    drop(log);
    let (records, survey) = read_folder(place.path().join("log"));
    assert_eq!(records.len(), 2000);
    let len: u64 = survey.segments.iter().map(|segment| segment.len).sum();
    assert!(len < 2000 * 5000 * 115 / 100, "{len}");
}
