//! Places in an input, by all that stands before them.

use serde::{Deserialize, Serialize};

/// Offset basis and prime of FNV-1a (Fowler, Noll and Vo).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// Place between two lines of an input, or at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    lines: u64,
    bytes: u64,
    hash: u64,
    /// True behind a last line that has no line end.
    open: bool,
}

impl Default for Place {
    /// The beginning.
    fn default() -> Self {
        Self { lines: 0, bytes: 0, hash: BASIS, open: false }
    }
}

impl Place {
    /// Number of lines before it.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Number of bytes before it.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says whether the line before it has no line end, so that nothing but that may follow.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Goes behind bytes of the input.
    pub fn pass(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.lines += u64::from(byte == b'\n');
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        self.bytes += bytes.len() as u64;
    }

    /// Goes behind the line end that the line before it has got since.
    pub fn reopen(&mut self) {
        self.pass(b"\n");
        self.lines -= 1;
        self.open = false;
    }

    /// Takes what stands behind the last line end for a line.
    pub fn close(&mut self) {
        self.lines += 1;
        self.open = true;
    }
}

/// Lines by their numbers: `line 5`, `lines 5 to 9`.
pub fn span(first: u64, last: u64) -> String {
    if first == last { format!("line {first}") } else { format!("lines {first} to {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_depends_on_all_that_stands_before_it_and_on_nothing_else() {
        let place = |parts: &[&str]| {
            let mut place = Place::default();
            parts.iter().for_each(|part| place.pass(part.as_bytes()));
            place
        };
        assert_eq!(place(&["a\nb\n"]), place(&["a\n", "b", "\n"]));
        assert_ne!(place(&["a\n", "b\n"]), place(&["b\n", "a\n"]));
        let mut open = place(&["a\nb"]);
        open.close();
        assert_ne!(open, place(&["a\nb\n"]));
        open.reopen();
        assert_eq!(open, place(&["a\nb\n"]));
        assert_eq!((place(&["a\n\nb"]).lines(), place(&["a\n\nb"]).bytes()), (2, 4));
        assert_eq!(place(&["foobar"]).hash, 0x8594_4171_f739_67e8, "FNV-1a has published values");
    }
}
