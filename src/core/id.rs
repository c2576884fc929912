//! Identifiers: node names, incarnations, message ids. Spec: `docs/spec/gossip-bus.md`, *Identifiers*.

use self::hash::hash_stream;
use super::time::Wall;
use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

pub(in crate::core) mod hash;
pub mod ranges;

/// Longest node name in bytes.
pub const NODE_ID_LEN_MAX: usize = 64;

/// A node's name: 1 to 64 bytes of UTF-8, no control characters, no white space, no `/`.
///
/// Cheap to clone: copies share their text. Cheap to compare: names are in the order of their bytes, and nearly all of them
/// differ in their first eight or have no more, which are at hand as a number. 16 bytes, as every hop of a path has one.
#[derive(Clone)]
pub struct NodeId {
    /// The first eight bytes, the first one the most significant, with zeros behind a shorter name. No name holds a zero.
    key: u64,
    text: Arc<Text>,
}

/// The text of a name. Boxed, so that a pointer to it takes 8 bytes.
#[derive(Debug)]
struct Text(Box<str>);

/// Reason why a text is no node name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeIdError {
    /// Empty, or longer than [`NODE_ID_LEN_MAX`] bytes.
    #[error("a node name has 1 to {NODE_ID_LEN_MAX} bytes, this one has {len}")]
    Length {
        /// Number of bytes of the text.
        len: usize,
    },
    /// Holds a character that a name must not hold.
    #[error("a node name must not contain {character:?}")]
    Character {
        /// The first such character.
        character: char,
    },
}

impl NodeId {
    /// Parses a name; see the type for what it may hold.
    pub fn new(text: &str) -> Result<Self, NodeIdError> {
        if text.is_empty() || text.len() > NODE_ID_LEN_MAX {
            return Err(NodeIdError::Length { len: text.len() });
        }
        match text.chars().find(|&c| c.is_control() || c.is_whitespace() || c == '/') {
            Some(character) => Err(NodeIdError::Character { character }),
            None => Ok(Self::checked(text)),
        }
    }

    /// The name of the `number`th node of a network: its decimal number.
    pub fn numbered(number: u32) -> Self {
        Self::checked(&number.to_string())
    }

    /// A text that is known to be a name.
    fn checked(text: &str) -> Self {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self { key: u64::from_be_bytes(first), text: Arc::new(Text(text.into())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text.0
    }

    /// Sorts numbers by value and before words, so that node 10 comes after node 9.
    pub fn natural_key(&self) -> (u64, &Self) {
        (self.number(), self)
    }

    /// The first part of that: the number that it is, or the highest one.
    fn number(&self) -> u64 {
        if !self.is_short() {
            return natural_key(self.as_str()).0;
        }
        // As a rule, and then the text need not be fetched. A number may have a sign before it.
        let unsigned = if self.key >> 56 == u64::from(b'+') { self.key << 8 } else { self.key };
        let (mut number, mut rest) = (if unsigned == 0 { u64::MAX } else { 0 }, unsigned);
        while rest != 0 {
            let digit = (rest >> 56).wrapping_sub(u64::from(b'0'));
            if digit > 9 {
                return u64::MAX;
            }
            (number, rest) = (number * 10 + digit, rest << 8);
        }
        number
    }

    /// Returns whether the key says all: it ends in zero if it holds the whole name.
    fn is_short(&self) -> bool {
        self.key & 0xff == 0
    }

    /// Rest of the name, which is not in the key.
    fn rest(&self) -> &[u8] {
        self.as_str().as_bytes().get(8..).unwrap_or_default()
    }
}

/// [`NodeId::natural_key`] of a name that is at hand as text.
pub fn natural_key(name: &str) -> (u64, &str) {
    (name.parse().unwrap_or(u64::MAX), name)
}

impl PartialEq for NodeId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
            && (self.is_short() || Arc::ptr_eq(&self.text, &other.text) || self.rest() == other.rest())
    }
}

impl Eq for NodeId {}

impl Ord for NodeId {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.key.cmp(&other.key) {
            Ordering::Equal if !self.is_short() => self.rest().cmp(other.rest()),
            ordering => ordering,
        }
    }
}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for NodeId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Which life of a node: raised at every start and never used twice by one name, not even by two nodes that go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// Number of bits of an incarnation that are left to chance.
const CHANCE_BITS: u32 = 20;

impl Incarnation {
    /// The greatest that a node takes: 2^53 − 1, so that whoever reads numbers as floating point reads it exactly.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The life after `last`: seconds since 1970 and twenty bits of `chance` behind them, or, where that is not greater,
    /// some number up to 2^20 above the last one. So two copies of one disk, or two nodes of one name that start in the same
    /// second, do not take the same one. A clock that shows more seconds than there is room for is not believed. `None`:
    /// there is no greater one.
    pub fn next(last: Option<Self>, wall: Wall, rng: u64) -> Option<Self> {
        let draw = |shift: u32| (rng >> shift) & ((1 << CHANCE_BITS) - 1);
        let seconds = Some(wall.0 / 1_000_000_000).filter(|&seconds| seconds <= Self::MAX.0 >> CHANCE_BITS);
        let by_clock = seconds.unwrap_or(0) << CHANCE_BITS | draw(0);
        let after_last = last.map_or(1, |last| last.0.saturating_add(1)).saturating_add(draw(CHANCE_BITS));
        Some(Self(by_clock.max(after_last))).filter(|next| *next <= Self::MAX)
    }
}

/// Origin node, its incarnation, and a sequence number from 1: unique without a clock, and two equal
/// texts stay two messages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The node that the message was submitted to.
    pub origin: NodeId,
    /// That node's life.
    pub incarnation: Incarnation,
    /// 1 for the first message of this life, then without a gap.
    pub sequence: u64,
}

/// One life of one origin: the messages that share it are told apart by their sequence numbers alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The node that the messages were submitted to.
    pub origin: NodeId,
    /// That node's life.
    pub incarnation: Incarnation,
}

impl MessageId {
    /// The stream that it belongs to.
    pub fn stream(&self) -> StreamId {
        StreamId { origin: self.origin.clone(), incarnation: self.incarnation }
    }

    /// Says whether it belongs to the stream of this node and life.
    #[inline]
    pub fn is_of(&self, origin: &NodeId, incarnation: Incarnation) -> bool {
        self.incarnation == incarnation && self.origin == *origin
    }
}

impl StreamId {
    /// The message of this stream with that number.
    pub fn message(&self, sequence: u64) -> MessageId {
        MessageId { origin: self.origin.clone(), incarnation: self.incarnation, sequence }
    }

    /// Its hash, by which nodes compare what they have seen: part of the protocol.
    pub(in crate::core) fn hash(&self) -> u64 {
        hash_stream(self.origin.as_str(), self.incarnation.0)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.origin, self.incarnation.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.origin, self.incarnation.0, self.sequence)
    }
}

/// Name of a network: 1 to 64 of `A-Z a-z 0-9 . _ -`, the first a letter or digit, so that it can name a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(Arc<str>);

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a network name: use 1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit")]
pub struct NetworkNameError(String);

impl NetworkName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for NetworkName {
    /// The network that is meant where none is named.
    fn default() -> Self {
        Self("default".into())
    }
}

impl FromStr for NetworkName {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = text.len() <= NODE_ID_LEN_MAX
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if is_name { Ok(Self(text.into())) } else { Err(NetworkNameError(text.into())) }
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Tells one start of a network from the next, so that a straggler of an earlier one stays outside: up to 64
/// letters, digits, `.`, `_` or `-`. Empty: such a node has none yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance(Arc<str>);

/// A text that is no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a network instance: use up to 64 letters, digits, '.', '_' or '-'")]
pub struct InstanceError(String);

impl Instance {
    /// The one that a node makes up in this life, if it has to.
    pub fn of(life: &StreamId) -> Self {
        Self(format!("{:016x}", life.hash()).into())
    }

    /// Returns whether it is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The instance as text, maybe empty.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a node of `self` may talk to one of `other`: both the same, or one of them without.
    pub fn admits(&self, other: &Self) -> bool {
        self.0.is_empty() || other.0.is_empty() || self == other
    }
}

impl FromStr for Instance {
    type Err = InstanceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_instance =
            text.len() <= NODE_ID_LEN_MAX && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if is_instance { Ok(Self(text.into())) } else { Err(InstanceError(text.into())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    proptest! {
        /// Few letters, so that many names share their first eight bytes or are equal.
        #[test]
        fn names_compare_as_their_texts(a in "[aü~]{1,12}", b in "[aü~]{1,12}") {
            let [left, right] = [&a, &b].map(|text| NodeId::new(text).unwrap());
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(left == right, a == b);
            prop_assert_eq!(left.clone(), left.clone());
            let hash = BuildHasherDefault::<DefaultHasher>::new();
            prop_assert_eq!(hash.hash_one(&left), hash.hash_one(&a));
        }

        #[test]
        fn names_have_the_natural_keys_of_their_texts(name in "[0-9+aü]{1,12}|[0-9]{1,21}") {
            let node = NodeId::new(&name).unwrap();
            let (number, text) = node.natural_key();
            prop_assert_eq!((number, text.as_str()), natural_key(&name));
        }
    }

    proptest! {
        #[test]
        fn an_incarnation_is_above_the_last_one(last in 0u64..1 << 53, wall: u64, rng: u64) {
            let next = Incarnation::next(Some(Incarnation(last)), Wall(wall), rng);
            prop_assert!(next.is_none_or(|next| last < next.0 && next <= Incarnation::MAX));
            prop_assert!(next.is_some() || last >= Incarnation::MAX.0 - (1 << CHANCE_BITS));
        }
    }

    #[test]
    fn an_incarnation_is_seconds_and_chance() {
        let second = Wall(1_795_435_200_000_000_000);
        let [low, high] = [0, 0xf_ffff].map(|rng| Incarnation::next(None, second, rng).unwrap().0);
        assert_eq!((low >> CHANCE_BITS, high >> CHANCE_BITS), (1_795_435_200, 1_795_435_200));
        assert_eq!(high - low, 0xf_ffff, "all twenty bits");
        let copies = [3, 4].map(|rng| {
            let future = Incarnation(low << 1);
            Incarnation::next(Some(future), second, rng << CHANCE_BITS).unwrap()
        });
        assert_ne!(copies[0], copies[1], "a clock that is behind, on two copies of a disk");
        let beyond = Incarnation::next(Some(Incarnation(17)), Wall(u64::MAX), 0);
        assert_eq!(beyond, Some(Incarnation(18)), "a clock that shows the year 2554");
        for last in [Incarnation::MAX, Incarnation(u64::MAX)] {
            assert_eq!(Incarnation::next(Some(last), second, 0), None);
        }
    }

    #[test]
    fn a_name_takes_16_bytes() {
        assert_eq!(size_of::<NodeId>(), 16);
    }

    #[test]
    fn a_name_comes_before_those_that_it_begins() {
        let texts = ["1234567", "12345678", "123456789", "1234567a", "2"];
        let names = texts.map(|text| NodeId::new(text).unwrap());
        for (i, left) in names.iter().enumerate() {
            for (j, right) in names.iter().enumerate() {
                assert_eq!((left.cmp(right), left == right), (i.cmp(&j), i == j), "{left} and {right}");
            }
        }
    }

    #[test]
    fn names_have_bounds() {
        assert_eq!(NodeId::new(""), Err(NodeIdError::Length { len: 0 }));
        assert_eq!(NodeId::new(&"x".repeat(65)), Err(NodeIdError::Length { len: 65 }));
        assert_eq!(NodeId::new("a b"), Err(NodeIdError::Character { character: ' ' }));
        assert_eq!(NodeId::new("a/b"), Err(NodeIdError::Character { character: '/' }));
        assert!(NodeId::new("köln-3").is_ok());
    }

    #[test]
    fn network_names_are_folder_names() {
        for bad in ["", ".", "..", "-x", "a/b", "a b", "ü", &"n".repeat(65)] {
            assert!(bad.parse::<NetworkName>().is_err(), "{bad:?} was accepted");
        }
        assert!("my-net_2.0".parse::<NetworkName>().is_ok());
    }

    #[test]
    fn an_empty_instance_admits_any() {
        let [none, a, b] = ["", "a", "b"].map(|text| text.parse::<Instance>().unwrap());
        assert!(none.admits(&a) && a.admits(&none) && a.admits(&a) && !a.admits(&b));
    }

    #[test]
    fn numbers_sort_by_value() {
        let mut names: Vec<_> = ["b", "10", "9"].map(|text| NodeId::new(text).unwrap()).into();
        names.sort_by(|a, b| a.natural_key().cmp(&b.natural_key()));
        assert_eq!(names.iter().map(NodeId::as_str).collect::<Vec<_>>(), ["9", "10", "b"]);
    }

    #[test]
    fn an_id_reads_origin_incarnation_sequence() {
        let id = MessageId { origin: NodeId::numbered(4), incarnation: Incarnation(17), sequence: 3 };
        assert_eq!(id.to_string(), "4-17-3");
    }
}
