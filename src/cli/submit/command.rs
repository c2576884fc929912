//! `gossip send-message --lines`.

use super::{
    input::Stdin,
    lines::{Lines, LinesError, Next, Part},
    place::{Place, span},
    resume::Resume,
    tally::Tally,
};
use crate::{
    cli::{
        Context, NodeArgument, Output,
        error::{CliError, Done},
        progress::Progress,
        text,
    },
    client::{Client, ClientError},
    clock::Deadline,
    core::{
        event::record::Level,
        request::{NodeStatus, RequestId},
        stats::Refusal,
    },
    quantity::{Size, Time},
};
use serde::Serialize;
use std::{
    fmt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

/// Time to wait before submitting again what a busy node refused.
const BUSY: Duration = Duration::from_millis(5);

/// Report on all that was sent.
#[derive(Serialize)]
struct Sent {
    node: String,
    count: u64,
    /// Of these, the messages that were sent by earlier runs with the same file.
    before: u64,
    first: Option<String>,
    last: Option<String>,
    consecutive: bool,
    level: &'static str,
    #[serde(skip)]
    text: String,
}

/// Submits the lines of stdin to a node and prints how many they were and which ids they have.
pub fn run(
    node: &NodeArgument,
    resume: Option<&Path>,
    timeout: Duration,
    context: &Context,
    out: &mut Output,
) -> Result<(), CliError> {
    let mut client = context.connect(node, timeout)?;
    let status = client.status()?;
    let resume = resume.map(|path| Resume::open(path, &status)).transpose()?;
    let before = resume.as_ref().map_or(0, |resume| resume.sent().count());
    let input = Stdin::open().map_err(|error| LinesError::from(error).as_failure())?;
    let (len, is_typed) = (input.file_len(), input.is_typed());
    let limit = usize::try_from(status.payload_len_max).unwrap_or(usize::MAX);
    let interrupted = &*context.catch_interrupts()?;
    let mut sending = Sending {
        client,
        status,
        timeout,
        lines: Lines::new(input, limit),
        resume,
        sent: Tally::default(),
        taken: Place::default(),
        blamed: None,
        interrupted,
        progress: Progress::start(out.is_quiet() || is_typed),
        len,
    };
    let outcome = sending.run(out);
    let stored = sending.resume.as_mut().map_or(Ok(()), Resume::store);
    let Sending { status, resume, sent, taken, blamed, .. } = sending;
    outcome.and(stored).map_err(|why| {
        let (line, last_line) = blamed.unzip();
        CliError::Partly { why: Box::new(why), done: Done { count: taken.lines(), line, last_line } }
    })?;
    let sent = resume.as_ref().map_or(&sent, Resume::sent);
    out.print(&Sent::new(&status, sent, before))
}

/// Lines on their way to a node.
struct Sending<'a> {
    client: Client,
    /// The status that the node had at first, but for its life, which is the present one.
    status: NodeStatus,
    timeout: Duration,
    lines: Lines<Stdin>,
    resume: Option<Resume>,
    sent: Tally,
    /// The place up to which the node has taken the lines.
    taken: Place,
    /// The first and the last line of what was refused, or is in doubt.
    blamed: Option<(u64, u64)>,
    interrupted: &'a AtomicBool,
    progress: Progress,
    /// Bytes of the input, if that is known.
    len: Option<u64>,
}

impl Sending<'_> {
    fn run(&mut self, out: &Output) -> Result<(), CliError> {
        self.go_on(out)?;
        loop {
            match self.lines.next_part().map_err(|error| self.unreadable(error))? {
                Next::Part(part) => self.submit(&part, out)?,
                Next::Nothing => self.resume.as_mut().map_or(Ok(()), Resume::store)?,
                Next::End => return Ok(()),
            }
            self.check_interrupt()?;
        }
    }

    /// Comes to where an earlier run ended, and repeats its last request if that has no receipt.
    fn go_on(&mut self, out: &Output) -> Result<(), CliError> {
        let Some((taken, doubt)) = self.resume.as_ref().map(|resume| (*resume.taken(), resume.doubt().copied())) else {
            return Ok(());
        };
        self.taken = taken;
        while !self.lines.skip(&taken).map_err(|error| self.unreadable(error))? {
            self.check_interrupt()?;
        }
        let Some(end) = doubt else { return Ok(()) };
        loop {
            if let Some(body) = self.lines.again(&end).map_err(|error| self.unreadable(error))? {
                return self.submit(&Part { body, end }, out);
            }
            self.check_interrupt()?;
        }
    }

    /// Submits lines until the node has taken them, or its patience with a busy one is at its end.
    fn submit(&mut self, part: &Part, out: &Output) -> Result<(), CliError> {
        // Without a file, a request may go out twice within a run; with one, if it was in doubt before.
        let is_repeated = self.resume.as_ref().is_none_or(|resume| resume.doubt().is_some());
        let request = match &mut self.resume {
            Some(resume) => resume.begin(&self.status, &part.end)?,
            None => RequestId::None,
        };
        let deadline = Deadline::after(self.timeout);
        let receipt = loop {
            match self.client.publish_all(&request, part.body.clone()) {
                Ok(receipt) => break receipt,
                Err(ClientError::Refused { refusal: Refusal::Busy, .. })
                    if !self.interrupted.load(Relaxed) && deadline.pause(BUSY) => {}
                Err(error) => return Err(self.stopped(&error, part)),
            }
        };
        if receipt.id.incarnation != self.status.incarnation {
            self.status.incarnation = receipt.id.incarnation;
            let lines = span(self.taken.lines() + 1, part.end.lines());
            let text = format!("node {} was started anew meanwhile and took {lines}", receipt.node);
            match is_repeated {
                true => out.note(format_args!("{text}: they may be there twice, if it had taken them before as well")),
                false => out.note(format_args!("{text}")),
            }
        }
        match &mut self.resume {
            Some(resume) => resume.done(&receipt),
            None => self.sent.add(&receipt),
        }
        self.taken = part.end;
        let (lines, bytes) = (text::count(part.end.lines(), "line"), part.end.bytes());
        match self.len {
            Some(len) => self.progress.show(bytes as f64 / len.max(1) as f64, &format!("{lines} sent")),
            None => self.progress.count(&format!("{lines} sent")),
        }
        Ok(())
    }

    fn check_interrupt(&self) -> Result<(), CliError> {
        match self.interrupted.load(Relaxed) {
            true => Err(CliError::Interrupted(format!("interrupted: {}{}", self.so_far(), self.again()))),
            false => Ok(()),
        }
    }

    /// The error of an input that gives no more lines.
    fn unreadable(&mut self, error: LinesError) -> CliError {
        let (so_far, NodeStatus { node, payload_len_max: limit, .. }) = (self.so_far(), &self.status);
        match error {
            LinesError::Other | LinesError::Grown => match (&self.resume, error) {
                (Some(resume), LinesError::Grown) => resume.grown_input(),
                (Some(resume), _) => resume.other_input(),
                (None, error) => error.as_failure(),
            },
            LinesError::TooLong { len, is_whole } => {
                let line = self.taken.lines() + 1;
                self.blamed = Some((line, line));
                let (more, limit) = (if is_whole { "" } else { "more than " }, Size(*limit).exact());
                let text = format!("line {line} has {more}{len} bytes, over the limit");
                let remedy = "shorten it, or start nodes with a larger --payload-max";
                let text = format!("{text} of {limit} of node {node}: {remedy}; {so_far}");
                CliError::Refused { code: Refusal::TooLarge.name(), text }
            }
            LinesError::Io(error) => CliError::Failed(format!("cannot read stdin: {error}; {so_far}{}", self.again())),
        }
    }

    /// The error of lines that the node did not take, or perhaps did.
    fn stopped(&mut self, error: &ClientError, part: &Part) -> CliError {
        let (first, last) = (self.taken.lines() + 1, part.end.lines());
        self.blamed = Some((first, last));
        let (so_far, lines) = (self.so_far(), span(first, last));
        let unknown =
            |why: String, again| format!("{why}; {so_far}, and whether the node took {lines} is unknown{again}");
        match error {
            ClientError::Refused { node, refusal, text } => {
                if let Some(resume) = &mut self.resume {
                    resume.refused();
                }
                let waited = match refusal {
                    Refusal::Busy => format!(" for {}", Time(self.timeout).rounded()),
                    _ => String::new(),
                };
                let text = format!("node {node} refused {lines}{waited}: {text}; {so_far}");
                CliError::Refused { code: refusal.name(), text }
            }
            ClientError::TimedOut { endpoint, after } => {
                let why = format!("no reply from {endpoint} within {}", Time(*after).rounded());
                CliError::TimedOut(unknown(why, self.again()))
            }
            ClientError::TooLong { .. } => {
                CliError::Refused { code: Refusal::TooLarge.name(), text: format!("{error}; {so_far}") }
            }
            ClientError::Unreachable { .. } | ClientError::Stranger { .. } => {
                CliError::Unreachable(unknown(error.to_string(), self.again()))
            }
            ClientError::Protocol { .. } | ClientError::Setup(_) => {
                CliError::Failed(unknown(error.to_string(), self.again()))
            }
        }
    }

    /// Number of lines that were sent before something happened.
    fn so_far(&self) -> String {
        match self.taken.lines() {
            0 => "no line was sent".to_owned(),
            1 => "the line before was sent".to_owned(),
            count => format!("the {count} lines before were sent"),
        }
    }

    /// The way to go on, if there is one.
    fn again(&self) -> &'static str {
        if self.resume.is_some() { "; the same command goes on from there" } else { "" }
    }
}

impl Sent {
    fn new(status: &NodeStatus, sent: &Tally, before: u64) -> Self {
        let (count, node) = (sent.count(), text::Shown(&status.node));
        let messages = text::count(count, "message");
        let mut text = match sent.ends() {
            None => format!("No message sent to {node}: there are no lines"),
            Some((first, last)) => {
                let ids = if first == last { first.to_owned() } else { format!("{first} to {last}") };
                match count - before {
                    0 => format!("Nothing more to send to {node}: {messages} sent by earlier runs: {ids}"),
                    _ if before == 0 => format!("{messages} sent to {node}: {ids}"),
                    now => format!("{messages} sent, {before} by earlier runs and {now} to {node}: {ids}"),
                }
            }
        };
        if !sent.is_consecutive() {
            text.push_str(", with others between");
        }
        let [first, last] = [sent.ends().map(|ends| ends.0.to_owned()), sent.ends().map(|ends| ends.1.to_owned())];
        let (node, consecutive) = (status.node.to_string(), sent.is_consecutive());
        Self { node, count, before, first, last, consecutive, level: Level::Memory.name(), text }
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
