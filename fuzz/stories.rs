//! Scripts to begin with: how peers meet, and what leads to the farther corners of a node.

use crate::{corpus, step::Step};

/// Modes: limits that are met soon; and honest nodes that others pretend to be, too.
const SMALL: u8 = 0x08;
/// See [`SMALL`].
const TINY: u8 = 0x04;
/// See [`SMALL`].
const WILD: u8 = 0x40;
/// Waits of hosts that are far apart.
const WAN: u8 = 0x20;

/// For each vector: peers that greet, the vector, and what follows. Then the stories.
pub(crate) fn all() -> Vec<(u8, Vec<Step>)> {
    let vectors = corpus::vectors();
    let mut all: Vec<_> = vectors
        .iter()
        .enumerate()
        .map(|(index, frames)| {
            let told = Step { what: 0, who: (index % 8) as u8, how: index as u8, frames: frames.clone() };
            let steps = [met(0), met(1), vec![told.clone(), told, step(12, 0, 1, b""), step(8, 0, 9, b"")]].concat();
            ((index * 5) as u8, steps)
        })
        .collect();
    all.extend([
        (SMALL, [met(0), lost(b"\x01\x05"), later(), lost(b"\x00\xff"), later(), lost_again(), later()].concat()),
        (SMALL, [met(0), met(1), told(0, b"\x01\x05"), told(1, b"\x01\x09"), later(), later()].concat()),
        (SMALL | WILD, [vec![step(14, 5, 0, b""), step(19, 0, 3, b""), step(9, 0, 9, b"")], later()].concat()),
        (SMALL, [met(0), traced(0x10), traced(0x50), traced(0x10), traced(0x50), later()].concat()),
        (TINY, [met(0), traced(0x50), origins(), traced(0x50), later()].concat()),
        (SMALL, [met(0), met(1), origins(), later(), vec![step(18, 0, 0, b"")], origins(), later()].concat()),
        (SMALL | WILD, [met(0), publish_and_end(), met(1), later()].concat()),
        (SMALL, [met(0), met(1), lives(), later()].concat()),
        (SMALL, [met(0), another_life()].concat()),
        (TINY, [met(0), traced(0x10), vec![step(12, 0, 0, b"more"); 5], traced(0x50)].concat()),
        (SMALL, vec![other_instance()]),
        // A piece of the next number comes too early, there is a gap, a connection begins anew, no more comes.
        (SMALL, [met(0), pieces(1, b"\x01\x03\x00\x00"), later()].concat()),
        (SMALL, [met(0), pieces(2, b"\x01\x00\x07\x03"), later()].concat()),
        (SMALL, [met(0), pieces(3, b"\x02\x00\x07\x00"), pieces(4, b"\x01\x00\x00\x00")].concat()),
        (SMALL, [met(0), pieces(5, b"\x01\x00\x07\x00"), later(), later()].concat()),
        // Batches of one stream, cut in several ways.
        (SMALL, [met(0), met(1), cuts(), later(), cuts(), vec![step(18, 0, 0, b"")], cuts(), later()].concat()),
        (TINY, [met(0), cuts(), told(0, b"\x01\x09"), later()].concat()),
        (SMALL, [met(0), lost(b"\x01\x09"), cuts(), later()].concat()),
        (SMALL | WAN, apart()),
        (SMALL, [met(0), invented_lives()].concat()),
        (SMALL, vec![parted()]),
        (SMALL, [met(0), vec![walk_of_nobody()]].concat()),
        // The log is full, keeps all again, and fails.
        (SMALL, [132, 67, 66].map(|log| [step(19, 0, log, b""), step(12, 0, 0, b"more")]).concat()),
        (SMALL, [met(0), turn(0), turn(4 << 3), turn(1), turn(4 << 3 | 1), later()].concat()),
    ]);
    all
}

fn step(what: u8, who: u8, how: u8, bytes: &[u8]) -> Step {
    let frames = if bytes.is_empty() { Vec::new() } else { vec![bytes.to_vec()] };
    Step { what, who, how, frames }
}

/// A peer that greets, and answers our greeting.
fn met(who: u8) -> Vec<Step> {
    vec![step(6, who, 0xf, b""), step(11, 1, 1, b""), step(11, 2, 1, b""), step(7, who, 0xf, b"")]
}

/// A peer has messages of an origin.
fn told(who: u8, ranges: &[u8]) -> Vec<Step> {
    vec![step(16, who, 6 << 2, ranges)]
}

/// A peer had messages, and has lost them before anybody could ask.
fn lost(ranges: &[u8]) -> Vec<Step> {
    vec![step(16, 0, 6 << 2, ranges), step(16, 0, 6 << 2 | 3, ranges)]
}

/// The same of another origin: all that there could be.
fn lost_again() -> Vec<Step> {
    vec![step(16, 0, 5 << 2, b"\x00\xff"), step(16, 0, 5 << 2 | 3, b"\x00\xff")]
}

/// A copy of one message with a path, or the path alone.
fn traced(how: u8) -> Vec<Step> {
    vec![step(15, 0, how | 6, b"\x07\x01\x00\x01")]
}

/// A message in two pieces. `odd`: the number of the first, and three bytes that make the number of the second, the length, or
/// the place of the second another one, where the step takes them as odd.
fn pieces(sequence: u8, odd: &[u8; 4]) -> Vec<Step> {
    let whole = [&[7, sequence, 0, 1, 0, 0], &odd[..], &[0]].concat();
    vec![step(15, 0, 0x80 | 6, &whole)]
}

/// A batch of one stream, of 2 messages and more.
fn batch(who: u8, sequence: u8, more: u8) -> Step {
    step(15, who, 6, &[7, sequence, 0, 1, 0, 0, 0, 0, 0, 0, 0, more])
}

/// Batches that overlap, one inside another, one that touches the next, and messages alone.
fn cuts() -> Vec<Step> {
    let alone = |sequence| step(15, 0, 6, &[7, sequence]);
    let cuts = [(0, 3, 0), (0, 1, 2), (1, 2, 4), (1, 1, 6), (0, 9, 1), (1, 12, 1), (0, 10, 3)];
    cuts.map(|(who, first, more)| batch(who, first, more))
        .into_iter()
        .chain([20, 18, 22].map(alone))
        .chain([batch(1, 17, 4)])
        .collect()
}

/// Submissions of one turn, two of them under one request id.
fn turn(how: u8) -> Vec<Step> {
    let frames = [&b"first"[..], b"one", b"three", b"two", b""].map(<[u8]>::to_vec).into();
    vec![Step { what: 12, who: 0, how, frames }]
}

/// A message of each of many origins.
fn origins() -> Vec<Step> {
    (0..12).map(|origin| step(15, 0, origin, b"\x09\x02")).collect()
}

/// The same submission twice, and the end of the node.
fn publish_and_end() -> Vec<Step> {
    const PUBLISH: &[u8] = b"\x95\xa2GS\x01\x20\xc4\x08abcdefgh\xc0";
    const REMOVE: &[u8] = b"\x94\xa2GS\x01\x27\x01";
    let publish = Step { what: 0, who: 0, how: 0, frames: vec![PUBLISH.to_vec(), b"x".to_vec()] };
    vec![publish.clone(), publish.clone(), step(0, 0, 0, REMOVE), publish]
}

/// A peer knows of many lives of the node, each of them newer than the one before.
fn lives() -> Vec<Step> {
    let first = vec![0, 9, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6];
    [0, 1].map(|kind| Step { what: 16, who: 0, how: kind, frames: vec![first.clone(), vec![], vec![0; 100]] }).into()
}

/// An origin has as many lives as are remembered and one more, and something of the first comes.
fn another_life() -> Vec<Step> {
    [1, 2, 3, 4, 1].map(|life| step(15, 0, 6, &[life, 2])).into()
}

/// The honest nodes are apart for so long that both links rest.
fn apart() -> Vec<Step> {
    let cut = vec![step(11, 0, 0, b""), step(11, 0x80, 0, b"")];
    [cut, vec![step(8, 0, 31, b""); 20]].concat()
}

/// A node is told messages of lives of its own that there will never be.
fn invented_lives() -> Vec<Step> {
    [30, 40, 50].map(|life| step(15, 0, 0, &[life])).into()
}

/// A client asks a node to part from the other one.
fn parted() -> Step {
    const DISCONNECT: &[u8] = b"\x95\xa2GS\x01\x2a\x07\x91\xa12";
    step(0, 0, 0, DISCONNECT)
}

/// A sample without members is sent around.
fn walk_of_nobody() -> Step {
    const WALK: &[u8] = b"\x97\xa2GS\x01\x0e\x01\x06\x90\x90";
    step(0, 0, 0, WALK)
}

/// A node of another start of the network greets.
fn other_instance() -> Step {
    let mut hello = corpus::vectors().swap_remove(0);
    let at = hello[0].windows(4).position(|bytes| bytes == b"7f3a").expect("the first vector is a greeting");
    hello[0][at + 3] = b'b';
    Step { what: 0, who: 1, how: 0, frames: hello }
}

/// Time goes by, with all that is due in it.
fn later() -> Vec<Step> {
    vec![step(8, 0, 31, b""), step(8, 0, 31, b""), step(9, 0, 8, b""), step(8, 0, 31, b"")]
}
