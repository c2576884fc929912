//! W over zenoh peers, each connected with every other, the publisher too: `PORT [PORT OF THE FIRST]`.

use peer_driver::{Outlet, Recorder, Start, fail, must, publish, ready};
use std::sync::Mutex;
use zenoh::{Config, Session, Wait, pubsub::Publisher, qos::CongestionControl};

const KEY: &str = "w";

fn main() {
    let start = Start::read();
    let session = must(zenoh::open(config(&start)).wait());
    if start.is_publisher { publish(start.load, Sender(declare(&session))) } else { receive(&session, &start) }
}

/// TCP on this machine, the others found by what peers tell of each other.
fn config(start: &Start) -> Config {
    let mut config = Config::default();
    let endpoints = |port: &str| format!(r#"["tcp/127.0.0.1:{port}"]"#);
    must(config.insert_json5("mode", r#""peer""#));
    must(config.insert_json5("listen/endpoints", &endpoints(start.word(0))));
    must(config.insert_json5("scouting/multicast/enabled", "false"));
    if start.rest.len() > 1 {
        must(config.insert_json5("connect/endpoints", &endpoints(start.word(1))));
    }
    config
}

fn declare(session: &Session) -> Publisher<'static> {
    must(session.declare_publisher(KEY).congestion_control(CongestionControl::Block).wait())
}

fn receive(session: &Session, start: &Start) {
    let recorder = Mutex::new(Recorder::new(start.load));
    let subscriber = session.declare_subscriber(KEY).callback(move |sample| match recorder.lock() {
        Ok(mut recorder) => recorder.take(&sample.payload().to_bytes()),
        Err(_) => fail("a receiver has panicked"),
    });
    let _subscriber = must(subscriber.wait());
    ready();
    loop {
        std::thread::park();
    }
}

struct Sender(Publisher<'static>);

impl Outlet for Sender {
    fn send(&mut self, payload: &[u8]) {
        must(self.0.put(payload).wait());
    }
}
