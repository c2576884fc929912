//! Stories of a client without libzmq with nodes that run: `check STORY ENDPOINT ...`.
//!
//! Written from `docs/spec/gossip-bus.md` alone. Panics, and so ends with exit code 101, on the first surprise.

use gossip_client_example::{Client, ERROR, FETCH, PUBLISH, Result, STATUS};
use rmpv::Value;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, sleep};
use zeromq::{DealerSocket, ReqSocket, Socket, SocketOptions, SocketRecv, SocketSend, ZmqMessage, util::PeerIdentity};

const MARK: u64 = 34;
const PEERS: u64 = 35;
const CONNECT: u64 = 37;
const READY: u64 = 38;
const REMOVE: u64 = 39;
const STOP: u64 = 40;
const RECEIPT: u64 = 64;
const PEER_LIST: u64 = 67;
const STATE: u64 = 68;
const HELLO: u64 = 1;
const MESSAGE: u64 = 2;
const PING: u64 = 4;
const WELCOME: u64 = 17;
const PONG: u64 = 20;
const REFUSE: u64 = 31;

/// An array of whatever a value can be made from.
macro_rules! array {
    ($($item:expr),* $(,)?) => { Value::Array(vec![$(Value::from($item)),*]) };
}

/// Waits for a condition: an expression that is asked again until it holds.
macro_rules! until {
    ($condition:expr, $what:expr) => {
        let end = Instant::now() + Duration::from_secs(30);
        while !$condition {
            assert!(Instant::now() < end, "in 30 s not: {}", $what);
            sleep(Duration::from_millis(5)).await;
        }
    };
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let endpoints = &arguments[1..];
    match arguments[0].as_str() {
        "codec" => codec(),
        "commands" => commands(endpoints).await,
        "sockets" => sockets(&endpoints[0]).await,
        "pipeline" => pipeline(endpoints).await,
        "batch" => batch(endpoints).await,
        "errors" => errors(&endpoints[0]).await,
        "strangers" => strangers(&endpoints[0]).await,
        story => Err(format!("no story '{story}'").into()),
    }
}

/// Every vector decodes to its fields, and is what the canonical ones encode to.
fn codec() -> Result<()> {
    for vector in vectors("headers.json") {
        let (header, fields) = (hex(&vector["header"]), value(&vector["fields"]));
        assert_eq!(rmpv::decode::read_value(&mut &header[..])?, fields, "{}", vector["name"]);
        assert!(vector["canonical"] == false || encode(&fields) == header, "{}", vector["name"]);
    }
    for vector in vectors("envelopes.json") {
        let parts: Vec<Vec<u8>> = vector["parts"].as_array().into_iter().flatten().map(hex).collect();
        let envelope = parts[..parts.len() - 1].iter().position(Vec::is_empty);
        assert_eq!(envelope.map(|at| at as u64), vector["envelope"].as_u64(), "{}", vector["name"]);
    }
    Ok(())
}

/// Every command, on a ring of five.
async fn commands(endpoints: &[String]) -> Result<()> {
    let mut nodes = Vec::new();
    for endpoint in endpoints {
        nodes.push(Client::connect(endpoint).await?);
    }
    let [first, second, third, fourth, fifth] = nodes.as_mut_slice() else { panic!("five nodes") };
    for node in [&mut *first, second, third, fourth, fifth] {
        assert_eq!(node.ask(READY, &[], None).await?, []);
    }

    let traced = first.publish(b"apple", Some(1)).await?;
    for (node, name) in [(&mut *second, "2"), (third, "3"), (fourth, "4"), (fifth, "5")] {
        until!(node.messages("all").await?.iter().any(|it| len(&it[6]) == 2), "two paths");
        let messages = node.messages("all").await?;
        assert_eq!((messages.len(), &messages[0][1]), (1, &traced));
        assert_eq!(messages[0][7], Value::Binary(b"apple".to_vec()));
        for path in messages[0][6].as_array().into_iter().flatten() {
            assert_eq!((&path[0], &path[len(path) - 1][0]), (&array!["1", 0], &name.into()));
        }
    }

    let untraced = first.publish(b"\xff\x00", None).await?;
    assert_eq!(untraced, array!["1", traced[1].clone(), 2]);
    until!(third.messages("all").await?.len() == 2, "the untraced message");
    let message = third.messages("all").await?.remove(1);
    assert_eq!(
        (&message[1], &message[6], message[7].as_slice()),
        (&untraced, &Value::Array(vec![]), Some(&b"\xff\x00"[..]))
    );

    let mut socket = dealer(&endpoints[0], None).await?;
    let once = header(PUBLISH, &[Value::Binary(b"never used again".to_vec()), Value::Nil]);
    let receipt = call(&mut socket, &once, &[b"once"]).await?;
    assert_eq!(receipt, call(&mut socket, &once, &[b"once"]).await?, "a repeated request gets the first receipt");
    assert_eq!(first.ask(PUBLISH, &[], Some(b"")).await?[1], "memory".into());
    until!(second.messages("all").await?.len() == 4, "four messages");

    let page =
        second.ask(FETCH, &["unread".into(), array![0, 0], Value::Nil, 2.into(), true.into()], None).await?.remove(0);
    assert_eq!((len(&page), &page[0][4], &page[1][4]), (2, &true.into(), &true.into()));
    assert_eq!((second.messages("read").await?.len(), second.messages("unread").await?.len()), (2, 2));
    let page = second.ask(FETCH, &["all".into(), array![0, 0], Value::Nil, 3.into()], None).await?;
    assert_eq!((len(&page[0]), page[2].as_u64()), (3, Some(4)));
    let page = second.ask(FETCH, &["all".into(), page[1].clone(), page[2].clone()], None).await?;
    assert_eq!((len(&page[0]), &page[0][0][0], &page[1]), (1, &4.into(), &Value::Nil));
    second.ask(MARK, &[3.into(), 4.into()], None).await?;
    assert_eq!(second.messages("unread").await?, []);

    for fill in 1..=4 {
        third.publish(&vec![fill; 600_000], None).await?;
    }
    until!(fourth.messages("all").await?.len() == 8, "large messages over several pages");
    assert!(!fourth.ask(FETCH, &[], None).await?[1].is_nil(), "pages end at 1 MiB");

    let state = first.ask(STATUS, &[], None).await?.remove(0);
    assert_eq!((state["node"].as_str(), state["endpoint"].as_str()), (Some("1"), Some(endpoints[0].as_str())));
    assert_eq!((&state["incarnation"], state["counters"]["published"].as_u64()), (&traced[1], Some(4)));
    assert_eq!(state["payload_len_max"].as_u64(), Some(1 << 20));
    assert_eq!(peers(first).await?, ["2", "5"]);
    let others = array![array!["3", endpoints[2].as_str()], array![Value::Nil, endpoints[3].as_str()]];
    first.ask(CONNECT, &[others], None).await?;
    until!(peers(first).await? == ["2", "3", "4", "5"], "two more links");
    until!(peers(fourth).await? == ["1", "3", "5"], "the links back");
    fifth.ask(REMOVE, &[], None).await?;
    until!(peers(first).await? == ["2", "3", "4"], "node 5 forgotten");
    until!(peers(fourth).await? == ["1", "3"], "node 5 forgotten by its other neighbour");
    third.ask(STOP, &[], None).await?;
    Ok(())
}

/// Each kind of socket that this implementation has.
async fn sockets(endpoint: &str) -> Result<()> {
    let mut socket = ReqSocket::new();
    socket.connect(endpoint).await?;
    for number in 0..3 {
        let mut request = ZmqMessage::from(header(PUBLISH, &[number.into()]));
        request.push_back("by REQ".into());
        socket.send(request).await?;
        let reply = socket.recv().await?;
        let reply = rmpv::decode::read_value(&mut &reply.get(0).expect("a header")[..])?;
        assert_eq!((reply[0].as_str(), &reply[2], &reply[3]), (Some("GS"), &RECEIPT.into(), &number.into()));
    }
    let mut socket = dealer(endpoint, None).await?;
    let reply = call(&mut socket, &header(PEERS, &[Value::Nil]), &[]).await?;
    assert_eq!(reply[2..4], [PEER_LIST.into(), Value::Nil]);
    for number in [Value::from(0), u64::MAX.into(), Value::Binary(b"12345678".to_vec()), Value::Binary(vec![0; 32])] {
        let reply = call(&mut socket, &header(STATUS, std::slice::from_ref(&number)), &[]).await?;
        assert_eq!(reply[2..4], [STATE.into(), number]);
    }
    Ok(())
}

/// 10,000 messages sent before the first receipt is read; each node has each of them once.
async fn pipeline(endpoints: &[String]) -> Result<()> {
    const COUNT: usize = 10_000;
    let mut first = Client::connect(&endpoints[0]).await?;
    first.ask(READY, &[], None).await?;
    let mut numbers = Vec::new();
    for index in 0..COUNT {
        numbers.push(first.send(PUBLISH, &[Value::Nil], Some(index.to_string().as_bytes())).await?);
    }
    let mut expected = BTreeSet::new();
    for (index, number) in numbers.into_iter().enumerate() {
        let (request, fields) = first.receive().await?;
        assert_eq!(request, Some(number), "receipts come in order");
        expected.insert(format!("{} {index}", fields[0]));
    }
    assert_eq!(expected.len(), COUNT);
    for endpoint in endpoints {
        let mut node = Client::connect(endpoint).await?;
        until!(
            node.ask(STATUS, &[], None).await?[0]["retained_messages"].as_u64() >= Some(COUNT as u64),
            "all messages everywhere"
        );
        let messages = node.messages("all").await?;
        let text = |it: &Value| format!("{} {}", it[1], String::from_utf8_lossy(it[7].as_slice().expect("bytes")));
        assert_eq!(messages.len(), COUNT);
        assert!(
            messages.iter().map(text).collect::<BTreeSet<_>>() == expected,
            "node at {endpoint} has other messages"
        );
    }
    Ok(())
}

/// A thousand messages in one request: each node has each of them once, under ids that count on.
async fn batch(endpoints: &[String]) -> Result<()> {
    let mut first = Client::connect(&endpoints[0]).await?;
    let mut payloads: Vec<Vec<u8>> = (0..998).map(|number: u32| number.to_string().into_bytes()).collect();
    payloads.extend([vec![], vec![255; 70_000]]);
    let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    assert_eq!(first.publish_all(&slices).await?[2], 1.into());
    assert_eq!(first.publish_all(&[b"alone"]).await?[2], 1001.into());
    let error = first.publish_all(&[b"one", &vec![0; (1 << 20) + 1]]).await.expect_err("one is too long");
    assert!(error.to_string().contains("too_large"), "{error}");
    let error = first.publish_all(&[&[0; 1 << 20][..]; 4]).await.expect_err("the node does not read as much");
    assert!(
        error.to_string().starts_with("4194324 bytes are over the limit of 3145728 that the node reads"),
        "{error}"
    );
    payloads.push(b"alone".to_vec());
    for endpoint in endpoints {
        let mut node = Client::connect(endpoint).await?;
        until!(node.messages("all").await?.len() >= payloads.len(), "all messages everywhere");
        let mut found = node.messages("all").await?;
        found.sort_by_key(|message| message[1][2].as_u64());
        assert!(found.iter().map(|message| message[1][2].as_u64()).eq((1..=1001).map(Some)));
        assert!(
            found.iter().map(|message| message[7].as_slice()).eq(payloads.iter().map(|payload| Some(&payload[..])))
        );
    }
    Ok(())
}

/// Errors are answered with their code and their request, and the node goes on.
async fn errors(endpoint: &str) -> Result<()> {
    let mut socket = dealer(endpoint, None).await?;
    for vector in vectors("refused.json") {
        let body: Vec<Vec<u8>> = vector["body"].as_array().into_iter().flatten().map(hex).collect();
        let body: Vec<&[u8]> = body.iter().map(Vec::as_slice).collect();
        let reply = call(&mut socket, &hex(&vector["header"]), &body).await?;
        let is_error = reply[2] == ERROR.into();
        assert!(is_error || reply[2] == REFUSE.into(), "{}", vector["name"]);
        assert_eq!(reply[if is_error { 5 } else { 3 }].as_str(), vector["code"].as_str(), "{}", vector["name"]);
        assert!(!is_error || reply[3] == value(&vector["request"]), "{}: {reply:?}", vector["name"]);
    }
    let reply = call(&mut socket, &header(PUBLISH, &[9.into()]), &[&vec![0; (1 << 20) + 1]]).await?;
    assert_eq!((&reply[2..4], reply[5].as_str()), (&[ERROR.into(), 9.into()][..], Some("too_large")));
    let reply = call(&mut socket, &header(PUBLISH, &[10.into()]), &[&vec![0; 1 << 20]]).await?;
    assert_eq!(reply[2], RECEIPT.into());
    socket.send(header(STATUS, &[11.into()]).into()).await?;
    assert_eq!(answer(&mut socket).await?[5].as_str(), Some("envelope"));
    assert_eq!(call(&mut socket, &header(STATUS, &[12.into()]), &[]).await?[2..4], [STATE.into(), 12.into()]);
    Ok(())
}

/// Strangers that may not join are told why.
async fn strangers(endpoint: &str) -> Result<()> {
    let hello = |name: &str, network: &str| {
        let here = "tcp://127.0.0.1:1";
        let new = [array!["unheard-of"], 0.into(), Value::Nil, "new".into()];
        let fields = [name.into(), here.into(), network.into(), "".into(), 1.into()];
        header(HELLO, &[&fields[..], &new].concat())
    };
    for (routing_id, name, network, code) in [
        ("s", "s", "other", "other_network"),
        ("s", "t", "default", "bad_identity"),
        ("1", "1", "default", "name_taken"),
    ] {
        let mut socket = dealer(endpoint, Some(routing_id)).await?;
        let reply = call(&mut socket, &hello(name, network), &[]).await?;
        assert_eq!(reply[2..4], [REFUSE.into(), code.into()]);
    }
    let mut socket = dealer(endpoint, Some("s")).await?;
    let message = header(MESSAGE, &[array!["s", 1, 1], 1.into(), 1.into()]);
    for (header, body) in [(header(PING, &[5.into()]), &[][..]), (message, &[&b"x"[..]][..])] {
        assert_eq!(call(&mut socket, &header, body).await?[2..4], [REFUSE.into(), "not_introduced".into()]);
    }
    let reply = call(&mut socket, &hello("s", "default"), &[]).await?;
    assert_eq!(reply[2..5], [WELCOME.into(), "1".into(), endpoint.into()]);
    let reply = call(&mut socket, &header(PING, &[u64::MAX.into()]), &[]).await?;
    assert_eq!(reply[2..], [PONG.into(), u64::MAX.into()]);
    let mut client = Client::connect(endpoint).await?;
    assert_eq!(client.messages("all").await?, []);
    let state = client.ask(STATUS, &[], None).await?.remove(0);
    assert_eq!(state["counters"]["refused_other_network"].as_u64(), Some(1));
    Ok(())
}

// --- What the stories use.

async fn dealer(endpoint: &str, routing_id: Option<&str>) -> Result<DealerSocket> {
    let mut options = SocketOptions::default();
    if let Some(routing_id) = routing_id {
        options.peer_identity(PeerIdentity::try_from(routing_id.as_bytes().to_vec())?);
    }
    let mut socket = DealerSocket::with_options(options);
    socket.connect(endpoint).await?;
    Ok(socket)
}

async fn call(socket: &mut DealerSocket, header: &[u8], body: &[&[u8]]) -> Result<Vec<Value>> {
    let mut message = ZmqMessage::from(Vec::new());
    message.push_back(header.to_vec().into());
    body.iter().for_each(|part| message.push_back(part.to_vec().into()));
    socket.send(message).await?;
    answer(socket).await
}

/// The header of the next answer, with its mark, version and type.
async fn answer(socket: &mut DealerSocket) -> Result<Vec<Value>> {
    let message = socket.recv().await?;
    assert!(message.len() == 2 && message.get(0).is_some_and(|empty| empty.is_empty()), "{message:?}");
    let header = rmpv::decode::read_value(&mut &message.get(1).expect("a header")[..])?;
    assert_eq!((header[0].as_str(), header[1].as_u64()), (Some("GS"), Some(1)));
    Ok(header.as_array().cloned().unwrap_or_default())
}

/// The names of the peers that are up, in order.
async fn peers(node: &mut Client) -> Result<Vec<String>> {
    let list = node.ask(PEERS, &[], None).await?.remove(0);
    let up = list.as_array().into_iter().flatten().filter(|peer| peer[2] == true.into());
    let mut names: Vec<String> = up.filter_map(|peer| peer[0].as_str().map(str::to_owned)).collect();
    names.sort();
    Ok(names)
}

fn header(kind: u64, fields: &[Value]) -> Vec<u8> {
    encode(&[&["GS".into(), 1.into(), kind.into()], fields].concat().into())
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, value).expect("a vector takes all");
    bytes
}

fn len(array: &Value) -> usize {
    array.as_array().map_or(0, Vec::len)
}

fn vectors(name: &str) -> Vec<serde_json::Value> {
    let path = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("the vectors are there")).expect("they are an array")
}

fn hex(text: &serde_json::Value) -> Vec<u8> {
    let digits = text.as_str().expect("hex digits").as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// The value that a test vector means: `{"bin": hex}` stands for bytes.
fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Nil,
        Json::Bool(it) => (*it).into(),
        Json::Number(it) => it.as_u64().expect("an unsigned integer").into(),
        Json::String(it) => it.as_str().into(),
        Json::Array(items) => Value::Array(items.iter().map(value).collect()),
        Json::Object(map) if map.len() == 1 && map.contains_key("bin") => Value::Binary(hex(&map["bin"])),
        Json::Object(map) => Value::Map(map.iter().map(|(key, it)| (key.as_str().into(), value(it))).collect()),
    }
}
