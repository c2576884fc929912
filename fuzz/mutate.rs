//! Mutation of frames: as trees of values, which keeps them near to what a decoder accepts, and as bytes, which does not.

use crate::{
    corpus::Frames,
    random::Random,
    value::{self, Value},
};

/// Longest header that mutation makes of lists that it lengthens.
const HEADER_LEN_MAX: usize = 96 << 10;

/// Words that mean something to a node.
const WORDS: &[&str] = &[
    "GS",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "default",
    "7f3a",
    "",
    "trace",
    "tree",
    "repair",
    "overlay",
    "memory",
    "unread",
    "all",
    "read",
    "tcp://10.0.0.1:7000",
    "tcp://10.0.0.2:7000",
    "tcp://10.0.0.3:7000",
    "tcp://10.0.0.4:7000",
    "tcp://10.0.0.5:7000",
    "tcp://10.0.0.9:7000",
    "tcp://0.0.0.0:1",
    "tcp://[::1]:65535",
    "name_taken",
    "not_introduced",
    "no_vacancy",
    "peers_full",
    "leaving",
    "a name of as many as sixty-four bytes",
    "\u{0}",
    "a/b",
    "köln",
];

/// Changes frames in one to a few ways; `other` are frames to take parts from.
pub(crate) fn frames(random: &mut Random, frames: &mut Frames, other: &Frames) {
    for _ in 0..=random.few(4) {
        match random.below(12) {
            0..8 => {
                let donor = other.first().map_or(&[][..], Vec::as_slice);
                if let Some(first) = frames.first_mut() {
                    header(random, first, donor);
                }
            }
            8 => bodies(random, frames, other),
            _ => {
                let index = random.below(frames.len());
                if let Some(frame) = frames.get_mut(index) {
                    bytes(random, frame);
                }
            }
        }
    }
}

/// Changes a header as a tree if it is one, or else as bytes.
pub(crate) fn header(random: &mut Random, header: &mut Vec<u8>, donor: &[u8]) {
    let Some(mut tree) = value::read(header) else { return bytes(random, header) };
    let donor = value::read(donor);
    let mut at = random.below(count(&tree));
    if at == 0 {
        // The header as a whole seldom gains by being something else.
        at = random.below(count(&tree));
    }
    if let Some(place) = nth(&mut tree, &mut at) {
        change(random, place, donor.as_ref());
    }
    header.clear();
    let is_odd = random.once_in(16);
    value::write(&tree, header, &mut || is_odd && random.once_in(3));
}

/// Changes bytes, whatever they are.
pub(crate) fn bytes(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.few(8) {
        let at = random.below(bytes.len() + 1);
        match (random.below(7), bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << random.below(8),
            (1, Some(byte)) => *byte = random.number() as u8,
            (2, Some(byte)) => {
                *byte = *random.pick(&[0, 0x7f, 0x80, 0x90, 0x9f, 0xc0, 0xc1, 0xc6, 0xdb, 0xdd, 0xdf, 0xff])
            }
            (3, Some(_)) => drop(bytes.remove(at)),
            (4, _) => bytes.insert(at, random.number() as u8),
            (5, _) => bytes.truncate(at),
            _ => {
                let end = (at + random.few(32)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
        }
    }
}

/// More or fewer frames behind the header.
fn bodies(random: &mut Random, frames: &mut Frames, other: &Frames) {
    match random.below(3) {
        0 => drop(frames.pop()),
        1 => frames.extend(other.last().cloned()),
        _ => frames.push(vec![b'x'; random.few(1500)]),
    }
}

/// Number of values in a tree, itself included; of a map's keys none.
fn count(tree: &Value) -> usize {
    match tree {
        Value::List(values) => 1 + values.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

fn nth<'a>(tree: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(tree);
    }
    *at -= 1;
    match tree {
        Value::List(values) => values.iter_mut().find_map(|value| nth(value, at)),
        Value::Map(entries) => entries.iter_mut().find_map(|(_, value)| nth(value, at)),
        _ => None,
    }
}

/// Makes another value of one: of the same kind as a rule.
fn change(random: &mut Random, place: &mut Value, donor: Option<&Value>) {
    if random.once_in(8)
        && let Some(donor) = donor
    {
        let mut at = random.below(count(donor));
        if let Some(part) = nth(&mut donor.clone(), &mut at) {
            *place = part.clone();
        }
        return;
    }
    if random.once_in(12) {
        *place = anything(random);
        return;
    }
    match place {
        Value::Number(number) => {
            *number = match random.below(4) {
                0 => number.wrapping_add(1),
                1 => number.wrapping_sub(1),
                2 => random.below(6) as u64,
                _ => random.boundary(),
            }
        }
        Value::Text(text) if random.once_in(3) => bytes(random, text),
        Value::Text(text) => *text = random.pick(WORDS).as_bytes().to_vec(),
        Value::Bytes(data) => bytes(random, data),
        Value::List(values) => list(random, values),
        Value::Map(entries) => map(random, entries),
        _ => *place = anything(random),
    }
}

fn list(random: &mut Random, values: &mut Vec<Value>) {
    let at = random.below(values.len());
    let one = values.get(at).cloned();
    match random.below(7) {
        0 if one.is_some() => drop(values.remove(at)),
        1 => values.insert(at, anything(random)),
        2 => values.truncate(at),
        3 if one.is_some() => {
            let other = random.below(values.len());
            values.swap(at, other);
        }
        4 if random.once_in(8) => repeat(random, values, one),
        _ => values.extend(one.map(|mut one| {
            // The same again, a little different: streams, ranges and hops want to differ.
            let mut inner = random.below(count(&one));
            if let Some(place) = nth(&mut one, &mut inner) {
                change(random, place, None);
            }
            one
        })),
    }
}

/// Many times the same, or the same with numbers that go on: around the limits that a frame has.
fn repeat(random: &mut Random, values: &mut Vec<Value>, one: Option<Value>) {
    let Some(one) = one else { return };
    let mut len = Vec::new();
    value::write(&one, &mut len, &mut || false);
    let times = *random.pick(&[2, 5, 16, 17, 33, 65, 257, 1025, 4097, 16_385]);
    let times = times.min(HEADER_LEN_MAX / len.len().max(1));
    let step = random.below(4) as u64;
    values.extend((0..times as u64).map(|number| shifted(&one, number * step)));
}

/// The same with every number higher.
fn shifted(value: &Value, by: u64) -> Value {
    match value {
        Value::Number(number) => Value::Number(number.wrapping_add(by)),
        Value::List(values) => Value::List(values.iter().map(|value| shifted(value, by)).collect()),
        other => other.clone(),
    }
}

fn map(random: &mut Random, entries: &mut Vec<(Value, Value)>) {
    let at = random.below(entries.len());
    let one = entries.get(at).cloned();
    match random.below(3) {
        0 if one.is_some() => drop(entries.remove(at)),
        1 => entries.insert(at, (anything(random), anything(random))),
        _ => entries.extend(one),
    }
}

fn anything(random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Nil,
        1 => Value::Bool(random.once_in(2)),
        2 => Value::Negative(-(random.boundary() as i64).saturating_abs()),
        3 => Value::Float(f64::from_bits(random.number())),
        4 => Value::Bytes(vec![b'b'; random.few(80)]),
        5 => Value::List(vec![Value::Number(1); random.few(20)]),
        6 => Value::Map(vec![(Value::Nil, Value::Nil); random.few(4)]),
        7 => nested(random),
        8 => Value::Raw(vec![
            *random.pick(&[0xc1, 0xc7, 0xc9, 0xd4, 0xd8, 0xdd, 0xdb, 0xdf, 0xc6]),
            0xff,
            0xff,
            0xff,
            0xff,
        ]),
        9 => Value::Text(random.pick(WORDS).as_bytes().to_vec()),
        _ => Value::Number(random.boundary()),
    }
}

/// Lists in lists.
fn nested(random: &mut Random) -> Value {
    let depth = *random.pick(&[2, 14, 15, 16, 17, 1000]);
    Value::Raw([vec![0x91; depth], vec![0xc0]].concat())
}
