//! What nodes have seen, asked for page by page from many at once.

use super::survey::no_gossip_node;
use crate::{
    cli::error::CliError,
    client::ask_all,
    clock::Deadline,
    core::{
        endpoint::Endpoint,
        id::StreamId,
        repair::ranges::Ranges,
        request::{Gap, Reply, Request, Vector},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// What a page is given at least, as far as nodes answer at all.
const PAGE_MIN: Duration = Duration::from_millis(250);

/// All that one node has seen, and what of it it never had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// The numbers seen of each stream, those given up included.
    pub seen: BTreeMap<StreamId, Ranges>,
    /// What was given up, as far as the node lists it.
    pub gaps: Vec<Gap>,
}

/// Asks nodes for all that they have seen. The results stand in the order of the targets. The cost follows the streams and
/// their gaps.
pub fn ask_holdings(targets: &[Endpoint], deadline: &Deadline) -> Result<Vec<Result<Holding, CliError>>, CliError> {
    let mut holdings: Vec<Result<Holding, CliError>> = targets.iter().map(|_| Ok(Holding::default())).collect();
    let mut next: Vec<(usize, Option<StreamId>)> = (0..targets.len()).map(|target| (target, None)).collect();
    while !next.is_empty() {
        let questions: Vec<_> = next
            .iter()
            .map(|(target, after)| (targets[*target].clone(), Request::Seen { after: after.clone() }))
            .collect();
        let answers = ask_all(&questions, deadline.remaining().max(PAGE_MIN))?;
        let asked = std::mem::take(&mut next);
        for ((target, after), answer) in asked.into_iter().zip(answers) {
            let page = match answer.map(|response| response.reply) {
                Ok(Reply::Vector(page)) => page,
                Ok(_) => {
                    holdings[target] = Err(no_gossip_node());
                    continue;
                }
                Err(error) => {
                    holdings[target] = Err(error.into());
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

impl Holding {
    fn add(&mut self, page: Vector) {
        for held in page.streams {
            self.seen.entry(held.stream).or_default().extend(&held.ranges);
        }
        self.gaps.extend(page.gaps);
    }

    /// What is in `all` and was not seen here, by stream.
    pub fn missing_of(&self, all: &BTreeMap<StreamId, Ranges>) -> BTreeMap<StreamId, Ranges> {
        let missing = all.iter().map(|(stream, known)| {
            let mut missing = known.clone();
            missing.subtract(self.seen.get(stream).map_or(&[], Ranges::as_slice));
            (stream.clone(), missing)
        });
        missing.filter(|(_, missing)| !missing.is_empty()).collect()
    }
}

/// All that at least one of them has seen.
pub fn union<'a>(holdings: impl IntoIterator<Item = &'a Holding>) -> BTreeMap<StreamId, Ranges> {
    let mut all: BTreeMap<StreamId, Ranges> = BTreeMap::new();
    for (stream, seen) in holdings.into_iter().flat_map(|holding| &holding.seen) {
        all.entry(stream.clone()).or_default().extend(seen.as_slice());
    }
    all
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

    fn holding(ids: &BTreeSet<(u32, u64)>) -> Holding {
        let mut holding = Holding::default();
        for &(origin, number) in ids {
            let streams = vec![StreamRanges { stream: stream(origin), ranges: vec![(number, number)] }];
            holding.add(Vector { streams, more: false, gaps: Vec::new() });
        }
        holding
    }

    fn ids(streams: &BTreeMap<StreamId, Ranges>) -> BTreeSet<(u32, u64)> {
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
        fn each_misses_what_another_has_seen_and_it_has_not(
            sets in prop::collection::vec(prop::collection::btree_set((0..3_u32, 1..12_u64), 0..20), 1..5),
        ) {
            let holdings: Vec<_> = sets.iter().map(holding).collect();
            let all = union(&holdings);
            let expected: BTreeSet<_> = sets.iter().flatten().copied().collect();
            prop_assert_eq!(ids(&all), expected.clone());
            for (set, holding) in sets.iter().zip(&holdings) {
                prop_assert_eq!(ids(&holding.missing_of(&all)), expected.difference(set).copied().collect::<BTreeSet<_>>());
            }
        }
    }
}
