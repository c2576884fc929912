//! A client of gossip without libzmq, as a library of its own.
use rmpv::Value;
use zeromq::{DealerSocket, Socket, SocketRecv, SocketSend, ZmqMessage};

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
pub const PUBLISH: u64 = 32;
pub const FETCH: u64 = 33;
pub const STATUS: u64 = 36;
pub const ERROR: u64 = 95;

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
        let (mut header, start) = (Vec::new(), ["GS".into(), 1.into(), kind.into(), self.number.into()]);
        rmpv::encode::write_value(&mut header, &[&start, fields].concat().into())?;
        let mut message = ZmqMessage::from(Vec::new()); // the empty frame
        message.push_back(header.into());
        payload.into_iter().for_each(|payload| message.push_back(payload.to_vec().into()));
        self.socket.send(message).await?;
        Ok(self.number)
    }
    /// The next reply, of whichever request: the number of that request, and the fields behind the node's name.
    pub async fn receive(&mut self) -> Result<(Option<u64>, Vec<Value>)> {
        let frames = self.socket.recv().await?.into_vec();
        match rmpv::decode::read_value(&mut &frames[1][..])?.as_array().map_or(&[][..], Vec::as_slice) {
            [_, _, kind, _, _, code, text, ..] if *kind == ERROR.into() => Err(format!("{code}: {text}").into()),
            [_mark, _version, _kind, number, _node, fields @ ..] => Ok((number.as_u64(), fields.to_vec())),
            _ => Err("this is no reply".into()),
        }
    }
    /// One request and its reply, while no other request is open.
    pub async fn ask(&mut self, kind: u64, fields: &[Value], payload: Option<&[u8]>) -> Result<Vec<Value>> {
        self.send(kind, fields, payload).await?;
        Ok(self.receive().await?.1)
    }
    /// Returns the message's id `[origin, incarnation, sequence]`. With `relays`, its paths are recorded.
    pub async fn publish(&mut self, payload: &[u8], relays: Option<u64>) -> Result<Value> {
        self.check_len(payload.len()).await?;
        Ok(self.ask(PUBLISH, &[relays.map_or(Value::Nil, Value::from)], Some(payload)).await?.remove(0))
    }
    /// Each payload becomes a message: all of them or, if one is refused, none. Returns the id of the first; those of the others
    /// count on from it.
    pub async fn publish_all(&mut self, payloads: &[&[u8]]) -> Result<Value> {
        let mut packed = Vec::new();
        match payloads {
            [one] => packed.extend_from_slice(one),
            many => many.iter().try_for_each(|&one| rmpv::encode::write_value(&mut packed, &one.into()))?,
        }
        self.check_len(packed.len()).await?;
        Ok(self.ask(PUBLISH, &[Value::Nil, payloads.len().into()], Some(&packed)).await?.remove(0))
    }
    /// A node closes the connection at a frame of more than twice its payload limit and 1 MiB: such a one is not sent.
    async fn check_len(&mut self, len: usize) -> Result<()> {
        if len <= 1 << 20 {
            return Ok(());
        }
        let state = self.ask(STATUS, &[], None).await?.remove(0);
        let limit = 2 * state["payload_len_max"].as_u64().ok_or("the node names no payload limit")? + (1 << 20);
        let remedy = "publish fewer payloads at a time, or start nodes with a larger --payload-max";
        let text = format!("{len} bytes are over the limit of {limit} that the node reads at once: {remedy}");
        if len as u64 <= limit { Ok(()) } else { Err(text.into()) }
    }
    /// All messages, page by page: `[position, id, published, received, unread, continued, paths, payload]`.
    pub async fn messages(&mut self, status: &str) -> Result<Vec<Value>> {
        let (mut messages, mut cursor, mut through) = (vec![], Value::Array(vec![0.into(), 0.into()]), Value::Nil);
        while !cursor.is_nil() {
            let page = self.ask(FETCH, &[status.into(), cursor, through], None).await?;
            messages.extend(page[0].as_array().into_iter().flatten().cloned());
            (cursor, through) = (page[1].clone(), page[2].clone());
        }
        Ok(messages)
    }
}
