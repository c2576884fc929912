//! The fields of headers, as the spec names them.

use super::{
    array::{Element, Fields, List, One, Record, Scope, Scoped, WithScope},
    error::DecodeError,
    types,
};
use crate::core::{
    endpoint::Endpoint,
    frame::{Introduction, Member},
    id::{Incarnation, MessageId, NodeId},
    message::{Hop, Path, Payload, Relays, Trace},
    neighbours::{LinkRole, MemberState},
    request::{Cursor, Fetched, PeerInfo, RequestId, UNIQUE_LEN},
    time::Wall,
};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use std::{fmt, time::Duration};

impl<'de, A: SeqAccess<'de>> Fields<'_, '_, A> {
    /// A payload within a header.
    fn payload(&mut self) -> Result<Payload, A::Error> {
        let bytes: &[u8] = self.required("payload")?;
        Ok(Payload::from(bytes))
    }

    /// A number of messages; 1 if it is missing at the end.
    pub(super) fn count(&mut self) -> Result<u32, A::Error> {
        let count: u64 = self.optional(1)?;
        self.value("count", u32::try_from(count).map_err(|_| format!("{count} is too many")))
    }

    /// The fields that HELLO and WELCOME begin with.
    pub(super) fn introduction(&mut self) -> Result<Introduction, A::Error> {
        let node = self.node("node")?;
        let endpoint = self.parsed("endpoint")?;
        let network = self.parsed("network")?;
        let instance = self.parsed("instance")?;
        let incarnation = Incarnation(self.required("incarnation")?);
        let words = self.seeded_or(List::<Capability>::up_to(types::CAPABILITIES_MAX), Vec::new())?;
        let payload_len_max = None;
        Ok(Introduction { node, endpoint, network, instance, incarnation, capabilities: words, payload_len_max })
    }
}

/// `id` of the spec.
pub(super) struct Id;

impl Record for Id {
    type Value = MessageId;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<MessageId, A::Error> {
        let origin = fields.node("origin")?;
        let incarnation = Incarnation(fields.required("incarnation")?);
        Ok(MessageId { origin, incarnation, sequence: fields.required("sequence")? })
    }
}

/// `cursor` of the spec.
pub(super) struct CursorFields;

impl Record for CursorFields {
    type Value = Cursor;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Cursor, A::Error> {
        Ok(Cursor { position: fields.required("position")?, paths: fields.required("paths")? })
    }
}

/// `trace` of the spec, where it is not nil.
pub(super) struct TraceFields;

impl Record for TraceFields {
    type Value = Trace;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Trace, A::Error> {
        let relays: u64 = fields.required("relays")?;
        let relays = fields.value("relays", Relays::try_from(relays))?;
        let len_max = fields.scope.path_len_max;
        let path = fields.seeded("path", List::<HopFields>::up_to(len_max))?;
        Ok(Trace { relays, path: path.into() })
    }
}

/// `hop` of the spec.
struct HopFields;

impl Record for HopFields {
    type Value = Hop;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Hop, A::Error> {
        Ok(Hop { node: fields.node("node")?, micros: fields.required("micros")? })
    }
}

/// Makes a [`Record`] an element of lists; what stands behind it, the error of a list that is too long.
macro_rules! element {
    ($record:ty $(, $too_many:expr)?) => {
        impl Element for $record {
            type Value = <Self as Record>::Value;

            fn next<'de, A: SeqAccess<'de>>(
                fields: &mut Fields<'_, '_, A>,
            ) -> Result<Option<Self::Value>, A::Error> {
                fields.next_seeded(One::<Self>::NEW)
            }

            $(fn too_many(max: usize) -> DecodeError {
                $too_many(max)
            })?
        }
    };
}

element!(HopFields, |max| DecodeError::PathTooLong { max });
element!(AddressFields);
element!(PeerFields);
element!(EntryFields);
element!(MemberFields, |max| DecodeError::TooMany { what: "members", max });
pub(super) use element;

/// One path of a fetched message.
struct Arrival;

impl Element for Arrival {
    type Value = Path;

    fn next<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Option<Path>, A::Error> {
        Ok(fields.next_seeded(List::<HopFields>::up_to(usize::MAX))?.map(Path::from))
    }
}

/// One capability.
struct Capability;

impl Element for Capability {
    type Value = String;

    fn next<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Option<String>, A::Error> {
        let Some(word): Option<&str> = fields.seq.next_element()? else { return Ok(None) };
        let fits = word.len() <= types::CAPABILITY_LEN_MAX;
        fields.value("capabilities", if fits { Ok(Some(word.to_owned())) } else { Err("a word is too long") })
    }
}

/// One address of CONNECT.
pub(super) struct AddressFields;

impl Record for AddressFields {
    type Value = (Option<NodeId>, Endpoint);

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Self::Value, A::Error> {
        Ok((fields.node_or_nil("node")?, fields.parsed("endpoint")?))
    }
}

/// `member` of the spec.
pub(super) struct MemberFields;

impl Record for MemberFields {
    type Value = Member;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Member, A::Error> {
        Ok(Member { node: fields.node("node")?, endpoint: fields.parsed("endpoint")? })
    }
}

/// One name of DISCONNECT.
pub(super) struct NameField;

impl Element for NameField {
    type Value = NodeId;

    fn next<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Option<NodeId>, A::Error> {
        let text: Option<&str> = fields.seq.next_element()?;
        fields.named("nodes", text)
    }
}

/// One name of a walk's path.
pub(super) struct WalkHop;

impl Element for WalkHop {
    type Value = NodeId;

    fn next<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Option<NodeId>, A::Error> {
        let text: Option<&str> = fields.seq.next_element()?;
        fields.named("path", text)
    }

    fn too_many(max: usize) -> DecodeError {
        DecodeError::PathTooLong { max }
    }
}

/// One peer of PEER-LIST.
pub(super) struct PeerFields;

impl Record for PeerFields {
    type Value = PeerInfo;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<PeerInfo, A::Error> {
        let node = fields.node_or_nil("node")?;
        let endpoint = fields.parsed("endpoint")?;
        let up = fields.required("up")?;
        let round_trip: Option<u64> = fields.required("round_trip_us")?;
        // Words of the future count as nothing said.
        let state: Option<&str> = fields.optional(None)?;
        let role: Option<&str> = fields.optional(None)?;
        Ok(PeerInfo {
            node,
            endpoint,
            up,
            round_trip: round_trip.map(Duration::from_micros),
            state: state.and_then(MemberState::named),
            role: role.and_then(LinkRole::named).unwrap_or_default(),
        })
    }
}

/// One entry of PAGE.
pub(super) struct EntryFields;

impl Record for EntryFields {
    type Value = Fetched;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Fetched, A::Error> {
        Ok(Fetched {
            position: fields.required("position")?,
            id: fields.seeded("id", One::<Id>::NEW)?,
            published_at: Wall(fields.required("published_at")?),
            received_at: Wall(fields.required("received_at")?),
            unread: fields.required("unread")?,
            continued: fields.required("continued")?,
            paths: fields.seeded("arrivals", List::<Arrival>::up_to(usize::MAX))?,
            payload: fields.payload()?,
        })
    }
}

/// `request` of the spec.
pub(super) struct RequestIdField;

impl<'de> Scoped<'de> for RequestIdField {
    type Value = RequestId;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<RequestId, D::Error> {
        deserializer.deserialize_any(WithScope { scope, seed: self })
    }
}

impl<'de> Visitor<'de> for WithScope<'_, '_, RequestIdField> {
    type Value = RequestId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nil, a number or bytes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<RequestId, E> {
        Ok(RequestId::None)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<RequestId, E> {
        Ok(RequestId::Number(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<RequestId, E> {
        u64::try_from(number).map(RequestId::Number).map_err(|_| E::custom("a request id is not negative"))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<RequestId, E> {
        if UNIQUE_LEN.contains(&bytes.len()) {
            return Ok(RequestId::Unique(bytes.into()));
        }
        let problem = format!("{} bytes are not {} to {}", bytes.len(), UNIQUE_LEN.start(), UNIQUE_LEN.end());
        Err(self.scope.fail(DecodeError::Value { field: "request id", problem }))
    }
}
