//! Arrays of MessagePack as records and lists: how a header is taken apart, with bounds and with errors that name the
//! field. What the fields are stands in `fields`.

use super::{error::DecodeError, names::Names};
use crate::core::{id::NodeId, request::RequestId};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::{fmt, marker::PhantomData};

/// State that the visitors of one header share.
pub(super) struct Scope<'n> {
    pub(super) names: &'n mut Names,
    pub(super) path_len_max: usize,
    /// Number of ranges that the frame may still have.
    pub(super) ranges_left: usize,
    /// The request id, once it was read.
    pub(super) request: RequestId,
    /// The type, once it was read.
    pub(super) kind: Option<u64>,
    /// True if this is a header inside another.
    pub(super) is_inner: bool,
    /// Fault, where serde's own words would not say it.
    pub(super) fault: Option<DecodeError>,
}

impl Scope<'_> {
    /// Keeps `fault` and returns an error that makes serde stop.
    pub(super) fn fail<E: de::Error>(&mut self, fault: DecodeError) -> E {
        let error = E::custom(&fault);
        self.fault = Some(fault);
        error
    }
}

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
    pub(super) fn node_or_nil(&mut self, name: &'static str) -> Result<Option<NodeId>, A::Error> {
        let text: Option<&str> = self.required(name)?;
        self.named(name, text)
    }

    /// A node name or nil; nil if it is missing at the end.
    pub(super) fn optional_node(&mut self, name: &'static str) -> Result<Option<NodeId>, A::Error> {
        let text: Option<&str> = self.optional(None)?;
        self.named(name, text)
    }

    /// The node that `text` names, if there is a text.
    pub(super) fn named(&mut self, name: &'static str, text: Option<&str>) -> Result<Option<NodeId>, A::Error> {
        let node = text.map(|text| self.scope.names.intern(text)).transpose();
        self.value(name, node)
    }

    /// A text that core types parse.
    pub(super) fn parsed<T: std::str::FromStr<Err: fmt::Display>>(
        &mut self,
        name: &'static str,
    ) -> Result<T, A::Error> {
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

    pub(super) fn next_seeded<S: Scoped<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.seq.next_element_seed(WithScope { scope: self.scope, seed })
    }
}

pub(super) fn missing<E: de::Error>(name: &'static str) -> E {
    E::custom(format_args!("the field '{name}' is missing"))
}

/// A seed together with what the header shares.
pub(super) struct WithScope<'s, 'n, S> {
    pub(super) scope: &'s mut Scope<'n>,
    pub(super) seed: S,
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

/// Element of a [`List`].
pub(super) trait Element {
    type Value;
    fn next<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Option<Self::Value>, A::Error>;

    fn too_many(max: usize) -> DecodeError {
        DecodeError::TooMany { what: "elements in a list", max }
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
