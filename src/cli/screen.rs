//! A terminal that a command has for itself: a second screen, so that nothing stays behind in the first one.

use super::{Output, error::CliError, text};
use std::{
    io::{self, Write},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

/// Rows and columns where the size of the terminal cannot be told.
const ROWS_UNTOLD: usize = 24;
const COLUMNS_UNTOLD: usize = 80;
/// The other screen, no cursor, no wrapping; and back (xterm's control sequences).
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// To the top; to the end of the line; to the end of the screen.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// Set while a screen is there that a panic must leave before it says anything.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// The second screen; the first one is back when it is dropped.
pub struct Screen(());

impl Screen {
    /// Takes the terminal that stdout is.
    pub fn open(out: &mut Output) -> Result<Self, CliError> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                leave();
                usual(info);
            }));
        });
        IS_OPEN.store(true, Ordering::SeqCst);
        let screen = Self(());
        out.control(ENTER)?;
        out.flush()?;
        Ok(screen)
    }

    /// Shows these lines from the top on, as far as they fit, and nothing else.
    pub fn show(&self, lines: &[String], out: &mut Output) -> Result<(), CliError> {
        let (columns, rows) = size();
        let line = |line: &String| text::clip(&text::escape_lines(line, out.has_colour()), columns) + CLEAR_LINE;
        let shown: Vec<_> = lines.iter().take(rows).map(line).collect();
        out.control(&format!("{HOME}{}{CLEAR_BELOW}", shown.join("\r\n")))?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the first screen back, once.
fn leave() {
    if IS_OPEN.swap(false, Ordering::SeqCst) {
        // Nobody is left to see it if stdout is gone.
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(LEAVE.as_bytes()).and_then(|()| stdout.flush());
    }
}

/// Columns and rows of the terminal that stdout is.
pub fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (COLUMNS_UNTOLD, ROWS_UNTOLD),
    }
}
