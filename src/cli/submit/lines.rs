//! Reader of an input whose lines are messages. It never waits while it has a whole line, and never keeps more than one request
//! and one message hold.

use super::{input::Input, place::Place};
use crate::{
    cli::CliError,
    core::batch::{Body, PACKED_LEN_MAX, Packer},
};
use std::{
    io::{self, ErrorKind},
    time::Duration,
};

/// Bytes that are read at a time.
const READ: usize = 64 << 10;
/// Longest wait for the input before the caller may look around.
const SLICE: Duration = Duration::from_millis(50);
/// Bytes up to which a line that is too long is followed, to say its length, and the longest pause that it may have.
const FOLLOWED_MAX: u64 = 1 << 30;
const PAUSE: Duration = Duration::from_secs(1);

/// Lines that go out in one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// The lines as payloads.
    pub body: Body,
    /// The place behind them.
    pub end: Place,
}

/// Outcome of a look at the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Lines.
    Part(Part),
    /// Nothing for now.
    Nothing,
    /// The end: there was nothing more.
    End,
}

/// Reason why there is no next part.
#[derive(Debug, thiserror::Error)]
pub enum LinesError {
    /// It cannot be read.
    #[error("cannot read stdin: {0}")]
    Io(#[from] io::Error),
    /// The next line is longer than a payload may be: by so many bytes, or more.
    #[error("the next line is too long")]
    TooLong {
        /// Its length, as far as it was followed.
        len: u64,
        /// Says whether that is all of it.
        is_whole: bool,
    },
    /// It is not the input that it was said to be.
    #[error("it is another input")]
    Other,
    /// Its last line was taken when it had no line end yet, and has gone on since.
    #[error("its last line has grown")]
    Grown,
}

impl LinesError {
    /// The error of a command that has done nothing yet.
    pub fn as_failure(&self) -> CliError {
        CliError::Failed(self.to_string())
    }
}

/// See the module.
pub struct Lines<I> {
    input: I,
    payload_len_max: usize,
    /// Bytes that were read and are in no part yet, but for the first `taken`.
    buffer: Vec<u8>,
    taken: usize,
    /// The place of the first byte of the buffer that is in no part.
    place: Place,
    has_ended: bool,
}

impl<I: Input> Lines<I> {
    /// From the beginning, for a node that takes payloads of so many bytes.
    pub fn new(input: I, payload_len_max: usize) -> Self {
        Self { input, payload_len_max, buffer: Vec::new(), taken: 0, place: Place::default(), has_ended: false }
    }

    /// The place behind all parts so far.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The next lines: as many as are there by now and one request holds.
    pub fn next_part(&mut self) -> Result<Next, LinesError> {
        let mut packer = Packer::default();
        // Bytes of what is not taken that are known to hold no line end.
        let mut searched = 0;
        loop {
            let rest = &self.buffer[self.taken..];
            if let (true, Some(next)) = (self.place.is_open(), rest.first()) {
                if *next != b'\n' {
                    return Err(LinesError::Grown);
                }
                self.place.reopen();
                self.taken += 1;
                continue;
            }
            let found = rest[searched..].iter().position(|&byte| byte == b'\n');
            let len = found.map_or(rest.len(), |at| searched + at);
            let is_long = len > self.payload_len_max;
            if is_long || found.is_some() && packer.is_full_for(len, PACKED_LEN_MAX) {
                // What stands before it goes first.
                return match packer.take() {
                    Some(body) => Ok(self.part(body)),
                    None => Err(self.measure(len as u64, found.is_some())?),
                };
            }
            if found.is_some() {
                packer.push(&rest[..len]);
                self.place.pass(&rest[..=len]);
                self.taken += len + 1;
                searched = 0;
                continue;
            }
            searched = len;
            match self.fill(if packer.is_empty() { SLICE } else { Duration::ZERO })? {
                Some(1..) => {}
                Some(0) => return Ok(self.last(packer)),
                None => return Ok(packer.take().map_or(Next::Nothing, |body| self.part(body))),
            }
        }
    }

    /// Passes over what stands before a place; `false`: more of it is still to come.
    pub fn skip(&mut self, to: &Place) -> Result<bool, LinesError> {
        loop {
            let left = to.bytes().saturating_sub(self.place.bytes());
            let here = self.buffer.len() - self.taken;
            let len = usize::try_from(left).map_or(here, |left| left.min(here));
            self.place.pass(&self.buffer[self.taken..self.taken + len]);
            self.taken += len;
            if len as u64 == left {
                return self.arrive(self.place, to).map(|()| true);
            }
            match self.fill(SLICE)? {
                Some(0) => return Err(LinesError::Other),
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }

    /// The lines before a place, which were a part before; `None`: more of them is still to come.
    pub fn again(&mut self, end: &Place) -> Result<Option<Body>, LinesError> {
        let len = usize::try_from(end.bytes().saturating_sub(self.place.bytes())).unwrap_or(usize::MAX);
        if !(1..=self.payload_len_max.max(PACKED_LEN_MAX) + 1).contains(&len) {
            return Err(LinesError::Other);
        }
        while self.buffer.len() - self.taken < len {
            match self.fill(SLICE)? {
                Some(0) => return Err(LinesError::Other),
                Some(_) => {}
                None => return Ok(None),
            }
        }
        let bytes = &self.buffer[self.taken..self.taken + len];
        let mut packer = Packer::default();
        bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&byte| byte == b'\n').for_each(|line| packer.push(line));
        let mut place = self.place;
        place.pass(bytes);
        self.taken += len;
        self.arrive(place, end)?;
        Ok(packer.take())
    }

    /// Takes a place for the one that was meant, if it is that.
    fn arrive(&mut self, mut place: Place, meant: &Place) -> Result<(), LinesError> {
        if meant.is_open() {
            place.close();
        }
        self.place = place;
        if place == *meant { Ok(()) } else { Err(LinesError::Other) }
    }

    fn part(&self, body: Body) -> Next {
        Next::Part(Part { body, end: self.place })
    }

    /// The last part: with what stands behind the last line end.
    fn last(&mut self, mut packer: Packer) -> Next {
        let line = &self.buffer[self.taken..];
        if !line.is_empty() && !packer.is_full_for(line.len(), PACKED_LEN_MAX) {
            packer.push(line);
            self.place.pass(line);
            self.place.close();
            self.taken = self.buffer.len();
        }
        packer.take().map_or(Next::End, |body| self.part(body))
    }

    /// Follows a line that is too long to its end, or as far as it can be told.
    fn measure(&mut self, mut len: u64, mut is_whole: bool) -> Result<LinesError, LinesError> {
        while !is_whole && len < FOLLOWED_MAX {
            self.taken = self.buffer.len();
            is_whole = match self.fill(PAUSE)? {
                Some(0) => true,
                None => break,
                Some(_) => {
                    let found = self.buffer.iter().position(|&byte| byte == b'\n');
                    len += found.unwrap_or(self.buffer.len()) as u64;
                    found.is_some()
                }
            };
        }
        Ok(LinesError::TooLong { len, is_whole })
    }

    /// Reads more: so many bytes; 0: there are no more; `None`: none have come in time.
    fn fill(&mut self, wait: Duration) -> io::Result<Option<usize>> {
        if self.has_ended {
            return Ok(Some(0));
        }
        if !self.input.is_ready(wait)? {
            return Ok(None);
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + READ, 0);
        let read = self.input.read(&mut self.buffer[before..]);
        self.buffer.truncate(before + read.as_ref().map_or(0, |&count| count));
        match read {
            Ok(count) => {
                self.has_ended = count == 0;
                Ok(Some(count))
            }
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::VecDeque, io::Read};

    /// Pieces as they come; an empty one: nothing for a while.
    struct Script(VecDeque<Vec<u8>>);

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.front_mut() else { return Ok(0) };
            let len = piece.len().min(buffer.len());
            buffer[..len].copy_from_slice(&piece[..len]);
            piece.drain(..len);
            if piece.is_empty() {
                self.0.pop_front();
            }
            Ok(len)
        }
    }

    impl Input for Script {
        fn is_ready(&mut self, _wait: Duration) -> io::Result<bool> {
            let is_stalled = self.0.front().is_some_and(Vec::is_empty);
            if is_stalled {
                self.0.pop_front();
            }
            Ok(!is_stalled)
        }
    }

    fn lines(pieces: &[&str], payload_len_max: usize) -> Lines<Script> {
        Lines::new(Script(pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect()), payload_len_max)
    }

    fn texts(body: &Body) -> Vec<String> {
        body.payloads().map(|payload| String::from_utf8(payload.to_vec()).unwrap()).collect()
    }

    /// All parts up to the end, and how often there was nothing.
    fn parts(lines: &mut Lines<Script>) -> (Vec<Vec<String>>, usize) {
        let (mut parts, mut nothing) = (Vec::new(), 0);
        loop {
            match lines.next_part().unwrap() {
                Next::Part(Part { body, end }) => {
                    assert_eq!(end, *lines.place());
                    parts.push(texts(&body));
                }
                Next::Nothing => nothing += 1,
                Next::End => return (parts, nothing),
            }
        }
    }

    #[test]
    fn each_line_counts_and_a_last_one_without_end_unless_it_is_empty() {
        for (text, expected) in
            [("", &[][..]), ("\n", &[""]), ("a\n\n\nb\r\n", &["a", "", "", "b\r"]), ("a\nb", &["a", "b"])]
        {
            let mut lines = lines(&[text], 10);
            let (parts, _) = parts(&mut lines);
            assert_eq!(parts.concat(), expected, "{text:?}");
            assert_eq!(lines.place().lines() as usize, expected.len());
            assert_eq!((lines.place().bytes() as usize, lines.place().is_open()), (text.len(), text == "a\nb"));
        }
    }

    #[test]
    fn what_is_there_goes_out_while_the_input_stalls() {
        let mut lines = lines(&["a\nb\nc", "", "", "c\nd", "\n", "", "e"], 10);
        let (parts, nothing) = parts(&mut lines);
        assert_eq!(parts, [&["a", "b"][..], &["cc", "d"], &["e"]]);
        assert_eq!(nothing, 1);
    }

    #[test]
    fn a_request_has_an_end_and_a_long_line_one_of_its_own() {
        let (short, long) = ("x".repeat(60_000), "y".repeat(400_000));
        let text = format!("{short}\n").repeat(6) + &format!("{long}\nz");
        let lens = |text: &str| parts(&mut lines(&[text], 1 << 20)).0.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lens(&text), [4, 2, 1, 1]);
        assert_eq!(lens(&"\n".repeat(10_000)), [4096, 4096, 1808]);
    }

    #[test]
    fn a_line_that_is_too_long_is_measured_after_what_stands_before_it_and_not_kept() {
        let long = "x".repeat(3_000_000);
        for (pieces, len, is_whole) in [
            (&["a\n", &long, "\nb\n"][..], 3_000_000, true),
            (&["a\n", &long], 3_000_000, true),
            (&["a\n", &long, ""], 3_000_000, false),
            (&["a\n0123456789a\n"], 11, true),
        ] {
            let mut lines = lines(pieces, 10);
            assert!(matches!(lines.next_part().unwrap(), Next::Part(part) if texts(&part.body) == ["a"]));
            let Err(LinesError::TooLong { len: found, is_whole: end }) = lines.next_part() else { panic!("{len}") };
            assert_eq!((found, end), (len, is_whole));
            assert!(lines.buffer.capacity() <= 4 * READ);
        }
    }

    #[test]
    fn a_part_is_the_same_again_however_the_input_comes() {
        let text = "a\n\nbc\nd";
        let mut first = lines(&["a\n", "", &text[2..]], 10);
        let Next::Part(begin) = first.next_part().unwrap() else { panic!() };
        let Next::Part(rest) = first.next_part().unwrap() else { panic!() };
        let mut second = lines(&["a", "", "\n\nb", "", "c\nd"], 10);
        assert_eq!([second.skip(&begin.end).unwrap(), second.skip(&begin.end).unwrap()], [false, true]);
        assert_eq!(second.again(&rest.end).unwrap(), None);
        assert_eq!(second.again(&rest.end).unwrap(), Some(rest.body.clone()));
        assert_eq!(second.next_part().unwrap(), Next::End);
        let more_of = |text: &str| {
            let mut lines = lines(&[text], 10);
            lines.skip(&begin.end).and_then(|_| lines.again(&rest.end)).and_then(|_| lines.next_part())
        };
        for other in ["a\n\nbd\nd", "a\n\nbc\n", "b\n\nbc\nd", ""] {
            assert!(matches!(more_of(other), Err(LinesError::Other)), "{other:?}");
        }
        assert_eq!(more_of("a\n\nbc\nd\n").unwrap(), Next::End, "the same lines");
        let Next::Part(more) = more_of("a\n\nbc\nd\ne\n").unwrap() else { panic!() };
        assert_eq!((texts(&more.body), more.end.lines()), (vec!["e".to_owned()], 5));
        assert!(matches!(more_of("a\n\nbc\nde"), Err(LinesError::Grown)));
    }
}
