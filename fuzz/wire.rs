//! Target: bytes through the codec.
//!
//! Held: no panic; memory within a factor of what came; equal whether names are known or not; what decodes is encoded to
//! something that decodes to the same, and then to the same bytes.

use crate::{
    allocations::peak,
    corpus::{self, Frames},
    engine::{Features, Target, magnitude},
    mutate,
    random::Random,
};
use gossip::{
    core::message::Payload,
    wire::{Decoder, Incoming, Rejected, Response, encode},
};
use std::fmt;

/// Longest path that is accepted: small enough to be met.
const PATH_LEN_MAX: usize = 64;
/// Bytes of memory that one byte of a frame may take: a map of one entry is 3 bytes on the wire, and a node of a tree.
const FACTOR: usize = 256;
/// Bytes of memory besides.
const FIXED: usize = 4 << 10;
/// Bytes of a frame's length.
const LEN: usize = 3;

/// The codec.
pub(crate) struct Wire;

impl Target for Wire {
    const NAME: &'static str = "wire";

    fn seeds() -> Vec<Vec<u8>> {
        corpus::vectors().iter().map(join).collect()
    }

    fn mutate(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
        let (mut frames, other) = (split(input), split(other));
        mutate::frames(random, &mut frames, &other);
        join(&frames)
    }

    fn smaller(input: &[u8]) -> Vec<Vec<u8>> {
        let frames = split(input);
        let mut smaller = Vec::new();
        for index in 0..frames.len() {
            let mut fewer = frames.clone();
            fewer.remove(index);
            smaller.push(join(&fewer));
            let half = frames[index].len() / 2;
            for (from, upto) in [(half, usize::MAX), (0, half)] {
                let mut shorter = frames.clone();
                shorter[index] = frames[index].iter().copied().take(upto).skip(from).collect();
                smaller.push(join(&shorter));
            }
        }
        smaller.retain(|candidate| candidate.len() < input.len());
        smaller
    }

    fn explain(input: &[u8]) -> String {
        let frames = split(input);
        let (header, body) = frames.split_first().map_or((&[][..], &[][..]), |(header, body)| (&header[..], body));
        format!("{:?}", Decoder::new(PATH_LEN_MAX).decode(header, body))
    }

    fn run(input: &[u8]) -> Features {
        let frames = split(input);
        let (header, body) = frames.split_first().map_or((&[][..], &[][..]), |(header, body)| (&header[..], body));
        let came: usize = frames.iter().map(Vec::len).sum();
        let mut decoder = Decoder::new(PATH_LEN_MAX);
        let (decoded, memory) = peak(|| decoder.decode(header, body));
        assert!(memory <= FIXED + FACTOR * came, "{came} bytes of frames took {memory} bytes of memory");
        assert_eq!(decoded, decoder.decode(header, body), "known names make a difference");
        let mut features = Features::default();
        match decoded {
            Ok(incoming) => {
                let (header, body) = encode(&incoming);
                assert_eq!(decoder.decode(&header, &body).as_ref(), Ok(&incoming), "it is another after a round trip");
                let is_same = frames.first() == Some(&header);
                features.note((kind(&incoming), magnitude(header.len()), is_same, outline(&incoming)));
            }
            Err(Rejected { request, kind, error }) => {
                let kind = kind.map(|kind| kind.min(128));
                features.note((kind, words(&error.to_string())));
                features.note((error.refusal().name(), head(&request), magnitude(came)));
            }
        }
        features
    }
}

/// Frames as the bytes of an input.
pub(crate) fn join(frames: &Frames) -> Vec<u8> {
    let mut input = Vec::new();
    for frame in frames {
        input.extend(&(frame.len() as u64).to_be_bytes()[8 - LEN..]);
        input.extend(frame);
    }
    input
}

/// Any bytes as frames: a length that is too long takes what there is.
pub(crate) fn split(mut input: &[u8]) -> Frames {
    let mut frames = Vec::new();
    while let Some((len, rest)) = input.split_at_checked(LEN) {
        let len = len.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
        let (frame, rest) = rest.split_at(len.min(rest.len()));
        frames.push(frame.to_vec());
        input = rest;
    }
    frames
}

/// Encodes anything that can be decoded.
pub(crate) fn encode(incoming: &Incoming) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut header = Vec::new();
    let payload = match incoming {
        Incoming::Frame(frame) => encode::frame(&mut header, frame),
        Incoming::Request(id, request) => encode::request(&mut header, id, request),
        Incoming::Answer(answer) => {
            encode::answer(&mut header, answer);
            None
        }
        Incoming::Response(Response { request, node, reply }) => {
            encode::reply(&mut header, node, request, reply);
            None
        }
    };
    (header, payload.into_iter().map(|payload: &Payload| payload.to_vec()).collect())
}

/// The names that a value's outermost types have.
fn kind(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Frame(frame) => head(frame),
        Incoming::Answer(answer) => head(answer),
        Incoming::Request(id, request) => head(request) + &head(id),
        Incoming::Response(response) => head(&response.reply) + &head(&response.request),
    }
}

/// The name that a value's type has, without what is in it.
pub(crate) fn head(value: &impl fmt::Debug) -> String {
    begin(value, 64, |character| !"({[".contains(character))
}

/// The words that a text begins with, up to what is somebody's: so equal errors about other values are one.
pub(crate) fn words(text: &str) -> &str {
    let end = text.find(|character: char| !character.is_ascii_alphabetic() && !" _:,".contains(character));
    text[..end.unwrap_or(text.len())].trim()
}

/// Number of lists and of records in something.
fn outline(value: &impl fmt::Debug) -> [u32; 2] {
    let text = begin(value, 4000, |_| true);
    ['[', '{'].map(|bracket| magnitude(text.matches(bracket).count()))
}

/// The first characters of a value's debug text, as long as there is room and they are wanted. The rest is never written.
fn begin(value: &impl fmt::Debug, room: usize, is_wanted: impl Fn(char) -> bool) -> String {
    use fmt::Write;
    struct Begin<W>(String, usize, W);
    impl<W: Fn(char) -> bool> Write for Begin<W> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for character in text.chars() {
                if self.0.len() >= self.1 || !(self.2)(character) {
                    return Err(fmt::Error);
                }
                self.0.push(character);
            }
            Ok(())
        }
    }
    let mut begin = Begin(String::new(), room, is_wanted);
    // It fails where the text is cut.
    let _ = write!(begin, "{value:?}");
    begin.0
}
