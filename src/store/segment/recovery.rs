//! Reads a log back: all that is sound, and by name what is not.

use super::{
    disk::Disk,
    format::{self, Frame, Frames, HEADER_LEN, Header, HeaderError, Kind},
    records::{Read, Reader},
};
use crate::{
    core::event::record::{LogSeq, Record},
    store::StoreError,
};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::Range,
};

const EXTENSION: &str = ".seg";

/// The name of a segment's file.
pub fn name(id: u64) -> String {
    format!("{id:016}{EXTENSION}")
}

fn id(name: &str) -> Option<u64> {
    name.strip_suffix(EXTENSION).filter(|digits| digits.len() == 16)?.parse().ok().filter(|&id| id > 0)
}

/// Reason why bytes are not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// They had been finished: a disk has lost them.
    Hole,
    /// They had not been finished when the process or the machine stopped, and were promised to nobody.
    Torn,
}

/// Bytes of a log that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The segment.
    pub segment: u64,
    /// The bytes.
    pub bytes: Range<u64>,
    /// The reason.
    pub damage: Damage,
    /// First and last place of the records in them, if there can be any.
    pub places: Option<(u64, u64)>,
    /// Identities of lost messages and more that is known, for people.
    pub about: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.damage {
            Damage::Hole => "a hole",
            Damage::Torn => "torn",
        };
        write!(f, "{}: bytes {} to {}: {what}", name(self.segment), self.bytes.start, self.bytes.end)?;
        if let Some((first, last)) = self.places {
            write!(f, ", records {first} to {last}")?;
        }
        if self.about.is_empty() { Ok(()) } else { write!(f, ": {}", self.about) }
    }
}

/// A segment that is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Its number.
    pub id: u64,
    /// Length in bytes.
    pub len: u64,
    /// Length of its finished part.
    pub safe: u64,
    /// Says that it begins with all that is known but messages.
    pub has_checkpoint: bool,
    /// Number of messages in it.
    pub messages: u64,
    /// Arrival of the newest message in it, in nanoseconds.
    pub newest: u64,
}

/// A log as it was found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its segments.
    pub segments: Vec<Segment>,
    /// The number of the newest segment that anything of a log was ever in.
    pub id: u64,
    /// The salt of its frames, if it has any segment.
    pub salt: Option<u64>,
    /// Damage to it.
    pub findings: Vec<Finding>,
    /// All records up to this place were finished.
    pub finished: u64,
    /// The last place of all.
    pub last: u64,
    /// The records behind `finished`. A disk that failed may show what it does not have: they are to be written again before they
    /// are built upon.
    pub unfinished: Vec<(LogSeq, Record)>,
}

/// A segment, and what later ones say of it.
#[derive(Debug)]
struct Listed {
    id: u64,
    header: Option<Header>,
    /// The part of the header that is damaged.
    damaged: Option<Range<usize>>,
    /// Length of the finished part, as far as later segments say.
    safe: u64,
    /// Records from this place on may stand in a later segment, too.
    repeated: u64,
}

/// The records of a log, one segment after the other.
#[derive(Debug)]
pub struct Reading<'d, D> {
    disk: &'d mut D,
    left: VecDeque<Listed>,
    bytes: Vec<u8>,
    reader: Reader,
    ready: VecDeque<(LogSeq, Record)>,
    /// Records that a later segment may have, too, by the place of their frame.
    held: BTreeMap<u64, Vec<(LogSeq, Record)>>,
    /// Says that it is known what the next record builds upon.
    has_ground: bool,
    survey: Survey,
}

impl<'d, D: Disk> Reading<'d, D> {
    /// Lists what a folder has. A segment of a later version is refused, before anything else is done.
    pub fn begin(disk: &'d mut D) -> Result<Self, StoreError> {
        let names = disk.list().map_err(StoreError::io("list", disk.path("")))?;
        let mut ids: Vec<u64> = names.iter().filter_map(|name| id(name)).collect();
        ids.sort_unstable();
        let mut bytes = Vec::new();
        let mut left: VecDeque<Listed> =
            ids.iter().map(|&id| Listed { id, header: None, damaged: None, safe: 0, repeated: u64::MAX }).collect();
        let (mut repeated, mut salt) = (u64::MAX, None);
        for at in (0..left.len()).rev() {
            let name = name(ids[at]);
            disk.read(&name, 0, HEADER_LEN as u64, &mut bytes).map_err(StoreError::io("read", disk.path(&name)))?;
            left[at].repeated = repeated;
            match Header::decode(&bytes, ids[at]) {
                Ok((header, damaged)) => {
                    (left[at].damaged, salt) = (damaged, Some(header.salt));
                    repeated = repeated.min(header.first);
                    left[at].header = Some(header);
                    if let Ok(before) = ids.binary_search(&header.follows) {
                        left[before].safe = left[before].safe.max(header.safe);
                    }
                }
                Err(HeaderError::Unsound) => left[at].damaged = Some(0..HEADER_LEN),
                Err(HeaderError::Newer(version)) => {
                    return Err(StoreError::Newer { path: disk.path(&name), version, known: format::VERSION });
                }
            }
        }
        let survey = Survey { id: ids.last().copied().unwrap_or_default(), salt, ..Survey::default() };
        let (reader, ready, held) = (Reader::default(), VecDeque::new(), BTreeMap::new());
        Ok(Self { disk, left, bytes, reader, ready, held, has_ground: false, survey })
    }

    /// Reads what is left, and says what the log is like.
    pub fn end(mut self) -> Result<Survey, StoreError> {
        while self.step()? {
            self.ready.clear();
        }
        Ok(self.survey)
    }

    /// Reads one segment; false at the end.
    fn step(&mut self) -> Result<bool, StoreError> {
        let Some(listed) = self.left.pop_front() else {
            self.release(u64::MAX);
            return Ok(!self.ready.is_empty());
        };
        let (name, mut bytes) = (name(listed.id), std::mem::take(&mut self.bytes));
        self.disk.read(&name, 0, u64::MAX, &mut bytes).map_err(StoreError::io("read", self.disk.path(&name)))?;
        self.read_segment(&listed, &bytes);
        self.bytes = bytes;
        Ok(true)
    }

    fn read_segment(&mut self, listed: &Listed, bytes: &[u8]) {
        let salt = listed.header.map(|header| header.salt).or(self.survey.salt).unwrap_or_default();
        let (frames, mut bad) = scan(bytes, Frames { id: listed.id, salt });
        let safe = frames.iter().map(|(_, frame)| frame.head.mark).fold(listed.safe, u64::max);
        if bytes.len() < safe as usize {
            let start = bad.pop_if(|bad| bad.end == bytes.len()).map_or(bytes.len(), |bad| bad.start);
            bad.push(start..safe as usize);
        }
        let is_safe = |&(offset, frame): &(usize, Frame<'_>)| (offset + frame.len) as u64 <= safe;
        let first = listed.header.map(|header| header.first);
        let proven = frames.iter().filter(|frame| is_safe(frame)).map(|(_, frame)| frame.head.place).max();
        let finished = [first.map(|first| first.saturating_sub(1)), proven].into_iter().flatten();
        self.survey.finished = finished.fold(self.survey.finished, u64::max);
        self.survey.unfinished.retain(|(place, _)| place.0 > self.survey.finished);
        self.check_header(listed, safe);

        let checkpoint =
            frames.iter().take_while(|(_, frame)| frame.head.kind == Kind::Checkpoint && frame.key.is_some());
        let parts = checkpoint.clone().count();
        let end = checkpoint.clone().map(|(offset, frame)| offset + frame.len).last().unwrap_or(HEADER_LEN);
        let is_whole = |(_, last): &(usize, Frame<'_>)| last.head.is_last && bad.iter().all(|bad| bad.start >= end);
        let has_checkpoint = checkpoint.last().is_some_and(is_whole);
        let is_used = !self.has_ground || frames.first().is_some_and(|(_, first)| first.head.bridges) && parts > 0;
        self.has_ground |= has_checkpoint || listed.header.is_some_and(|header| header.follows == 0);

        let mut segment =
            Segment { id: listed.id, len: bytes.len() as u64, safe, has_checkpoint, ..Segment::default() };
        let mut bad = bad.into_iter().peekable();
        let mut place = first.map_or(self.survey.last, |first| first.saturating_sub(1));
        for found in &frames {
            let &(offset, frame) = found;
            while let Some(range) = bad.next_if(|bad| bad.start < offset) {
                let next = if frame.head.kind == Kind::Records { frame.head.first() } else { frame.head.place + 1 };
                self.find(listed.id, range, safe, (place + 1, next.saturating_sub(1)), String::new());
            }
            match frame.head.kind {
                Kind::Records => {
                    self.read_frame(listed, found, is_safe(found), &mut segment);
                    place = frame.head.place;
                }
                Kind::Checkpoint | Kind::Mark if frame.key.is_none() || frame.body.is_none() => {
                    self.find(listed.id, offset..offset + frame.len, safe, (1, 0), "checkpoint".into());
                }
                Kind::Checkpoint if is_used => self.read_checkpoint(listed.id, found, safe),
                Kind::Checkpoint | Kind::Mark => {}
            }
            if frame.key.is_some() && frame.body.is_some() && !frame.is_padding_sound {
                let range = offset + frame.content_len..offset + frame.len;
                self.find(listed.id, range, safe, (1, 0), "padding".into());
            }
        }
        for range in bad {
            let next = if listed.repeated == u64::MAX { place } else { listed.repeated.saturating_sub(1) };
            self.find(listed.id, range, safe, (place + 1, next), String::new());
        }
        self.survey.segments.push(segment);
    }

    /// Names what is wrong with a header, and a segment that it goes on from and that is not there.
    fn check_header(&mut self, listed: &Listed, safe: u64) {
        if let Some(damaged) = listed.damaged.clone() {
            self.find(listed.id, damaged, safe, (1, 0), "header".into());
        }
        let Some(header) = &listed.header else { return };
        let is_known = |id| self.survey.segments.iter().any(|segment| segment.id == id);
        if self.survey.segments.first().is_some_and(|first| first.id < header.follows) && !is_known(header.follows) {
            let places = (self.survey.last + 1, header.first.saturating_sub(1));
            self.find(header.follows, 0..header.safe as usize, header.safe, places, "the file is missing".into());
        }
    }

    /// Takes in a frame of records, with `is_safe` if it was finished.
    fn read_frame(
        &mut self,
        listed: &Listed,
        (offset, frame): &(usize, Frame<'_>),
        is_safe: bool,
        segment: &mut Segment,
    ) {
        let head = frame.head;
        let read = frame.key.and_then(|key| self.reader.records(head.place, head.count, key, frame.body));
        let mut lost: Vec<String> = Vec::new();
        let mut records = Vec::new();
        for read in read.iter().flatten() {
            match read {
                (place, Read::Sound(record)) => {
                    if let Record::Received { first, last, at, .. } = record {
                        segment.messages += last - first + 1;
                        segment.newest = segment.newest.max(at.0);
                    }
                    records.push((*place, record.clone()));
                }
                (_, Read::Bodiless(batch, (first, last))) => {
                    lost.push(format!("messages {first} to {last} of {}", batch.id.stream()));
                }
            }
        }
        let is_sound = read.is_some() && lost.is_empty();
        if !is_sound {
            let safe = if is_safe { u64::MAX } else { 0 };
            let range = *offset..offset + frame.len;
            self.find(listed.id, range, safe, (head.first(), head.place), lost.join(", "));
            // What belongs together comes back together, unless a disk has lost what was promised.
            if !is_safe || self.held.contains_key(&head.place) {
                return;
            }
        }
        if head.place >= listed.repeated {
            self.held.entry(head.place).or_insert(records);
        } else {
            self.release(head.place);
            self.held.remove(&head.place);
            self.give(records);
        }
    }

    /// Gives what was held of places below this one.
    fn release(&mut self, place: u64) {
        let behind = self.held.split_off(&place);
        let before = std::mem::replace(&mut self.held, behind);
        before.into_values().for_each(|records| self.give(records));
    }

    fn read_checkpoint(&mut self, id: u64, (offset, frame): &(usize, Frame<'_>), safe: u64) {
        let head = frame.head;
        match frame.key.and_then(|key| self.reader.records(u64::from(head.count), head.count, key, frame.body)) {
            Some(read) => {
                self.release(head.place + 1);
                let sound = read.into_iter().filter_map(|(_, read)| match read {
                    Read::Sound(record) => Some((LogSeq(head.place), record)),
                    Read::Bodiless(..) => None,
                });
                self.ready.extend(sound);
                self.survey.last = self.survey.last.max(head.place);
            }
            None => self.find(id, *offset..offset + frame.len, safe, (1, 0), "checkpoint".into()),
        }
    }

    /// Gives the records of one frame, but for what was given.
    fn give(&mut self, records: Vec<(LogSeq, Record)>) {
        for (place, record) in records {
            if place.0 <= self.survey.last {
                continue;
            }
            self.survey.last = place.0;
            if place.0 > self.survey.finished {
                self.survey.unfinished.push((place, record.clone()));
            }
            self.ready.push_back((place, record));
        }
    }

    fn find(&mut self, segment: u64, range: Range<usize>, safe: u64, places: (u64, u64), about: String) {
        let bytes = range.start as u64..range.end as u64;
        let damage = if bytes.start < safe { Damage::Hole } else { Damage::Torn };
        let places = Some(places).filter(|(first, last)| first <= last);
        self.survey.findings.push(Finding { segment, bytes, damage, places, about });
    }
}

impl<D: Disk> Iterator for Reading<'_, D> {
    type Item = Result<(LogSeq, Record), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(Ok(ready));
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.left.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// The sound frames among the bytes of a segment, by their offsets, and what lies between them.
fn scan(bytes: &[u8], segment: Frames) -> (Vec<(usize, Frame<'_>)>, Vec<Range<usize>>) {
    let (mut frames, mut bad, mut offset) = (Vec::new(), Vec::new(), HEADER_LEN);
    while offset < bytes.len() {
        if let Some(frame) = segment.at(bytes, offset) {
            frames.push((offset, frame));
            offset += frame.len;
        } else {
            let next = segment.seek(bytes, offset + 1).unwrap_or(bytes.len());
            bad.push(offset..next);
            offset = next;
        }
    }
    (frames, bad)
}
