//! Account of a log: its segments, what they hold, and what is damaged.

use crate::{
    cli::{error::CliError, text},
    core::{event::record::Record, id::StreamId},
    quantity::Size,
    store::segment::{Folder, Reading, Survey, recovery::Damage},
};
use serde::Serialize;
use std::{collections::BTreeSet, fmt, path::Path};

/// Most lines of damage that people are shown.
const SHOWN_MAX: usize = 20;

/// All that is known of a log.
#[derive(Debug, Serialize)]
pub(super) struct Account {
    folder: String,
    segments: Vec<Segment>,
    messages: u64,
    streams: usize,
    receipts: u64,
    given_up: u64,
    /// Bytes of payloads.
    payload_bytes: u64,
    bytes: u64,
    holes: Vec<Finding>,
    torn: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Segment {
    name: String,
    bytes: u64,
    /// Of these, the ones that were safe when it was written last.
    safe_bytes: u64,
    messages: u64,
    has_checkpoint: bool,
}

/// A damaged part.
#[derive(Debug, Serialize)]
struct Finding {
    segment: String,
    from: u64,
    to: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_record: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_record: Option<u64>,
    about: String,
}

impl Account {
    /// Reads a log from end to end.
    pub(super) fn of(folder: &Path) -> Result<Self, CliError> {
        let mut disk = Folder::existing(folder.to_owned());
        let mut reading = Reading::begin(&mut disk)?;
        let (mut streams, mut messages, mut receipts) = (BTreeSet::<StreamId>::new(), 0, 0);
        let (mut given_up, mut payload_bytes) = (0, 0);
        for record in reading.by_ref() {
            match record?.1 {
                Record::Received { batch, first, last, .. } => {
                    messages += last - first + 1;
                    payload_bytes += batch.body.payloads().map(|payload| payload.len() as u64).sum::<u64>();
                    streams.insert(batch.id.stream());
                }
                Record::Receipt { .. } => receipts += 1,
                Record::GivenUp { first, last, .. } => given_up += last - first + 1,
                _ => {}
            }
        }
        let survey = reading.end()?;
        let damaged = |damage| survey.findings.iter().filter(move |finding| finding.damage == damage);
        Ok(Self {
            folder: folder.display().to_string(),
            segments: segments(&survey),
            messages,
            streams: streams.len(),
            receipts,
            given_up,
            payload_bytes,
            bytes: survey.segments.iter().map(|segment| segment.len).sum(),
            holes: damaged(Damage::Hole).map(Finding::from).collect(),
            torn: damaged(Damage::Torn).map(Finding::from).collect(),
        })
    }

    /// Number of parts that were safe and are not there any more.
    pub(super) fn holes(&self) -> usize {
        self.holes.len()
    }

    /// The holes by name.
    pub(super) fn complaint(&self) -> String {
        let mut text = format!("{} has {}:", self.folder, text::count(self.holes() as u64, "hole"));
        for hole in self.holes.iter().take(SHOWN_MAX) {
            text.push_str(&format!(" {hole};"));
        }
        if self.holes() > SHOWN_MAX {
            text.push_str(&format!(" and {} more;", self.holes() - SHOWN_MAX));
        }
        text.push_str(" the node fetches what its neighbours keep when it is started");
        text
    }
}

fn segments(survey: &Survey) -> Vec<Segment> {
    let segment = |segment: &crate::store::segment::recovery::Segment| Segment {
        name: crate::store::segment::recovery::name(segment.id),
        bytes: segment.len,
        safe_bytes: segment.safe,
        messages: segment.messages,
        has_checkpoint: segment.has_checkpoint,
    };
    survey.segments.iter().map(segment).collect()
}

impl From<&crate::store::segment::Finding> for Finding {
    fn from(finding: &crate::store::segment::Finding) -> Self {
        Self {
            segment: crate::store::segment::recovery::name(finding.segment),
            from: finding.bytes.start,
            to: finding.bytes.end,
            first_record: finding.places.map(|(first, _)| first),
            last_record: finding.places.map(|(_, last)| last),
            about: finding.about.clone(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, bytes {} to {}", self.segment, self.from, self.to)?;
        if let (Some(first), Some(last)) = (self.first_record, self.last_record) {
            write!(f, ", records {first} to {last}")?;
        }
        if self.about.is_empty() { Ok(()) } else { write!(f, " ({})", text::escape(&self.about)) }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, messages, streams, payload_bytes, bytes, .. } = self;
        let (messages, streams) = (text::count(*messages, "message"), text::count(*streams as u64, "stream"));
        writeln!(f, "{folder}: {messages} of {streams}, {} of payloads in {}", Size(*payload_bytes), Size(*bytes))?;
        let title = ["segment", "bytes", "safe", "messages", "checkpoint"].map(str::to_owned).to_vec();
        let row = |segment: &Segment| {
            let checkpoint = if segment.has_checkpoint { "yes" } else { "no" };
            let numbers = [segment.bytes, segment.safe_bytes, segment.messages].map(|number| number.to_string());
            [vec![segment.name.clone()], numbers.to_vec(), vec![checkpoint.to_owned()]].concat()
        };
        let rows: Vec<_> = std::iter::once(title).chain(self.segments.iter().map(row)).collect();
        write!(f, "\n{}", text::columns("  ", &rows))?;
        for (what, findings) in [("Hole", &self.holes), ("Torn", &self.torn)] {
            for finding in findings.iter().take(SHOWN_MAX) {
                write!(f, "\n{what}: {finding}")?;
            }
        }
        match self.holes.len() {
            0 => write!(f, "\nAll that is marked as safe is there"),
            holes => write!(f, "\n{} in what was safe", text::count(holes as u64, "hole")),
        }
    }
}
