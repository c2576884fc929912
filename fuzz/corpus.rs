//! Inputs that are kept: the vectors, what was found to lead somewhere new, and what failed.
//!
//! A corpus is a text of one input a line, in hexadecimal.

use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Frames as they come: the header, and the payloads behind it.
pub(crate) type Frames = Vec<Vec<u8>>;

/// The header of every test vector, accepted or refused, with its payloads.
pub(crate) fn vectors() -> Vec<Frames> {
    const ALL: [&str; 2] =
        [include_str!("../tests/vectors/headers.json"), include_str!("../tests/vectors/refused.json")];
    let cases = ALL.iter().flat_map(|text| match serde_json::from_str(text) {
        Ok(Value::Array(cases)) => cases,
        other => panic!("the vectors are no list: {other:?}"),
    });
    cases.map(|case| std::iter::once(&case["header"]).chain(list(&case["body"])).map(vector).collect()).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn vector(hex: &Value) -> Vec<u8> {
    hex.as_str().and_then(from_hex).expect("vectors are hexadecimal")
}

/// The inputs in a file; none if it is not there.
pub(crate) fn read(path: &Path) -> Vec<Vec<u8>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        text => text.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    };
    let inputs: Option<Vec<_>> = text.lines().map(from_hex).collect();
    inputs.unwrap_or_else(|| panic!("{} is not one hexadecimal text a line", path.display()))
}

/// Writes a file of inputs.
pub(crate) fn write<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a Vec<u8>>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let lines: String = inputs.into_iter().map(|input| to_hex(input) + "\n").collect();
    fs::write(path, lines)
}

/// Path of the committed corpus of a target.
pub(crate) fn committed(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target).with_extension("txt")
}

/// A file of what a run has made.
pub(crate) fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(name).with_extension("txt")
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().as_bytes();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    pairs.collect::<Option<Vec<u8>>>().filter(|_| digits.len().is_multiple_of(2))
}
