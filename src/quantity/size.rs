//! Sizes in bytes: `100`, `64 KiB`, `1.5 MiB`, `10 MB`.

use super::number::split;
use serde::{Deserialize, Deserializer, de::Error};
use std::{fmt, str::FromStr};

/// Units as they are written, from 1024 bytes on, each 1024 times the one before.
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// So many bytes; a number without a unit counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Size(pub u64);

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a size; write it like 100, 64 KiB or 1.5 MiB")]
pub struct SizeError(String);

impl Size {
    /// For a limit and what is over it: as short as [`Display`](fmt::Display) where that is exact, else in bytes.
    pub fn exact(self) -> String {
        let short = self.to_string();
        if short.parse() == Ok(self) { short } else { format!("{} B", self.0) }
    }
}

impl FromStr for Size {
    type Err = SizeError;

    /// Units of 1000 are read, too: `10 kB`, `10 MB`. Capitals say nothing.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let read = || {
            let (number, unit) = split(text)?;
            let unit = unit.to_ascii_lowercase();
            let power = |base: f64, ending: &str| {
                let letter = unit.strip_suffix(ending)?;
                let place = UNITS.iter().position(|name| name[..1].eq_ignore_ascii_case(letter))?;
                Some(base.powi(place as i32 + 1))
            };
            let each = match &*unit {
                "" | "b" => 1.0,
                _ => power(1024.0, "ib").or_else(|| power(1000.0, "b"))?,
            };
            let is_whole = text.trim().bytes().all(|byte| byte.is_ascii_digit());
            if is_whole {
                return text.trim().parse().ok().map(Self);
            }
            let bytes = number * each;
            (bytes.fract() == 0.0 && bytes < u64::MAX as f64).then_some(Self(bytes as u64))
        };
        read().ok_or_else(|| SizeError(text.into()))
    }
}

impl fmt::Display for Size {
    /// In the largest unit of 1024 that it fills, with one digit behind the point at most: cut, not rounded, so that
    /// 1023.99 KiB do not become 1024 KiB.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(power) = self.0.checked_ilog(1024).filter(|&power| power > 0) else {
            return f.pad(&format!("{} B", self.0));
        };
        let tenths = (u128::from(self.0) * 10) >> (10 * power);
        let unit = UNITS[power as usize - 1];
        f.pad(&match tenths % 10 {
            0 => format!("{} {unit}", tenths / 10),
            tenth => format!("{}.{tenth} {unit}", tenths / 10),
        })
    }
}

/// A size in a file: a number of bytes, or a text as it is typed.
pub fn in_file<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(from)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text.parse::<Size>().map(|size| size.0).map_err(D::Error::custom),
    }
}

/// Like [`in_file`], for a size that fits into memory.
pub fn in_memory<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    usize::try_from(in_file(from)?).map_err(D::Error::custom)
}

/// Like [`in_file`], for a size that may be left out.
pub fn in_file_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    in_file(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, shown) in [
            ("0", 0, "0 B"),
            ("100", 100, "100 B"),
            ("1023B", 1023, "1023 B"),
            ("1 KiB", 1024, "1 KiB"),
            ("1.5 MiB", 3 << 19, "1.5 MiB"),
            ("64mib", 64 << 20, "64 MiB"),
            ("1 GiB", 1 << 30, "1 GiB"),
            ("10 kB", 10_000, "9.7 KiB"),
            ("1MB", 1_000_000, "976.5 KiB"),
            ("1048575", 1_048_575, "1023.9 KiB"),
            ("18446744073709551615", u64::MAX, "15.9 EiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, &*size.to_string()), (bytes, shown), "{text}");
        }
        for bad in ["", "B", "-1", "1.5", "1 Mi", "1 MiB/s", "1e3", "0.3 B", "18446744073709551616", "99 EiB", "5%"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_over_a_limit_does_not_look_like_it() {
        let shown = [1 << 20, (1 << 20) + 1, 3 << 19, 5].map(|bytes| Size(bytes).exact());
        assert_eq!(shown, ["1 MiB", "1048577 B", "1.5 MiB", "5 B"]);
    }
}
