//! Real sockets on the loopback interface. Nothing sleeps: tests wait at their sockets, for a bounded time.

use super::*;
use crate::clock::Deadline;
use crate::core::{
    endpoint::Endpoint,
    event::{Dial, LinkId, ReturnAddress},
    id::NodeId,
    message::Payload,
};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    iter,
    net::{Ipv4Addr, TcpListener},
    os::{fd::AsFd, unix::net::UnixStream},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

const LINK: LinkId = LinkId(1);
const TICK: Duration = Duration::from_millis(10);
const NONE: &[&[u8]] = &[];

/// A node without a core.
struct TestNode {
    router: Router,
    links: Links,
    poller: Poller,
    parts: Parts,
    context: Context,
}

fn any_port() -> Endpoint {
    Endpoint::from_ip(Ipv4Addr::LOCALHOST.into(), 0)
}

fn node(name: u32) -> TestNode {
    node_with(name, &any_port(), RouterLimits::default(), LinkLimits::default())
}

fn node_with(name: u32, endpoint: &Endpoint, router: RouterLimits, links: LinkLimits) -> TestNode {
    let context = Context::new(64).unwrap();
    let router = Router::bind(&context, endpoint, router).unwrap();
    let links = Links::new(&context, NodeId::numbered(name), links);
    TestNode { router, links, poller: Poller::new(), parts: Parts::new(), context }
}

impl TestNode {
    /// Polls until `done`, at most 1000 idle ticks.
    fn until(&mut self, what: &str, mut done: impl FnMut(&mut Router, &mut Links, &Ready) -> bool) {
        let mut idle = 0;
        for _ in 0..1_000_000 {
            let ready = self.poller.poll(&mut self.router, &mut self.links, &[], Some(TICK)).unwrap();
            if done(&mut self.router, &mut self.links, ready) {
                return;
            }
            if !ready.router && [&ready.disconnected, &ready.readable, &ready.writable].iter().all(|ids| ids.is_empty())
            {
                idle += 1;
                assert!(idle < 1000, "never {what}");
            }
        }
        panic!("never {what}");
    }

    /// Asserts that `event` does not happen within some idle ticks.
    fn never(&mut self, what: &str, mut event: impl FnMut(&mut Router, &mut Links, &Ready) -> bool) {
        for _ in 0..30 {
            let ready = self.poller.poll(&mut self.router, &mut self.links, &[], Some(TICK)).unwrap();
            assert!(!event(&mut self.router, &mut self.links, ready), "{what}");
        }
    }

    fn connect(&mut self, link: LinkId, endpoint: &Endpoint) {
        self.links.connect(link, endpoint, Dial::Again).unwrap();
        self.until("writable", |_, _, ready| ready.writable == [link]);
    }

    /// Polls until this link and no other is told to have lost its connection: within a second.
    fn until_lost(&mut self, link: LinkId) {
        let deadline = Deadline::after(Duration::from_secs(1));
        self.until("lost", |_, _, ready| {
            assert!(!deadline.is_over(), "noticed too late");
            assert!(ready.disconnected.iter().all(|&lost| lost == link));
            !ready.disconnected.is_empty()
        });
    }

    /// The next message at the router.
    fn arrival(&mut self) -> Vec<Vec<u8>> {
        let mut parts = std::mem::take(&mut self.parts);
        self.until("arrived", |router, _, _| router.recv(&mut parts).unwrap());
        self.parts = parts;
        copies(self.parts.frames())
    }

    /// The next message that comes back over a link.
    fn returned(&mut self, link: LinkId) -> Vec<Vec<u8>> {
        let mut parts = std::mem::take(&mut self.parts);
        self.until("returned", |_, links, _| links.recv(link, &mut parts).unwrap());
        self.parts = parts;
        copies(self.parts.frames())
    }
}

fn copies(frames: &[Part]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.as_ref().to_vec()).collect()
}

fn frame(bytes: &[u8]) -> SharedFrame {
    bytes.into()
}

/// A client of another program: the plain `zmq` crate.
fn client(context: &zmq::Context, kind: zmq::SocketType, endpoint: &Endpoint) -> zmq::Socket {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_rcvtimeo(10_000).unwrap();
    if kind == zmq::REQ {
        socket.set_req_correlate(true).unwrap();
    }
    socket.connect(&endpoint.to_string()).unwrap();
    socket
}

/// Frames before the empty one, packed, and those behind it.
fn split(message: &[Vec<u8>]) -> (ReturnAddress, &[Vec<u8>]) {
    let empty = message.iter().position(Vec::is_empty).unwrap();
    (address::pack(&message[..empty]).unwrap(), &message[empty + 1..])
}

#[test]
fn a_link_carries_frames_there_and_answers_back() {
    let (mut a, mut b) = (node(1), node(2));
    a.connect(LINK, b.router.endpoint());
    let payload = Payload::from(&[7; 5000][..]);
    a.links.send(LINK, &[frame(b"header"), payload.into()]).unwrap();
    a.links.send(LINK, &[frame(&[8; 300]), frame(b"")]).unwrap();
    assert_eq!(b.arrival(), [b"1".to_vec(), vec![], b"header".to_vec(), vec![7; 5000]]);
    assert_eq!(b.arrival(), [b"1".to_vec(), vec![], vec![8; 300], vec![]]);
    b.router.answer(&NodeId::numbered(1), &[frame(b"welcome")]).unwrap();
    assert_eq!(a.returned(LINK), [b"".to_vec(), b"welcome".to_vec()]);
    a.until("given back", |_, links, _| links.pending_bytes(LINK) == 0);
    b.until("given back", |router, _, _| router.pending_bytes() == 0);
}

#[test]
fn every_kind_of_client_gets_its_own_reply() {
    let mut server = node(1);
    let context = zmq::Context::new();
    let endpoint = server.router.endpoint().clone();
    let plain = context.socket(zmq::REQ).unwrap();
    plain.set_linger(0).unwrap();
    plain.connect(&endpoint.to_string()).unwrap();
    let correlated = client(&context, zmq::REQ, &endpoint);
    let dealer = client(&context, zmq::DEALER, &endpoint);
    let proxied = client(&context, zmq::DEALER, &endpoint);
    plain.send("plain", 0).unwrap();
    correlated.send("correlated", 0).unwrap();
    dealer.send_multipart(["", "dealer"], 0).unwrap();
    proxied.send_multipart(["outer", "inner", "", "proxied"], 0).unwrap();
    let requests: Vec<_> = (0..4).map(|_| server.arrival()).collect();
    for request in requests.iter().rev() {
        let (address, body) = split(request);
        server.router.reply(&address, &[frame(b"to"), frame(&body[0])]).unwrap();
    }
    assert_eq!(plain.recv_multipart(0).unwrap(), [&b"to"[..], b"plain"]);
    assert_eq!(correlated.recv_multipart(0).unwrap(), [&b"to"[..], b"correlated"]);
    assert_eq!(dealer.recv_multipart(0).unwrap(), [&b""[..], b"to", b"dealer"]);
    assert_eq!(proxied.recv_multipart(0).unwrap(), [&b"outer"[..], b"inner", b"", b"to", b"proxied"]);
}

#[test]
fn a_node_that_comes_back_takes_over_its_name() {
    let (mut second, mut server) = (node(1), node(2));
    let context = zmq::Context::new();
    // The server cannot know that this one is no more: its connection stays open.
    let first = context.socket(zmq::DEALER).unwrap();
    first.set_linger(0).unwrap();
    first.set_identity(b"1").unwrap();
    first.set_reconnect_ivl(-1).unwrap();
    first.connect(&server.router.endpoint().to_string()).unwrap();
    first.send_multipart(["", "first"], 0).unwrap();
    assert_eq!(server.arrival(), [&b"1"[..], b"", b"first"]);
    second.connect(LINK, server.router.endpoint());
    second.links.send(LINK, &[frame(b"second")]).unwrap();
    assert_eq!(server.arrival(), [&b"1"[..], b"", b"second"]);
    server.router.answer(&NodeId::numbered(1), &[frame(b"welcome")]).unwrap();
    assert_eq!(second.returned(LINK), [&b""[..], b"welcome"]);
    assert_eq!(first.poll(zmq::POLLIN, 0).unwrap(), 0, "both were answered");
}

#[test]
fn a_client_that_left_is_unreachable() {
    let mut server = node(1);
    let context = zmq::Context::new();
    let dealer = client(&context, zmq::DEALER, server.router.endpoint());
    dealer.send_multipart(["", "request"], 0).unwrap();
    let request = server.arrival();
    let (address, _) = split(&request);
    drop(dealer);
    server
        .until("unreachable", |router, _, _| router.reply(&address, &[frame(b"reply")]) == Err(SendError::Unreachable));
    assert_eq!(server.router.reply(&ReturnAddress([].into()), &[frame(b"x")]), Err(SendError::Unreachable));
    server.until("given back", |router, _, _| router.pending_bytes() == 0);
}

#[test]
fn a_client_that_does_not_read_is_bounded_and_harms_nobody() {
    const MAX: usize = 1 << 20;
    let limits = RouterLimits { client_bytes_max: MAX, ..RouterLimits::default() };
    let mut server = node_with(1, &any_port(), limits, LinkLimits::default());
    let context = zmq::Context::new();
    let deaf = context.socket(zmq::DEALER).unwrap();
    deaf.set_linger(0).unwrap();
    deaf.set_rcvhwm(1).unwrap();
    deaf.connect(&server.router.endpoint().to_string()).unwrap();
    let other = client(&context, zmq::DEALER, server.router.endpoint());
    deaf.send_multipart(["", "deaf"], 0).unwrap();
    let request = server.arrival();
    let (address, _) = split(&request);
    let page = frame(&[0; 64 << 10]);
    // What the kernel and the client's library take in ends at some point.
    let mut refused = 0;
    server.until("stalled", |router, _, _| {
        while router.reply(&address, std::slice::from_ref(&page)) == Ok(()) {
            assert!(router.pending_bytes() <= MAX);
            refused = 0;
        }
        refused += 1;
        refused == 20
    });
    other.send_multipart(["", "other"], 0).unwrap();
    let request = server.arrival();
    server.router.reply(&split(&request).0, &[frame(b"reply")]).unwrap();
    assert_eq!(other.recv_multipart(0).unwrap(), [&b""[..], b"reply"]);
    drop(deaf);
    server.until("given back", |router, _, _| router.pending_bytes() == 0);
    assert_eq!(Arc::strong_count(&page.0), 1);
}

#[test]
fn accounts_do_not_outlive_their_clients() {
    let mut server = node(1);
    for number in 0..2000 {
        let gone = NodeId::numbered(number);
        assert_eq!(server.router.answer(&gone, &[frame(b"x")]), Err(SendError::Unreachable));
        assert!(server.router.accounts() <= 64, "{} accounts", server.router.accounts());
    }
}

#[test]
fn a_stalled_link_is_bounded_raises_pressure_and_recovers() {
    const MAX: usize = 1 << 20;
    let limits = LinkLimits { bytes_max: MAX, ..LinkLimits::default() };
    let mut a = node_with(1, &any_port(), RouterLimits::default(), limits);
    let mut b =
        node_with(2, &any_port(), RouterLimits { unread_max: 1, ..RouterLimits::default() }, LinkLimits::default());
    a.connect(LINK, b.router.endpoint());
    assert!(!a.links.pressure());
    let payload: SharedFrame = Payload::from(&[7; 64 << 10][..]).into();
    let (mut sent, mut refused) = (0, 0);
    a.until("stalled", |_, links, _| {
        while links.send(LINK, &[frame(b"header"), payload.clone()]) == Ok(()) {
            assert!(links.pending_bytes(LINK) <= MAX);
            sent += 1;
            refused = 0;
        }
        refused += 1;
        refused == 20
    });
    assert!(a.links.pressure());
    assert!(Arc::strong_count(&payload.0) > 8, "the frames are not shared");
    a.never("told while full", |_, _, ready| ready.writable == [LINK]);
    for _ in 0..sent {
        assert_eq!(b.arrival()[2..], [b"header".to_vec(), vec![7; 64 << 10]]);
    }
    b.never("more than was sent", |_, _, ready| ready.router);
    a.until("told", |_, _, ready| ready.writable == [LINK]);
    a.until("relieved", |_, links, _| !links.pressure());
    assert_eq!((a.links.pending_bytes(LINK), Arc::strong_count(&payload.0)), (0, 1));
    a.links.send(LINK, &[frame(b"again")]).unwrap();
    assert_eq!(b.arrival()[2..], [b"again"]);
}

#[test]
fn messages_are_counted_too_and_a_refusal_by_count_is_a_full_queue() {
    let limits = LinkLimits { messages_max: 100, ..LinkLimits::default() };
    let mut a = node_with(1, &any_port(), RouterLimits::default(), limits);
    let b = node_with(2, &any_port(), RouterLimits { unread_max: 1, ..RouterLimits::default() }, LinkLimits::default());
    a.connect(LINK, b.router.endpoint());
    let mut refused = 0;
    let large = frame(&[0; 16 << 10]);
    a.until("full", |_, links, _| {
        loop {
            match links.send(LINK, std::slice::from_ref(&large)) {
                Ok(()) => refused = 0,
                Err(Unsent::QueueFull) => break refused += 1,
                Err(Unsent::NotConnected) => panic!("a full queue was taken for a lost connection"),
            }
        }
        refused == 20
    });
}

#[test]
fn closing_with_a_full_queue_does_not_hang_and_lets_go() {
    let mut a = node(1);
    let b = node_with(2, &any_port(), RouterLimits { unread_max: 1, ..RouterLimits::default() }, LinkLimits::default());
    a.connect(LINK, b.router.endpoint());
    let page = frame(&[0; 1 << 20]);
    for _ in 0..40 {
        a.links.send(LINK, std::slice::from_ref(&page)).unwrap();
    }
    let TestNode { router, links, context, .. } = a;
    links.close(Duration::from_millis(50));
    router.close(Duration::from_millis(50));
    drop(context);
    assert_eq!(Arc::strong_count(&page.0), 1);
}

#[test]
fn a_link_is_writable_only_while_its_peer_is_there() {
    let mut a = node(1);
    let b = node(2);
    let endpoint = b.router.endpoint().clone();
    drop(b);
    a.links.connect(LINK, &endpoint, Dial::Again).unwrap();
    a.never("writable without a peer", |_, _, ready| !ready.writable.is_empty());
    for round in [&b"one"[..], b"two"] {
        assert_eq!(a.links.send(LINK, &[frame(b"early")]), Err(Unsent::NotConnected));
        // The context of the peer before has ended, so its port is free.
        let mut b = node_with(2, &endpoint, RouterLimits::default(), LinkLimits::default());
        a.until("writable", |_, _, ready| ready.writable == [LINK]);
        a.never("told twice", |_, _, ready| !ready.writable.is_empty());
        a.links.send(LINK, &[frame(round)]).unwrap();
        assert_eq!(b.arrival()[2..], [round], "nothing waits for an absent peer");
        drop(b);
        a.until("lost", |_, links, _| links.send(LINK, &[frame(b"late")]) == Err(Unsent::NotConnected));
        a.until("given back", |_, links, _| links.pending_bytes(LINK) == 0);
    }
    a.links.disconnect(LINK, Duration::ZERO);
    assert_eq!(a.links.send(LINK, &[frame(b"x")]), Err(Unsent::NotConnected));
}

#[test]
fn a_lost_connection_is_told_once_without_anything_to_send() {
    let mut a = node(1);
    let mut b = node(2);
    let (endpoint, other) = (b.router.endpoint().clone(), LinkId(LINK.0 + 1));
    let absent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    a.links.connect(other, &any_port().with_port(absent.local_addr().unwrap().port()), Dial::Again).unwrap();
    a.connect(LINK, &endpoint);
    for _ in 0..3 {
        a.never("told of a connection that stands", |_, _, ready| !ready.disconnected.is_empty());
        drop(b);
        a.until_lost(LINK);
        a.never("told twice, or writable without a peer", |_, _, ready| {
            !ready.disconnected.is_empty() || !ready.writable.is_empty()
        });
        b = node_with(2, &endpoint, RouterLimits::default(), LinkLimits::default());
        a.until("writable again", |_, _, ready| ready.writable == [LINK]);
    }
    // What the node finds out itself, it is told nevertheless, and what it did itself, it is not.
    a.connect(LinkId(0), &endpoint);
    a.links.disconnect(LinkId(0), Duration::ZERO);
    drop(b);
    while a.links.send(LINK, &[frame(b"late")]).is_ok() {}
    a.until_lost(LINK);
}

#[test]
fn a_loss_is_told_though_another_call_took_the_news() {
    let (mut a, b) = (node(1), node(2));
    a.connect(LINK, b.router.endpoint());
    drop(b);
    let mut parts = Parts::new();
    let busy = Deadline::after(Duration::from_millis(100));
    while !busy.is_over() {
        assert!(!a.links.recv(LINK, &mut parts).unwrap());
    }
    a.until_lost(LINK);
}

/// Set for the process that [`far_end`] is.
const FAR_END: &str = "GOSSIP_TEST_FAR_END";

#[test]
fn a_killed_process_is_missed_at_once() {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["transport::tests::far_end", "--exact", "--ignored", "--nocapture"])
        .env(FAR_END, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| Some(line.split_once("tcp://")?.1.to_owned())).unwrap();
    let mut a = node(1);
    a.connect(LINK, &address.parse().unwrap());
    process.kill().unwrap();
    a.until_lost(LINK);
    process.wait().unwrap();
}

#[test]
#[ignore = "a process of the test before"]
fn far_end() {
    if std::env::var_os(FAR_END).is_some() {
        let far = node(2);
        println!("listens on {}", far.router.endpoint());
        // Ends with its parent, if it is not killed before.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    }
}

#[test]
fn a_link_that_could_not_be_opened_is_opened_when_it_can_be() {
    let b = node(2);
    let context = Context::new(1).unwrap();
    let mut links = Links::new(&context, NodeId::numbered(1), LinkLimits::default());
    links.connect(LINK, b.router.endpoint(), Dial::Again).unwrap();
    let late = LinkId(LINK.0 + 1);
    assert!(links.connect(late, b.router.endpoint(), Dial::Again).is_err(), "there is no second socket");
    assert_eq!(links.send(late, &[frame(b"x")]), Err(Unsent::NotConnected));
    links.disconnect(LINK, Duration::ZERO);
    let deadline = Deadline::after(Duration::from_secs(10));
    while links.send(late, &[frame(b"x")]).is_err() {
        assert!(deadline.pause(Duration::from_millis(1)), "never opened");
    }
}

#[test]
fn a_peer_that_accepts_but_says_nothing_is_not_connected() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut a = node(1);
    a.links.connect(LINK, &any_port().with_port(silent.local_addr().unwrap().port()), Dial::Again).unwrap();
    let accepted = silent.accept().unwrap();
    a.never("writable", |_, _, ready| !ready.writable.is_empty());
    assert_eq!(a.links.send(LINK, &[frame(b"x")]), Err(Unsent::NotConnected));
    drop(accepted);
}

#[test]
fn binding_says_what_is_wrong() {
    let a = node(1);
    let taken = a.router.endpoint();
    assert_ne!(taken.port(), 0);
    let refused = |endpoint: &Endpoint| Router::bind(&a.context, endpoint, RouterLimits::default()).err().unwrap();
    let error = refused(taken);
    assert_eq!(error, BindError::AddressInUse(taken.clone()));
    assert!(error.to_string().starts_with(&format!("cannot listen on {taken}: the port is in use; ")));
    let foreign: Endpoint = "192.0.2.1:7001".parse().unwrap();
    assert_eq!(refused(&foreign), BindError::AddressNotAvailable(foreign.clone()));
    let unknown: Endpoint = "no-such-host.invalid:7001".parse().unwrap();
    assert_eq!(refused(&unknown), BindError::AddressNotAvailable(unknown.clone()));
}

#[test]
fn names_and_wildcards_can_be_bound() {
    let context = Context::new(8).unwrap();
    let wildcard = Endpoint::from_ip(Ipv4Addr::UNSPECIFIED.into(), 0);
    for endpoint in ["localhost:1".parse::<Endpoint>().unwrap().with_port(0), wildcard] {
        let host = endpoint.host();
        let router = Router::bind(&context, &endpoint, RouterLimits::default()).unwrap();
        assert_eq!(router.endpoint().host(), host);
        assert_ne!(router.endpoint().port(), 0);
    }
}

#[test]
fn what_no_program_of_ours_sends_is_contained() {
    let limits = RouterLimits { frame_len_max: 1000, ..RouterLimits::default() };
    let mut server = node_with(1, &any_port(), limits, LinkLimits::default());
    let context = zmq::Context::new();
    let [many, huge, good] = [(); 3].map(|()| client(&context, zmq::DEALER, server.router.endpoint()));
    many.send_multipart(vec!["x"; PARTS_MAX - 1], 0).unwrap();
    assert_eq!(server.arrival().len(), PARTS_MAX);
    many.send_multipart(vec!["x"; PARTS_MAX * 3], 0).unwrap();
    assert_eq!(server.arrival().len(), 1, "only the routing id is kept");
    huge.send_multipart([&b""[..], &[0; 1001]], 0).unwrap();
    server.never("a frame over the limit arrived", |_, _, ready| ready.router);
    good.send_multipart(["", "good"], 0).unwrap();
    assert_eq!(server.arrival()[1..], [&b""[..], b"good"]);
}

#[test]
fn a_signal_ends_the_wait() {
    let mut a = node(1);
    let (mut sender, receiver) = UnixStream::pair().unwrap();
    let TestNode { router, links, poller, .. } = &mut a;
    assert!(!poller.poll(router, links, &[receiver.as_fd()], Some(Duration::ZERO)).unwrap().others[0]);
    sender.write_all(b"!").unwrap();
    let ready = poller.poll(router, links, &[receiver.as_fd()], None).unwrap();
    assert!(ready.others[0] && !ready.router);
}

#[test]
fn a_request_is_answered_or_fails_in_time() {
    let mut server = node(1);
    let endpoint = server.router.endpoint().clone();
    let context = Context::new(8).unwrap();
    let patience =
        Patience { reply: Duration::from_secs(10), retry: Duration::from_millis(100), ..Patience::default() };
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let mut requester = Requester::connect(&context, &endpoint, patience).unwrap();
            let first = copies(requester.request(&["first", "frame"], Attempts::Many).unwrap());
            (first, copies(requester.request(&["second"], Attempts::Many).unwrap()))
        });
        let unanswered = server.arrival();
        assert_eq!(split(&unanswered).1, [b"first", b"frame"]);
        let second = loop {
            let again = server.arrival();
            if split(&again).1 == [b"second"] {
                break again;
            }
            assert_eq!(split(&again).1, split(&unanswered).1);
            server.router.reply(&split(&unanswered).0, &[frame(b"late")]).unwrap();
            server.router.reply(&split(&again).0, &[frame(b"in time")]).unwrap();
        };
        server.router.reply(&split(&second).0, &[frame(b"a"), frame(b"b")]).unwrap();
        assert_eq!(asked.join().unwrap(), (vec![b"in time".to_vec()], vec![b"a".to_vec(), b"b".to_vec()]));
    });
    let mute = Patience { reply: Duration::from_millis(60), ..patience };
    let mut requester = Requester::connect(&context, &endpoint, mute).unwrap();
    requester.patience.retry = Duration::from_millis(10);
    assert!(matches!(requester.request(&["once"], Attempts::One), Err(RequestError::TimedOut { .. })));
    assert!(matches!(requester.request(&["x"], Attempts::Many), Err(RequestError::TimedOut { .. })));
    let arrived = iter::repeat_with(|| split(&server.arrival()).1.concat()).take_while(|text| text != b"x");
    assert_eq!(arrived.filter(|text| text == b"once").count(), 1);
    drop(server);
    let refused = Requester::connect(&context, &endpoint, patience).err().unwrap();
    assert_eq!(refused.to_string(), format!("nothing listens on {endpoint}"));
    let long = Patience { reply: Duration::from_secs(3600), ..patience };
    requester.patience = long;
    assert!(
        matches!(requester.request(&["x"], Attempts::Many), Err(RequestError::Refused(_))),
        "its node died in the meantime"
    );
}

#[test]
fn many_are_asked_at_once_and_the_dead_are_named() {
    const COUNT: usize = 100;
    let mut server = node(1);
    let gone = node(2);
    let dead = gone.router.endpoint().clone();
    drop(gone);
    let context = Context::new(COUNT as u16 + 8).unwrap();
    let mut fan = Fan::new(&context);
    let mut waiting: BTreeSet<usize> = (0..COUNT).map(|_| fan.connect(server.router.endpoint()).unwrap()).collect();
    let last = fan.connect(&dead).unwrap();
    waiting.insert(last);
    for &target in &waiting {
        fan.send(target, &[target.to_string()]).unwrap();
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..COUNT {
                let request = server.arrival();
                let (address, body) = split(&request);
                server.router.reply(&address, &[frame(b"not yet")]).unwrap();
                server.router.reply(&address, &[frame(b"you are"), frame(&body[0])]).unwrap();
            }
        });
        let mut premature = 0;
        let answered = |target: usize, body: &[Part]| match body {
            [_, number] => {
                assert_eq!(number.as_ref(), target.to_string().as_bytes());
                true
            }
            _ => {
                premature += 1;
                false
            }
        };
        fan.collect(&mut waiting, &Deadline::after(Duration::from_secs(2)), answered).unwrap();
        assert_eq!(premature, COUNT);
    });
    assert_eq!(waiting, BTreeSet::from([last]));
    assert!(fan.send(0, NONE).is_ok());
}

/// Reply of an echoing server to a client with these keys, if it sent one.
fn call(endpoint: &str, server: &[u8], keys: &zmq::CurveKeyPair, timeout_ms: i32) -> Option<Vec<u8>> {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::REQ).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_curve_serverkey(server).unwrap();
    socket.set_curve_publickey(&keys.public_key).unwrap();
    socket.set_curve_secretkey(&keys.secret_key).unwrap();
    socket.set_rcvtimeo(timeout_ms).unwrap();
    socket.connect(endpoint).unwrap();
    socket.send("sealed", 0).unwrap();
    socket.recv_bytes(0).ok()
}

#[test]
fn libzmq_encrypts_and_admits_by_key() {
    let [server, friend, stranger] = [(); 3].map(|()| zmq::CurveKeyPair::new().unwrap());
    let context = zmq::Context::new();
    let zap = context.socket(zmq::REP).unwrap();
    zap.bind("inproc://zeromq.zap.01").unwrap();
    let router = context.socket(zmq::ROUTER).unwrap();
    router.set_linger(0).unwrap();
    router.set_curve_server(true).unwrap();
    router.set_curve_secretkey(&server.secret_key).unwrap();
    router.set_zap_domain("gossip").unwrap();
    router.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = router.get_last_endpoint().unwrap().unwrap();
    let (mut admitted, mut refused) = (0, 0);
    thread::scope(|scope| {
        let calls = scope.spawn(|| {
            [(&friend, 10_000), (&stranger, 500)].map(|(keys, time)| call(&endpoint, &server.public_key, keys, time))
        });
        for _ in 0..2000 {
            if zap.poll(zmq::POLLIN, 10).unwrap() > 0 {
                // Version, request id, domain, address, routing id, mechanism, key.
                let request = zap.recv_multipart(0).unwrap();
                let is_friend = request[6] == friend.public_key;
                *if is_friend { &mut admitted } else { &mut refused } += 1;
                let code: &[u8] = if is_friend { b"200" } else { b"400" };
                zap.send_multipart([&request[0][..], &request[1], code, b"", b"", b""], 0).unwrap();
            }
            while let Ok(frames) = router.recv_multipart(zmq::DONTWAIT) {
                router.send_multipart(frames, 0).unwrap();
            }
            if calls.is_finished() {
                break;
            }
        }
        assert_eq!(calls.join().unwrap(), [Some(b"sealed".to_vec()), None]);
    });
    assert_eq!((admitted, refused), (1, 1));
}
