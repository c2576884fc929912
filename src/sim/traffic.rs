//! Traffic: frames on links, counted by their purpose.

use crate::core::frame::{Answer, Frame};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Purpose of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// MESSAGE: the only one with a payload.
    Payload,
    /// PATH: a traced copy without its payload.
    Path,
    /// IHAVE.
    Announcement,
    /// PRUNE, GRAFT.
    Tree,
    /// DIGEST, PULL, LOST.
    Repair,
    /// PING, PONG.
    Probe,
    /// Greetings, partings, and what keeps the overlay together.
    Overlay,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = {
        use Kind::{Announcement, Overlay, Path, Payload, Probe, Repair, Tree};
        [Payload, Path, Announcement, Tree, Repair, Probe, Overlay]
    };

    /// The word for it in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Path => "path",
            Self::Announcement => "announcement",
            Self::Tree => "tree",
            Self::Repair => "repair",
            Self::Probe => "probe",
            Self::Overlay => "overlay",
        }
    }

    /// Returns whether it is about messages: when nothing is published and nothing is missing, there are none of these.
    pub const fn is_news(self) -> bool {
        !matches!(self, Self::Probe | Self::Overlay)
    }

    /// Kind of a frame.
    pub(super) fn of(frame: &Frame) -> Self {
        match frame {
            Frame::Message(_) | Frame::Chunk(_) => Self::Payload,
            Frame::Path(_) => Self::Path,
            Frame::Have(_) => Self::Announcement,
            Frame::Prune(_) | Frame::Graft(_) => Self::Tree,
            Frame::Digest { .. } | Frame::Pull { .. } => Self::Repair,
            Frame::Ping { .. } => Self::Probe,
            Frame::Hello(..)
            | Frame::Leave
            | Frame::Neighbours(_)
            | Frame::Part(_)
            | Frame::Beacon(_)
            | Frame::Walk(_) => Self::Overlay,
        }
    }

    /// Kind of an answer.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        match answer {
            Answer::Pong(_) => Self::Probe,
            Answer::Lost(_) => Self::Repair,
            Answer::Welcome(..) | Answer::Farewell | Answer::Refuse { .. } => Self::Overlay,
        }
    }
}

/// Frames and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Number of frames.
    pub frames: u64,
    /// Bytes, as the specification encodes them.
    pub bytes: u64,
}

/// Frames by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic([Tally; Kind::ALL.len()]);

impl Traffic {
    /// So many frames of this many bytes each.
    pub fn add(&mut self, kind: Kind, frames: usize, bytes: usize) {
        let tally = &mut self.0[kind as usize];
        tally.frames += frames as u64;
        tally.bytes += (frames * bytes) as u64;
    }

    /// Takes in another count.
    pub fn merge(&mut self, other: &Self) {
        for (tally, more) in self.0.iter_mut().zip(&other.0) {
            tally.frames += more.frames;
            tally.bytes += more.bytes;
        }
    }

    /// Tally of one kind.
    pub fn of(&self, kind: Kind) -> Tally {
        self.0[kind as usize]
    }

    /// Tally of several kinds.
    pub fn sum(&self, is_meant: impl Fn(Kind) -> bool) -> Tally {
        let meant = Kind::ALL.iter().filter(|&&kind| is_meant(kind)).map(|&kind| self.of(kind));
        meant.fold(Tally::default(), |sum, tally| Tally {
            frames: sum.frames + tally.frames,
            bytes: sum.bytes + tally.bytes,
        })
    }
}

impl Serialize for Traffic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Kind::ALL.len()))?;
        Kind::ALL.iter().try_for_each(|&kind| map.serialize_entry(kind.name(), &self.of(kind)))?;
        map.end()
    }
}
