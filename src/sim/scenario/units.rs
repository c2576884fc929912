//! Times as people write them: `250us`, `10ms`, `1.5s`, `2min`, and spans from one to another, `10ms-50ms`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr, time::Duration};

/// Longest time that can be written: an hour.
const LONGEST: Duration = Duration::from_secs(3600);
/// Units with their nanoseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];

/// A time with its unit; a bare number counts milliseconds. At most an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub Duration);

/// From one time to another that is not shorter; one time alone is both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The shorter end.
    pub least: Time,
    /// The longer end.
    pub most: Time,
}

/// A text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// No number with a unit, or longer than an hour.
    #[error("'{0}' is no time; write it like 250us, 10ms, 1.5s or 2min, at most 60min")]
    Time(String),
    /// The second end is shorter than the first.
    #[error("'{0}' begins after its end; write the shorter time first")]
    Reversed(String),
}

impl Time {
    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// As nanoseconds: an hour fits.
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError::Time(text.into());
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let unit = match unit.trim() {
            "" => 1_000_000,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?.1,
        };
        let nanos = number.parse::<f64>().map_err(|_| error())? * unit as f64;
        let time = Duration::from_nanos(nanos.round() as u64);
        if time <= LONGEST { Ok(Self(time)) } else { Err(error()) }
    }
}

impl fmt::Display for Time {
    /// In the largest unit that needs no more than three digits behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos();
        let fits = |&&(_, unit): &&(&str, u64)| nanos >= unit && nanos.is_multiple_of(unit / 1_000);
        let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or(("us", 1_000));
        if nanos == 0 { f.write_str("0ms") } else { write!(f, "{}{name}", nanos as f64 / unit as f64) }
    }
}

impl Span {
    /// Its middle.
    pub fn mean(self) -> Time {
        Time((self.least.0 + self.most.0) / 2)
    }
}

impl FromStr for Span {
    type Err = TimeError;

    /// A unit at the end alone holds for both: `10-50ms`.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let Some((least, most)) = text.split_once('-') else {
            let time = text.parse()?;
            return Ok(Self { least: time, most: time });
        };
        let unit = most.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let is_bare = least.ends_with(|c: char| c.is_ascii_digit());
        let least = if is_bare { format!("{least}{unit}").parse()? } else { least.parse()? };
        let span = Self { least, most: most.parse()? };
        if span.least <= span.most { Ok(span) } else { Err(TimeError::Reversed(text.into())) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most { self.least.fmt(f) } else { write!(f, "{}-{}", self.least, self.most) }
    }
}

macro_rules! as_text {
    ($name:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

as_text!(Time);
as_text!(Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, nanos, shown) in [
            ("250us", 250_000, "250us"),
            ("10", 10_000_000, "10ms"),
            ("10ms", 10_000_000, "10ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("1500ms", 1_500_000_000, "1.5s"),
            ("2min", 120_000_000_000, "2min"),
            ("0ms", 0, "0ms"),
            ("10.25ms", 10_250_000, "10.25ms"),
        ] {
            let time: Time = text.parse().unwrap();
            assert_eq!((time.nanos(), &*time.to_string()), (nanos, shown), "{text}");
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for bad in ["", "ms", "-1ms", "1h", "61min", "1.2.3s", "inf"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_may_name_their_unit_once() {
        let span: Span = "10-50ms".parse().unwrap();
        assert_eq!((span.least, span.most, span.mean()), (Time::millis(10), Time::millis(50), Time::millis(30)));
        assert_eq!("10ms-0.05s".parse(), Ok(span));
        assert_eq!(span.to_string(), "10ms-50ms");
        assert_eq!("7ms".parse::<Span>().unwrap().to_string(), "7ms");
        assert!(matches!("50-10ms".parse::<Span>(), Err(TimeError::Reversed(_))));
    }
}
