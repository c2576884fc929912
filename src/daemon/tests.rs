//! Turns of a node over real sockets, on a log of the test's own.

use super::{node_process::recover, turn::Turn};
use crate::{
    clock::{Clock, Deadline},
    core::{
        batch::Body,
        config::{Config, Limits, Protocol},
        endpoint::Endpoint,
        event::record::{Level, LogSeq, Record},
        id::NodeId,
        message::Payload,
        request::{Cursor, Disturbance, Fetch, Reply, Request, RequestId, Status},
    },
    store::{Log, Records, StoreError, incarnation::Life},
    transport::{Context, Fan, LinkLimits, Links, Poller, Router, RouterLimits},
    wire::{Decoder, Incoming, Response, encode},
};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr},
    os::{fd::AsFd, unix::net::UnixStream},
    path::Path,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A log that outlives its node, and is as slow as the test wants it to be.
#[derive(Default, Clone)]
struct Tape {
    records: Rc<RefCell<Vec<(LogSeq, Record)>>>,
    is_late: Rc<Cell<bool>>,
    /// Says that it ends with something that cannot be read.
    is_torn: bool,
}

impl Log for Tape {
    fn records(&mut self) -> Result<Records<'_>, StoreError> {
        let torn = || StoreError::Io { action: "read", path: "tape".into(), source: io::ErrorKind::InvalidData.into() };
        let records = self.records.borrow().clone().into_iter().map(Ok);
        Ok(Box::new(records.chain(self.is_torn.then(|| Err(torn())))))
    }

    fn append(&mut self, place: LogSeq, record: &Record) -> Result<(), StoreError> {
        self.records.borrow_mut().push((place, record.clone()));
        Ok(())
    }

    fn sync(&mut self) -> Result<LogSeq, StoreError> {
        let last = self.records.borrow().last().map_or(LogSeq::NONE, |(place, _)| *place);
        Ok(if self.is_late.get() { LogSeq::NONE } else { last })
    }
}

/// A node, and a client of it: both in one thread.
struct Pair {
    turn: Turn,
    poller: Poller,
    fan: Fan,
    target: usize,
    _signals: [UnixStream; 2],
}

fn config(endpoint: Endpoint) -> Config {
    Config {
        node: NodeId::numbered(4),
        endpoint,
        network: "test".parse().unwrap(),
        instance: "one".parse().unwrap(),
        protocol: Protocol::default(),
        level: Level::Memory,
        limits: Limits::default(),
    }
}

impl Pair {
    fn new(mut log: Tape, folder: &Path) -> Self {
        let context = Context::new(8).unwrap();
        let local = Endpoint::from_ip(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let router = Router::bind(&context, &local, RouterLimits::default()).unwrap();
        let (config, clock) = (config(router.endpoint().clone()), Clock::new());
        let links = Links::new(&context, config.node.clone(), LinkLimits::default());
        let life = Life::begin(folder, &config.node, clock.now().wall, 0).unwrap();
        let mut fan = Fan::new(&context);
        let target = fan.connect(router.endpoint()).unwrap();
        let node = recover(&mut log, config, life.incarnation(), "test", clock.now()).unwrap();
        let turn = Turn::new(node, clock, router, links, Decoder::new(64), Box::new(log), life);
        let (left, right) = UnixStream::pair().unwrap();
        Self { turn, poller: Poller::new(), fan, target, _signals: [left, right] }
    }

    fn send(&mut self, id: &RequestId, request: &Request) {
        let mut header = Vec::new();
        let payload = encode::request(&mut header, id, request);
        let frames: Vec<&[u8]> = std::iter::once(&header[..]).chain(payload.map(|payload| &**payload)).collect();
        self.fan.send(self.target, &frames).unwrap();
    }

    /// Lets the node run until this many replies are here.
    fn replies(&mut self, count: usize) -> Vec<(RequestId, Reply)> {
        let (mut replies, mut decoder, deadline) =
            (Vec::new(), Decoder::new(64), Deadline::after(Duration::from_secs(20)));
        while replies.len() < count {
            assert!(!deadline.is_over(), "only {replies:?}");
            self.turn.wait_and_run(&mut self.poller, self._signals[0].as_fd()).unwrap();
            let mut targets = BTreeSet::from([self.target]);
            let on_reply = |_, parts: &[_]| {
                let (header, body) = parts.split_first().unwrap();
                match decoder.decode(AsRef::<[u8]>::as_ref(header), body) {
                    Ok(Incoming::Response(Response { request, reply, .. })) => replies.push((request, reply)),
                    other => panic!("{other:?}"),
                }
                replies.len() >= count
            };
            self.fan.collect(&mut targets, &Deadline::after(Duration::from_millis(20)), on_reply).unwrap();
        }
        replies
    }

    fn ask(&mut self, id: RequestId, request: &Request) -> Reply {
        self.send(&id, request);
        let replies = self.replies(1);
        assert_eq!((replies.len(), &replies[0].0), (1, &id));
        replies.into_iter().next().unwrap().1
    }
}

/// Lines of the log, as they are written.
#[derive(Default, Clone)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn publish(text: &str) -> Request {
    Request::Publish { trace: None, body: Body::one(Payload::from(text.as_bytes())) }
}

fn numbers(replies: &[(RequestId, Reply)]) -> Vec<&RequestId> {
    replies.iter().map(|(id, _)| id).collect()
}

#[test]
fn a_state_overtakes_a_receipt_that_waits_for_a_slow_log() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Tape::default());
    let mut pair = Pair::new(log.clone(), folder.path());
    let [first, second, third] = [1, 2, 3].map(RequestId::Number);
    log.is_late.set(true);
    pair.send(&first, &publish("late"));
    pair.send(&second, &Request::Status);
    let replies = pair.replies(1);
    assert_eq!(numbers(&replies), [&second], "the receipt waits, and keeps nobody waiting");
    log.is_late.set(false);
    pair.send(&third, &Request::Peers);
    let replies = pair.replies(2);
    assert_eq!(numbers(&replies), [&third, &first]);
    assert!(matches!(replies[1].1, Reply::Receipt { .. }));
}

#[test]
fn what_waits_in_a_socket_becomes_a_batch_of_its_turn() {
    const COUNT: u64 = 200;
    const PAUSE: Duration = Duration::from_millis(200);
    let (folder, log) = (tempfile::tempdir().unwrap(), Tape::default());
    let mut pair = Pair::new(log.clone(), folder.path());
    // The connection is up, and what is sent now arrives before the node looks.
    pair.ask(RequestId::None, &Request::Status);
    (1..=COUNT).for_each(|number| pair.send(&RequestId::Number(number), &publish(&number.to_string())));
    Deadline::after(PAUSE).pause(PAUSE);
    let replies = pair.replies(COUNT as usize);
    for (number, (id, reply)) in (1..).zip(&replies) {
        let Reply::Receipt { id: message, count: 1, .. } = reply else { panic!("{reply:?}") };
        assert_eq!((id, message.sequence), (&RequestId::Number(number), number), "in their order");
    }
    let received = log
        .records
        .borrow()
        .iter()
        .map(|(_, record)| match record {
            Record::Received { first, last, .. } => (*first, *last),
            other => panic!("{other:?}"),
        })
        .collect::<Vec<_>>();
    assert!(received.len() < COUNT as usize / 4, "turns of few: {received:?}");
    assert_eq!(received.last().map(|&(_, last)| last), Some(COUNT));
}

#[test]
fn a_node_goes_on_from_its_log() {
    let (folder, log) = (tempfile::tempdir().unwrap(), Tape::default());
    let unique = || RequestId::Unique([7; 16].into());
    let mut first = Pair::new(log.clone(), folder.path());
    let receipt = first.ask(unique(), &publish("kept"));
    assert!(matches!(receipt, Reply::Receipt { .. }), "{receipt:?}");
    first.turn.close(Duration::ZERO);
    let mut second = Pair::new(log.clone(), folder.path());
    assert_eq!(second.ask(unique(), &publish("kept")), receipt, "it was published before");
    let fetch = Fetch { status: Status::Unread, from: Cursor::default(), through: None, limit: 9, mark: false };
    let Reply::Page(page) = second.ask(RequestId::None, &Request::Fetch(fetch)) else { panic!("no page") };
    assert_eq!(page.messages.iter().map(|message| &*message.payload).collect::<Vec<_>>(), [b"kept"]);
    let places: Vec<u64> = log.records.borrow().iter().map(|(place, _)| place.0).collect();
    assert_eq!(places, [1, 2], "a message with its receipt, and nothing since");
    let another = second.ask(RequestId::None, &publish("new"));
    assert!(matches!(another, Reply::Receipt { .. }) && another != receipt);
    assert_eq!(log.records.borrow().last().unwrap().0, LogSeq(3), "places go on");
}

#[test]
fn a_log_that_cannot_be_read_to_its_end_starts_no_node() {
    let mut log = Tape { is_torn: true, ..Tape::default() };
    let endpoint = "127.0.0.1:7001".parse().unwrap();
    let clock = Clock::new();
    let life = crate::core::id::Incarnation(1);
    let error = recover(&mut log, config(endpoint), life, "test", clock.now()).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
}

#[test]
fn what_a_process_is_refused_by_its_own_node_stands_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut pair = Pair::new(Tape::default(), folder.path());
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(log, || {
        pair.turn.ask(Request::Status).unwrap();
        let disturbance = Disturbance { cut: true, ..Disturbance::default() };
        pair.turn.ask(Request::Disturb { nodes: None, disturbance }).unwrap();
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!((text.lines().count(), text.matches("not_allowed").count()), (1, 1), "{text}");
}
