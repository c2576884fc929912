//! Numbers as they are typed: what is no number, and what is too small or too large, is said in plain words.

use std::{fmt::Display, str::FromStr};

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

fn refusal(text: &str, least: impl Display, most: impl Display) -> String {
    let what = if is_whole(text) { "it is out of range" } else { "it is no whole number" };
    format!("{what}; give a number from {least} to {most}")
}
