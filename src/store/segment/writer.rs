//! Writes a log: what is appended goes to the newest segment, is synced, and only then counts as finished. No threads and no
//! clock of its own.

use super::{
    disk::{Disk, DiskFile},
    format::{Frames, HEADER_LEN, Head, Header, Kind},
    records,
    recovery::{self, Segment, Survey},
    retention::{Kept, Retention},
};
use crate::core::{
    event::record::{Condition, LogSeq, Record},
    message::Payload,
    time::Wall,
};
use std::{collections::VecDeque, io};

/// Length of what is handed to the system at once.
const WRITE_LEN: usize = 1 << 20;
/// Most records of one frame of a checkpoint.
const CHECKPOINT_RECORDS: usize = 1024;

/// The bounds of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Length of a segment from which on the next one is due.
    pub segment_len: u64,
    /// The bounds of all segments.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_len: 16 << 20, retention: Retention::default() }
    }
}

impl Options {
    /// The length from which on the next segment is due: so that retention need not drop much at once.
    fn segment_len(&self) -> u64 {
        self.segment_len.min(self.retention.bytes / 16).max(1 << 20)
    }
}

/// A frame that is not finished.
#[derive(Debug)]
struct Pending {
    head: Head,
    key: Vec<u8>,
    bodies: Vec<Payload>,
    messages: u64,
    newest: u64,
}

#[derive(Debug)]
enum Work {
    Frame(Pending),
    /// Frames of a checkpoint, which open a segment.
    Checkpoint(u64, Vec<Pending>),
}

/// The segment that is written.
#[derive(Debug)]
struct Current<F> {
    file: F,
    segment: Segment,
    frames: Frames,
    /// Says that nothing but a mark was written since the last mark.
    is_marked: bool,
}

/// The end of a log.
#[derive(Debug)]
pub struct Writer<D: Disk> {
    disk: D,
    options: Options,
    /// The newest number that was ever tried.
    id: u64,
    salt: u64,
    /// The last segment with anything finished, and the length of that.
    before: (u64, u64),
    current: Option<Current<D::File>>,
    queue: VecDeque<Work>,
    /// Number of frames at the front of the queue that were written and not synced.
    written: usize,
    /// Bytes that were encoded and not written.
    buffer: Vec<u8>,
    finished: u64,
    condition: Condition,
    kept: Kept,
}

impl<D: Disk> Writer<D> {
    /// Goes on behind what was found on the disk, in a new segment. A new log takes its salt from `chance`.
    pub fn new(disk: D, options: Options, survey: Survey, chance: u64) -> Self {
        let Survey { segments, id, salt, finished, unfinished, .. } = survey;
        let before = segments.iter().rfind(|segment| segment.safe > 0).map_or((0, 0), |last| (last.id, last.safe));
        let mut writer = Self {
            disk,
            options,
            id,
            salt: salt.unwrap_or(chance),
            before,
            current: None,
            queue: VecDeque::new(),
            written: 0,
            buffer: Vec::new(),
            finished,
            condition: Condition::Well,
            kept: Kept::new(segments),
        };
        writer.append(&unfinished);
        writer
    }

    /// Takes the records of one turn.
    pub fn append(&mut self, records: &[(LogSeq, Record)]) {
        let mut rest = records;
        for len in records::cut(records) {
            let (part, behind) = rest.split_at(len);
            rest = behind;
            let place = part.last().map_or(0, |(place, _)| place.0);
            let pending = pending(Kind::Records, place, part.iter().map(|(_, record)| record));
            self.queue.push_back(Work::Frame(pending));
        }
    }

    /// Takes all that is known at a place but messages: the next segment begins with it. With `bridges` it stands in for records
    /// before that place that were never appended.
    pub fn checkpoint(&mut self, place: LogSeq, records: &[Record], bridges: bool) {
        let mut parts: Vec<_> = records.chunks(CHECKPOINT_RECORDS).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let last = parts.len() - 1;
        let part = |(at, part): (usize, &[Record])| {
            let mut pending = pending(Kind::Checkpoint, place.0, part.iter());
            (pending.head.is_last, pending.head.bridges) = (at == last, bridges);
            pending
        };
        self.queue.push_back(Work::Checkpoint(place.0, parts.into_iter().enumerate().map(part).collect()));
    }

    /// All records up to this place are safe.
    pub fn finished(&self) -> LogSeq {
        LogSeq(self.finished)
    }

    /// The ability to write.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Says that a checkpoint should come: the segment is full, or is not one that retention can keep as the first.
    pub fn wants_checkpoint(&self) -> bool {
        let is_asked = self.queue.iter().any(|work| matches!(work, Work::Checkpoint(..)));
        let is_due = match &self.current {
            Some(Current { segment, .. }) => {
                segment.len >= self.options.segment_len() || !segment.has_checkpoint && self.before.0 > 0
            }
            None => self.before.0 > 0,
        };
        self.condition == Condition::Well && is_due && !is_asked
    }

    /// Makes all that was taken safe, if that can be done; what cannot be written stays for later.
    pub fn commit(&mut self, now: Wall) {
        if self.condition == Condition::Well
            && !self.queue.is_empty()
            && let Err(fault) = self.write().and_then(|()| self.retain(now))
        {
            self.fail(&fault);
        }
    }

    /// Tries again, in a new segment, to write what is not safe.
    pub fn reopen(&mut self, now: Wall) {
        if self.condition == Condition::Well {
            return;
        }
        self.condition = Condition::Well;
        // Nothing may wait, and yet only an attempt tells.
        match self.open(&[], self.finished + 1) {
            Ok(()) => self.commit(now),
            Err(fault) => self.fail(&fault),
        }
    }

    /// Says in the log that all of it is finished, unless it says so already: damage after that is no torn end.
    pub fn mark(&mut self) {
        if self.condition == Condition::Well
            && self.queue.is_empty()
            && let Some(current) = self.current.as_mut().filter(|current| !current.is_marked)
        {
            let head = Head { place: self.finished, ..head(Kind::Mark, 0) };
            current.encode(&mut self.buffer, head, &[], &[]);
            current.is_marked = true;
            if let Err(fault) = self.sync() {
                self.fail(&fault);
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.current.is_none() {
            self.open(&[], self.finished + 1)?;
        }
        while let Some(work) = self.queue.get(self.written) {
            match (work, &mut self.current) {
                (Work::Frame(frame), Some(current)) => {
                    current.put(&mut self.buffer, frame);
                    self.written += 1;
                    if self.buffer.len() >= WRITE_LEN {
                        self.flush()?;
                    }
                }
                (Work::Frame(_), None) => self.open(&[], self.finished + 1)?,
                (Work::Checkpoint(..), _) => {
                    self.sync()?;
                    self.close();
                    if let Some(Work::Checkpoint(place, frames)) = self.queue.pop_front() {
                        let opened = self.open(&frames, place + 1);
                        match opened {
                            Ok(()) => self.finished = self.finished.max(place),
                            Err(_) => self.queue.push_front(Work::Checkpoint(place, frames)),
                        }
                        opened?;
                    }
                }
            }
        }
        self.sync()
    }

    /// Begins a segment whose first record will have the place `first`.
    fn open(&mut self, checkpoint: &[Pending], first: u64) -> io::Result<()> {
        self.id += 1;
        let created = self.disk.create(&recovery::name(self.id));
        if created.is_err() {
            self.discard(Segment { id: self.id, ..Segment::default() });
        }
        let file = created?;
        let (frames, (follows, safe)) = (Frames { id: self.id, salt: self.salt }, self.before);
        let header = Header { id: self.id, follows, safe, first, salt: self.salt };
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode());
        let segment = Segment { id: self.id, len: HEADER_LEN as u64, ..Segment::default() };
        let current = self.current.insert(Current { file, segment, frames, is_marked: true });
        for frame in checkpoint {
            current.put(&mut self.buffer, frame);
        }
        current.segment.has_checkpoint = !checkpoint.is_empty();
        self.flush()?;
        let Some(current) = &mut self.current else { return Ok(()) };
        current.file.sync()?;
        self.disk.sync_folder()?;
        current.segment.safe = current.segment.len;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(current) = self.current.as_mut().filter(|_| !self.buffer.is_empty()) {
            current.file.append(&self.buffer)?;
        }
        self.buffer.clear();
        Ok(())
    }

    /// Syncs what was written: that is finished.
    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(current) = self.current.as_mut().filter(|current| current.segment.safe < current.segment.len) {
            current.file.sync()?;
            current.segment.safe = current.segment.len;
        }
        for work in self.queue.drain(..std::mem::take(&mut self.written)) {
            if let Work::Frame(frame) = work {
                self.finished = self.finished.max(frame.head.place);
            }
        }
        Ok(())
    }

    /// Ends the segment. Its descriptor is used no more.
    fn close(&mut self) {
        let Some(Current { segment, .. }) = self.current.take() else { return };
        if segment.safe > 0 {
            self.before = (segment.id, segment.safe);
            self.kept.push(segment);
        } else {
            self.discard(segment);
        }
    }

    /// Removes a segment in which nothing was finished: all of it is in memory, too, and room may be what is missing.
    fn discard(&mut self, segment: Segment) {
        let removed = self.disk.remove(&recovery::name(segment.id));
        if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            self.kept.push(segment);
        }
    }

    fn fail(&mut self, fault: &io::Error) {
        self.close();
        self.buffer.clear();
        self.written = 0;
        self.condition = match fault.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Condition::Full(fault.to_string()),
            _ => Condition::Failed(fault.to_string()),
        };
    }

    /// Removes the oldest segments that retention has no room for.
    fn retain(&mut self, now: Wall) -> io::Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        for _ in 0..self.kept.surplus(&self.options.retention, &current.segment, now) {
            let Some(oldest) = self.kept.oldest() else { break };
            match self.disk.remove(&recovery::name(oldest)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // One after the other, so that what is left is always the end of the log.
            self.disk.sync_folder()?;
            self.kept.forget_oldest();
        }
        Ok(())
    }
}

impl<F> Current<F> {
    fn put(&mut self, buffer: &mut Vec<u8>, frame: &Pending) {
        self.encode(buffer, frame.head, &frame.key, &frame.bodies);
        self.is_marked = false;
        self.segment.messages += frame.messages;
        self.segment.newest = self.segment.newest.max(frame.newest);
    }

    fn encode(&mut self, buffer: &mut Vec<u8>, head: Head, key: &[u8], bodies: &[Payload]) {
        let (before, head) = (buffer.len(), Head { mark: self.segment.safe, ..head });
        self.frames.encode(buffer, self.segment.len, &head, key, bodies.iter().map(|body| &body[..]));
        self.segment.len += (buffer.len() - before) as u64;
    }
}

fn head(kind: Kind, count: usize) -> Head {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Head { kind, is_last: false, bridges: false, count, place: 0, mark: 0 }
}

fn pending<'r>(kind: Kind, place: u64, records: impl ExactSizeIterator<Item = &'r Record> + Clone) -> Pending {
    let head = Head { place, ..head(kind, records.len()) };
    let (mut messages, mut newest) = (0, 0);
    for record in records.clone() {
        if let Record::Received { first, last, at, .. } = record {
            messages += last - first + 1;
            newest = at.0.max(newest);
        }
    }
    let (key, bodies) = records::encode(records);
    Pending { head, key, bodies, messages, newest }
}
