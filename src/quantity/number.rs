//! A number and the unit behind it.

/// The number and its unit without the spaces around them: `1.5 MiB` is 1.5 and `MiB`. The number is decimal, without a
/// sign or an exponent.
pub(super) fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

/// The number with so many digits behind the point at most, and none that say nothing.
pub(super) fn short(number: f64, digits: i32) -> String {
    let scale = 10_f64.powi(digits);
    format!("{}", (number * scale).round() / scale)
}
