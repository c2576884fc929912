//! The values of headers as they are encoded, as the spec names them.

use crate::core::{
    endpoint::Endpoint,
    frame::{Announcement, Member, Span, StreamRanges},
    id::{MessageId, NodeId, StreamId},
    message::{Hop, Path, Trace},
    neighbours::LinkRole,
    request::{Cursor, Fetched, Gap, PeerInfo, RequestId},
};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use std::time::Duration;

/// `id` of the spec.
pub(super) fn id_fields(id: &MessageId) -> (&str, u64, u64) {
    (id.origin.as_str(), id.incarnation.0, id.sequence)
}

/// `cursor` of the spec.
pub(super) fn cursor(cursor: Cursor) -> (u64, u64) {
    (cursor.position, cursor.paths)
}

/// `trace` of the spec.
pub(super) fn trace_fields(trace: &Trace) -> (u8, Hops<'_>) {
    (trace.relays.get(), Hops(&trace.path))
}

/// A length of time as the spec counts them.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `request` of the spec.
pub(super) struct RequestIdField<'a>(pub(super) &'a RequestId);

impl Serialize for RequestIdField<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            RequestId::None => serializer.serialize_none(),
            RequestId::Number(number) => serializer.serialize_u64(*number),
            RequestId::Unique(bytes) => serializer.serialize_bytes(bytes),
        }
    }
}

/// `after` of SEEN.
pub(super) fn stream_fields(stream: &StreamId) -> (&str, u64) {
    (stream.origin.as_str(), stream.incarnation.0)
}

/// One peer of PEER-LIST. Clients that were written before there were its last fields do not meet them as long as they
/// say nothing.
struct PeerEntry<'a>(&'a PeerInfo);

impl Serialize for PeerEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PeerInfo { node, endpoint, up, round_trip, state, role } = self.0;
        let len = match (state, role) {
            (None, LinkRole::Declared) => 4,
            (Some(_), LinkRole::Declared) => 5,
            _ => 6,
        };
        let mut fields = serializer.serialize_seq(Some(len))?;
        fields.serialize_element(&node.as_ref().map(NodeId::as_str))?;
        fields.serialize_element(&endpoint.to_string())?;
        fields.serialize_element(up)?;
        fields.serialize_element(&round_trip.map(micros))?;
        if len > 4 {
            fields.serialize_element(&state.map(|state| state.name()))?;
        }
        if len > 5 {
            fields.serialize_element(role.name())?;
        }
        fields.end()
    }
}

/// Bytes as MessagePack `bin`, where serde would write an array of numbers.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A slice as an array of what `$field` makes of each element.
macro_rules! array {
    ($name:ident($element:ty), $item:ident => $field:expr) => {
        pub(super) struct $name<'a>(pub(super) &'a [$element]);

        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.iter().map(|$item| $field))
            }
        }
    };
}

array!(Hops(Hop), hop => (hop.node.as_str(), hop.micros));
array!(Paths(Path), path => Hops(path));
array!(Addresses((Option<NodeId>, Endpoint)), peer => (peer.0.as_ref().map(NodeId::as_str), peer.1.to_string()));
array!(PeerList(PeerInfo), peer => PeerEntry(peer));
array!(Entries(Fetched), entry => {
    let Fetched { position, id, published_at, received_at, unread, continued, paths, payload } = entry;
    (position, id_fields(id), published_at.0, received_at.0, unread, continued, Paths(paths), Bytes(payload))
});
array!(NodeNames(NodeId), node => node.as_str());
array!(Members(Member), member => (member.node.as_str(), member.endpoint.to_string()));
array!(Streams(StreamRanges), held => (held.stream.origin.as_str(), held.stream.incarnation.0, &held.ranges));
array!(Announcements(Announcement), announcement => AnnouncementEntry(announcement));
array!(Spans(Span), span => {
    let Span { origin, from, below, hashes } = span;
    (origin.as_str(), from.0, below.0, hashes.seen, hashes.given_up)
});
array!(Gaps(Gap), gap => GapEntry(gap));

/// An announcement. That its messages were pushed is said where it is so.
struct AnnouncementEntry<'a>(&'a Announcement);

impl Serialize for AnnouncementEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Announcement { held: StreamRanges { stream, ranges }, age, was_pushed } = self.0;
        let (origin, incarnation, age) = (stream.origin.as_str(), stream.incarnation.0, micros(*age));
        if *was_pushed {
            return (origin, incarnation, ranges, age, true).serialize(serializer);
        }
        (origin, incarnation, ranges, age).serialize(serializer)
    }
}

/// A gap. How many messages it is need not be said where it is all of them.
struct GapEntry<'a>(&'a Gap);

impl Serialize for GapEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Gap { stream, first, last, count } = self.0;
        let (origin, incarnation) = (stream.origin.as_str(), stream.incarnation.0);
        if self.0.is_whole() {
            (origin, incarnation, first, last).serialize(serializer)
        } else {
            (origin, incarnation, first, last, count).serialize(serializer)
        }
    }
}
