//! The codec against the vectors that clients in other languages read too, and against all that is not a header.

use super::*;
use crate::wire::{encode, frames::Frames};
use proptest::prelude::*;
use serde_json::Value;

const HEADERS: &str = include_str!("../../../tests/vectors/headers.json");
const REFUSED: &str = include_str!("../../../tests/vectors/refused.json");
const ENVELOPES: &str = include_str!("../../../tests/vectors/envelopes.json");

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn all_bytes(list: &Value) -> Vec<Vec<u8>> {
    list.as_array().unwrap().iter().map(bytes).collect()
}

fn decode(header: &[u8], body: &[Vec<u8>]) -> Result<Incoming, Rejected> {
    Decoder::new(4096).decode(header, body)
}

/// Encodes what was decoded.
fn encode(incoming: &Incoming) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut header = Vec::new();
    let body = match incoming {
        Incoming::Frame(frame) => encode::frame(&mut header, frame).into_iter().map(|p| p.to_vec()).collect(),
        Incoming::Request(id, request) => {
            encode::request(&mut header, id, request).into_iter().map(|p| p.to_vec()).collect()
        }
        Incoming::Answer(answer) => {
            encode::answer(&mut header, answer);
            Vec::new()
        }
        Incoming::Response(Response { request, node, reply }) => {
            encode::reply(&mut header, node, request, reply);
            Vec::new()
        }
    };
    (header, body)
}

#[test]
fn every_vector_decodes_and_encodes_to_the_same_bytes() {
    let cases = cases(HEADERS);
    assert!(cases.len() >= 25, "the vectors were not read");
    for case in cases {
        let (header, body) = (bytes(&case["header"]), all_bytes(&case["body"]));
        let incoming = decode(&header, &body).unwrap_or_else(|rejected| panic!("{}: {rejected:?}", case["name"]));
        if case["canonical"] == true {
            assert_eq!(encode(&incoming), (header, body), "{}", case["name"]);
        } else {
            let again = encode(&incoming);
            assert_eq!(decode(&again.0, &again.1).unwrap(), incoming, "{}", case["name"]);
        }
    }
}

#[test]
fn every_type_has_a_vector() {
    let cases = cases(HEADERS);
    for kind in (1..=14).chain([17, 19, 20, 26, 31]).chain(32..=45).chain([64, 65, 67, 68, 69, 70, 94, 95]) {
        assert!(cases.iter().any(|case| case["fields"][2] == kind), "no vector of type {kind}");
    }
}

#[test]
fn what_is_missing_or_unknown_counts_as_the_spec_says() {
    use crate::core::frame::{DisconnectReason, JoinPriority};
    let cases = cases(HEADERS);
    let meaning = |name: &str| {
        let case = cases.iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no vector '{name}'"));
        decode(&bytes(&case["header"]), &all_bytes(&case["body"])).unwrap()
    };
    for name in ["hello without its priority", "hello with a priority of the future, which counts as declared"] {
        assert!(matches!(meaning(name), Incoming::Frame(Frame::Hello(_, JoinPriority::Declared))), "{name}");
    }
    let part = meaning("part for a reason of the future, which counts as unlinked");
    assert_eq!(part, Incoming::Frame(Frame::Part(DisconnectReason::Unlinked)));
    assert_eq!(meaning("ping without its digest"), meaning("ping"));
    assert_eq!(meaning("message without its tree field"), meaning("message, traced, from its origin"));
    assert_eq!(meaning("message that says that it is one"), meaning("message, untraced"));
    assert_ne!(meaning("message with a field of the future"), meaning("message, untraced"));
    assert_eq!(meaning("publish, two payloads, with a field of the future"), meaning("publish, two payloads"));
    assert_eq!(meaning("receipt that says that it is of one"), meaning("receipt"));
    assert_eq!(meaning("receipt of two messages, with a field of the future"), meaning("receipt of two messages"));
    let limits = [
        ("hello that says its longest payload, with a field of the future", Some(1 << 20)),
        ("hello with its longest payload left open", None),
    ];
    for (name, limit) in limits {
        let hello = meaning(name);
        assert!(matches!(hello, Incoming::Frame(Frame::Hello(hello, _)) if hello.payload_len_max == limit), "{name}");
    }
    assert!(matches!(meaning("welcome without what it has seen"), Incoming::Answer(Answer::Welcome(_, None))));
    assert_eq!(meaning("page that says that it has no gaps"), meaning("page, empty"));
    assert!(matches!(meaning("seen, everything left out"), Incoming::Request(_, Request::Seen { after: None, .. })));
    assert_eq!(meaning("seen with fields of the future"), meaning("seen, the next page"));
    assert_eq!(
        meaning("ping that says that nothing was given up"),
        meaning("ping with a digest of zero, which is one")
    );
    assert_eq!(
        meaning("digest that says that nothing was given up"),
        meaning("digest of a node that has seen nothing")
    );
    let spans = |name: &str| match meaning(name) {
        Incoming::Frame(Frame::Digest { spans, .. } | Frame::Pull { spans, .. }) => spans.len(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(
        ["digest", "digest that says that it has no spans", "pull with fields of the future"].map(spans),
        [0; 3]
    );
    assert_eq!(["digest with fields of the future", "pull of the lives of a span"].map(spans), [1; 2]);
    assert_ne!(meaning("ping with a digest of zero, which is one"), meaning("ping with a field of the future"));
}

#[test]
fn nodes_that_do_not_say_how_they_are_are_understood() {
    use crate::core::neighbours::{LinkRole, MemberState};
    let cases = cases(HEADERS);
    let reply = |name: &str| {
        let case = cases.iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no vector '{name}'"));
        match decode(&bytes(&case["header"]), &all_bytes(&case["body"])) {
            Ok(Incoming::Response(response)) => response.reply,
            other => panic!("{name}: {other:?}"),
        }
    };
    let peers = |name| match reply(name) {
        Reply::Peers(peers) => peers.iter().map(|peer| (peer.state, peer.role)).collect::<Vec<_>>(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(peers("peer list"), [(None, LinkRole::Declared); 2]);
    assert_eq!(peers("peer list with words and fields of the future"), [(None, LinkRole::Declared)]);
    let up_to_down = [Some(MemberState::Up), Some(MemberState::Suspect), Some(MemberState::Down), None];
    let kinds = [LinkRole::Declared, LinkRole::Healing, LinkRole::Declared, LinkRole::Joined];
    assert_eq!(peers("peer list with verdicts and kinds"), up_to_down.into_iter().zip(kinds).collect::<Vec<_>>());
    let state = |name| match reply(name) {
        Reply::Status(status) => *status,
        other => panic!("{name}: {other:?}"),
    };
    let old = state("state");
    assert_eq!((old.root, old.health, old.seen_messages, old.digest, old.missing), (None, None, None, None, 0));
    let new = state("state that says what it has seen");
    assert_eq!(new.root.unwrap().as_str(), "1");
    assert_eq!((new.health, new.seen_messages, new.missing, new.given_up), (Some(2), Some(6), 1, 3));
    assert_eq!(new.digest, Some(16_642_396_699_867_351_407));
}

#[test]
fn every_refused_vector_is_refused_with_its_code() {
    for case in cases(REFUSED) {
        let rejected =
            decode(&bytes(&case["header"]), &all_bytes(&case["body"])).expect_err(case["name"].as_str().unwrap());
        assert_eq!(rejected.error.refusal().name(), case["code"], "{}: {}", case["name"], rejected.error);
        let id = match rejected.request {
            RequestId::None => Value::Null,
            RequestId::Number(number) => number.into(),
            RequestId::Unique(_) => panic!("no refused vector has one"),
        };
        assert_eq!(id, case["request"], "{}: the request id must be told back", case["name"]);
    }
}

#[test]
fn a_count_that_no_body_has_is_named() {
    let mut header = Vec::new();
    rmp_serde::encode::write(&mut header, &(types::MARK, types::VERSION, types::PUBLISH, 7, (), u64::MAX)).unwrap();
    let error = decode(&header, &[Vec::new()]).unwrap_err().error;
    assert_eq!(error.to_string(), "count: 18446744073709551615 is too many");
}

#[test]
fn every_envelope_is_split_where_the_vector_says() {
    for case in cases(ENVELOPES) {
        let parts = all_bytes(&case["parts"]);
        let split = Frames::split(&parts).map(|frames| frames.envelope.len() as u64).ok();
        assert_eq!(split, case["envelope"].as_u64(), "{}", case["name"]);
    }
}

#[test]
fn truncated_headers_are_malformed_and_never_panic() {
    for case in cases(HEADERS) {
        let (header, body) = (bytes(&case["header"]), all_bytes(&case["body"]));
        for end in 0..header.len() {
            let rejected = decode(&header[..end], &body).expect_err("a part was taken for the whole");
            assert_ne!(rejected.error.refusal().name(), "");
        }
        let longer: Vec<u8> = header.iter().copied().chain([0xc0]).collect();
        assert!(matches!(decode(&longer, &body), Err(Rejected { error: DecodeError::Malformed(_), .. })));
    }
}

#[test]
fn an_array_that_claims_to_be_huge_costs_nothing() {
    // [ "GS", 1, 65, nil, "4", array of 2^32−1 … ] and nothing behind.
    let header = b"\x98\xa2GS\x01\x41\xc0\xa14\xdd\xff\xff\xff\xff";
    assert!(decode(header, &[]).is_err());
    let nested: Vec<u8> = b"\x95\xa2GS\x01\x20\x07".iter().copied().chain([0x91; 100_000]).collect();
    assert!(decode(&nested, &[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(header in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode(&header, &[]);
    }

    #[test]
    fn changed_vectors_never_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let cases = cases(HEADERS);
        let case = which.get(&cases);
        let mut header = bytes(&case["header"]);
        let at = at.index(header.len());
        header[at] = byte;
        if let Ok(incoming) = decode(&header, &all_bytes(&case["body"])) {
            let again = encode(&incoming);
            prop_assert_eq!(decode(&again.0, &again.1), Ok(incoming), "what is understood survives a round trip");
        }
    }
}
