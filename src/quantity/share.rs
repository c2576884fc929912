//! Shares of a whole: `10%` or `0.1`.

use super::number::{short, split};
use serde::{Deserialize, Deserializer, de::Error};
use std::{fmt, str::FromStr};

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Share(f64);

/// A text that is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a share; write it like 10% or 0.1, from 0% to 100%")]
pub struct ShareError(String);

impl Share {
    /// The whole.
    pub const ALL: Self = Self(1.0);

    /// This share; `None`: it is not from 0 to 1.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// So many of a million.
    pub fn millionths(ppm: u32) -> Self {
        Self(f64::from(ppm.min(1_000_000)) / 1e6)
    }

    /// As a number from 0 to 1.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// So many of a million, rounded.
    pub fn to_millionths(self) -> u32 {
        (self.0 * 1e6).round() as u32
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let read = || {
            let share = match split(text)? {
                (number, "") => number,
                (number, "%") => number / 100.0,
                _ => return None,
            };
            Self::new(share)
        };
        read().ok_or_else(|| ShareError(text.into()))
    }
}

impl fmt::Display for Share {
    /// In percent, with four digits behind the point at most: to the millionth.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&percent(self.0))
    }
}

/// Any number as a percentage: `200%`.
pub fn percent(number: f64) -> String {
    format!("{}%", short(number * 100.0, 4))
}

/// A share in a file: a number, or a text as it is typed. Its range is looked at later.
pub fn in_file<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }
    match Written::deserialize(from)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text.parse::<Share>().map(Share::value).map_err(D::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_written() {
        for (text, value, shown) in [
            ("10%", 0.1, "10%"),
            ("0.1", 0.1, "10%"),
            ("0.5 %", 0.005, "0.5%"),
            ("1", 1.0, "100%"),
            ("100%", 1.0, "100%"),
            (".07", 0.07, "7%"),
            ("0", 0.0, "0%"),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.value(), &*share.to_string()), (value, shown), "{text}");
        }
        for bad in ["", "%", "5", "101%", "-1%", "1e-3", "10%%", "1/2", "nan", "50ms"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_millionth_is_written_and_read_back() {
        for ppm in (0..1_000_000).step_by(997).chain([1, 999_999, 1_000_000]) {
            let text = Share::millionths(ppm).to_string();
            assert_eq!(text.parse::<Share>().unwrap().to_millionths(), ppm, "{text}");
        }
    }
}
