//! The fields of headers: how each value of the spec is read, with its bounds.

use super::{decode::Scope, error::DecodeError, types};
use crate::core::{
    endpoint::Endpoint,
    event::Introduction,
    id::{Incarnation, MessageId, NodeId},
    message::{Hop, Path, Payload, Relays, Trace},
    request::{Cursor, Fetched, NodeStatus, PeerInfo, RequestId, UNIQUE_LEN},
    time::Wall,
};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::{fmt, marker::PhantomData, time::Duration};

/// A value that is read with the help of what the whole header shares.
pub(super) trait Scoped<'de> {
    type Value;
    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<Self::Value, D::Error>;
}

/// The elements of one array, read in order.
pub(super) struct Fields<'s, 'n, A> {
    pub(super) seq: A,
    pub(super) scope: &'s mut Scope<'n>,
}

impl<'de, A: SeqAccess<'de>> Fields<'_, '_, A> {
    /// A field that must be there.
    pub(super) fn required<T: Deserialize<'de>>(&mut self, name: &'static str) -> Result<T, A::Error> {
        self.seq.next_element()?.ok_or_else(|| missing(name))
    }

    /// A field that may be missing at the end.
    pub(super) fn optional<T: Deserialize<'de>>(&mut self, default: T) -> Result<T, A::Error> {
        Ok(self.seq.next_element()?.unwrap_or(default))
    }

    /// A field that must be there, of a kind that needs the scope.
    pub(super) fn seeded<S: Scoped<'de>>(&mut self, name: &'static str, seed: S) -> Result<S::Value, A::Error> {
        self.next_seeded(seed)?.ok_or_else(|| missing(name))
    }

    /// The same, but it may be missing at the end.
    pub(super) fn seeded_or<S: Scoped<'de>>(&mut self, seed: S, default: S::Value) -> Result<S::Value, A::Error> {
        Ok(self.next_seeded(seed)?.unwrap_or(default))
    }

    /// A node name.
    pub(super) fn node(&mut self, name: &'static str) -> Result<NodeId, A::Error> {
        let text: &str = self.required(name)?;
        let node = self.scope.names.intern(text);
        self.value(name, node)
    }

    /// A node name or nil.
    fn node_or_nil(&mut self, name: &'static str) -> Result<Option<NodeId>, A::Error> {
        let text: Option<&str> = self.required(name)?;
        let node = text.map(|text| self.scope.names.intern(text)).transpose();
        self.value(name, node)
    }

    /// A text that core types parse.
    fn parsed<T: std::str::FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Result<T, A::Error> {
        let text: &str = self.required(name)?;
        self.value(name, text.parse())
    }

    /// A text of at most `len_max` bytes.
    pub(super) fn text(&mut self, name: &'static str, len_max: usize) -> Result<String, A::Error> {
        let text: &str = self.required(name)?;
        let fits = if text.len() <= len_max { Ok(text.to_owned()) } else { Err(format!("over {len_max} bytes")) };
        self.value(name, fits)
    }

    /// A value that was checked: a failed check is the sender's fault, and named so.
    pub(super) fn value<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        checked: Result<T, E>,
    ) -> Result<T, A::Error> {
        checked.map_err(|problem| self.scope.fail(DecodeError::Value { field, problem: problem.to_string() }))
    }

    /// A payload within a header.
    fn payload(&mut self) -> Result<Payload, A::Error> {
        let bytes: &[u8] = self.required("payload")?;
        Ok(Payload::from(bytes))
    }

    /// The fields of HELLO and WELCOME.
    pub(super) fn introduction(&mut self) -> Result<Introduction, A::Error> {
        let node = self.node("node")?;
        let endpoint = self.parsed("endpoint")?;
        let network = self.parsed("network")?;
        let instance = self.parsed("instance")?;
        let incarnation = Incarnation(self.required("incarnation")?);
        let words = self.seeded_or(List::<Capability>::up_to(types::CAPABILITIES_MAX), Vec::new())?;
        Ok(Introduction { node, endpoint, network, instance, incarnation, capabilities: words })
    }

    fn next_seeded<S: Scoped<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.seq.next_element_seed(WithScope { scope: self.scope, seed })
    }
}

fn missing<E: de::Error>(name: &'static str) -> E {
    E::custom(format_args!("the field '{name}' is missing"))
}

/// A seed together with what the header shares.
struct WithScope<'s, 'n, S> {
    scope: &'s mut Scope<'n>,
    seed: S,
}

impl<'de, S: Scoped<'de>> DeserializeSeed<'de> for WithScope<'_, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.seed.decode(self.scope, deserializer)
    }
}

/// An array with named fields; fields behind them are ignored.
pub(super) trait Record {
    type Value;
    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Self::Value, A::Error>;
}

/// One [`Record`].
pub(super) struct One<R>(PhantomData<R>);

impl<R> One<R> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<'de, R: Record> Scoped<'de> for One<R> {
    type Value = R::Value;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<R::Value, D::Error> {
        deserializer.deserialize_seq(WithScope { scope, seed: self })
    }
}

impl<'de, R: Record> Visitor<'de> for WithScope<'_, '_, One<R>> {
    type Value = R::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<R::Value, A::Error> {
        let mut fields = Fields { seq, scope: self.scope };
        let value = R::read(&mut fields)?;
        while fields.seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// An array of at most so many values.
pub(super) struct List<R> {
    len_max: usize,
    element: PhantomData<R>,
}

impl<R> List<R> {
    pub(super) const fn up_to(len_max: usize) -> Self {
        Self { len_max, element: PhantomData }
    }
}

impl<'de, R: Element> Scoped<'de> for List<R> {
    type Value = Vec<R::Value>;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(WithScope { scope, seed: self })
    }
}

impl<'de, R: Element> Visitor<'de> for WithScope<'_, '_, List<R>> {
    type Value = Vec<R::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {} elements", self.seed.len_max)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields { seq, scope: self.scope };
        let mut values = Vec::new();
        while let Some(value) = R::next(&mut fields)? {
            if values.len() >= self.seed.len_max {
                return Err(fields.scope.fail(R::too_many(self.seed.len_max)));
            }
            values.push(value);
        }
        Ok(values)
    }
}

/// What a [`List`] consists of.
pub(super) trait Element {
    type Value;
    fn next<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Option<Self::Value>, A::Error>;

    fn too_many(max: usize) -> DecodeError {
        DecodeError::Value { field: "array", problem: format!("has more than {max} elements") }
    }
}

/// A value, or nil for none.
pub(super) struct Nullable<S>(pub(super) S);

impl<'de, S: Scoped<'de>> Scoped<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(WithScope { scope, seed: self })
    }
}

impl<'de, S: Scoped<'de>> Visitor<'de> for WithScope<'_, '_, Nullable<S>> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or nil")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.seed.0.decode(self.scope, deserializer).map(Some)
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

/// Makes a [`Record`] an element of lists.
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

/// One peer of PEER-LIST.
pub(super) struct PeerFields;

impl Record for PeerFields {
    type Value = PeerInfo;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<PeerInfo, A::Error> {
        let node = fields.node_or_nil("node")?;
        let endpoint = fields.parsed("endpoint")?;
        let up = fields.required("up")?;
        let round_trip: Option<u64> = fields.required("round_trip_us")?;
        Ok(PeerInfo { node, endpoint, up, round_trip: round_trip.map(Duration::from_micros) })
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

/// The map of STATE.
pub(super) struct StateMap;

impl<'de> Scoped<'de> for StateMap {
    type Value = NodeStatus;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<NodeStatus, D::Error> {
        deserializer.deserialize_map(WithScope { scope, seed: self })
    }
}

/// Reads the entry of a map that `$slot` waits for.
macro_rules! entry {
    ($map:ident, $slot:ident) => {
        $slot = Some($map.next_value()?)
    };
}

/// The value of a map's entry, which must have come.
macro_rules! entered {
    ($slot:ident) => {
        $slot.ok_or_else(|| missing(stringify!($slot)))?
    };
}

impl<'de> Visitor<'de> for WithScope<'_, '_, StateMap> {
    type Value = NodeStatus;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<NodeStatus, M::Error> {
        let (mut node, mut endpoint, mut network, mut instance, mut version) = (None, None, None, None, None);
        let (mut incarnation, mut uptime_ms, mut payload_len_max) = (None, None, None);
        let (mut retained_messages, mut retained_bytes, mut unread) = (None, None, None);
        let (mut peers, mut counters, mut peer_counters) = (None, None, None);
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "node" => node = Some(map.next_value::<&str>()?),
                "endpoint" => endpoint = Some(map.next_value::<&str>()?),
                "network" => network = Some(map.next_value::<&str>()?),
                "instance" => instance = Some(map.next_value::<&str>()?),
                "version" => entry!(map, version),
                "incarnation" => entry!(map, incarnation),
                "uptime_ms" => entry!(map, uptime_ms),
                "payload_len_max" => entry!(map, payload_len_max),
                "retained_messages" => entry!(map, retained_messages),
                "retained_bytes" => entry!(map, retained_bytes),
                "unread" => entry!(map, unread),
                "counters" => entry!(map, counters),
                "peer_counters" => entry!(map, peer_counters),
                "peers" => {
                    let seed = List::<PeerFields>::up_to(usize::MAX);
                    peers = Some(map.next_value_seed(WithScope { scope: &mut *self.scope, seed })?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let (node, endpoint, network): (&str, &str, &str) = (entered!(node), entered!(endpoint), entered!(network));
        let instance: &str = entered!(instance);
        Ok(NodeStatus {
            node: node.parse().map_err(M::Error::custom)?,
            endpoint: endpoint.parse().map_err(M::Error::custom)?,
            network: network.parse().map_err(M::Error::custom)?,
            instance: instance.parse().map_err(M::Error::custom)?,
            incarnation: Incarnation(entered!(incarnation)),
            version: entered!(version),
            uptime: Duration::from_millis(entered!(uptime_ms)),
            peers: entered!(peers),
            payload_len_max: entered!(payload_len_max),
            retained_messages: entered!(retained_messages),
            retained_bytes: entered!(retained_bytes),
            unread: entered!(unread),
            counters: entered!(counters),
            peer_counters: entered!(peer_counters),
        })
    }
}
