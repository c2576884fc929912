//! The happenings of EVENTS, both ways. Spec section 8.5.

use super::{
    array::{Element, Fields, One, Record, Scope, Scoped, WithScope},
    fields::element,
};
use crate::core::{
    id::NodeId,
    request::happening::{Detail, Happening},
    time::Wall,
};
use serde::{
    Serialize, Serializer,
    de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// Happenings, to be encoded.
pub(super) struct Happenings<'a>(pub(super) &'a [Happening]);

impl Serialize for Happenings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|Happening { at, kind, node, details }| {
            (at.0, kind, node.as_ref().map(NodeId::as_str), Details(details))
        }))
    }
}

struct Details<'a>(&'a BTreeMap<Cow<'static, str>, Detail>);

impl Serialize for Details<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Value(value))))
    }
}

struct Value<'a>(&'a Detail);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Detail::Text(text) => serializer.serialize_str(text),
            Detail::Number(number) => serializer.serialize_u64(*number),
        }
    }
}

/// `event` of the spec.
pub(super) struct HappeningFields;

impl Record for HappeningFields {
    type Value = Happening;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Happening, A::Error> {
        let at = Wall(fields.required("time")?);
        let kind: String = fields.required("kind")?;
        let node = fields.node_or_nil("node")?;
        Ok(Happening { at, kind: kind.into(), node, details: fields.seeded("details", DetailsMap)? })
    }
}

element!(HappeningFields);

/// The details of one happening. A value that is neither text nor number is of a later version, and left out.
struct DetailsMap;

impl<'de> Scoped<'de> for DetailsMap {
    type Value = BTreeMap<Cow<'static, str>, Detail>;

    fn decode<D: Deserializer<'de>>(self, scope: &mut Scope<'_>, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(WithScope { scope, seed: self })
    }
}

impl<'de> Visitor<'de> for WithScope<'_, '_, DetailsMap> {
    type Value = BTreeMap<Cow<'static, str>, Detail>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut details = BTreeMap::new();
        while let Some((name, Known(value))) = map.next_entry::<String, Known>()? {
            if let Some(value) = value {
                details.insert(name.into(), value);
            }
        }
        Ok(details)
    }
}

/// A detail, if it is of a type that this program knows.
struct Known(Option<Detail>);

impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KnownVisitor).map(Self)
    }
}

struct KnownVisitor;

impl<'de> Visitor<'de> for KnownVisitor {
    type Value = Option<Detail>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Detail::Text(text.to_owned())))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Detail::Number(number)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(number).ok().map(Detail::Number))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<de::IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
