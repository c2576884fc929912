//! Totals of a network: what all nodes that answered have kept and counted together.

use super::heard::Survey;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counters of what is no trouble: the daily work of a node. All others are drops, refusals, resends or gaps.
const DAILY: &[&str] = &[
    "published",
    "delivered",
    "duplicates",
    "sent",
    "announced",
    "pruned",
    "grafted",
    "digests",
    "requests",
    "repeated",
    "sought",
];
/// Sums over all nodes that answered.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// Copies that came in vain for each message that arrived; null if none did.
    pub redundancy: Option<f64>,
    /// Messages kept.
    pub retained_messages: u64,
    /// Bytes kept.
    pub retained_bytes: u64,
    /// True if all have seen the same; null if some do not say.
    pub equal: Option<bool>,
    /// Drops, refusals, resends and gaps of all nodes, by reason.
    pub troubles: BTreeMap<String, u64>,
}

impl Totals {
    /// Totals of a survey.
    pub fn of(survey: &Survey) -> Self {
        let sum = |name: &str| survey.said().filter_map(|status| status.counters.get(name)).sum::<u64>();
        let (delivered, duplicates) = (sum("delivered"), sum("duplicates"));
        let mut troubles = BTreeMap::new();
        let counters = survey.said().flat_map(|status| &status.counters);
        for (name, count) in counters.filter(|(name, _)| !DAILY.contains(&name.as_str())) {
            let sum: &mut u64 = troubles.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        Self {
            redundancy: (delivered > 0).then(|| duplicates as f64 / delivered as f64),
            retained_messages: survey.said().map(|status| status.retained_messages).sum(),
            retained_bytes: survey.said().map(|status| status.retained_bytes).sum(),
            equal: survey.is_equal(),
            troubles,
        }
    }
}
