//! Driver of every peer of the bench: it counts the messages that reach it, sends those that it is told to, and
//! talks with the bench by lines on stdin and stdout. Times are nanoseconds since 1970 by the clock of the machine.

use std::{
    io::{self, BufRead, Write},
    process, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Load: message 0, which may be sent again until everybody has it; messages one by one; a flood.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Bytes of a payload.
    pub size: usize,
    /// Messages one by one.
    pub paced: u64,
    /// From one of them to the next.
    pub gap: Duration,
    /// Messages of the flood.
    pub flood: u64,
}

/// Start of a process: its role, the load, and what else its kind of peer wants to know.
#[derive(Debug, Clone)]
pub struct Start {
    /// True if it sends; otherwise it is a node.
    pub is_publisher: bool,
    /// The load.
    pub load: Load,
    /// The other arguments.
    pub rest: Vec<String>,
}

impl Start {
    /// Reads `node|publisher SIZE PACED GAP_IN_MICROSECONDS FLOOD …`.
    pub fn read() -> Self {
        let mut words = std::env::args().skip(1);
        let is_publisher = words.next().is_some_and(|role| role == "publisher");
        let mut number =
            || words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| fail("a number is missing"));
        let (size, paced, gap, flood) = (number(), number(), Duration::from_micros(number()), number());
        let size = usize::try_from(size).unwrap_or(usize::MAX).max(size_of::<u64>());
        Self { is_publisher, load: Load { size, paced, gap, flood }, rest: words.collect() }
    }

    /// The other argument at this place.
    pub fn word(&self, index: usize) -> &str {
        self.rest.get(index).map_or_else(|| fail("an argument is missing"), String::as_str)
    }
}

/// The messages that have reached a node.
#[derive(Debug)]
pub struct Recorder {
    load: Load,
    has: Vec<bool>,
    arrived: Vec<u64>,
    paced_left: u64,
    flood_left: u64,
}

impl Recorder {
    /// None yet.
    pub fn new(load: Load) -> Self {
        let all = usize::try_from(1 + load.paced + load.flood).unwrap_or_else(|_| fail("too many messages"));
        let arrived = Vec::with_capacity(usize::try_from(load.paced).unwrap_or(0));
        Self { load, has: vec![false; all], arrived, paced_left: load.paced, flood_left: load.flood }
    }

    /// Takes a payload. Says so when one of the three parts is complete, or when it is none that was to come.
    pub fn take(&mut self, payload: &[u8]) {
        let number = payload.first_chunk().map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
        let place = usize::try_from(number).ok().filter(|_| payload.len() == self.load.size);
        let Some(has) = place.and_then(|place| self.has.get_mut(place)) else {
            return say("wrong a message that nobody sent");
        };
        match (std::mem::replace(has, true), number) {
            (true, 0) => return,
            (true, _) => return say(&format!("wrong message {number} came twice")),
            (false, _) => {}
        }
        if number == 0 {
            say(&format!("first {}", now()));
        } else if number <= self.load.paced {
            self.note_paced(number);
        } else {
            self.flood_left -= 1;
            if self.flood_left == 0 {
                say(&format!("flood {}", now()));
            }
        }
    }

    fn note_paced(&mut self, number: u64) {
        let place = (number - 1) as usize;
        self.arrived.resize(self.arrived.len().max(place + 1), 0);
        self.arrived[place] = now();
        self.paced_left -= 1;
        if self.paced_left == 0 {
            let times: Vec<_> = self.arrived.iter().map(u64::to_string).collect();
            say(&format!("paced {}", times.join(" ")));
        }
    }
}

/// Outlet for the messages of a publisher.
pub trait Outlet {
    /// Hands over one message, waiting where there is no room.
    fn send(&mut self, payload: &[u8]);
    /// Keeps nothing back.
    fn flush(&mut self) {}
}

/// Sends what the bench asks for, until it asks no more.
pub fn publish(load: Load, mut outlet: impl Outlet) {
    let mut payload = vec![b'x'; load.size];
    let mut send = |outlet: &mut _, number: u64| {
        payload[..size_of::<u64>()].copy_from_slice(&number.to_be_bytes());
        Outlet::send(outlet, &payload);
    };
    say("ready");
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        match &*line {
            "first" => send(&mut outlet, 0),
            "paced" => {
                let begun = now();
                let mut sent = Vec::new();
                for number in 1..=load.paced {
                    let due = begun + load.gap.as_nanos() as u64 * (number - 1);
                    thread::sleep(Duration::from_nanos(due.saturating_sub(now())));
                    sent.push(now().to_string());
                    send(&mut outlet, number);
                    outlet.flush();
                }
                say(&format!("paced {}", sent.join(" ")));
            }
            "flood" => {
                let begun = now();
                (1..=load.flood).for_each(|number| send(&mut outlet, load.paced + number));
                say(&format!("flood {begun}"));
            }
            _ => fail("an order that nobody knows"),
        }
        outlet.flush();
    }
}

/// Says that a node can be sent to, and has its process end when the bench has ended or closed its stdin.
pub fn ready() {
    say("ready");
    thread::spawn(|| {
        while io::stdin().lock().read_line(&mut String::new()).is_ok_and(|read| read > 0) {}
        process::exit(0);
    });
}

/// Ends the process with a line on stderr.
pub fn fail(text: &str) -> ! {
    eprintln!("{text}");
    process::exit(1);
}

/// Value that must be there.
pub fn must<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| fail(&error.to_string()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

fn say(line: &str) {
    // Nobody is left to tell when the bench has ended.
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
