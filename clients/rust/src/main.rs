//! A client of gossip without libzmq: sends a message to a node, then shows what the node has, whom it knows and
//! how it is. `cargo run -- tcp://127.0.0.1:7004 apple`
use rmpv::Value;
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

const [PUBLISH, FETCH, PEERS, STATUS, ERROR]: [u64; 5] = [32, 33, 35, 36, 95];
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub struct Client {
    pub socket: DealerSocket,
    number: u64,
}

impl Client {
    pub async fn connect(endpoint: &str) -> Result<Self> {
        let mut socket = DealerSocket::new();
        socket.connect(endpoint).await?;
        Ok(Self { socket, number: 0 })
    }

    /// Sends a request and does not wait for its reply. The number of the request comes back with it.
    pub async fn send(&mut self, kind: u64, fields: &[Value], payload: Option<&[u8]>) -> Result<u64> {
        self.number += 1;
        let mut header = Vec::new();
        let start = ["GS".into(), 1.into(), kind.into(), self.number.into()];
        rmpv::encode::write_value(&mut header, &[&start, fields].concat().into())?;
        let mut message = ZmqMessage::from(Vec::new()); // the empty frame
        message.push_back(header.into());
        payload.into_iter().for_each(|payload| message.push_back(payload.to_vec().into()));
        self.socket.send(message).await?;
        Ok(self.number)
    }

    /// The next reply: the number of its request, and its fields behind the node's name.
    pub async fn receive(&mut self) -> Result<(Option<u64>, Vec<Value>)> {
        let frames = self.socket.recv().await?.into_vec();
        let header = rmpv::decode::read_value(&mut &frames[1][..])?;
        match header.as_array().ok_or("no array")?.as_slice() {
            [_, _, kind, _, _, code, text, ..] if kind == &ERROR.into() => Err(format!("{code}: {text}").into()),
            [_mark, _version, _kind, number, _node, fields @ ..] => Ok((number.as_u64(), fields.to_vec())),
            _ => Err("no reply".into()),
        }
    }

    pub async fn ask(&mut self, kind: u64, fields: &[Value], payload: Option<&[u8]>) -> Result<Vec<Value>> {
        self.send(kind, fields, payload).await?;
        Ok(self.receive().await?.1)
    }

    /// Returns the message's id `[origin, incarnation, sequence]`. With `relays`, its paths are recorded.
    pub async fn publish(&mut self, payload: &[u8], relays: Option<u64>) -> Result<Value> {
        Ok(self.ask(PUBLISH, &[relays.map_or(Value::Nil, Value::from)], Some(payload)).await?.remove(0))
    }

    /// All messages, page by page: `[position, id, published, received, unread, continued, paths, payload]`.
    pub async fn messages(&mut self, status: &str) -> Result<Vec<Value>> {
        let (mut messages, mut cursor, mut through) = (Vec::new(), Value::from(vec![0.into(), 0.into()]), Value::Nil);
        while !cursor.is_nil() {
            let page = self.ask(FETCH, &[status.into(), cursor, through], None).await?;
            messages.extend(page[0].as_array().into_iter().flatten().cloned());
            (cursor, through) = (page[1].clone(), page[2].clone());
        }
        Ok(messages)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let mut node = Client::connect(&arguments[1]).await?;
    println!("sent {}", node.publish(arguments[2].as_bytes(), Some(1)).await?);
    for message in node.messages("all").await? {
        println!("{} {} {}", message[1], String::from_utf8_lossy(message[7].as_slice().unwrap_or(b"")), message[6]);
    }
    for peer in node.ask(PEERS, &[], None).await?[0].as_array().into_iter().flatten() {
        println!("peer {peer}");
    }
    println!("{}", node.ask(STATUS, &[], None).await?[0]);
    Ok(())
}
