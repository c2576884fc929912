//! The processes of a peer: they are ordered by lines on stdin and answer by lines on stdout, a word and some times.

use crate::failure::Failure;
use gossip::{clock::Deadline, core::time::Wall};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
};

/// Said by nobody: what a process printed has ended.
const ENDED: &str = "ended";

/// Processes that run; killed when dropped. They are numbered in the order of their start.
pub(crate) struct Crew {
    children: Vec<Child>,
    stdins: Vec<Option<ChildStdin>>,
    said: BTreeMap<(String, usize), Vec<Wall>>,
    inbound: Receiver<(usize, String)>,
    outbound: Sender<(usize, String)>,
}

impl Crew {
    pub(crate) fn new() -> Self {
        let (outbound, inbound) = channel();
        Self { children: Vec::new(), stdins: Vec::new(), said: BTreeMap::new(), inbound, outbound }
    }

    /// Starts one more, that takes orders or does not.
    pub(crate) fn start(&mut self, command: &mut Command, takes_orders: bool) -> Result<usize, Failure> {
        let number = self.children.len();
        let pipe = || if takes_orders { Stdio::piped() } else { Stdio::null() };
        let stderr = if takes_orders { Stdio::inherit() } else { Stdio::null() };
        let spawned = command.stdin(pipe()).stdout(pipe()).stderr(stderr).spawn();
        let mut child = spawned.map_err(|error| Failure::new(format!("cannot start {command:?}: {error}")))?;
        self.stdins.push(child.stdin.take());
        if let Some(stdout) = child.stdout.take() {
            let outbound = self.outbound.clone();
            thread::spawn(move || {
                let lines = BufReader::new(stdout).lines().map_while(Result::ok);
                // Nobody listens any more once the crew is gone.
                lines.chain([ENDED.to_owned()]).try_for_each(|line| outbound.send((number, line)))
            });
        }
        self.children.push(child);
        Ok(number)
    }

    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        self.children.iter().map(Child::id)
    }

    /// Gives one of them an order.
    pub(crate) fn order(&mut self, number: usize, word: &str) -> Result<(), Failure> {
        let stdin = self.stdins[number].as_mut().ok_or_else(|| Failure::new("a process that takes no orders"))?;
        Ok(writeln!(stdin, "{word}").and_then(|()| stdin.flush())?)
    }

    /// Waits until these have all said a word. Whether they have.
    pub(crate) fn have_said(&mut self, word: &str, who: &[usize], deadline: &Deadline) -> Result<bool, Failure> {
        while !who.iter().all(|&number| self.said.contains_key(&(word.to_owned(), number))) {
            match self.inbound.recv_timeout(deadline.remaining()) {
                Ok((number, line)) => self.note(number, &line)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The same, where it is wrong if they have not.
    pub(crate) fn must_say(&mut self, word: &str, who: &[usize], deadline: &Deadline) -> Result<(), Failure> {
        if self.have_said(word, who, deadline)? {
            return Ok(());
        }
        let silent = who.iter().filter(|&&number| self.times(word, number).is_none()).count();
        Err(Failure::new(format!("{silent} of {} processes did not say '{word}' in time", who.len())))
    }

    /// The times that one said with a word.
    pub(crate) fn times(&self, word: &str, number: usize) -> Option<&[Wall]> {
        self.said.get(&(word.to_owned(), number)).map(Vec::as_slice)
    }

    /// The latest of what these said with a word, time by time.
    pub(crate) fn latest(&self, word: &str, who: &[usize]) -> Vec<Wall> {
        let mut latest: Vec<Wall> = Vec::new();
        for times in who.iter().filter_map(|&number| self.times(word, number)) {
            latest.resize(latest.len().max(times.len()), Wall(0));
            latest.iter_mut().zip(times).for_each(|(latest, time)| *latest = (*latest).max(*time));
        }
        latest
    }

    /// Has all of them end that take orders; what came too often is known by then.
    pub(crate) fn finish(mut self, deadline: &Deadline) -> Result<(), Failure> {
        let mut running: usize = self.stdins.iter_mut().filter_map(Option::take).count();
        while running > 0 {
            match self.inbound.recv_timeout(deadline.remaining()) {
                Ok((_, line)) if line == ENDED => running -= 1,
                Ok((number, line)) => self.note(number, &line)?,
                Err(_) => return Err(Failure::new(format!("{running} processes did not end in time"))),
            }
        }
        Ok(())
    }

    fn note(&mut self, number: usize, line: &str) -> Result<(), Failure> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if ["wrong", ENDED].contains(&word) {
            return Err(Failure::new(format!("process {} of the peer: {line}", number + 1)));
        }
        let times = rest.split_whitespace().map(|time| Ok(Wall(time.parse()?)));
        self.said.insert((word.to_owned(), number), times.collect::<Result<_, Failure>>()?);
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
