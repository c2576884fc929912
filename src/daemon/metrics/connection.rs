//! One HTTP connection: one request of bounded length, one answer, all within a bounded time.

use crate::clock::Deadline;
use rustix::event::PollFlags;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

/// Longest request in bytes, headers included.
const REQUEST_LEN_MAX: usize = 8192;
/// Time that a client may take for all of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection.
pub(super) struct Connection {
    stream: TcpStream,
    state: State,
    deadline: Deadline,
}

enum State {
    /// The request comes.
    Reading(Vec<u8>),
    /// The metrics are wanted.
    Waiting,
    /// The answer goes; so many bytes of it are sent.
    Writing(Vec<u8>, usize),
    /// All is said: what else the client sends is read and dropped, as closing now could cost it the answer.
    Ending,
    Over,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, state: State::Reading(Vec::new()), deadline: Deadline::after(PATIENCE) })
    }

    /// The event that it waits for.
    pub(super) fn interest(&self) -> PollFlags {
        match self.state {
            State::Reading(_) | State::Ending => PollFlags::IN,
            State::Waiting | State::Over => PollFlags::empty(),
            State::Writing(..) => PollFlags::OUT,
        }
    }

    /// Says whether it wants the metrics.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Says whether its request has not come yet.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// Says whether it can be closed.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over) || self.deadline.is_over()
    }

    /// Time that it may still take.
    pub(super) fn remaining(&self) -> Duration {
        self.deadline.remaining()
    }

    /// Reads and writes as far as that goes without waiting. A failure is its end.
    pub(super) fn advance(&mut self) {
        match self.step() {
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.state = State::Over,
            Ok(()) => {}
        }
    }

    /// Answers it.
    pub(super) fn answer(&mut self, status: &str, kind: &str, body: &str) {
        let extra = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n",
            body.len()
        );
        self.state = State::Writing([head.as_bytes(), body.as_bytes()].concat(), 0);
        self.advance();
    }

    fn step(&mut self) -> io::Result<()> {
        let mut buffer = [0; 2048];
        loop {
            match &mut self.state {
                State::Reading(request) => {
                    let count = self.stream.read(&mut buffer)?;
                    if count == 0 {
                        self.state = State::Over;
                        return Ok(());
                    }
                    request.extend_from_slice(&buffer[..count]);
                    let verdict = judge(request);
                    match verdict {
                        Verdict::Incomplete => {}
                        Verdict::Metrics => {
                            self.state = State::Waiting;
                            return Ok(());
                        }
                        Verdict::Refused(status) => {
                            self.answer(status, "text/plain; charset=utf-8", &format!("{status}: GET /metrics\n"));
                            return Ok(());
                        }
                    }
                }
                State::Writing(bytes, sent) => {
                    *sent += self.stream.write(&bytes[*sent..])?;
                    if *sent == bytes.len() {
                        self.state = State::Ending;
                        self.stream.shutdown(Shutdown::Write)?;
                    }
                }
                State::Ending => {
                    if self.stream.read(&mut buffer)? == 0 {
                        self.state = State::Over;
                    }
                }
                // Nothing was waited for but its end.
                State::Waiting => self.state = State::Over,
                State::Over => return Ok(()),
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// The subject of a request, or of its beginning.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Incomplete,
    Metrics,
    Refused(&'static str),
}

fn judge(request: &[u8]) -> Verdict {
    let is_whole = request.windows(4).any(|end| end == b"\r\n\r\n") || request.windows(2).any(|end| end == b"\n\n");
    if !is_whole {
        let is_long = request.len() >= REQUEST_LEN_MAX;
        return if is_long { Verdict::Refused("431 Request Header Fields Too Large") } else { Verdict::Incomplete };
    }
    let line = request.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return Verdict::Refused("400 Bad Request") };
    let words: Vec<_> = line.trim_end().split(' ').collect();
    let [method, target, version] = words[..] else { return Verdict::Refused("400 Bad Request") };
    if !version.starts_with("HTTP/1.") {
        return Verdict::Refused("400 Bad Request");
    }
    match (method, target.split('?').next()) {
        ("GET", Some("/metrics")) => Verdict::Metrics,
        (_, Some("/metrics")) => Verdict::Refused("405 Method Not Allowed"),
        _ => Verdict::Refused("404 Not Found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_judged_by_their_first_line_once_they_are_whole() {
        for (request, verdict) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n", Verdict::Incomplete),
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Verdict::Metrics),
            ("GET /metrics?name[]=x HTTP/1.0\n\n", Verdict::Metrics),
            ("POST /metrics HTTP/1.1\r\n\r\n", Verdict::Refused("405 Method Not Allowed")),
            ("GET / HTTP/1.1\r\n\r\n", Verdict::Refused("404 Not Found")),
            ("GET /metrics\r\n\r\n", Verdict::Refused("400 Bad Request")),
            ("\r\n\r\n", Verdict::Refused("400 Bad Request")),
        ] {
            assert_eq!(judge(request.as_bytes()), verdict, "{request:?}");
        }
        let long = vec![b'x'; REQUEST_LEN_MAX];
        assert_eq!(judge(&long), Verdict::Refused("431 Request Header Fields Too Large"));
        assert_eq!(judge(&[0xff, b'\n', b'\n']), Verdict::Refused("400 Bad Request"));
    }
}
