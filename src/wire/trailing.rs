//! Fields of MESSAGE that this program does not know: read and written again, to be passed on as they came. Spec section 4.1.

use super::{
    array::{Fields, Scope, Scoped},
    error::DecodeError,
};
use crate::core::batch::Trailing;
use rmp::encode::{self, ByteBuf};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{fmt, sync::Arc};

impl<'de, A: SeqAccess<'de>> Fields<'_, '_, A> {
    /// The fields behind those that are known, if there are any.
    pub(super) fn trailing(&mut self) -> Result<Option<Arc<Trailing>>, A::Error> {
        let (mut fields, mut bytes) = (0_u8, ByteBuf::new());
        while self.next_seeded(Copied(&mut bytes))?.is_some() {
            fields = fields.saturating_add(1);
            if fields > Trailing::FIELDS_MAX || bytes.as_slice().len() > Trailing::LEN_MAX {
                let max = usize::from(Trailing::FIELDS_MAX);
                return Err(self.scope.fail(DecodeError::TooMany { what: "unknown fields or bytes in them", max }));
            }
        }
        let trailing = || Arc::new(Trailing::new(fields, bytes.into_vec().into()));
        Ok((fields > 0).then(trailing))
    }
}

/// A value of any type, which is written to a buffer.
struct Copied<'b>(&'b mut ByteBuf);

impl<'de> Scoped<'de> for Copied<'_> {
    type Value = ();

    fn decode<D: Deserializer<'de>>(self, _: &mut Scope<'_>, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Copied<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn written<T, W: fmt::Display, E: Error>(result: Result<T, W>) -> Result<(), E> {
    result.map(drop).map_err(E::custom)
}

impl<'de> Visitor<'de> for Copied<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nil, a boolean, a number, text, bytes, an array or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        written(encode::write_nil(self.0))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        written(encode::write_bool(self.0, value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        written(encode::write_uint(self.0, value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        written(encode::write_sint(self.0, value))
    }

    fn visit_f32<E: Error>(self, value: f32) -> Result<(), E> {
        written(encode::write_f32(self.0, value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        written(encode::write_f64(self.0, value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        written(encode::write_str(self.0, value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<(), E> {
        written(encode::write_bin(self.0, value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let len = seq.size_hint().and_then(|len| u32::try_from(len).ok());
        let len = len.ok_or_else(|| A::Error::custom("an array without length"))?;
        written::<_, _, A::Error>(encode::write_array_len(self.0, len))?;
        while seq.next_element_seed(Copied(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let len = map.size_hint().and_then(|len| u32::try_from(len).ok());
        let len = len.ok_or_else(|| A::Error::custom("a map without length"))?;
        written::<_, _, A::Error>(encode::write_map_len(self.0, len))?;
        while map.next_key_seed(Copied(self.0))?.is_some() {
            map.next_value_seed(Copied(self.0))?;
        }
        Ok(())
    }
}
