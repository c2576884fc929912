//! A bar on stderr that says how far a long piece of work has come: only where somebody looks at it.

use crate::{clock::Clock, core::time::Mono};
use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

/// How long something may take before a bar appears, and how often the bar moves.
const PATIENCE: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: usize = 32;

/// The bar; gone when it is dropped.
pub struct Progress {
    clock: Clock,
    is_seen: bool,
    next: Mono,
    is_drawn: bool,
}

impl Progress {
    /// Shows nothing at first, and nothing at all where it is not wanted or stderr is no terminal.
    pub fn start(is_quiet: bool) -> Self {
        let clock = Clock::new();
        let next = clock.now().mono + PATIENCE;
        Self { is_seen: !is_quiet && io::stderr().is_terminal(), next, is_drawn: false, clock }
    }

    /// Shows that a share of the work is done, 0 to 1, and what there is to say about it.
    pub fn show(&mut self, share: f64, text: &str) {
        let now = self.clock.now().mono;
        if !self.is_seen || now < self.next {
            return;
        }
        self.next = now + STEP;
        self.is_drawn = true;
        // Nobody is left to see it if stderr is gone.
        let _ = write!(io::stderr().lock(), "\r{} {text}\x1b[K", bar(share));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// `━━━━━━━━╌╌╌╌  67%`
fn bar(share: f64) -> String {
    let share = share.clamp(0.0, 1.0);
    let done = (share * CELLS as f64) as usize;
    format!("{}{} {:3.0}%", "━".repeat(done), "╌".repeat(CELLS - done), (share * 100.0).floor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_from_the_left_and_is_full_only_at_the_end() {
        assert!(bar(0.0).starts_with('╌') && bar(0.0).ends_with("  0%"));
        assert!(bar(0.999).ends_with("╌  99%") && bar(1.0).ends_with("━ 100%"));
        assert_eq!(bar(7.0), bar(1.0));
        assert_eq!(bar(0.5).chars().count(), bar(1.0).chars().count());
    }
}
