//! Vectors of what nodes have seen, asked for page by page from many at once.

use super::error::SurveyError;
use crate::{
    client::ask_all,
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        frame::{self, StreamRanges},
        id::{StreamId, ranges::Ranges},
        request::{Gap, Reply, Request, Vector},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Time that a page is given at least, as far as nodes answer at all.
const PAGE_MIN: Duration = Duration::from_millis(250);

/// Numbers by stream.
pub type Numbers = BTreeMap<StreamId, Ranges>;

/// All that one node has seen, and what of it it never had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// The numbers seen of each stream: had, given up, or only heard of.
    pub seen: Numbers,
    /// Gaps that are known to exist.
    pub gaps: Vec<Gap>,
    /// Messages that others have only said to exist.
    pub unproven: Numbers,
}

/// Asks nodes for all that they have seen. The results stand in the order of the targets. The cost follows the streams and
/// their gaps.
pub fn ask_holdings(
    targets: &[Endpoint],
    deadline: &Deadline,
) -> Result<Vec<Result<Holding, SurveyError>>, SurveyError> {
    let mut holdings: Vec<Result<Holding, SurveyError>> = targets.iter().map(|_| Ok(Holding::default())).collect();
    let mut next: Vec<(usize, Option<StreamId>)> = (0..targets.len()).map(|target| (target, None)).collect();
    while !next.is_empty() {
        let seen = |after: &Option<StreamId>| Request::Seen { after: after.clone(), of: Vec::new() };
        let questions: Vec<_> = next.iter().map(|(target, after)| (targets[*target].clone(), seen(after))).collect();
        let answers = ask_pages(&questions, deadline)?;
        let asked = std::mem::take(&mut next);
        for ((target, after), answer) in asked.into_iter().zip(answers) {
            let page = match answer {
                Ok(page) => page,
                Err(error) => {
                    holdings[target] = Err(error);
                    continue;
                }
            };
            let last = page.streams.last().map(|held| held.stream.clone()).filter(|_| page.more);
            if let Ok(holding) = &mut holdings[target] {
                holding.add(page);
            }
            // A node that says "more" and does not go on would be asked for ever.
            next.extend(last.filter(|last| after.is_none_or(|after| *last > after)).map(|last| (target, Some(last))));
        }
    }
    Ok(holdings)
}

/// Asks nodes which of these messages they keep, as far as one question can name them. The results stand in the order of the
/// targets; one that does not answer keeps nothing.
pub fn ask_kept(targets: &[Endpoint], of: &Numbers, deadline: &Deadline) -> Result<Vec<Numbers>, SurveyError> {
    let mut room = frame::RANGES_MAX;
    let of = of.iter().take(frame::STREAMS_MAX).map(|(stream, numbers)| {
        let ranges: Vec<_> = numbers.as_slice().iter().copied().take(room).collect();
        room -= ranges.len();
        StreamRanges { stream: stream.clone(), ranges }
    });
    let of: Vec<_> = of.filter(|asked| !asked.ranges.is_empty()).collect();
    // What they have seen is not wanted: the page behind the last stream of all is short.
    let after = of.last().map(|last| last.stream.clone());
    let questions: Vec<_> =
        targets.iter().map(|target| (target.clone(), Request::Seen { after: after.clone(), of: of.clone() })).collect();
    let kept = |page: Vector| page.kept.into_iter().map(|kept| (kept.stream, Ranges::from(&kept.ranges[..]))).collect();
    Ok(ask_pages(&questions, deadline)?.into_iter().map(|page| page.map(kept).unwrap_or_default()).collect())
}

fn ask_pages(
    questions: &[(Endpoint, Request)],
    deadline: &Deadline,
) -> Result<Vec<Result<Vector, SurveyError>>, SurveyError> {
    let answers = ask_all(questions, deadline.remaining().max(PAGE_MIN))?;
    let page = |reply| match reply {
        Reply::Vector(page) => Ok(page),
        _ => Err(SurveyError::Reply),
    };
    Ok(answers.into_iter().map(|answer| answer.map_err(Into::into).and_then(|response| page(response.reply))).collect())
}

impl Holding {
    fn add(&mut self, page: Vector) {
        for held in page.streams {
            self.seen.entry(held.stream).or_default().extend(&held.ranges);
        }
        for claim in page.unproven {
            self.unproven.entry(claim.stream).or_default().insert(claim.first, claim.last);
        }
        self.gaps.extend(page.gaps);
    }

    /// Messages that are in `all` and were not seen here, by stream.
    pub fn missing_of(&self, all: &Numbers) -> Numbers {
        without(all, &self.seen)
    }

    /// Messages that are in `all` and were given up here, or only heard of.
    pub fn given_up_of(&self, all: &Numbers) -> Numbers {
        let mut given_up = self.unproven.clone();
        for gap in self.gaps.iter().filter(|gap| gap.is_whole()) {
            given_up.entry(gap.stream.clone()).or_default().insert(gap.first, gap.last);
        }
        common(&given_up, all)
    }

    /// Messages that this node has seen and that are known to exist: with `unproven`, all that it has only heard of as well.
    pub fn proven(&self, unproven: bool) -> Numbers {
        if unproven { self.seen.clone() } else { without(&self.seen, &self.unproven) }
    }
}

/// Numbers in the one and not in the other.
pub fn without(numbers: &Numbers, other: &Numbers) -> Numbers {
    let rest = numbers.iter().map(|(stream, known)| {
        let mut rest = known.clone();
        rest.subtract(other.get(stream).map_or(&[], Ranges::as_slice));
        (stream.clone(), rest)
    });
    rest.filter(|(_, rest)| !rest.is_empty()).collect()
}

/// Numbers in both.
pub fn common(numbers: &Numbers, other: &Numbers) -> Numbers {
    let both = numbers
        .iter()
        .map(|(stream, known)| (stream.clone(), known.intersection(other.get(stream).map_or(&[], Ranges::as_slice))));
    both.filter(|(_, both)| !both.is_empty()).collect()
}

/// Count of the numbers.
pub fn count(numbers: &Numbers) -> u64 {
    numbers.values().map(Ranges::count).fold(0, u64::saturating_add)
}

/// All that is in at least one of them, and what lies below it: ids count without gaps.
pub fn union(all: impl IntoIterator<Item = Numbers>) -> Numbers {
    let mut union = Numbers::new();
    for (stream, numbers) in all.into_iter().flatten() {
        if let Some(&(_, last)) = numbers.as_slice().last() {
            union.entry(stream).or_default().insert(1, last);
        }
    }
    union
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        frame::StreamRanges,
        id::{Incarnation, NodeId},
    };
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn stream(number: u32) -> StreamId {
        StreamId { origin: NodeId::numbered(number), incarnation: Incarnation(7) }
    }

    /// Holding of a node that had some and has only heard of others.
    fn holding(had: &BTreeSet<(u32, u64)>, heard_of: &BTreeSet<(u32, u64)>) -> Holding {
        let mut holding = Holding::default();
        for &(origin, number) in had.union(heard_of) {
            let streams = vec![StreamRanges { stream: stream(origin), ranges: vec![(number, number)] }];
            let is_claim = !had.contains(&(origin, number));
            let unproven = is_claim.then(|| Gap::whole(stream(origin), number, number)).into_iter().collect();
            holding.add(Vector { streams, more: false, gaps: Vec::new(), unproven, kept: Vec::new() });
        }
        holding
    }

    fn ids(streams: &Numbers) -> BTreeSet<(u32, u64)> {
        let numbers = |(stream, ranges): (&StreamId, &Ranges)| {
            let origin: u32 = stream.origin.as_str().parse().unwrap();
            ranges
                .as_slice()
                .iter()
                .flat_map(|&(first, last)| first..=last)
                .map(move |n| (origin, n))
                .collect::<Vec<_>>()
        };
        streams.iter().flat_map(numbers).collect()
    }

    proptest! {
        #[test]
        fn each_misses_what_exists_and_it_has_not(
            sets in prop::collection::vec((
                prop::collection::btree_set((0..3_u32, 1..12_u64), 0..20),
                prop::collection::btree_set((0..3_u32, 1..20_u64), 0..5),
            ), 1..5),
        ) {
            let holdings: Vec<_> = sets.iter().map(|(had, heard_of)| holding(had, heard_of)).collect();
            let all = union(holdings.iter().map(|holding| holding.proven(false)));
            let had = sets.iter().flat_map(|(had, _)| had);
            let expected: BTreeSet<_> = had.flat_map(|&(origin, last)| (1..=last).map(move |n| (origin, n))).collect();
            prop_assert_eq!(ids(&all), expected.clone(), "what lies below a message exists");
            prop_assert_eq!(count(&all), expected.len() as u64);
            for ((had, heard_of), holding) in sets.iter().zip(&holdings) {
                let missing: BTreeSet<_> = expected.difference(had).copied().collect();
                let claims: BTreeSet<_> = heard_of.difference(had).copied().collect();
                let given_up: BTreeSet<_> = missing.intersection(heard_of).copied().collect();
                prop_assert_eq!(ids(&holding.given_up_of(&all)), given_up.clone());
                prop_assert_eq!(ids(&holding.missing_of(&all)), missing.difference(&given_up).copied().collect::<BTreeSet<_>>());
                let unproven = claims.difference(&expected).copied().collect::<BTreeSet<_>>();
                prop_assert_eq!(ids(&without(&holding.unproven, &all)), unproven);
            }
        }
    }
}
