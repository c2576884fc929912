//! Terminal with a pseudo-terminal of 80 columns and 24 rows, and as much of one as it takes to see what stands on it.

use crate::testnet::{TestNet, World, wait_until};
use gossip::launcher::process::Process;
use rustix::{
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use unicode_width::UnicodeWidthChar;

const COLUMNS: usize = 80;
const ROWS: usize = 24;

/// A command on a terminal of its own.
struct Terminal {
    child: Child,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn run(world: &World, args: &[&str]) -> Self {
        Self::fed(world, args, Stdio::null())
    }

    /// The same with something on stdin.
    fn fed(world: &World, args: &[&str], stdin: impl Into<Stdio>) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize { ws_row: ROWS as u16, ws_col: COLUMNS as u16, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        let mut command = world.command(args);
        command.env("TERM", "xterm").stdin(stdin).stdout(open()).stderr(open());
        let child = command.spawn().unwrap();
        // The command holds the other end alone: reading ends with it.
        drop(command);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (sink, mut master) = (Arc::clone(&written), File::from(master));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                sink.lock().unwrap().extend(&bytes[..count]);
            }
        });
        Self { child, written }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    fn seen(&self) -> Seen {
        Seen::of(&self.text())
    }

    fn signal(&self, signal: Signal) {
        Process::of(self.child.id()).unwrap().unwrap().hold().unwrap().unwrap().signal(signal).unwrap();
    }

    /// Waits for its end: its exit code, and all that it wrote.
    fn wait(mut self) -> (Option<i32>, String) {
        let mut code = None;
        wait_until("the command ends", || {
            code = self.child.try_wait().unwrap().map(|status| status.code());
            code.is_some()
        });
        let mut len = None;
        wait_until("all is read", || len.replace(self.text().len()) == Some(self.text().len()));
        (code.flatten(), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The two screens of a terminal, as far as our own sequences go.
#[derive(Default)]
struct Seen {
    screens: [Vec<String>; 2],
    is_second: bool,
    has_cursor: bool,
}

impl Seen {
    fn of(text: &str) -> Self {
        let empty = || vec![String::new(); ROWS];
        let mut seen = Self { screens: [empty(), empty()], is_second: false, has_cursor: true };
        let (mut row, mut column, mut wraps) = (0_usize, 0_usize, true);
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            let screen = &mut seen.screens[usize::from(seen.is_second)];
            if c == '\x1b' {
                let Some(sequence) = rest.strip_prefix('[') else { continue };
                let Some(end) = sequence.find(|c: char| c.is_ascii_alphabetic()) else { break };
                let (parameters, after) = sequence.split_at(end);
                let what = after.as_bytes()[0];
                rest = &after[1..];
                match (what, parameters) {
                    (b'H', _) => (row, column) = (0, 0),
                    (b'K', _) => screen[row] = screen[row].chars().take(column).collect(),
                    (b'J', _) => {
                        screen[row] = screen[row].chars().take(column).collect();
                        screen[row + 1..].iter_mut().for_each(String::clear);
                    }
                    (b'h' | b'l', "?1049") => seen.is_second = what == b'h',
                    (b'h' | b'l', "?25") => seen.has_cursor = what == b'h',
                    (b'h' | b'l', "?7") => wraps = what == b'h',
                    _ => {}
                }
                continue;
            }
            match c {
                '\r' => column = 0,
                '\n' if row + 1 < ROWS => row += 1,
                '\n' => {
                    screen.remove(0);
                    screen.push(String::new());
                }
                c => {
                    if column >= COLUMNS {
                        assert!(wraps, "a line is longer than the terminal is wide: {:?}", screen[row]);
                        (row, column) = ((row + 1).min(ROWS - 1), 0);
                    }
                    let kept: String = screen[row].chars().take(column).collect();
                    let behind: String = screen[row].chars().skip(column + 1).collect();
                    screen[row] = format!("{kept:<column$}{c}{behind}");
                    column += c.width().unwrap_or(0);
                }
            }
        }
        seen
    }

    fn first(&self) -> String {
        self.screens[0].join("\n").trim_end().to_owned()
    }
}

#[test]
fn a_watch_has_a_screen_of_its_own_and_leaves_nothing_behind() {
    let net = TestNet::start("circular --no-heal", 16);
    net.kill(11);
    for signal in [Signal::INT, Signal::TERM] {
        let watch = Terminal::run(&net, &["status", "--watch"]);
        wait_until("the dead node stands first", || {
            let seen = watch.seen();
            let screen = &seen.screens[1];
            let head = screen.iter().position(|line| line.starts_with("  node "));
            let first = head.and_then(|head| screen.get(head + 1));
            let is_judged = screen[0].starts_with("Network 'default' is connected, but degraded: ");
            seen.is_second && is_judged && first.is_some_and(|line| line.starts_with("  11 ") && line.contains("down"))
        });
        assert!(!watch.seen().has_cursor);
        watch.signal(signal);
        let (code, written) = watch.wait();
        let seen = Seen::of(&written);
        assert_eq!((code, seen.is_second, seen.has_cursor, &*seen.first()), (Some(0), false, true, ""), "{written:?}");
        assert!(written.ends_with("\x1b[?7h\x1b[?25h\x1b[?1049l"), "{written:?}");
    }
}

#[test]
fn a_simulation_that_is_interrupted_says_what_it_came_to_on_clean_lines() {
    let world = World::new();
    let line = ["simulate", "circular", "-n", "4", "--messages", "1", "--seeds", "100000000"];
    let simulation = Terminal::run(&world, &line);
    wait_until("the bar is there", || simulation.text().contains(" of 100000000 runs"));
    simulation.signal(Signal::INT);
    let (code, written) = simulation.wait();
    let shown = Seen::of(&written).first();
    assert_eq!(code, Some(130), "{shown}");
    assert!(shown.starts_with("Simulated circular · 4 nodes") && shown.contains("\n  delivered"), "{shown}");
    let last = shown.lines().last().unwrap();
    assert!(last.starts_with("error: interrupted after ") && last.ends_with(" of 100000000 runs"), "{shown}");
    assert!(!shown.contains('━') && !shown.contains('╌'), "{shown}");
    assert_eq!(fs::read_dir(world.networks()).map(Iterator::count).unwrap_or(0), 0);
}

#[test]
fn a_terminal_that_can_do_nothing_gets_blocks() {
    let net = TestNet::start("circular --no-heal", 3);
    let mut command = net.command(["status", "--color", "always"]);
    let told = String::from_utf8(command.env("NO_COLOR", "1").output().unwrap().stdout).unwrap();
    assert!(told.starts_with("\x1b[1;32mNetwork 'default' is healthy"), "{told:?}");
    let shown = Terminal::run(&net, &["status", "--color", "never"]).wait().1;
    assert!(shown.starts_with("Network 'default' is healthy: all 3 nodes are up.\r\n"), "{shown:?}");
}

#[test]
fn lines_that_are_sent_are_counted_until_the_end() {
    let net = TestNet::start("circular", 3);
    let (reader, mut pipe) = std::io::pipe().unwrap();
    let sender = Terminal::fed(&net, &["send-message", "1", "--lines"], reader);
    pipe.write_all(b"a\nb\n").unwrap();
    wait_until("it is told how many were sent", || sender.seen().screens[0].concat().contains("2 lines sent"));
    drop(pipe);
    let (code, text) = sender.wait();
    let seen = Seen::of(&text).screens[0].concat();
    assert!(
        code == Some(0) && seen.contains("2 messages sent to Gossip-Node-1: ") && !seen.contains("lines"),
        "{seen}"
    );
}
