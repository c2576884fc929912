//! A bar on stderr that says how far a long piece of work has come and how long it will take: only where somebody looks at
//! it, in characters that the locale has.

use crate::quantity::Time;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::{
    env, fmt,
    io::{self, IsTerminal},
    time::Duration,
};

/// Steps of the bar: a share is shown to a tenth of a percent.
const STEPS: u64 = 1000;
/// Times a second that the bar is drawn.
const DRAWN: u8 = 10;
/// The bar, then what there is to say, then how long it will take, once that can be told.
const FORM: &str = "{bar:32} {percent:>3}%  {msg}{left}";

/// The bar; gone when it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// Shows nothing where it is not wanted, stderr is no terminal, or the terminal is a dumb one.
    pub fn start(is_quiet: bool) -> Self {
        let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let is_seen = !is_quiet && !is_dumb && io::stderr().is_terminal();
        let target = if is_seen { ProgressDrawTarget::stderr_with_hz(DRAWN) } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(FORM).unwrap_or_else(|_| ProgressStyle::default_bar());
        let left = |state: &ProgressState, to: &mut dyn fmt::Write| {
            // What cannot be drawn is not worth an end.
            let _ = write!(to, "{}", left(state.eta()));
        };
        let style = style.with_key("left", left).progress_chars(if has_unicode() { "━╸╌" } else { "=>-" });
        Self(ProgressBar::with_draw_target(Some(STEPS), target).with_style(style))
    }

    /// Shows that a share of the work is done, 0 to 1, and what there is to say about it.
    pub fn show(&self, share: f64, text: &str) {
        self.0.set_message(text.to_owned());
        self.0.set_position((share.clamp(0.0, 1.0) * STEPS as f64) as u64);
    }

    /// Shows what there is to say about work of which nobody knows how much it is.
    pub fn count(&self, text: &str) {
        self.0.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.0.set_message(text.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Time left, in whole seconds or, from two minutes on, minutes; nothing where there is no telling yet.
fn left(time: Duration) -> String {
    let (seconds, minutes) = (time.as_secs(), time.as_secs() / 60);
    match (seconds, minutes) {
        (0, _) => String::new(),
        (_, 0..2) => format!("  ({seconds}s left)"),
        _ => format!("  ({} left)", Time(Duration::from_secs(60 * minutes)).rounded()),
    }
}

/// Returns whether the locale writes UTF-8: the first of its variables that is set decides (POSIX, *Environment Variables*).
fn has_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(env::var_os).find(|value| !value.is_empty());
    let is_utf8 = |value: std::ffi::OsString| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    };
    set.is_some_and(is_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_once_it_is_known_and_as_times_are_elsewhere() {
        let times = [0.4, 1.0, 74.9, 120.0, 4380.0, 9000.0].map(|seconds| left(Duration::from_secs_f64(seconds)));
        assert_eq!(times, ["", "  (1s left)", "  (74s left)", "  (2min left)", "  (1.22h left)", "  (2.5h left)"]);
    }
}
