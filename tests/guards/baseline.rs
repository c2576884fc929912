//! Cost of a delivery when it was last recorded, held against its cost now.

use crate::{callgrind::Functions, load::Allocations};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Write};

/// By how much instructions may grow.
const INSTRUCTIONS_TOLERANCE: f64 = 0.03;
/// The same with another compiler than the baseline's.
const COMPILERS_TOLERANCE: f64 = 0.15;
/// By how much allocations may grow. They are exact; the rest is for what grows by doubling.
const ALLOCATIONS_TOLERANCE: f64 = 0.005;
/// Functions below this share of all instructions are recorded together.
const SHARE_MIN: f64 = 0.001;
/// Functions that are named when the sum has grown, and that a report lists.
const NAMED: usize = 10;
/// Under which name the smallest functions are recorded.
const SMALL: &str = "(functions below 0.1 %)";

/// Costs of one delivery: the work of all nodes for all messages, by messages and nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Costs {
    toolchain: String,
    allocations: BTreeMap<String, f64>,
    /// Instructions by function.
    instructions: BTreeMap<String, f64>,
    /// Those of libc, for the reader's information: they differ with its version and with the processor.
    instructions_libc: f64,
}

/// Verdict on the costs: whether they are higher, and all that is to be said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) is_worse: bool,
    pub(crate) text: String,
}

impl Costs {
    pub(crate) fn new(toolchain: String, deliveries: u64, allocations: &Allocations, functions: &Functions) -> Self {
        let each = |count: u64| (count as f64 / deliveries as f64 * 1000.0).round() / 1000.0;
        let Allocations { decode, core, encode } = *allocations;
        let layers = [("decode", decode), ("core", core), ("encode", encode)];
        let least = functions.own.values().sum::<u64>() as f64 * SHARE_MIN;
        let mut instructions = BTreeMap::new();
        for (name, &count) in &functions.own {
            let name = if count as f64 >= least { name } else { SMALL };
            *instructions.entry(name.to_owned()).or_insert(0) += count;
        }
        Self {
            toolchain,
            allocations: layers.map(|(layer, count)| (layer.to_owned(), each(count))).into(),
            instructions: instructions.into_iter().map(|(name, count)| (name, each(count))).collect(),
            instructions_libc: each(functions.libraries),
        }
    }

    pub(crate) fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// The figures, and the functions that take most.
    pub(crate) fn report(&self) -> String {
        let mut text = self.sums();
        let mut functions: Vec<_> = self.instructions.iter().collect();
        functions.sort_by(|a, b| b.1.total_cmp(a.1));
        for (name, count) in functions.into_iter().take(NAMED) {
            let _ = writeln!(text, "  {count:8.1}  {name}");
        }
        text
    }

    fn sums(&self) -> String {
        let layers = self.allocations.iter().map(|(layer, count)| format!("{layer} {count:.3}"));
        let layers = layers.collect::<Vec<_>>().join(", ");
        let (allocations, instructions) = (sum(&self.allocations), sum(&self.instructions));
        format!(
            "a delivery: {allocations:.3} allocations ({layers}); {instructions:.0} instructions, and {:.0} of libc\n",
            self.instructions_libc
        )
    }
}

fn sum(parts: &BTreeMap<String, f64>) -> f64 {
    parts.values().sum()
}

/// Holds what a delivery costs against what it cost before.
pub(crate) fn compare(before: &Costs, now: &Costs) -> Verdict {
    let mut text = now.sums();
    let is_same = before.toolchain == now.toolchain;
    if !is_same {
        let _ = writeln!(
            text,
            "the baseline is of {}, this is {}: sums alone are compared, and may differ by {:.0} %",
            before.toolchain,
            now.toolchain,
            COMPILERS_TOLERANCE * 100.0
        );
    }
    let tolerance = if is_same { INSTRUCTIONS_TOLERANCE } else { COMPILERS_TOLERANCE };
    let allocations = (&before.allocations, &now.allocations, ALLOCATIONS_TOLERANCE, "allocations");
    let instructions = (&before.instructions, &now.instructions, tolerance, "instructions");
    let (mut is_worse, mut is_better) = (false, false);
    for (before, now, tolerance, what) in [allocations, instructions] {
        let growth = sum(now) / sum(before) - 1.0;
        let _ = writeln!(
            text,
            "{what}: {:+.2} % (from {:.3} to {:.3}; at most {:+.1} %)",
            growth * 100.0,
            sum(before),
            sum(now),
            tolerance * 100.0
        );
        is_better |= growth < -tolerance;
        if growth > tolerance {
            is_worse = true;
            for (name, from, to) in grown(before, now).into_iter().take(NAMED) {
                let _ = writeln!(text, "  grew: {name}, from {from:.3} to {to:.3}");
            }
        }
    }
    if is_worse || is_better {
        let _ = write!(text, "if that is meant: make guards ARGS=--record, and commit what it writes");
    }
    Verdict { is_worse, text }
}

/// Parts that have grown, most first: name, before, now.
fn grown<'a>(before: &'a BTreeMap<String, f64>, now: &'a BTreeMap<String, f64>) -> Vec<(&'a str, f64, f64)> {
    let pairs = now.iter().map(|(name, &to)| (&**name, before.get(name).copied().unwrap_or(0.0), to));
    let mut grown: Vec<_> = pairs.filter(|(_, from, to)| to > from).collect();
    grown.sort_by(|a, b| (b.2 - b.1).total_cmp(&(a.2 - a.1)));
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(toolchain: &str, core: u64, insert: u64) -> Costs {
        let own = [("decode", 1_000), ("insert", insert), ("tiny", 1)];
        let own = own.map(|(name, count)| (name.to_owned(), count * 10)).into();
        let functions = Functions { own, libraries: 70 };
        let allocations = Allocations { decode: 20, core, encode: 10 };
        Costs::new(toolchain.to_owned(), 10, &allocations, &functions)
    }

    #[test]
    fn what_has_not_grown_passes_and_is_kept_as_it_is() {
        let before = costs("rustc 1", 30, 1_000);
        assert_eq!(Costs::from_json(&before.to_json().unwrap()).unwrap(), before);
        for now in [before.clone(), costs("rustc 1", 30, 1_050), costs("rustc 1", 20, 500)] {
            let verdict = compare(&before, &now);
            assert!(!verdict.is_worse && !verdict.text.contains("grew"), "{}", verdict.text);
        }
        assert!(compare(&before, &costs("rustc 1", 30, 500)).text.contains("--record"), "it is better");
    }

    #[test]
    fn the_function_that_grew_is_named() {
        let verdict = compare(&costs("rustc 1", 30, 1_000), &costs("rustc 1", 30, 1_100));
        assert!(verdict.is_worse);
        assert!(verdict.text.contains("grew: insert, from 1000.000 to 1100.000"), "{}", verdict.text);
        assert!(!verdict.text.contains("grew: decode"), "{}", verdict.text);
    }

    #[test]
    fn one_allocation_more_in_a_hundred_is_too_many() {
        let verdict = compare(&costs("rustc 1", 300, 1_000), &costs("rustc 1", 303, 1_000));
        assert!(verdict.is_worse && verdict.text.contains("grew: core, from 30.000 to 30.300"), "{}", verdict.text);
    }

    #[test]
    fn another_compiler_may_need_more() {
        let before = costs("rustc 1", 30, 1_000);
        let verdict = compare(&before, &costs("rustc 2", 30, 1_100));
        assert!(!verdict.is_worse && verdict.text.contains("of rustc 1, this is rustc 2"), "{}", verdict.text);
        assert!(compare(&before, &costs("rustc 2", 30, 1_500)).is_worse);
    }
}
