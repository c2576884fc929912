//! The log of a process: segments in a folder, written by a thread.

use super::{
    disk::{Disk, Folder},
    recovery::{Finding, Reading, Survey},
    thread::{Driver, Job, Status},
    writer::{Options, Writer},
};
use crate::{
    clock::{self, Clock},
    core::event::record::{Condition, LogSeq, Record},
    store::{
        error::StoreError,
        log::{Log, Records},
    },
};
use std::{
    mem,
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
};

/// Bytes on their way to the disk above which clients should wait.
const BUSY_BYTES: usize = 16 << 20;
/// Bytes on their way to the disk above which nothing more is kept until a checkpoint can stand in for it. Beyond [`BUSY_BYTES`]
/// by more than one turn takes in, so that it is never met by what a client waits for.
const UNFINISHED_BYTES_MAX: usize = 64 << 20;
/// Bytes of memory that a record takes beside the payloads.
const RECORD_LEN: usize = 256;

/// A log in a folder.
#[derive(Debug)]
pub struct SegmentLog<D: Disk = Folder> {
    disk: D,
    options: Options,
    /// The log as it was found, once it was read.
    survey: Option<Survey>,
    findings: Vec<Finding>,
    driver: Option<Driver>,
    status: Status,
    turn: Vec<(LogSeq, Record)>,
    turn_len: usize,
    last: LogSeq,
    /// Says that records were dropped because there were too many to keep.
    is_behind: bool,
}

impl SegmentLog {
    /// Opens the log in a folder, which is created if it is not there. It changes nothing before something is appended.
    pub fn open(folder: PathBuf, options: Options) -> Result<Self, StoreError> {
        let disk = Folder::open(folder.clone()).map_err(StoreError::io("create", folder))?;
        Ok(Self::on(disk, options))
    }
}

impl<D: Disk<File: Send> + Clone + Send + 'static> SegmentLog<D> {
    /// A log on a disk.
    pub fn on(disk: D, options: Options) -> Self {
        Self {
            disk,
            options,
            survey: None,
            findings: Vec::new(),
            driver: None,
            status: Status::default(),
            turn: Vec::new(),
            turn_len: 0,
            last: LogSeq::NONE,
            is_behind: false,
        }
    }

    /// Damage that was found when its records were read.
    pub fn findings(&self) -> &[Finding] {
        self.survey.as_ref().map_or(&self.findings, |survey| &survey.findings)
    }

    /// The thread, which is started when it is needed first.
    fn driver(&mut self) -> Result<&mut Driver, StoreError> {
        let driver = match self.driver.take() {
            Some(driver) => driver,
            None => {
                let mut survey = match self.survey.take() {
                    Some(survey) => survey,
                    None => Reading::begin(&mut self.disk)?.end()?,
                };
                self.findings = mem::take(&mut survey.findings);
                self.last = LogSeq(survey.last);
                let mut writer = Writer::new(self.disk.clone(), self.options, survey, clock::seed());
                // Nothing is built upon records that were found and may not be safe.
                writer.commit(Clock::new().now().wall);
                Driver::start(writer).map_err(StoreError::io("start the thread of", self.disk.path("")))?
            }
        };
        Ok(self.driver.insert(driver))
    }
}

impl<D: Disk<File: Send> + Clone + Send + 'static> Log for SegmentLog<D> {
    fn records(&mut self) -> Result<Records<'_>, StoreError> {
        let reading = Some(Reading::begin(&mut self.disk)?);
        Ok(Box::new(Recovering { reading, survey: &mut self.survey }))
    }

    fn append(&mut self, place: LogSeq, record: &Record) -> Result<(), StoreError> {
        if self.driver.is_none() {
            self.status = self.driver()?.status();
        }
        self.last = place;
        self.is_behind |= self.status.unfinished + self.turn_len > UNFINISHED_BYTES_MAX;
        if !self.is_behind {
            let body_len = if let Record::Received { batch, .. } = record { batch.body.bytes().len() } else { 0 };
            self.turn_len += body_len + RECORD_LEN;
            self.turn.push((place, record.clone()));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<LogSeq, StoreError> {
        let (turn, len) = (mem::take(&mut self.turn), mem::take(&mut self.turn_len));
        let driver = self.driver()?;
        driver.rest();
        if !turn.is_empty() {
            driver.hand_over(Job::Turn(turn, len));
        }
        self.status = driver.status();
        Ok(self.status.finished)
    }

    fn woken(&self) -> Option<BorrowedFd<'_>> {
        self.driver.as_ref().map(AsFd::as_fd)
    }

    fn condition(&self) -> Condition {
        match &self.status.condition {
            Condition::Well if self.is_behind || self.status.unfinished > BUSY_BYTES => Condition::Busy,
            condition => condition.clone(),
        }
    }

    fn reopen(&mut self) {
        if let Some(driver) = &self.driver {
            driver.reopen();
        }
    }

    fn wants_checkpoint(&self) -> bool {
        let can_bridge = self.is_behind && self.status.unfinished == 0 && self.status.condition == Condition::Well;
        can_bridge || self.status.wants_checkpoint
    }

    fn checkpoint(&mut self, records: Vec<Record>) {
        if let Some(driver) = &self.driver {
            // It is of the end of the turn, and stands behind it.
            if !self.turn.is_empty() {
                driver.hand_over(Job::Turn(mem::take(&mut self.turn), mem::take(&mut self.turn_len)));
            }
            driver.hand_over(Job::Checkpoint(self.last, records, mem::take(&mut self.is_behind)));
            self.status = driver.status();
        }
    }
}

/// The records of a log, and a place for what is known of it at their end.
struct Recovering<'l, D> {
    reading: Option<Reading<'l, D>>,
    survey: &'l mut Option<Survey>,
}

impl<D: Disk> Iterator for Recovering<'_, D> {
    type Item = Result<(LogSeq, Record), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reading.as_mut()?.next() {
            Some(Ok(record)) => Some(Ok(record)),
            failed => {
                let reading = self.reading.take()?;
                match failed {
                    Some(_) => failed,
                    None => match reading.end() {
                        Ok(survey) => {
                            *self.survey = Some(survey);
                            None
                        }
                        Err(error) => Some(Err(error)),
                    },
                }
            }
        }
    }
}
