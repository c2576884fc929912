//! Numbers, times, sizes and shares as they are typed: what is none, and what is too small or too large, is said in plain
//! words.

use crate::quantity::{Share, Size, Time};
use std::{fmt::Display, str::FromStr, time::Duration};

/// Parses whole numbers from `least` to `most`.
pub fn whole<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + Display + PartialOrd + Copy + Send + Sync + 'static,
{
    move |text| match text.parse() {
        Ok(number) if number >= least && number <= most => Ok(number),
        _ => Err(refusal(text, least, most)),
    }
}

/// Parses whole numbers that are checked later, with others: what the type does not hold is certainly not among
/// those from `least` to `most`.
pub fn checked_later<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + Display + PartialOrd + Copy + Send + Sync + 'static,
{
    move |text| text.parse().map_err(|_| refusal(text, least, most))
}

/// Whether it is written as a whole number, of whatever size.
pub fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses times from `least` to `most`.
pub fn time(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    let range = format!("from {} to {}", Time(least), Time(most));
    move |text| match text.parse::<Time>() {
        Ok(Time(time)) if time >= least && time <= most => Ok(time),
        Ok(_) => Err(format!("out of range; give a time {range}")),
        Err(_) => Err(format!("not a time; give one {range}, such as 50ms, 1.5s, 2min or 8h")),
    }
}

/// Parses times that something goes on: a week at most.
pub fn lasting() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    time(Duration::ZERO, Duration::from_secs(7 * 86_400))
}

/// Parses sizes from `least` to `most` bytes.
pub fn size(least: u64, most: u64) -> impl Fn(&str) -> Result<Size, String> + Clone + Send + Sync + 'static {
    let range = format!("from {} to {}", Size(least), Size(most));
    move |text| match text.parse::<Size>() {
        Ok(size) if size.0 >= least && size.0 <= most => Ok(size),
        Ok(_) => Err(format!("out of range; give a size {range}")),
        Err(_) => Err(format!("not a size; give one {range}, such as 100, 64 KiB or 1.5 MiB")),
    }
}

/// Parses shares from 0 to `most`.
pub fn share(most: Share) -> impl Fn(&str) -> Result<Share, String> + Clone + Send + Sync + 'static {
    move |text| {
        let share = text.parse::<Share>().ok().filter(|share| *share <= most);
        share.ok_or_else(|| format!("not a share from 0% to {most}; give one such as 10% or 0.1"))
    }
}

fn refusal(text: &str, least: impl Display, most: impl Display) -> String {
    let what = if is_whole(text) { "out of range" } else { "not a whole number" };
    format!("{what}; give a number from {least} to {most}")
}
