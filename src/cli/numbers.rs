//! Numbers, times, sizes and shares as they are typed: what is none, and what is too small or too large, is said in plain
//! words.

use crate::quantity::{Share, Size, Span, Time, time::TimeError};
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

/// Returns whether it is written as a whole number, of whatever size.
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
        Ok(_) | Err(TimeError::Long(_)) => Err(format!("out of range; give a time {range}")),
        Err(_) => Err(format!("not a time; give one {range}, such as 50ms, 1.5s, 2min or 8h")),
    }
}

/// Parses times, or spans from one to another, of at most `most`.
pub fn span(most: Duration) -> impl Fn(&str) -> Result<Span, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<Span>() {
        Ok(span) if span.most.0 <= most => Ok(span),
        Ok(_) | Err(TimeError::Long(_)) => Err(format!("out of range; give a time of at most {}", Time(most))),
        Err(error) => Err(error.to_string()),
    }
}

/// Parses times that something goes on: a week at most.
pub fn lasting() -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    time(Duration::ZERO, Duration::from_secs(7 * 86_400))
}

/// Parses sizes from `least` to `most` bytes.
pub fn size(least: u64, most: u64) -> impl Fn(&str) -> Result<Size, String> + Clone + Send + Sync + 'static {
    let range = match most {
        u64::MAX => format!("of at least {}", Size(least)),
        _ => format!("from {} to {}", Size(least), Size(most)),
    };
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
    let (least, most) = (least.to_string(), most.to_string());
    // What only the type bounds is told of where it is too much for the type.
    let is_large = is_whole(text) && !text.starts_with('-');
    if !is_large && [u64::MAX.to_string(), usize::MAX.to_string()].contains(&most) {
        return format!("{what}; give a number of at least {least}");
    }
    format!("{what}; give a number from {least} to {most}")
}
