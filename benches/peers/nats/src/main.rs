//! W over a nats-server: each node subscribes to one subject, and the publisher publishes there. `PORT` of the server.

use async_nats::{Client, ConnectOptions, Subject};
use futures_util::StreamExt;
use peer_driver::{Outlet, Recorder, Start, must, publish, ready};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const SUBJECT: Subject = Subject::from_static("w");
/// Messages that may wait in a node; the client throws away what comes beyond.
const WAITING_MAX: usize = 1 << 20;
/// Time that a server that has just been started may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(5);

fn main() {
    let start = Start::read();
    let runtime = must(Builder::new_current_thread().enable_all().build());
    let client = runtime.block_on(connect(start.word(0)));
    if start.is_publisher {
        publish(start.load, Publisher { runtime, client });
    } else {
        runtime.block_on(receive(&client, &start));
    }
}

async fn connect(port: &str) -> Client {
    let mut tries = PATIENCE.as_millis() / STEP.as_millis();
    loop {
        let options = ConnectOptions::new().subscription_capacity(WAITING_MAX);
        match options.connect(format!("127.0.0.1:{port}")).await {
            Err(_) if tries > 0 => tokio::time::sleep(STEP).await,
            result => return must(result),
        }
        tries -= 1;
    }
}

async fn receive(client: &Client, start: &Start) {
    let mut messages = must(client.subscribe(SUBJECT).await);
    must(client.flush().await);
    let mut recorder = Recorder::new(start.load);
    ready();
    while let Some(message) = messages.next().await {
        recorder.take(&message.payload);
    }
}

struct Publisher {
    runtime: Runtime,
    client: Client,
}

impl Outlet for Publisher {
    fn send(&mut self, payload: &[u8]) {
        must(self.runtime.block_on(self.client.publish(SUBJECT, payload.to_vec().into())));
    }

    fn flush(&mut self) {
        must(self.runtime.block_on(self.client.flush()));
    }
}
