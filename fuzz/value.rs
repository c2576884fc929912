//! MessagePack as a tree that can be changed and written again, also in forms that no encoder of ours would choose.

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Number(u64),
    Negative(i64),
    Float(f64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// Bytes that are written as they are: markers without a value, lies about a length.
    Raw(Vec<u8>),
}

/// Deeper values are left alone.
const DEPTH_MAX: usize = 24;

/// The value that `bytes` hold, if they hold one and nothing else.
pub(crate) fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader(bytes);
    let value = reader.value(DEPTH_MAX)?;
    reader.0.is_empty().then_some(value)
}

/// The value's bytes, each number and length in its shortest form, or, now and then, as `longer` says, in another.
pub(crate) fn write(value: &Value, out: &mut Vec<u8>, longer: &mut impl FnMut() -> bool) {
    match value {
        Value::Nil => out.push(0xc0),
        Value::Bool(is) => out.push(0xc2 + u8::from(*is)),
        Value::Number(number @ 0..=0x7f) if !longer() => out.push(*number as u8),
        Value::Number(number) => sized(out, *number, longer, &[(0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8)]),
        Value::Negative(number) => {
            out.push(0xd3);
            out.extend(number.to_be_bytes());
        }
        Value::Float(number) => {
            out.push(0xcb);
            out.extend(number.to_be_bytes());
        }
        Value::Text(text) => {
            match text.len() {
                len @ 0..32 if !longer() => out.push(0xa0 | len as u8),
                len => sized(out, len as u64, longer, &[(0xd9, 1), (0xda, 2), (0xdb, 4)]),
            }
            out.extend(text);
        }
        Value::Bytes(bytes) => {
            sized(out, bytes.len() as u64, longer, &[(0xc4, 1), (0xc5, 2), (0xc6, 4)]);
            out.extend(bytes);
        }
        Value::List(values) => {
            match values.len() {
                len @ 0..16 if !longer() => out.push(0x90 | len as u8),
                len => sized(out, len as u64, longer, &[(0xdc, 2), (0xdd, 4)]),
            }
            values.iter().for_each(|value| write(value, out, longer));
        }
        Value::Map(entries) => {
            match entries.len() {
                len @ 0..16 if !longer() => out.push(0x80 | len as u8),
                len => sized(out, len as u64, longer, &[(0xde, 2), (0xdf, 4)]),
            }
            for (key, value) in entries {
                write(key, out, longer);
                write(value, out, longer);
            }
        }
        Value::Raw(bytes) => out.extend(bytes),
    }
}

/// A marker and a number in the first of these widths that is wide enough, or in a wider one.
fn sized(out: &mut Vec<u8>, number: u64, longer: &mut impl FnMut() -> bool, widths: &[(u8, usize)]) {
    let needed = 8 - number.leading_zeros() as usize / 8;
    let last = widths.len() - 1;
    let fits = widths.iter().position(|&(_, width)| width >= needed).unwrap_or(last);
    let (marker, width) = widths[if longer() { last } else { fits }];
    out.push(marker);
    out.extend(&number.to_be_bytes()[8 - width..]);
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, len: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        Some(self.take(width)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn len(&mut self, width: usize) -> Option<usize> {
        self.number(width)?.try_into().ok()
    }

    fn bytes(&mut self, len: usize) -> Option<Vec<u8>> {
        self.take(len).map(<[u8]>::to_vec)
    }

    fn list(&mut self, len: usize, depth: usize) -> Option<Value> {
        (0..len).map(|_| self.value(depth)).collect::<Option<_>>().map(Value::List)
    }

    fn map(&mut self, len: usize, depth: usize) -> Option<Value> {
        (0..len).map(|_| Some((self.value(depth)?, self.value(depth)?))).collect::<Option<_>>().map(Value::Map)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let marker = self.number(1)? as u8;
        let width = |first: u8| 1_usize << (marker - first);
        Some(match marker {
            0..=0x7f => Value::Number(marker.into()),
            0x80..=0x8f => self.map((marker & 0xf).into(), depth)?,
            0x90..=0x9f => self.list((marker & 0xf).into(), depth)?,
            0xa0..=0xbf => Value::Text(self.bytes((marker & 0x1f).into())?),
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Bool(marker == 0xc3),
            0xc4..=0xc6 => {
                let len = self.len(width(0xc4))?;
                Value::Bytes(self.bytes(len)?)
            }
            0xcb => Value::Float(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Value::Number(self.number(width(0xcc))?),
            0xd0..=0xd3 => {
                let width = width(0xd0);
                let shift = 64 - 8 * width as u32;
                Value::Negative((self.number(width)? << shift) as i64 >> shift)
            }
            0xd9..=0xdb => {
                let len = self.len(width(0xd9))?;
                Value::Text(self.bytes(len)?)
            }
            0xdc | 0xdd => {
                let len = self.len(2 * width(0xdc))?;
                self.list(len, depth)?
            }
            0xde | 0xdf => {
                let len = self.len(2 * width(0xde))?;
                self.map(len, depth)?
            }
            0xe0..=0xff => Value::Negative((marker as i8).into()),
            _ => return None,
        })
    }
}

#[test]
fn what_is_read_is_written_again() {
    let cases = crate::corpus::vectors();
    assert!(cases.len() > 50, "the vectors were not read");
    let mut read_back = 0;
    for frames in cases {
        let Some(value) = frames.first().and_then(|header| read(header)) else { continue };
        for is_longer in [false, true] {
            let mut bytes = Vec::new();
            write(&value, &mut bytes, &mut || is_longer);
            assert_eq!(read(&bytes), Some(value.clone()));
        }
        read_back += 1;
    }
    assert!(read_back > 50, "most vectors are MessagePack");
}
