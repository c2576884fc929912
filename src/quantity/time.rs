//! Times: `250us`, `10ms`, `1.5s`, `2min`, `8h`, and spans from one to another, `10ms-50ms`.

use super::number::split;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr, time::Duration};

/// Longest time that can be written: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// Units with their nanoseconds, the largest first.
const UNITS: [(&str, u64); 5] =
    [("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
/// Units that are read and not written.
const OTHERS: [(&str, u64); 3] = [("d", 86_400_000_000_000), ("m", 60_000_000_000), ("µs", 1_000)];

/// A time; a number without a unit counts seconds.
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
    /// No number with a unit.
    #[error("'{0}' is not a time; write it like 250us, 50ms, 1.5s, 2min or 8h")]
    Time(String),
    /// Longer than a year.
    #[error("'{0}' is too long; give a time of at most 8760h")]
    Long(String),
    /// The second end is shorter than the first.
    #[error("'{0}' begins after its end; write the shorter time first")]
    Reversed(String),
}

impl Time {
    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So many microseconds.
    pub const fn micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// As nanoseconds: a year fits.
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The same with three digits that say something, in the largest unit that it fills: what was measured is told no more
    /// exactly.
    #[must_use]
    pub fn rounded(self) -> Self {
        let nanos = self.nanos();
        let Some((_, unit)) = UNITS.iter().find(|(_, unit)| nanos >= *unit) else { return self };
        let scale = match (nanos / unit).ilog10() {
            digits @ 0..=2 => unit / 10_u64.pow(2 - digits),
            digits => unit * 10_u64.pow(digits - 2),
        };
        Self(Duration::from_nanos(nanos.saturating_add(scale / 2) / scale * scale))
    }
}

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let read = || {
            let (number, unit) = split(text)?;
            let unit = if unit.is_empty() { "s" } else { unit };
            let (_, each) = UNITS.iter().chain(&OTHERS).find(|(name, _)| *name == unit)?;
            let nanos = number * *each as f64;
            Some(Self(Duration::from_nanos(nanos.round() as u64)))
        };
        match read() {
            Some(Self(time)) if time > LONGEST => Err(TimeError::Long(text.into())),
            Some(time) => Ok(time),
            None => Err(TimeError::Time(text.into())),
        }
    }
}

impl fmt::Display for Time {
    /// In the largest unit that needs no more than three digits behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos();
        let fits = |&&(_, unit): &&(&str, u64)| nanos >= unit && nanos.is_multiple_of(unit / 1_000);
        let (name, unit) = UNITS.iter().find(fits).copied().unwrap_or(("us", 1_000));
        f.pad(&if nanos == 0 { "0s".to_owned() } else { format!("{}{name}", nanos as f64 / unit as f64) })
    }
}

impl From<Duration> for Time {
    fn from(time: Duration) -> Self {
        Self(time)
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
        let Some((least, most)) = text.split_once('-').filter(|(least, _)| !least.trim().is_empty()) else {
            let time = text.parse()?;
            return Ok(Self { least: time, most: time });
        };
        let unit = most.trim().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let is_bare = least.trim_end().ends_with(|c: char| c.is_ascii_digit());
        let least = if is_bare { format!("{least}{unit}").parse()? } else { least.parse()? };
        let span = Self { least, most: most.parse()? };
        if span.least <= span.most { Ok(span) } else { Err(TimeError::Reversed(text.into())) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most { self.least.fmt(f) } else { f.pad(&format!("{}-{}", self.least, self.most)) }
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
            ("10", 10_000_000_000, "10s"),
            ("0.5", 500_000_000, "500ms"),
            ("10ms", 10_000_000, "10ms"),
            ("10 ms", 10_000_000, "10ms"),
            ("1.5s", 1_500_000_000, "1.5s"),
            ("1500ms", 1_500_000_000, "1.5s"),
            ("2min", 120_000_000_000, "2min"),
            ("2m", 120_000_000_000, "2min"),
            ("90min", 5_400_000_000_000, "1.5h"),
            ("7d", 604_800_000_000_000, "168h"),
            ("0ms", 0, "0s"),
            ("10.25ms", 10_250_000, "10.25ms"),
            ("0.001us", 1, "0.001us"),
        ] {
            let time: Time = text.parse().unwrap();
            assert_eq!((time.nanos(), &*time.to_string()), (nanos, shown), "{text}");
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for bad in ["", "ms", "-1ms", "+1s", "1e3", "1w", "366d", "1.2.3s", "inf", "nan", "1 2s", "5%"] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
        assert_eq!(format!("{:>8}|", Time::millis(1500)), "    1.5s|");
    }

    #[test]
    fn what_was_measured_has_three_digits() {
        for (nanos, shown) in [
            (0, "0s"),
            (7, "0.007us"),
            (180_000, "180us"),
            (1_234_567, "1.23ms"),
            (999_600, "1ms"),
            (17_000_000_000, "17s"),
            (1_240_000_000_000, "20.7min"),
            (74_100_000_000, "1.24min"),
            (59_970_000_000_000, "16.7h"),
            (999_700_000, "1s"),
            (u64::MAX, "5124166.667h"),
        ] {
            let shown_now = Time(Duration::from_nanos(nanos)).rounded().to_string();
            assert!(nanos == u64::MAX || shown_now == shown, "{nanos}: {shown_now}");
        }
    }

    #[test]
    fn spans_may_name_their_unit_once() {
        let span: Span = "10-50ms".parse().unwrap();
        assert_eq!((span.least, span.most, span.mean()), (Time::millis(10), Time::millis(50), Time::millis(30)));
        assert_eq!(["10ms-0.05s", "10 - 50 ms"].map(str::parse), [Ok(span), Ok(span)]);
        assert_eq!(span.to_string(), "10ms-50ms");
        assert_eq!("7ms".parse::<Span>().unwrap().to_string(), "7ms");
        assert!("-1s".parse::<Span>().is_err_and(|error| error.to_string().starts_with("'-1s' is not a time")));
        assert_eq!("99999999h".parse::<Time>(), Err(TimeError::Long("99999999h".into())));
        assert!(matches!("50-10ms".parse::<Span>(), Err(TimeError::Reversed(_))));
    }
}
