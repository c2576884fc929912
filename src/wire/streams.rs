//! Streams with their ranges, as announcements, digests, pulls and pages carry them.

use super::{
    array::{Element, Fields, List, One, Record},
    error::DecodeError,
    fields::element,
};
use crate::core::{
    frame::{self, Announcement, Hashes, LifeSeen, Span, StreamRanges},
    id::{Incarnation, StreamId},
    request::Gap,
};
use serde::de::SeqAccess;
use std::time::Duration;

impl<'de, A: SeqAccess<'de>> Fields<'_, '_, A> {
    /// The two fields that name a stream.
    fn stream(&mut self) -> Result<StreamId, A::Error> {
        Ok(StreamId { origin: self.node("origin")?, incarnation: Incarnation(self.required("incarnation")?) })
    }

    /// A stream and its ranges. They are counted against what one frame may hold.
    fn stream_ranges(&mut self) -> Result<StreamRanges, A::Error> {
        let stream = self.stream()?;
        let ranges = self.seeded("ranges", List::<RangeFields>::up_to(self.scope.ranges_left))?;
        self.scope.ranges_left -= ranges.len();
        let problem = "must count from 1, ascend, and neither overlap nor touch";
        let ranges = self.value("ranges", if is_ascending(&ranges) { Ok(ranges) } else { Err(problem) })?;
        Ok(StreamRanges { stream, ranges })
    }

    /// The streams of a frame.
    pub(super) fn streams(&mut self) -> Result<Vec<StreamRanges>, A::Error> {
        self.seeded("streams", List::<StreamFields>::up_to(frame::STREAMS_MAX))
    }

    /// Streams that may be left out.
    pub(super) fn streams_or_none(&mut self) -> Result<Vec<StreamRanges>, A::Error> {
        self.seeded_or(List::<StreamFields>::up_to(frame::STREAMS_MAX), Vec::new())
    }

    /// Spans that may be left out.
    pub(super) fn spans_or_none(&mut self) -> Result<Vec<Span>, A::Error> {
        let spans = self.seeded_or(List::<SpanFields>::up_to(frame::STREAMS_MAX), Vec::new())?;
        let problem = "must hold lives, ascend and not overlap";
        self.value("spans", if are_apart(&spans) { Ok(spans) } else { Err(problem) })
    }

    /// Gaps that may be left out.
    pub(super) fn gaps_or_none(&mut self) -> Result<Vec<Gap>, A::Error> {
        self.seeded_or(List::<GapFields>::up_to(usize::MAX), Vec::new())
    }
}

/// Returns whether these are intervals of sequence numbers in their one normal form.
fn is_ascending(ranges: &[(u64, u64)]) -> bool {
    // The lowest number that the next one may begin with; behind the highest number there is none.
    let mut lowest = Some(1);
    ranges.iter().all(|&(first, last)| {
        let fits = first <= last && lowest.is_some_and(|lowest| first >= lowest);
        lowest = last.checked_add(2);
        fits
    })
}

/// Returns whether these are spans in their order, and no life in two of them: so whoever reads them looks at each life once.
fn are_apart(spans: &[Span]) -> bool {
    let ends_before = |a: &Span, b: &Span| (&a.origin, a.below) <= (&b.origin, b.from);
    spans.iter().all(|span| span.from < span.below) && spans.is_sorted_by(ends_before)
}

/// `range` of the spec.
struct RangeFields;

impl Record for RangeFields {
    type Value = (u64, u64);

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<(u64, u64), A::Error> {
        Ok((fields.required("first")?, fields.required("last")?))
    }
}

/// `stream` of the spec.
struct StreamFields;

impl Record for StreamFields {
    type Value = StreamRanges;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<StreamRanges, A::Error> {
        fields.stream_ranges()
    }
}

/// `span` of the spec.
struct SpanFields;

impl Record for SpanFields {
    type Value = Span;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Span, A::Error> {
        let origin = fields.node("origin")?;
        let (from, below) = (Incarnation(fields.required("from")?), Incarnation(fields.required("below")?));
        let hashes = Hashes { seen: fields.required("hash")?, given_up: fields.required("gaps")? };
        Ok(Span { origin, from, below, hashes })
    }
}

/// `after` of SEEN, where it is not nil.
pub(super) struct StreamName;

impl Record for StreamName {
    type Value = StreamId;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<StreamId, A::Error> {
        fields.stream()
    }
}

/// `announcement` of the spec.
pub(super) struct AnnouncementFields;

impl Record for AnnouncementFields {
    type Value = Announcement;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Announcement, A::Error> {
        let held = fields.stream_ranges()?;
        let age = Duration::from_micros(fields.required("age")?);
        Ok(Announcement { held, age, was_pushed: fields.optional(false)? })
    }
}

/// `gap` of the spec.
struct GapFields;

impl Record for GapFields {
    type Value = Gap;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<Gap, A::Error> {
        let (stream, first, last) = (fields.stream()?, fields.required("first")?, fields.required("last")?);
        let whole = Gap::whole(stream, first, last);
        Ok(Gap { count: fields.optional(whole.count)?, ..whole })
    }
}

/// `seen` of the spec, where it is not nil.
pub(super) struct SeenFields;

impl Record for SeenFields {
    type Value = LifeSeen;

    fn read<'de, A: SeqAccess<'de>>(fields: &mut Fields<'_, '_, A>) -> Result<LifeSeen, A::Error> {
        let incarnation = Incarnation(fields.required("incarnation")?);
        Ok(LifeSeen { incarnation, sequence: fields.required("sequence")? })
    }
}

element!(RangeFields, |_| DecodeError::TooMany { what: "ranges in a frame", max: frame::RANGES_MAX });
element!(StreamFields, |max| DecodeError::TooMany { what: "streams", max });
element!(SpanFields, |max| DecodeError::TooMany { what: "spans", max });
element!(AnnouncementFields, |max| DecodeError::TooMany { what: "announcements", max });
element!(GapFields);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_of_numbers_has_one_form(numbers in prop::collection::btree_set(1u64..30, 0..20)) {
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for &number in &numbers {
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == number => *last = number,
                    _ => ranges.push((number, number)),
                }
            }
            prop_assert!(is_ascending(&ranges));
            for (at, &(first, last)) in ranges.iter().enumerate() {
                let with = |parts: &[(u64, u64)]| [&ranges[..at], parts, &ranges[at + 1..]].concat();
                prop_assert!(!is_ascending(&with(&[(first, last), (first, last)])), "a range must not stand twice");
                if first < last {
                    prop_assert!(!is_ascending(&with(&[(first, first), (first + 1, last)])), "split ranges touch");
                    prop_assert!(!is_ascending(&with(&[(last, first)])), "a range must not go backwards");
                }
            }
        }

        #[test]
        fn what_is_accepted_is_a_set(ranges in prop::collection::vec((0u64..12, 0u64..12), 0..4)) {
            let numbers: Vec<u64> = ranges.iter().flat_map(|&(first, last)| first..=last).collect();
            let set: BTreeSet<u64> = numbers.iter().copied().collect();
            let is_set = numbers.iter().eq(&set) && !set.contains(&0) && ranges.iter().all(|(first, last)| first <= last);
            let touches = ranges.windows(2).any(|pair| pair[0].1 + 1 == pair[1].0);
            prop_assert_eq!(is_ascending(&ranges), is_set && !touches);
        }
    }

    #[test]
    fn nothing_comes_behind_the_highest_number() {
        assert!(is_ascending(&[(1, u64::MAX)]) && is_ascending(&[(1, 1), (u64::MAX, u64::MAX)]));
        assert!(
            !is_ascending(&[(u64::MAX, u64::MAX), (1, 1)]) && !is_ascending(&[(5, u64::MAX), (u64::MAX, u64::MAX)])
        );
    }
}
